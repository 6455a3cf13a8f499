"""A joint computation between two of its steps, as shares by name and what is public of it: what a checkpoint holds.

A share has the same name in every checkpoint that it is in. Knows nothing of how and where checkpoints are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from counterfoil.analyses.base import Checked
from counterfoil.canonical import Json, jcs
from counterfoil.disclosure.declaration import Cells
from counterfoil.mpc.ring.shares import Arith, Bits

Tree: TypeAlias = Mapping[str, Any]
"""By names, shares or trees."""


@dataclass(slots=True)
class Progress:
    """How far it is, by analysis: inputs that were checked, then exact results, then noised ones, then what may leave.

    `contributions` are what exact results are judged by, by contract, one mapping for each owner.

    And what was opened on the way: how many inputs were rejected, by owner and analysis; whether sums were compared;
    how many cells were hidden of each analysis, and by each rule. `waiting` are the contracts in whose tables too
    little changed, `instead` the analyses of theirs that take noise for that.
    """

    checked: dict[str, list[Checked]] = field(default_factory=dict)
    contributions: dict[str, list[Mapping[str, Arith]]] = field(default_factory=dict)
    exact: dict[str, Cells] = field(default_factory=dict)
    cells: dict[str, Cells] = field(default_factory=dict)
    released: dict[str, dict[str, Arith]] = field(default_factory=dict)
    rejected: dict[tuple[str, str], int] = field(default_factory=dict)
    compared: bool = False
    hidden: dict[str, int] = field(default_factory=dict)
    by_rule: dict[str, dict[str, int]] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()

    def shares(self) -> dict[str, Arith]:
        """Return all shares, by name."""
        tree = {
            "checked": {
                name: {str(place): {"values": each.values, "valid": each.valid} for place, each in enumerate(owners)}
                for name, owners in self.checked.items()
            },
            "contributions": {
                contract: {str(place): each for place, each in enumerate(owners)}
                for contract, owners in self.contributions.items()
            },
            "exact": {name: _of_cells(cells) for name, cells in self.exact.items()},
            "cells": {name: _of_cells(cells) for name, cells in self.cells.items()},
            "released": self.released,
        }
        return dict(_leaves(tree, ()))

    def said(self) -> Json:
        """Return all that is public."""
        rejected: Json = [[owner, name, count] for (owner, name), count in sorted(self.rejected.items())]
        return {
            "rejected": rejected,
            "compared": self.compared,
            "hidden": self.hidden,
            "by-rule": self.by_rule,
            "waiting": self.waiting,
            "instead": self.instead,
        }

    @classmethod
    def of(cls, shares: Mapping[str, Arith | Bits], said: Any) -> Progress:
        """Take up what `shares` and `said` told."""
        tree = _grown(shares)
        return cls(
            checked={
                name: [
                    Checked(owners[place].get("values", {}), owners[place]["valid"])
                    for place in sorted(owners, key=int)
                ]
                for name, owners in tree.get("checked", {}).items()
            },
            contributions={
                contract: [owners[place] for place in sorted(owners, key=int)]
                for contract, owners in tree.get("contributions", {}).items()
            },
            exact={name: _cells(each) for name, each in tree.get("exact", {}).items()},
            cells={name: _cells(each) for name, each in tree.get("cells", {}).items()},
            released=tree.get("released", {}),
            rejected={(owner, name): count for owner, name, count in said["rejected"]},
            compared=said["compared"],
            hidden=said["hidden"],
            by_rule=said["by-rule"],
            waiting=tuple(said["waiting"]),
            instead=tuple(said["instead"]),
        )


def _of_cells(cells: Cells) -> Tree:
    outside = {} if cells.outside is None else {"outside": cells.outside}
    return {"count": cells.count, "values": cells.values, "tests": cells.tests, **outside}


def _cells(tree: Tree) -> Cells:
    return Cells(tree["count"], tree.get("values", {}), tree.get("tests", {}), tree.get("outside"))


def _leaves(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[str, Arith]]:
    for name, below in tree.items():
        if isinstance(below, Arith):
            yield jcs([*path, name]).decode(), below
        else:
            yield from _leaves(below, (*path, name))


def _grown(shares: Mapping[str, Arith | Bits]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, share in shares.items():
        *inner, last = json.loads(path)
        place = tree
        for name in inner:
            place = place.setdefault(name, {})
        place[last] = share
    return tree
