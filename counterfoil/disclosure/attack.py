"""An attacker with linear programming: what anybody who pools all published results can work out of hidden cells.

The unknowns are how many rows are in each cell of the joint table over all axes of a contract's tables, and what they
add up to. The attacker knows every number that was released to anybody, how many rows there are, that no count is
negative, and each column's bounds, within each bin of a histogram, too; of a rounded number, between which it was. For
every hidden cell the smallest and the largest count and sum that are consistent with all that are the ends of its
feasibility interval.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, floor, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import block_array, coo_array, diags_array, eye_array, vstack

from counterfoil.disclosure.declaration import Declaration, Opened
from counterfoil.disclosure.lattice import Axes, Axis, Grid, Index, cells_of
from counterfoil.errors import PlanError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import rounded_from

MOST_UNKNOWNS: Final = 100_000
_SLACK: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Interval:
    """What a hidden number can be: whole numbers from `low` to `high`."""

    analysis: str
    cell: str
    what: str
    low: int
    high: int

    @property
    def width(self) -> int:
        return self.high - self.low


def attack(
    analyses: Mapping[str, Declaration], opened: Mapping[str, Opened], rows: int, *, sums: bool = True
) -> list[Interval]:
    """Compute the feasibility interval of every hidden count and sum of these analyses on one contract, as released.

    `rows` is the number of all rows, which manifests make public. Without `sums` the attacker looks at counts alone.
    Raises: PlanError when the joint table is too large.
    """
    tables = {name: axes for name, analysis in analyses.items() if (axes := _table(analysis)) is not None}
    joint = _Joint.over(tables, analyses, sums)
    joint.equal(joint.rows(np.zeros(joint.grid.size, np.int64), 0), rows)
    for name, axes in tables.items():
        joint.publish(analyses[name], axes, opened[name])
    return [interval for name, axes in tables.items() for interval in joint.hidden(analyses[name], axes, opened[name])]


@dataclass
class _Joint:
    """The linear programme: counts of all joint cells, then sums of each column in them."""

    grid: Grid
    columns: tuple[str, ...]
    bounds: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    whole: dict[str, tuple[int, int]]
    rows_of: list[NDArray[np.float64]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    limits_of: list[NDArray[np.float64]] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    @classmethod
    def over(cls, tables: Mapping[str, Axes], analyses: Mapping[str, Declaration], sums: bool) -> _Joint:
        axes = tuple(sorted({axis for each in tables.values() for axis in each}))
        grid = Grid(axes, ())
        summed = {column for name in tables for column in analyses[name].summed() if sums}
        columns = tuple(sorted(column for column in summed if cls._tells(column, tables, analyses)))
        if grid.size * (1 + len(columns)) > MOST_UNKNOWNS:
            raise PlanError(f"the joint table over {len(axes)} axes has {grid.size} cells, too many to attack")
        whole = {
            each.name: each.bounds
            for analysis in analyses.values()
            for each in analysis.contract.columns
            if each.name in columns and each.bounds
        }
        bounds = {column: cls._bounds(column, whole[column], grid, tables, analyses) for column in columns}
        return cls(grid, columns, bounds, whole)

    @staticmethod
    def _tells(column: str, tables: Mapping[str, Axes], analyses: Mapping[str, Declaration]) -> bool:
        """Return whether sums of the column say more than themselves: they are cut in several ways, or cut a table."""
        cuts = {axes for name, axes in tables.items() if column in analyses[name].summed()}
        return len(cuts) > 1 or any(axis.column == column for axes in tables.values() for axis in axes)

    @staticmethod
    def _bounds(
        column: str,
        whole: tuple[int, int],
        grid: Grid,
        tables: Mapping[str, Axes],
        analyses: Mapping[str, Declaration],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound the column in each joint cell."""
        low, high = np.full(grid.size, float(whole[0])), np.full(grid.size, float(whole[1]))
        for name, axes in tables.items():
            for axis in axes:
                if axis.column == column and (ends := analyses[name].edges().get(column)):
                    edges = np.array(ends, float)
                    part = grid.margin((axis,))
                    inside = part < edges.size - 1
                    low[inside], high[inside] = edges[part[inside]], edges[part[inside] + 1]
        return low, high

    def rows(self, index: Index, cell: int, column: str | None = None) -> NDArray[np.float64]:
        """Return the coefficients of the count, or of a column's sum, in all joint cells with this index."""
        place = 0 if column is None else 1 + self.columns.index(column)
        found = np.zeros((1 + len(self.columns), self.grid.size))
        found[place] = index == cell
        return found.ravel()

    def equal(self, coefficients: NDArray[np.float64], value: float) -> None:
        self.rows_of.append(coefficients)
        self.values.append(float(value))

    def between(self, coefficients: NDArray[np.float64], value: float, off: Bound, unit: float = 1.0) -> None:
        """Take the number, counted in units, to pass the value by one of `off`."""
        if off.low == off.high:
            self.equal(coefficients, (value + off.low) / unit)
            return
        for sign, end in ((1, off.high), (-1, off.low)):
            self.limits_of.append(sign * coefficients)
            self.most.append(sign * (value + end) / unit)

    def publish(self, analysis: Declaration, axes: Axes, opened: Opened) -> None:
        """Take every number that the analysis released as known, or as rounded from between two."""
        index, off = self.grid.margin(axes), rounded_from(analysis.base if analysis.rounded else 1)
        sums_off = rounded_from(analysis.base_of("sum") if analysis.rounded else 1)
        for place, cell in _cells(analysis, axes):
            if opened["safe"].ravel()[place]:
                self.between(self.rows(index, cell), opened["count"].ravel()[place], off)
                bracketed = set()
                for column, middle, reach in analysis.brackets(opened):
                    bracketed.add(column)
                    self._bracket(column, middle, reach)
                for column in set(self._summed(analysis)) - bracketed:
                    value, unit = float(opened["sum"].ravel()[place]), self.unit(column)
                    self.between(self.rows(index, cell, column), value, sums_off, unit)

    def hidden(self, analysis: Declaration, axes: Axes, opened: Opened) -> Iterator[Interval]:
        """Bound each number that the analysis did not release."""
        index = self.grid.margin(axes)
        for place, cell in _cells(analysis, axes):
            if not opened["safe"].ravel()[place]:
                label = _label(axes, cell)
                yield self._interval(analysis, label, "count", self.rows(index, cell))
                for column in self._summed(analysis):
                    wanted = self.rows(index, cell, column) * self.unit(column)
                    yield self._interval(analysis, label, f"sum of {column}", wanted)

    def _summed(self, analysis: Declaration) -> tuple[str, ...]:
        return tuple(column for column in analysis.summed() if column in self.columns)

    def unit(self, column: str) -> float:
        """Return what sums are counted in, so that all unknowns are about as large as counts."""
        return float(max(1, *map(abs, self.whole[column])))

    def _bracket(self, column: str, middle: float, reach: float) -> None:
        """Take the sum of the column over all rows to be within `reach` of `middle`."""
        if column not in self.columns:
            return
        whole = np.zeros(self.grid.size, np.int64)
        for sign in (1, -1):
            self.limits_of.append(sign * self.rows(whole, 0, column))
            self.most.append((sign * middle + reach) / self.unit(column))

    def _interval(self, analysis: Declaration, cell: str, what: str, wanted: NDArray[np.float64]) -> Interval:
        low, high = (self._extreme(sign * wanted) * sign for sign in (1, -1))
        return Interval(analysis.planned.name, cell, what, ceil(low - _SLACK), floor(high + _SLACK))

    @cached_property
    def _limits(self) -> Any:
        """The limits low · count <= sum <= high · count in every joint cell, as rows that are not positive."""
        if not self.columns and not self.limits_of:
            return None
        rows: list[list[Any]] = []
        for column in self.columns:
            sums = [eye_array(self.grid.size) * (column == other) for other in self.columns]
            low, high = (diags_array(end / self.unit(column)) for end in self.bounds[column])
            rows += [[low, *(-each for each in sums)], [-high, *sums]]
        own = [block_array(rows)] if rows else []
        return vstack([*own, *(coo_array(row.reshape(1, -1)) for row in self.limits_of)], format="csr")

    def _extreme(self, objective: NDArray[np.float64]) -> float:
        size, limits = self.grid.size, self._limits
        found = linprog(
            objective,
            A_ub=limits,
            b_ub=None if limits is None else np.array([*np.zeros(limits.shape[0] - len(self.most)), *self.most]),
            A_eq=coo_array(np.array(self.rows_of)),
            b_eq=np.array(self.values),
            bounds=[(0, None)] * size + [(None, None)] * (size * len(self.columns)),
            method="highs",
        )
        if not found.success:
            raise PlanError(f"the published numbers do not fit together: {found.message}")
        return float(found.fun)


def cells_by_label(analysis: Declaration) -> dict[str, int]:
    """Return the place of each released cell in the outputs, by how intervals name it."""
    axes = _table(analysis)
    return {} if axes is None else {_label(axes, cell): place for place, cell in _cells(analysis, axes)}


def _table(analysis: Declaration) -> Axes | None:
    given = analysis.axes()
    if given is None:
        return None
    return tuple(sorted(Axis(column, parts) for column, parts in given if len(parts) > 1))


def _cells(analysis: Declaration, axes: Axes) -> Iterator[tuple[int, int]]:
    """Give each released cell's place in the analysis's outputs and on the sorted axes."""
    given = analysis.axes() or ()
    if not axes:
        return iter([(0, 0)])
    order = cells_of([len(parts) for _, parts in given], [column for column, _ in given], axes)
    inner = prod(next(output.shape for output in analysis.outputs() if output.name == "safe"))
    return ((int(place), cell) for cell, place in enumerate(order) if place < inner)


def _label(axes: Axes, cell: int) -> str:
    every = itertools.product(*(axis.parts for axis in axes))
    return ", ".join(next(itertools.islice(every, cell, None))) or "all"
