"""The linear programme over everything that was released: between what each hidden number must be.

The unknowns are how many rows of each state are in each cell of the joint table over all columns that matter, what they
add up to, and how many came to and left each cell from one state to the next. No count is negative, a sum is within the
column's bounds in every cell, a rounded number is between two, and not more rows change than is realistic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import ceil, floor, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from counterfoil.disclosure.attack.boxes import Box
from counterfoil.disclosure.attack.knowledge import Knowledge, Number
from counterfoil.errors import PlanError

MOST_UNKNOWNS: Final = 100_000

_SLACK: Final = 1e-6
_FARTHEST: Final = float(1 << 62)
_SPREAD: Final = 3
"""So many times the share of a table's rows that changes may change in one cell, and one row more."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What a hidden number can be: whole numbers from `low` to `high`."""

    analysis: str
    cell: str
    what: str
    low: int
    high: int
    state: str = ""

    @property
    def width(self) -> int:
        return self.high - self.low


@dataclass
class Programme:
    """What `knowledge` tells of these successive states, from one of which to the next a share `churn` may change."""

    knowledge: Knowledge
    states: Sequence[str]
    churn: float
    sums: bool = True
    _inside: dict[Box, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (unknowns := self._size) > MOST_UNKNOWNS:
            raise PlanError(
                f"the joint table over {', '.join(self._axes)} in {len(self.states)} releases has {unknowns} unknown "
                "numbers, too many to attack; attack fewer of its releases or analyses at a time"
            )

    def intervals(self, *, goes_on: Callable[[], bool] = lambda: True) -> Iterator[Interval]:
        """Bound every hidden number of these states, one after the other, while `goes_on` says so.

        Raises: PlanError if what was released cannot be true of any such tables.
        """
        for target in self._targets:
            if not goes_on():
                return
            unit = self._unit(target.factors)
            wanted = dict.fromkeys(self._places(target).tolist(), unit)
            low, high = (sign * max(-_FARTHEST, self._extreme(wanted, sign)) for sign in (1, -1))
            said = (target.analysis, target.cell, target.what)
            yield Interval(*said, ceil(low - _SLACK), floor(high + _SLACK), target.state)

    # --- what matters ---------------------------------------------------------------------------------------------

    @cached_property
    def _targets(self) -> list[Number]:
        """The hidden counts, and the hidden sums of columns that matter, once each."""
        found: dict[tuple[object, ...], Number] = {}
        for each in self.knowledge.hidden:
            if each.state in self.states and each.factors in self._rows:
                found.setdefault((each.state, each.analysis, each.cell, each.factors), each)
        return list(found.values())

    @cached_property
    def _rows(self) -> dict[tuple[str, ...], int]:
        """The sums that are unknowns, each with its place: counts first, then columns whose sums tell of one another.

        A column's sums do where it was cut in several ways, or where tables are cut by it.
        """
        boxes: dict[str, set[Box]] = {}
        for each in (*self.knowledge.known, *self.knowledge.hidden):
            if each.state in self.states and len(each.factors) == 1:
                boxes.setdefault(each.factors[0], set()).add(each.box)
        hidden = {each.factors for each in self.knowledge.hidden if each.state in self.states}
        told = [
            column
            for column, cut in boxes.items()
            if self.sums
            and column in self.knowledge.cuts.bounds
            and ((len(cut) > 1 and (column,) in hidden) or column in self.knowledge.cuts.cuts)
        ]
        return {(): 0, **{(column,): 1 + at for at, column in enumerate(sorted(told))}}

    @cached_property
    def _known(self) -> list[Number]:
        return [each for each in self.knowledge.known if each.state in self.states and each.factors in self._rows]

    @cached_property
    def _axes(self) -> dict[str, int]:
        """The columns that any of these numbers is cut by, with the number of their finest parts."""
        used = {
            column
            for each in (*self._known, *self.knowledge.hidden)
            if each.state in self.states and each.factors in self._rows
            for column, _ in each.box
        }
        return {column: self.knowledge.cuts.cuts[column].size for column in sorted(used)}

    @property
    def _cells(self) -> int:
        return prod(self._axes.values())

    @property
    def _size(self) -> int:
        links = max(0, len(self.states) - 1)
        return self._cells * (len(self.states) * len(self._rows) + 2 * links)

    # --- the programme --------------------------------------------------------------------------------------------

    def _cells_in(self, box: Box) -> NDArray[np.int64]:
        """Return the joint cells in the box."""
        if box not in self._inside:
            inside = np.ones(1, bool)
            within = dict(box)
            for column, size in self._axes.items():
                part = np.ones(size, bool)
                if column in within:
                    part = np.isin(np.arange(size), list(within[column]))
                inside = np.logical_and.outer(inside, part).ravel()
            self._inside[box] = np.flatnonzero(inside)
        return self._inside[box]

    def _start(self, state: str, factors: tuple[str, ...]) -> int:
        return (self.states.index(state) * len(self._rows) + self._rows[factors]) * self._cells

    def _places(self, number: Number) -> NDArray[np.int64]:
        return self._start(number.state, number.factors) + self._cells_in(number.box)

    def _unit(self, factors: tuple[str, ...]) -> float:
        """Return what sums are counted in, so that all unknowns are about as large as counts."""
        return float(max(1, *map(abs, self.knowledge.cuts.bounds[factors[0]]))) if factors else 1.0

    @cached_property
    def _equal(self) -> tuple[Any, NDArray[np.float64]]:
        rows = _Rows(self._size)
        for each in self._known:
            if each.low == each.high:
                rows.add(self._places(each), 1.0, each.low / self._unit(each.factors))
        for place, (then, now) in enumerate(pairwise(self.states)):
            cells = np.arange(self._cells)
            came, left = self._flows(place)
            for cell in cells:
                at = [self._start(now, ()) + cell, self._start(then, ()) + cell, came + cell, left + cell]
                rows.add(np.array(at), np.array([1.0, -1.0, -1.0, 1.0]), 0.0)
        return rows.made()

    @cached_property
    def _most(self) -> tuple[Any, NDArray[np.float64]]:
        rows = _Rows(self._size)
        for each in self._known:
            if each.low < each.high:
                unit = self._unit(each.factors)
                rows.add(self._places(each), 1.0, each.high / unit)
                rows.add(self._places(each), -1.0, -each.low / unit)
        for factors, (low, high) in self._bounds.items():
            unit = self._unit(factors)
            for state in self.states:
                for cell in range(self._cells):
                    at = np.array([self._start(state, factors) + cell, self._start(state, ()) + cell])
                    rows.add(at, np.array([-1.0, low[cell] / unit]), 0.0)
                    rows.add(at, np.array([1.0, -high[cell] / unit]), 0.0)
        for place, then in enumerate(self.states[:-1]):
            of, every = self._start(then, ()), np.arange(self._cells)
            for start in self._flows(place):
                for cell in range(self._cells):
                    rows.add(np.array([start + cell, of + cell]), np.array([1.0, -_SPREAD * self.churn]), 1.0)
                whole = np.concatenate([start + every, of + every])
                rows.add(whole, np.repeat([1.0, -self.churn], self._cells), 1.0)
        return rows.made()

    def _flows(self, place: int) -> tuple[int, int]:
        """Return where the rows that came after this state, and those that left, are among the unknowns."""
        start = (len(self.states) * len(self._rows) + 2 * place) * self._cells
        return start, start + self._cells

    @cached_property
    def _bounds(self) -> Mapping[tuple[str, ...], tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Bound every column that is summed in each joint cell."""
        cuts, found = self.knowledge.cuts, {}
        shape = tuple(self._axes.values())
        for factors in self._rows:
            if not factors:
                continue
            low, high = (np.full(self._cells, float(end)) for end in cuts.bounds[factors[0]])
            if factors[0] in self._axes and (edges := cuts.cuts[factors[0]].edges):
                axis = list(self._axes).index(factors[0])
                part = np.unravel_index(np.arange(self._cells), shape)[axis]
                low, high = np.array(edges, float)[part], np.array(edges, float)[part + 1] - 1
            found[factors] = (low, high)
        return found

    def _extreme(self, wanted: Mapping[int, float], sign: int) -> float:
        objective = np.zeros(self._size)
        objective[list(wanted)] = [sign * each for each in wanted.values()]
        counts = {self._rows[()]}
        bounds = [
            (0, None) if row in counts else (None, None)
            for _ in self.states
            for row in range(len(self._rows))
            for _ in range(self._cells)
        ]
        bounds += [(0, None)] * (self._size - len(bounds))
        most, equal = self._most, self._equal
        found = linprog(
            objective,
            A_ub=most[0] if most[1].size else None,
            b_ub=most[1] if most[1].size else None,
            A_eq=equal[0] if equal[1].size else None,
            b_eq=equal[1] if equal[1].size else None,
            bounds=bounds,
            method="highs",
        )
        if found.status == 3:
            return -float("inf")
        if not found.success:
            raise PlanError(f"the published numbers do not fit together: {found.message}")
        return float(found.fun)


@dataclass
class _Rows:
    """Rows of a sparse matrix, and what each is compared with."""

    width: int
    _columns: list[NDArray[np.int64]] = field(default_factory=list)
    _values: list[NDArray[np.float64]] = field(default_factory=list)
    _ends: list[float] = field(default_factory=list)

    def add(self, at: NDArray[np.int64], value: float | NDArray[np.float64], end: float) -> None:
        self._columns.append(at)
        self._values.append(np.broadcast_to(value, at.shape))
        self._ends.append(end)

    def made(self) -> tuple[Any, NDArray[np.float64]]:
        rows = np.repeat(np.arange(len(self._columns)), [each.size for each in self._columns])
        if not self._columns:
            return coo_array((0, self.width)), np.zeros(0)
        at, values = np.concatenate(self._columns), np.concatenate(self._values)
        return coo_array((values, (rows, at)), shape=(len(self._columns), self.width)).tocsr(), np.array(self._ends)
