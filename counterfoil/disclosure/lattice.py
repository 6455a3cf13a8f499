"""Which released tables add up to one another: public, from the plans alone.

All tables of one contract count the same rows, so each is a margin of one joint table over all their axes, and two of
them have in common the margin over the axes that they share. These margins, released or not, are grids; they form a
lattice: whatever is a margin of two grids is a margin of the grid of their common axes. Knows no share.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import PlanError

Index: TypeAlias = NDArray[np.int64]
Axes: TypeAlias = "tuple[Axis, ...]"
"""Sorted by their columns; an axis of a single cell is left out."""

MOST_PAIRS: Final = 1 << 21
"""So many comparisons are made side by side for one grid, at most."""


@dataclass(frozen=True, slots=True, order=True)
class Axis:
    """One column, cut into parts: its categories, or bins between edges and, unless they cover it, all else."""

    column: str
    parts: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.parts)


@dataclass(frozen=True)
class Grid:
    """The cells over some axes, flattened in C order, and how each is protected within its margins.

    `groups` are disjoint sets of axes: moving rows between cells that differ along one axis group each, to and fro,
    changes no margin below this grid, because every such margin lacks the axes of some group altogether.
    """

    axes: Axes
    groups: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in self.axes)

    @property
    def size(self) -> int:
        return prod(self.shape)

    def margin(self, other: Axes) -> Index:
        """Return, for each cell, the cell of a coarser grid that it is counted in."""
        places = np.unravel_index(np.arange(self.size), self.shape) if self.axes else ()
        kept = [place for axis, place in zip(self.axes, places, strict=True) if axis in other]
        shape = [axis.size for axis in other]
        return np.ravel_multi_index(kept, shape) if kept else np.zeros(self.size, np.int64)

    @cached_property
    def lines(self) -> Index:
        """With one group: the number of the line of each cell, in which all cells differ along the group alone."""
        (group,) = self.groups
        return self.margin(tuple(axis for place, axis in enumerate(self.axes) if place not in group))

    @cached_property
    def cubes(self) -> tuple[Index, Index]:
        """With several groups: the corners of all cubes, (cubes, 2^groups), and each cube's own cell, its first corner.

        Corner s differs from the first along those groups whose bit is set in s.
        """
        own, corners = [], []
        for cell in range(self.size):
            place = np.array(np.unravel_index(cell, self.shape))
            for partners in itertools.product(*(self._partners(place, group) for group in self.groups)):
                corners.append([self._corner(place, partners, which) for which in range(1 << len(self.groups))])
                own.append(cell)
        return np.array(corners, np.int64), np.array(own, np.int64)

    def _partners(self, place: Index, group: tuple[int, ...]) -> list[tuple[int, ...]]:
        """List what the coordinates along the group could be instead."""
        every = itertools.product(*(range(self.shape[axis]) for axis in group))
        return [other for other in every if other != tuple(place[list(group)].tolist())]

    def _corner(self, place: Index, partners: Sequence[tuple[int, ...]], which: int) -> int:
        moved = place.copy()
        for bit, (group, partner) in enumerate(zip(self.groups, partners, strict=True)):
            if which >> bit & 1:
                moved[list(group)] = partner
        return int(np.ravel_multi_index(tuple(moved), self.shape))


@dataclass(frozen=True)
class Family:
    """The grids of one contract's tables, coarser ones first, and which plan's table is on which grid."""

    grids: tuple[Grid, ...]
    tables: Mapping[str, Axes] = field(default_factory=dict)

    def on(self, grid: Grid) -> list[str]:
        """Name the plans whose tables are on the grid."""
        return [name for name, axes in self.tables.items() if axes == grid.axes]

    def below(self, grid: Grid) -> list[Grid]:
        """List the grids that are margins of this one."""
        return [other for other in self.grids if set(other.axes) < set(grid.axes)]

    def source(self, grid: Grid) -> str:
        """Name the plan with the smallest table that is on the grid, or has it as a margin."""
        wanted = set(grid.axes)
        finer = [(prod(a.size for a in axes), name) for name, axes in self.tables.items() if wanted <= set(axes)]
        return min(finer)[1]


def family(tables: Mapping[str, Axes]) -> Family:
    """Build the lattice of the tables' grids; the number of all rows is always a margin, released or not.

    Raises: PlanError when one column is cut in two ways, or when the tables cannot be protected side by side.
    """
    _check_cuts(tables)
    sets = {frozenset(axes) for axes in tables.values()} | {frozenset[Axis]()}
    while more := {a & b for a, b in itertools.combinations(sets, 2)} - sets:
        sets |= more
    ordered = sorted((tuple(sorted(each)) for each in sets), key=lambda axes: (len(axes), axes))
    grids = tuple(Grid(axes, _groups(axes, [set(o) for o in ordered if set(o) < set(axes)])) for axes in ordered)
    found = Family(grids, dict(tables))
    for grid in grids:
        _check_grid(found, grid)
    return found


def _check_cuts(tables: Mapping[str, Axes]) -> None:
    cuts: dict[str, tuple[str, Axis]] = {}
    for name, axes in tables.items():
        for axis in axes:
            other, known = cuts.setdefault(axis.column, (name, axis))
            if known != axis:
                raise PlanError(
                    f"{name} and {other} cut {axis.column} in two ways: subtracted from one another they show groups "
                    "that no rule guards; give both the same edges, or drop one"
                )


def _groups(axes: Axes, margins: Sequence[set[Axis]]) -> tuple[tuple[int, ...], ...]:
    """Find as few disjoint groups of axes as possible, of as many cells as possible, one of which each margin lacks."""
    places = range(len(axes))
    for count in range(1, len(axes) + 1):
        best: tuple[int, tuple[tuple[int, ...], ...]] | None = None
        for assigned in itertools.product(range(count + 1), repeat=len(axes)):
            groups = tuple(tuple(i for i in places if assigned[i] == g) for g in range(1, count + 1))
            if not all(groups) or any(all(any(axes[i] in m for i in g) for g in groups) for m in margins):
                continue
            cells = min(prod(axes[i].size for i in group) for group in groups)
            if best is None or cells > best[0]:
                best = (cells, groups)
        if best is not None:
            return best[1]
    return ()


def _check_grid(family: Family, grid: Grid) -> None:
    names = ", ".join(axis.column for axis in grid.axes)
    if len(grid.groups) == 1:
        sizes = np.bincount(grid.lines)
        pairs = int((sizes * (sizes - 1) // 2).sum())
    elif grid.groups:
        finer = [other for other in family.grids if set(other.axes) > set(grid.axes)]
        extra = {axis for other in finer for axis in other.axes} - set(grid.axes)
        if any(extra & set(other.axes) and not set(other.axes) > set(grid.axes) for other in family.grids):
            raise PlanError(
                f"tables by {names} are margins of a table and have margins of their own, and further tables cross "
                "them: no version here can protect all of them; drop one of these analyses"
            )
        cubes = prod(prod(grid.axes[i].size for i in group) - 1 for group in grid.groups)
        pairs = grid.size * cubes * (cubes - 1) // 2
    else:
        pairs = 0
    if pairs > MOST_PAIRS:
        raise PlanError(
            f"the table by {names} has too many cells to be protected within its margins; merge categories or bins"
        )


def cells_of(shape: Iterable[int], columns: Sequence[str], axes: Axes) -> Index:
    """Return where the cells of a table whose axes are these columns are in C order over the sorted axes."""
    sizes = tuple(shape)
    order = [columns.index(axis.column) for axis in axes]
    left_out = [place for place in range(len(sizes)) if place not in order]
    return np.arange(prod(sizes)).reshape(sizes).transpose([*left_out, *order]).ravel()
