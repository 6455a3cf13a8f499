"""Which sums released numbers are made of, and what owners hand in so that these can be judged: from the plans alone.

A layout lists each feature on each grid of the lattice of one contract's exact tables. Of a feature an owner hands in
how many persons are in each cell, the largest and smallest contributions and how many have these, and sums. It is
trusted for its own rows, as it is for what is analysed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.encode import LESS, encode, encode_scaled
from counterfoil.data.row_tags import persons_of
from counterfoil.disclosure.contributions import AT, COUNT, Parts, Scaled, scattered, summarised, values
from counterfoil.disclosure.declaration import Declaration, Input, Limits
from counterfoil.disclosure.evidence import (
    DISTANCE,
    HEAVIEST,
    HIGHEST,
    LARGEST,
    LOWEST,
    MAGNITUDE,
    ROWS,
    SMALLEST,
    SQUARES,
    SUM,
    About,
    Fine,
    Given,
    GivenPeak,
)
from counterfoil.disclosure.features import Feature, factor_bounds, of_one_unit
from counterfoil.disclosure.lattice import Axes, Axis, Family, Grid, Index, family
from counterfoil.disclosure.tables.crossings import Crossing, crossings
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.ranked import folded_rows, stacked
from counterfoil.mpc.ring.shares import Arith

if TYPE_CHECKING:
    from counterfoil.data.reading.table import Table

_FINEST: Final = 12
"""Binary places to which distances from a mean are compared, where rows are not too many for that."""

PREFIX: Final = "rule"
"""The first part of the names of these arrays; no plan is called so."""


@dataclass(frozen=True)
class Layout:
    """The features of all exact results under one contract, by grid, and the arrays that each owner hands in of them.

    `axes` are the grid of each plan; `crossed` are tables of two filters.
    """

    contract: Contract
    limits: Limits
    lattice: Family
    axes: Mapping[str, Axes]
    edges: Mapping[str, tuple[int, ...]]
    by_grid: Mapping[Axes, tuple[Scaled, ...]]
    crossed: tuple[Crossing, ...] = ()

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """All grids that are judged: those of the lattice, then those of filters that cross."""
        return (*self.lattice.grids, *{each.grid.axes: each.grid for each in self.crossed}.values())

    def condition(self, axis: Axis) -> Condition | None:
        """Return what cuts the axis where this is a filter that crosses another one."""
        return next((each.conditions[axis.column] for each in self.crossed if axis.column in each.conditions), None)

    @property
    def rules(self) -> Rules:
        return self.limits.rules

    @property
    def spread(self) -> int:
        """In how many cells of a grid one person may be."""
        return rows_per_person(self.contract)

    @cached_property
    def fine(self) -> Fine:
        """How finely columns are told, so that squares of distances can be judged without any test that wraps."""
        for bits in range(_FINEST, 0, -1):
            try:
                _check_tests(self.limits, Bound(0, 1 << 2 * bits + 2), self.spread)
                return Fine(bits, self.limits.total_rows)
            except RangeError:
                continue
        raise RangeError(f"{self.contract.id}: {self.limits.total_rows} rows are too many for sums of squares")

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """List the arrays that an owner hands in; none depends on its rows but in its values."""
        return tuple(item for grid in self.grids for each in self.by_grid[grid.axes] for item in self._of(each))

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        """Make these arrays of an owner's table.

        Raises: OutOfBoundsError when a contribution is not between the contract's bounds; PlanError when the table does
            not tell persons apart.
        """
        made: dict[str, NDArray[np.int64]] = {}
        persons = persons_of(table)
        for grid in self.grids:
            parts = Parts.of(self._cells(table, grid), persons, grid.size)
            for each in self.by_grid[grid.axes]:
                wanted = {item.name.rpartition("--")[2]: item for item in self._of(each)}
                found = summarised(parts, each, values(table, each), wanted)
                if each.squared:
                    found |= scattered(parts, encode_scaled(table, each.squared, self.fine.bits).values, wanted)
                made |= {wanted[item].name: array for item, array in found.items()}
        return made

    def given(self, owners: Sequence[Mapping[str, Arith]]) -> dict[Axes, list[Given]]:
        """Take what all owners handed in as evidence for each grid. Local."""
        return {grid.axes: [self._given(grid, each, owners) for each in self.by_grid[grid.axes]] for grid in self.grids}

    # --- one feature on one grid --------------------------------------------------------------------------------

    def _of(self, each: Scaled) -> Iterator[Input]:
        """List what is handed in of it; sums that follow from a finer grid are not."""
        axes, rows, bound = self._axes_of(each.feature), self.limits.rows, each.bound
        shape, finest = (Grid(axes, ()).size,), self._finest(each.feature) == axes
        deep = (depth(self.rules), *shape)
        counted = not each.feature.factors

        def item(name: str, shape: tuple[int, ...], low: int, high: int) -> Input:
            return Input(f"{PREFIX}--{self._named(each.feature)}--{name}", shape, low, high)

        if counted and (finest or self.spread > 1):
            yield item(COUNT, shape, 0, rows)
        if counted and self.spread == 1:
            return
        if finest:
            yield item(SUM, shape, bound.low * rows, bound.high * rows)
        yield item(LARGEST, deep, bound.low, bound.high)
        if counted:
            return
        yield item(SMALLEST, deep, bound.low, bound.high)
        for name in AT.values():
            yield item(name, shape, 0, rows)
        if each.mixed:
            if finest:
                yield item(MAGNITUDE, shape, 0, bound.magnitude * rows)
            yield item(HEAVIEST, deep, 0, bound.magnitude)
        if each.squared:
            one = 1 << self.fine.bits
            yield item(ROWS, shape, 0, rows)
            yield item(DISTANCE, shape, -one * rows, one * rows)
            yield item(SQUARES, shape, 0, one * one * rows)
            yield item(HIGHEST, deep, -one, one)
            yield item(LOWEST, deep, -one, one)

    def _given(self, grid: Grid, each: Scaled, owners: Sequence[Mapping[str, Arith]]) -> Given:
        own = {item.name.rpartition("--")[2] for item in self._of(each)}

        def handed(item: str, feature: Feature = each.feature) -> Arith:
            return stacked([owner[f"{PREFIX}--{self._named(feature)}--{item}"] for owner in owners])

        def added(item: str, feature: Feature = each.feature) -> Arith:
            finest = self._finest(feature)
            found = handed(item, Feature(feature.factors, _columns(finest)))
            return folded_rows(found, Grid(finest, ()).margin(grid.axes), grid.size)

        def peak(name: str) -> GivenPeak:
            at, sign = AT.get(name), -1 if name in (SMALLEST, LOWEST) else 1
            return GivenPeak(handed(name) * sign, handed(at) if at in own else None)

        rows = Feature((), _columns(grid.axes))
        persons = added(COUNT, rows) if self.spread == 1 else handed(COUNT, rows)
        peaks: dict[str, GivenPeak] = {
            name: peak(name) for name in (LARGEST, SMALLEST, HEAVIEST, HIGHEST, LOWEST) if name in own
        }
        sums = {SUM: added(SUM)} if peaks else {}
        if each.mixed:
            sums[MAGNITUDE] = added(MAGNITUDE)
        if each.squared:
            sums |= {name: handed(name) for name in (ROWS, DISTANCE, SQUARES)}
        fine = self.fine if each.squared else None
        return Given(About(each.feature, each.bound, self.spread, fine=fine), persons, sums, peaks)

    def _named(self, feature: Feature) -> str:
        """Name a feature among the arrays, by its places in the lattice and among all features: names are short."""
        every = sorted({each.feature.factors for features in self.by_grid.values() for each in features})
        grid = [_columns(each.axes) for each in self.grids].index(feature.by)
        return f"grid-{grid}-sum-{every.index(feature.factors)}"

    def _axes_of(self, feature: Feature) -> Axes:
        return next(axes for axes in self.by_grid if _columns(axes) == feature.by)

    def _finest(self, feature: Feature) -> Axes:
        """Return the finest grid that the feature is on, among those that have the given one as a margin."""
        here = set(feature.by)
        finer = [
            axes
            for axes, features in self.by_grid.items()
            if here <= set(_columns(axes)) and any(each.feature.factors == feature.factors for each in features)
        ]
        return max(finer, key=lambda axes: (len(axes), axes))

    def _cells(self, table: Table, grid: Grid) -> Index:
        """Return the cell of the grid that each row is in."""
        parts = [self._part(table, axis) for axis in grid.axes]
        return np.ravel_multi_index(parts, grid.shape) if parts else np.zeros(table.rows, np.int64)

    def _part(self, table: Table, axis: Axis) -> Index:
        if condition := self.condition(axis):
            values = encode(table, condition.column).values
            return ((values < condition.low) | (values > condition.high)).astype(np.int64)
        encoded = encode(table, axis.column)
        if axis.column not in self.edges:
            return encoded.values - encoded.low
        edges = np.array(self.edges[axis.column], np.int64)
        part = np.searchsorted(edges, encoded.values, side="right").astype(np.int64) - 1
        part[encoded.values == edges[-1]] = edges.size - 2
        return np.where((part < 0) | (part > edges.size - 2), edges.size - 1, part)


def layouts(analyses: Mapping[str, Declaration]) -> dict[str, Layout]:
    """Lay out, for every contract with exact results, what owners hand in beside what is analysed.

    Raises: PlanError when its tables cannot be protected side by side; RangeError when a test could wrap.
    """
    exact = {name: analysis for name, analysis in analyses.items() if analysis.noise is None}
    found = {}
    for contract in sorted({analysis.planned.contract for analysis in exact.values()}):
        own = {name: analysis for name, analysis in exact.items() if analysis.planned.contract == contract}
        found[contract] = _layout(own)
    return found


def _layout(analyses: Mapping[str, Declaration]) -> Layout:
    first = next(iter(analyses.values()))
    axes = {name: _axes(analysis) for name, analysis in analyses.items()}
    lattice = family({name: axes[name] for name, analysis in analyses.items() if analysis.axes() is not None})
    edges = {column: ends for analysis in analyses.values() for column, ends in analysis.edges().items()}
    _check_values(analyses)
    scaled: dict[tuple[str, ...], Scaled] = {}
    by_grid = {}
    crossed = crossings(analyses, lattice)
    for grid in (*lattice.grids, *(each.grid for each in crossed)):
        wanted: set[tuple[str, ...]] = {
            (),
            *(own for each in crossed if each.grid.axes == grid.axes for own in each.factors),
        }
        for name, analysis in analyses.items():
            for feature in analysis.features():
                if set(grid.axes) <= {axis for axis in axes[name] if axis.column in feature.by}:
                    wanted.add(feature.factors)
        wanted |= set(of_one_unit(first.contract, wanted))
        for factors in wanted - scaled.keys():
            scaled[factors] = _scaled(first.contract, first.limits, factors)
        by_grid[grid.axes] = tuple(
            Scaled(Feature(factors, _columns(grid.axes)), scaled[factors].bound, scaled[factors].shift)
            for factors in sorted(wanted)
        )
    return Layout(first.contract, first.limits, lattice, axes, edges, by_grid, crossed)


def _check_values(analyses: Mapping[str, Declaration]) -> None:
    """Check that no column's sums solve hidden cells that it is cut into, or its filters leave. Raises: PlanError.

    The cells, the sum and that of squares are as many equations of how many rows have each value of the column.
    """
    every = {own.factors for each in analyses.values() for own in each.features()}
    sums = {factor: name for name, each in analyses.items() for own in each.features() for factor in own.factors}
    for name, each in analyses.items():
        for column, parts in each.axes() or ():
            of, many = each.contract.column(column), len(parts)
            low, high = of.bounds or (0, 0)
            powers = max(1, sum({*factors} == {column} for factors in every))
            solved = not of.categories and many > 1 and 2 < high - low + 1 <= many + powers
            itself = many > 2 and any(column in own.factors for own in each.own_features())
            if column in sums and (itself or solved):
                raise PlanError(
                    f"{sums[column]} sums {column} and {name} cuts by it, which tells hidden cells; drop one"
                )


def rows_per_person(contract: Contract) -> int:
    """Return how many rows one person may have at an owner: one, where the contract does not say otherwise."""
    return contract.person.most if contract.person else 1


def moved_bound(bound: Bound) -> Bound:
    """Bound by how much a person's part may move: all may have been elsewhere, and who left counts beside who came."""
    return Bound(0, 2 * bound.magnitude)


def depth(rules: Rules) -> int:
    """Return how many of its largest contributions an owner hands in for each cell: a power of two."""
    wanted = (rules.safe_nk_n if "safe_nk_k" in rules.in_force else 0, 2 if "safe_pratio_p" in rules.in_force else 1)
    return 1 << (max(wanted) - 1).bit_length()


def _scaled(contract: Contract, limits: Limits, factors: tuple[str, ...]) -> Scaled:
    """Bound what a person contributes; a product is counted in units in which no test can wrap.

    Raises: PlanError for a column without bounds; RangeError where a test could wrap.
    """
    low, high = 1, 1
    for name in factors:
        bounds = factor_bounds(contract, name)
        ends = [one * other for one in (low, high) for other in bounds]
        low, high = min(ends), max(ends)
    rows = rows_per_person(contract)
    for shift in range(128):
        try:
            # A person without a row in a cell contributes nothing, so 0 is always among the bounds.
            bound = Bound(low >> shift, high >> shift).joined(Bound(0, 0)).summed(rows)
            _check_tests(limits, bound, rows)
            return Scaled(Feature(factors), bound, shift)
        except RangeError:
            if len(factors) < 2 and LESS not in "".join(factors):
                break
    raise RangeError(
        f"{' · '.join(factors) or 'rows'} of {contract.id}: a comparison of contributions with their sum could wrap; "
        "narrow the column's bounds, or the number of rows, in the contract, or give the policy's shares fewer decimal "
        "places"
    )


def _check_tests(limits: Limits, bound: Bound, spread: int) -> None:
    """Check that no number that a test is made of can wrap, of what is there or what changed. Raises: RangeError."""
    rules = limits.rules
    bound.summed(limits.total_rows)
    for apart in (Bound(0, bound.high - bound.low), moved_bound(bound)):
        total = apart.summed(limits.total_rows)
        for fraction in (rules.safe_nk_k, rules.safe_pratio_p):
            top = apart.summed(spread * depth(rules)).times(fraction.numerator + fraction.denominator)
            total.times(fraction.numerator) - top
            total.times(fraction.denominator) - top


def _columns(axes: Axes) -> tuple[str, ...]:
    return tuple(sorted(axis.column for axis in axes))


def _axes(analysis: Declaration) -> Axes:
    return tuple(sorted(Axis(column, each) for column, each in analysis.axes() or () if len(each) > 1))
