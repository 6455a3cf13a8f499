"""The attacker: everything that a recipient ever got goes in, and what it can work out about how few persons comes out.

It knows no analysis and no rule's circuit, only what analyses declare and what was opened, so that it finds what these
miss. Arithmetic on the released numbers comes first, then a linear programme over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.disclosure.attack.knowledge import Knowledge, Release, labels_of
from counterfoil.disclosure.attack.programme import Interval, Programme
from counterfoil.disclosure.declaration import Declaration, Opened

__all__ = ["Interval", "attack", "cells_by_label"]


def attack(
    analyses: Mapping[str, Declaration], opened: Mapping[str, Opened], rows: int, *, sums: bool = True
) -> list[Interval]:
    """Compute the feasibility interval of every hidden count and sum of these analyses on one contract, as released.

    `rows` is the number of all rows, which manifests make public. Without `sums` the attacker looks at counts alone.
    Raises: PlanError when the joint table is too large.
    """
    knowledge = Knowledge([Release("", analyses, opened, (rows, rows))])
    return list(Programme(knowledge, knowledge.states, churn=0.0, sums=sums).intervals())


def cells_by_label(analysis: Declaration) -> dict[str, int]:
    """Return the place of each released cell in the outputs, by how intervals name it."""
    if analysis.axes() is None:
        return {}
    return {label: place for place, label in enumerate(labels_of(analysis))}
