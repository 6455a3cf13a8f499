"""Every column's finest parts over all releases, and which of them a released cell is made of.

Two releases may cut one column in two ways; together they cut it in both. Columns of the two values 0 and 1 are cut
wherever a sum of them is released: it counts the rows that have 1. Knows no numbers that were released.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.disclosure.declaration import Declaration
from counterfoil.disclosure.features import Feature
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract

Box: TypeAlias = "tuple[tuple[str, frozenset[int]], ...]"
"""Which rows a sum is over: of each column, sorted, in which of its finest parts they may be; all rows where empty."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One column, cut into its finest parts: by values from one edge up to the next, or by names."""

    column: str
    names: tuple[str, ...]
    edges: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        return len(self.edges) - 1 if self.edges else len(self.names)

    def between(self, low: int, high: int) -> frozenset[int]:
        """Return the parts whose values are from `low` up to, and without, `high`."""
        ends = pairwise(self.edges)
        return frozenset(part for part, (start, end) in enumerate(ends) if low <= start and end <= high)

    def of(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return in which part each value of a column of numbers is. Shapes: alike."""
        return np.searchsorted(np.array(self.edges), values, side="right") - 1


@dataclass(frozen=True)
class Cuts:
    """The finest parts of all columns of one contract that any of its tables is cut by."""

    cuts: Mapping[str, Cut]
    bounds: Mapping[str, tuple[int, int]]
    _boxes: dict[tuple[object, ...], list[tuple[int, Box]]] = field(default_factory=dict)

    @classmethod
    def over(cls, plans: Iterable[Declaration]) -> Cuts:
        """Cut every column as finely as all plans together do."""
        every = list(plans)
        columns: dict[str, Column] = {column.name: column for plan in every for column in plan.contract.columns}
        named: dict[str, dict[str, None]] = {}
        edges: dict[str, set[int]] = {}
        for plan in every:
            for column, parts in plan.axes() or ():
                if (ends := _ends(plan, column, parts)) is None:
                    named.setdefault(column, {}).update(dict.fromkeys(parts))
                else:
                    edges.setdefault(column, set()).update(edge for low, high in ends for edge in (low, high))
            for feature in plan.features():
                for column in feature.factors:
                    if is_flag(plan.contract, column):
                        edges.setdefault(column, set()).update((0, 1, 2))
        for column in named.keys() & edges.keys():  # by name in one table, by ranges of codes in another
            low, high = columns[column].bounds or (0, len(named[column]) - 1)
            edges[column].update(range(low, high + 2))
        cuts = {column: Cut(column, tuple(names)) for column, names in named.items()}
        for column, found in edges.items():
            low, high = columns[column].bounds or (min(found), max(found) - 1)
            cuts[column] = Cut(column, (), tuple(sorted({*found, min(low, *found), max(high + 1, *found)})))
        bounds = {name: each.bounds for name, each in columns.items() if each.bounds}
        return cls(cuts, bounds)

    def of(self, plan: Declaration) -> list[tuple[int, Box]]:
        """Give each released cell of the plan's table by its place in its arrays, with the box of its rows."""
        key = (plan.axes(), *plan.edges().items(), *plan.cells().tolist())
        if key not in self._boxes:
            self._boxes[key] = list(self._cells(plan))
        return self._boxes[key]

    def reduced(self, feature: Feature, box: Box) -> tuple[tuple[str, ...], Box] | None:
        """Return the columns whose sum the feature is over the box, once its flags have become a part of the box.

        None where the box then holds no row.
        """
        within = dict(box)
        left = []
        for column in feature.factors:
            if column in self.cuts and self._counts(column):
                part = self.cuts[column].between(1, 2)
                within[column] = within.get(column, part) & part
            else:
                left.append(column)
        return (tuple(left), tuple(sorted(within.items()))) if all(within.values()) else None

    def _counts(self, column: str) -> bool:
        return self.bounds.get(column) == (0, 1)

    def _cells(self, plan: Declaration) -> Iterator[tuple[int, Box]]:
        axes = plan.axes() or ()
        of = [self._parts(plan, column, parts) for column, parts in axes]
        every = list(itertools.product(*of))
        for place, cell in enumerate(plan.cells().tolist()):
            yield place, tuple(sorted((column, part) for (column, _), part in zip(axes, every[cell], strict=True)))

    def _parts(self, plan: Declaration, column: str, parts: tuple[str, ...]) -> list[frozenset[int]]:
        cut = self.cuts[column]
        ends = _ends(plan, column, parts)
        if ends is None and cut.names:
            return [frozenset({cut.names.index(name)}) for name in parts]
        if ends is None:  # all names, in the order of their codes
            low, _ = self.bounds.get(column, (0, 0))
            ends = [(low + at, low + at + 1) for at in range(len(parts))]
        inside = [cut.between(low, high) for low, high in ends]
        elsewhere = frozenset(range(cut.size)).difference(*inside)
        return [*inside, *([elsewhere] if len(parts) > len(inside) else [])]


def is_flag(contract: Contract, column: str) -> bool:
    """Tell whether the column has the two values 0 and 1 alone, so that its sum is a count."""
    found = next((each for each in contract.columns if each.name == column), None)
    return found is not None and found.type == "integer" and found.bounds == (0, 1)


def _ends(plan: Declaration, column: str, parts: tuple[str, ...]) -> list[tuple[int, int]] | None:
    """Return from what up to what each part of a column of numbers has values; None for a column of names."""
    if edges := plan.edges().get(column):
        given = [int(edge) for edge in edges]
        return list(pairwise([*given[:-1], given[-1] + 1]))
    kind = next((each.type for each in plan.contract.columns if each.name == column), "")
    return [(int(part), int(part) + 1) for part in parts] if kind == "integer" else None
