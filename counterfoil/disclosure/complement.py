"""Complementary suppression: what would restore a hidden cell from its margins is hidden with it, on shares.

The requirement: anybody with everything that is published, by all analyses on one contract and to all recipients, the
number of all rows, and that no count is negative, still finds possible for a hidden cell's count every whole number of
an interval at least as wide as the minimum count; and for a sum that a rule forbids, that it is in another cell.

Grid by grid, coarser ones first (`margins`): rows can be moved between cells of a hidden line, or of a hidden cube,
without a trace in any other table. A line with a forbidden cell is safe once it has two hidden cells and as many hidden
rows as the minimum count; if it is not, its smallest other cell is hidden. Where margins cross, a forbidden cell needs
the corners of a cube whose neighbours have as many rows; it gets the cheapest. Under a hidden margin all finer cells
are hidden. What is done depends on public shapes alone; which cells are hidden stays shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from counterfoil.disclosure.cell_tests import DOMINANCE
from counterfoil.disclosure.declaration import Cells, Declaration
from counterfoil.disclosure.lattice import Axes, Axis, Family, Grid, Index, cells_of, family
from counterfoil.disclosure.suppression import Judged
from counterfoil.governance.policies.rules import named
from counterfoil.mpc.circuits.core.compare import is_zero, less_than, msb
from counterfoil.mpc.circuits.core.convert import b2a, inject
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, Words, concat

OF_COUNTS: Final = named("rows")
"""The rules about who is in a cell; dominance is about its sum alone."""


def families(analyses: Mapping[str, Declaration]) -> list[tuple[Family, frozenset[str]]]:
    """List the tables that add up to one another, and the rules whose cells are to be protected among them.

    For every contract all tables, by their counts; then for every column those that release its sums. A noised table
    adds up to none, and what is hidden of it must depend on nothing but its own noised counts.
    Raises: PlanError.
    """
    found = []
    for contract in sorted({analysis.planned.contract for analysis in analyses.values()}):
        tables = {
            name: _axes(given)
            for name, analysis in analyses.items()
            if analysis.planned.contract == contract
            and analysis.noise is None
            and (given := analysis.axes()) is not None
        }
        if tables:
            found.append((family(tables), OF_COUNTS))
        for column in sorted({column for name in tables for column in analyses[name].summed()}):
            summed = {name: axes for name, axes in tables.items() if column in analyses[name].summed()}
            if len(set(summed.values())) > 1:
                found.append((family(summed), OF_COUNTS | DOMINANCE))
    return found


def neighbours(analyses: Mapping[str, Declaration], name: str) -> list[str]:
    """Name the analyses without which less of this one would be hidden: their tables share axes with it."""
    here, contract = analyses[name].axes() or (), analyses[name].planned.contract
    columns = {column for column, parts in here if len(parts) > 1}
    found = []
    for other, analysis in analyses.items():
        cut = {column for column, parts in analysis.axes() or () if len(parts) > 1}
        alike = analysis.planned.contract == contract and analysis.noise is None and analyses[name].noise is None
        if other != name and alike and cut & columns and cut != columns:
            found.append(other)
    return found


def complement(
    p: Protocol, analyses: Mapping[str, Declaration], cells: Mapping[str, Cells], judged: Mapping[str, Judged]
) -> dict[str, Arith]:
    """Return for each analysis which cells are safe when what would restore forbidden ones is hidden, too.

    Shapes: as `judged`.
    Cost: for a grid of one group 31 rounds at most, a comparison for every pair of cells of a line.
    Reveals: nothing.
    """
    tables = {name: _Table.of(p, analyses[name], cells[name], judged[name]) for name in judged}
    for members, rules in families(analyses):
        _protect(p, members, rules, tables)
    return {name: table.safe(p).reshape(*cells[name].count.shape) for name, table in tables.items()}


@dataclass(slots=True)
class _Table:
    """One analysis's cells, flattened over sorted axes, those outside last."""

    count: Arith
    hidden: Arith
    fails: Mapping[str, Arith]
    minimum: int
    order: Index
    inner: int

    @classmethod
    def of(cls, p: Protocol, analysis: Declaration, cells: Cells, judged: Judged) -> _Table:
        minimum = analysis.rules.safe_threshold
        parts = analysis.axes() or () if analysis.noise is None else ()
        inner, count = cells.count.size, cells.count.reshape(-1)
        hidden, fails = p.add_public(-judged.safe.reshape(-1), 1), {n: f.reshape(-1) for n, f in judged.fails.items()}
        if cells.outside is not None:
            outside = cells.outside.reshape(1)
            few = _negative(p, p.add_public(outside, -minimum))
            none = p.constant(np.zeros(1, U64))
            count, hidden = concat([count, outside]), concat([hidden, few])
            fails = {name: concat([fail, few if name == "safe_threshold" else none]) for name, fail in fails.items()}
        axes = _axes(parts)
        shape = [len(each) for _, each in parts] if axes else [count.size]
        order = cells_of(shape, [column for column, _ in parts], axes) if axes else np.arange(count.size)
        return cls(count[order], hidden[order], {n: f[order] for n, f in fails.items()}, minimum, order, inner)

    def safe(self, p: Protocol) -> Arith:
        """Return 1 in the cells that stay, in the order of the analysis."""
        back = np.empty_like(self.order)
        back[self.order] = np.arange(self.order.size)
        return p.add_public(-self.hidden[back][: self.inner], 1)


def _protect(p: Protocol, members: Family, rules: frozenset[str], tables: Mapping[str, _Table]) -> None:
    minimum = max(tables[name].minimum for name in members.tables)
    forbidden = _forbidden(p, members, rules, tables)
    done: dict[Axes, Arith] = {}
    for grid, own in zip(members.grids, forbidden, strict=True):
        count = _counts(members, grid, tables)
        here, below = members.on(grid), members.below(grid)
        wide = [tables[name].hidden for name in here] + [done[each.axes][grid.margin(each.axes)] for each in below]
        hidden = _some(p, _sum([own, *wide]), len(wide) + 1) if wide else own
        if len(grid.groups) == 1:
            hidden = hidden + _partners(p, grid, count, own, hidden, minimum)
        elif grid.groups:
            hidden = _cubes(p, grid, count, own, hidden, minimum)
        done[grid.axes] = hidden
        for name in here:
            tables[name].hidden = hidden


def _forbidden(p: Protocol, members: Family, rules: frozenset[str], tables: Mapping[str, _Table]) -> list[Arith]:
    """Return, by grid, 1 in the cells that a rule forbids; without a table, where it forbids all finer cells."""
    names = list(members.tables)
    failed = [_sum([fail for rule, fail in tables[name].fails.items() if rule in rules]) for name in names]
    flags = dict(zip(names, _split(_some(p, concat(failed), len(rules)), failed), strict=True))
    sums = []
    for grid in members.grids:
        if here := members.on(grid):
            sums.append(_sum([flags[name] for name in here]))
        else:
            name = members.source(grid)
            passing = p.add_public(-flags[name], 1)
            sums.append(_fold(passing, Grid(members.tables[name], ()).margin(grid.axes), grid.size))
    most = max(len(names), *(tables[name].count.size for name in names))
    found = _split(_some(p, concat(sums), most), sums)
    return [
        flag if members.on(grid) else p.add_public(-flag, 1) for grid, flag in zip(members.grids, found, strict=True)
    ]


def _counts(members: Family, grid: Grid, tables: Mapping[str, _Table]) -> Arith:
    name = members.source(grid)
    return _fold(tables[name].count, Grid(members.tables[name], ()).margin(grid.axes), grid.size)


def _partners(p: Protocol, grid: Grid, count: Arith, own: Arith, hidden: Arith, minimum: int) -> Arith:
    """Return 1 in the cells to hide besides: the smallest other cell of each line that is not safe."""
    line, lines = grid.lines, int(grid.lines.max()) + 1
    # 1 (one round, then 10). Does the line have a forbidden cell; one hidden cell at most; too few hidden rows?
    rows = _fold(p.multiply(hidden, count), line, lines)
    tests = [
        p.add_public(-_fold(own, line, lines), 0),
        p.add_public(_fold(hidden, line, lines), -2),
        p.add_public(rows, -minimum),
    ]
    any_own, single, few = (sign for sign in _split(_negative(p, concat(tests)), tests))
    # 2 (two rounds). It is not safe: forbidden AND (single OR few).
    needs = p.multiply(any_own, single + few - p.multiply(single, few))
    # 3 (some rounds). Its smallest cell that is not hidden and not empty.
    first = _least(p, count, _open(p, count, hidden), line)
    return p.multiply(first, needs[line])


def _cubes(p: Protocol, grid: Grid, count: Arith, own: Arith, hidden: Arith, minimum: int) -> Arith:
    """Hide a cube, whose neighbours have rows enough, for every forbidden cell; or all cells."""
    corners, cell = grid.cubes
    odd = [which for which in range(corners.shape[1]) if which.bit_count() % 2]
    # 1 (12 rounds). Which cells have rows enough; which cubes have that in all neighbours of their first corner.
    enough = p.add_public(-_negative(p, p.add_public(count, -minimum)), 1)
    fits = enough[corners[:, odd[0]]]
    for which in odd[1:]:
        fits = p.multiply(fits, enough[corners[:, which]])
    # 2. The cube of each cell that hides the fewest rows more.
    price = p.multiply(count, p.add_public(-hidden, 1))
    cost = _sum([price[corners[:, which]] for which in range(1, corners.shape[1])])
    best = p.multiply(_least(p, cost, fits, cell), own[cell])
    # 3. A forbidden cell without any such cube hides the whole grid.
    lacking = p.multiply(own, p.add_public(-_some(p, _fold(fits, cell, grid.size), corners.shape[0]), 1))
    everything = lacking.sum().reshape(1).broadcast_to((grid.size,))
    reach = _sum([_fold(best, corners[:, which], grid.size) for which in range(corners.shape[1])])
    return _some(p, hidden + reach + everything, 1 + corners.size + grid.size)


def _open(p: Protocol, count: Arith, hidden: Arith) -> Arith:
    """Return 1 in the cells that are shown and have rows."""
    return p.multiply(p.add_public(-hidden, 1), _some(p, count, 1 << 61))


def _least(p: Protocol, value: Arith, eligible: Arith, line: Index) -> Arith:
    """Return 1 at the smallest eligible value of each line, and at those equal to it; 0 where none is eligible.

    If the first of equal ones were taken, a reader could tell which of two hidden cells is the forbidden one.
    """
    i, j = _pairs(line)
    if not i.size:
        return eligible
    # 1 (10 rounds). For every pair of a line, whether the one is smaller, whether the other is.
    smaller = b2a(p, less_than(p, concat([value[j], value[i]]), concat([value[i], value[j]])))
    # 2 (one round). How many eligible cells are smaller than each.
    before = p.multiply(concat([eligible[j], eligible[i]]), smaller)
    rank = _fold(before, np.concatenate([i, j]), line.size)
    # 3. The eligible ones that nothing eligible is smaller than.
    width = max(1, int(np.bincount(line).max()).bit_length())
    return inject(p, is_zero(p, rank, width), eligible)


def _pairs(line: Index) -> tuple[Index, Index]:
    """List all pairs (i, j), i < j, of cells of one line."""
    order = np.argsort(line, kind="stable")
    sizes = np.bincount(line)
    later = np.concatenate([np.arange(size) for size in sizes]) if line.size else line
    j = np.repeat(np.arange(line.size), later)
    i = j - 1 - (np.arange(j.size) - np.repeat(np.cumsum(later) - later, later))
    return np.minimum(order[i], order[j]), np.maximum(order[i], order[j])


def _negative(p: Protocol, x: Arith) -> Arith:
    """Return 1 where x < 0."""
    return b2a(p, msb(p, x))


def _some(p: Protocol, x: Arith, most: int) -> Arith:
    """Return 1 where x is not 0; it is from 0 to `most`: a narrower test would take 2^width for 0."""
    return b2a(p, p.invert(is_zero(p, x, most.bit_length())))


def _fold(x: Arith, index: Index, size: int) -> Arith:
    """Add up the elements with each index. Local."""

    def add(part: Words) -> Words:
        sums = np.zeros(size, U64)
        np.add.at(sums, index, part)
        return sums

    return x.map(add)


def _sum(arrays: Sequence[Arith]) -> Arith:
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total


def _split(x: Arith, like: Sequence[Arith]) -> list[Arith]:
    ends = np.cumsum([0, *(each.size for each in like)]).tolist()
    return [x[start:end] for start, end in pairwise(ends)]


def _axes(parts: Sequence[tuple[str, tuple[str, ...]]]) -> Axes:
    return tuple(sorted(Axis(column, each) for column, each in parts if len(each) > 1))
