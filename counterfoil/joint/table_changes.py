"""What an owner hands in of its changes: of every sum that exact results are made of, in every grid of their lattice.

States of a table that were released before are held against its rows of now. The further back they are, the more of
them are taken together: of each sum the least that changed since any of them, and the largest movements. So what is
handed in does not grow with the years, and what passes for all states of a group passes for each. It is one array, a
line for each group; a line has persons that changed for all sums, then by how much and the largest for one after the
other, as they are counted from 0 and as they are left from any value. Follows from the agreement and from how many
states there are, as all that is handed in does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis
from counterfoil.data.changes import DEPTH, Asked, Changes
from counterfoil.data.cuts import Cut
from counterfoil.data.encode import IS, columns_of
from counterfoil.disclosure.declaration import Input, sums_released
from counterfoil.disclosure.evidence import About, Given
from counterfoil.disclosure.features import groups
from counterfoil.disclosure.lattice import Axes, Axis
from counterfoil.disclosure.tables.layout import Layout, layouts, moved_bound
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.mpc.ring.shares import Arith, concat

NAME: Final = "rule-changes"
"""How the array is called; no plan's has this name, and none of what sums are judged by."""

GROUPS: Final = (1, 3, 12, 36)
"""So many released states are taken together, from the last one back; what is older is in the last group."""

WEIGHED: Final = (("moved", "largest"), ("around", "farthest"))
"""The sums of movements, and the largest of them, as `Changes` calls these."""

Sums: TypeAlias = "Sequence[tuple[tuple[str, ...], tuple[str, ...]]]"
"""Which sums a state released: the factors of each, and the columns of the grid."""

Since: TypeAlias = "tuple[int | None, ...]"
"""For each owner of a contract, in their order: by which group it counted the changes, None where nothing changed."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A sum on a grid whose changes are counted: how many cells it has, and how far a person's part may move.

    `at` is where its cells are among those of all sums.
    """

    asked: Asked
    about: About
    at: int

    @property
    def axes(self) -> tuple[str, ...]:
        return self.about.feature.by

    @property
    def cells(self) -> int:
        return self.asked.cells

    @property
    def moves(self) -> bool:
        """Whether it is handed in by how much it changed: of the number of rows it is not."""
        return bool(self.asked.factors)


# --- what is counted -------------------------------------------------------------------------------------------------


def counted(layout: Layout) -> list[Counted]:
    """List the sums of a layout, by grid, as their changes are counted."""
    found, at = [], 0
    for grid in layout.grids:
        cuts = tuple(_cut(layout, axis) for axis in grid.axes)
        for each in layout.by_grid[grid.axes]:
            asked = Asked(str(each.feature), each.feature.factors, cuts, each.shift)
            found.append(Counted(asked, About(each.feature, each.bound, change=True), at))
            at += grid.size
    return found


def released_sums(layout: Layout) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Say which sums are known of a state once the exact results of the layout are released."""
    return [(each.asked.factors, each.axes) for each in counted(layout)]


def shows(sums: Sums, each: Counted, layout: Layout) -> bool:
    """Tell whether a state that released these sums shows anything that this one could be subtracted from.

    Another grid shows it where this one is a margin of it, or where what both have in common is on no grid here, so
    that its change is not judged by itself. A sum of a column of few values tells how many rows have which, as that of
    a flag does, so it shows cells that this column cuts, and is shown by them; that of many values tells no cell.
    """
    mine = _told(each.asked.factors)
    solved = (_told(factors) & {*each.axes} | mine & {*by} for factors, by in sums)
    if any(groups(layout.contract.column(column)) for columns in solved for column in columns):
        return True
    here, grids = set(each.axes), [{axis.column for axis in grid.axes} for grid in layout.lattice.grids]
    common = [here & set(by) for factors, by in sums if not each.asked.factors or tuple(factors) == each.asked.factors]
    return any(both == here or both not in grids for both in common)


def _told(factors: Sequence[str]) -> set[str]:
    """Return the columns that a sum of these factors is of; that of a column's value is of the column."""
    return {columns_of(each)[0] if IS in each else each for each in factors}


def due_layout(found: Mapping[str, Analysis], terms: Agreement, contract: str, period: str) -> Layout | None:
    """Lay out what an agreement releases exactly of a contract in a period, if anything."""
    due = {plan.name for plan in terms.analyses if terms.is_due(plan, period)}
    return layouts({name: each for name, each in found.items() if name in due}).get(contract)


# --- which states are taken together ---------------------------------------------------------------------------------


def is_waiting(state: str) -> bool:
    """Tell whether a manifest names a state by what was handed in, as one that was not released yet, not by its job."""
    return len(state) > 32


def grouped(states: Sequence[str]) -> list[list[int]]:
    """Take states, which are in the order of time, together; those that may still be released are a group of their own.

    Returns the places of each group.
    """
    waiting = [at for at, name in enumerate(states) if is_waiting(name)]
    released = [at for at, name in enumerate(states) if not is_waiting(name)][::-1]
    found = [waiting] if waiting else []
    for size in GROUPS[:-1]:
        found.append(released[:size])
        released = released[size:]
    return [each for each in (*found, released) if each]


# --- at an owner -----------------------------------------------------------------------------------------------------


def change_spans(layout: Layout) -> list[Input]:
    """Describe the parts of a line: how many persons changed, and for each product of columns by how much.

    A person's movements in several cells are added up, and rows may have come and gone.
    """
    sums, rows = counted(layout), layout.limits.rows
    found = [Input(f"{NAME}--persons", (sum(each.cells for each in sums),), 0, 2 * rows)]
    for each in sums:
        if each.moves:
            most = moved_bound(each.about.bound).high
            for moved, largest in WEIGHED:
                found.append(Input(f"{NAME}--{each.at}-{moved}", (each.cells,), 0, most * rows))
                found.append(Input(f"{NAME}--{each.at}-{largest}", (DEPTH * each.cells,), 0, most))
    return found


def change_input(layout: Layout, states: Sequence[str]) -> Input | None:
    """Describe the array that an owner hands in of its changes since these states: none where there are none."""
    if not states:
        return None
    spans = change_spans(layout)
    width = sum(each.shape[0] for each in spans)
    return Input(NAME, (len(grouped(states)), width), 0, max(each.high for each in spans))


def change_array(
    layout: Layout, states: Sequence[str], changes: Mapping[str, Changes], shown: Mapping[str, Sequence[bool]]
) -> NDArray[np.int64]:
    """Make this array of what was counted since each of the states.

    `changes` and `shown` are by the names of sums; of a state that shows nothing of a sum as much may have changed as
    can have.
    """
    spans = {span.name: span for span in change_spans(layout)}
    sums, lines = counted(layout), []
    for group in grouped(states):
        persons, moved = [], []
        for each in sums:
            name = each.asked.name
            at = [place for place in group if shown[name][place]]
            persons.append(_least(changes[name].changed, at, spans[f"{NAME}--persons"].high))
            if each.moves:
                for total, largest in WEIGHED:
                    found, span = changes[name], spans[f"{NAME}--{each.at}-{largest}"]
                    moved.append(_least(getattr(found, total), at, spans[f"{NAME}--{each.at}-{total}"].high))
                    # Who has many rows may be farther from a value than the bounds of one person's part.
                    moved.append(np.minimum(getattr(found, largest)[at].max(axis=0, initial=0).ravel(), span.high))
        lines.append(np.concatenate([*persons, *moved]))
    return np.array(lines, np.int64)


def _least(of_states: NDArray[np.int64], at: Sequence[int], most: int) -> NDArray[np.int64]:
    return np.asarray(of_states[list(at)].min(axis=0, initial=most), np.int64)


# --- at nodes --------------------------------------------------------------------------------------------------------


def spans_of(layout: Layout, groups: int) -> tuple[Input, ...]:
    """Describe the parts of so many lines, as they are checked: each is one range."""
    return tuple(Input(each.name, (groups, *each.shape), each.low, each.high) for each in change_spans(layout))


def cut_spans(layout: Layout, handed: Arith) -> dict[str, Arith]:
    """Cut an owner's array into these parts. Local."""
    found, start = {}, 0
    for each in change_spans(layout):
        found[each.name] = handed[:, start : start + each.shape[0]]
        start += each.shape[0]
    return found


def changes_given(
    layout: Layout, owners: Sequence[Mapping[str, Arith]], since: Sequence[Since], zero: Arith
) -> Iterator[tuple[Axes, list[Given]]]:
    """Take what owners handed in as evidence of what changed, for each grid and sum one for each of `since`.

    Shapes: `zero` is a sharing of nothing, (1, 1). Local.
    """
    sums = counted(layout)
    for grid in layout.grids:
        here = [each for each in sums if each.axes == tuple(sorted(axis.column for axis in grid.axes))]
        yield grid.axes, [given for each in here for given in _given(each, owners, since, zero)]


def _given(each: Counted, owners: Sequence[Mapping[str, Arith]], since: Sequence[Since], zero: Arith) -> list[Given]:
    def of(name: str, start: int, size: int) -> list[Arith]:
        """Return this part of every owner's lines, in the order of `since`."""
        places = [[groups[owner] for groups in since] for owner in range(len(owners))]
        return [
            aligned(own[name][:, start : start + size] if name in own else None, at, zero.broadcast_to((1, size)))
            for own, at in zip(owners, places, strict=True)
        ]

    changed = of(f"{NAME}--persons", each.at, each.cells)
    if not each.moves:
        return Given.of_changes(each.about, changed)
    found = []
    for moved, largest in WEIGHED:
        parts = of(f"{NAME}--{each.at}-{largest}", 0, DEPTH * each.cells)
        tops = [part.reshape(len(since), DEPTH, each.cells) for part in parts]
        about = replace(each.about, middle=moved == "around")
        found += Given.of_changes(about, changed, of(f"{NAME}--{each.at}-{moved}", 0, each.cells), tops)
    return found


def aligned(handed: Arith | None, at: Sequence[int | None], zero: Arith) -> Arith:
    """Put the lines that one owner handed in into another order; where it has none, nothing changed.

    Shapes: `zero` is one line. Local.
    """
    lines = 0 if handed is None else handed.shape[0]
    whole = zero if handed is None else concat([handed, zero])
    return whole[np.array([lines if place is None else place for place in at], np.int64)]


def _cut(layout: Layout, axis: Axis) -> Cut:
    if condition := layout.condition(axis):
        return Cut.at(condition.column, (condition.low, condition.high))
    low, high = layout.contract.column(axis.column).bounds or (0, 0)
    if axis.column in layout.edges:
        ends = tuple(map(int, layout.edges[axis.column]))
        return Cut.at(axis.column, ends, beyond=axis.size == len(ends), reach=(low, high))
    return Cut(axis.column, low, axis.size)


def changed_features(layout: Layout, names: Iterable[str], found: Mapping[str, Analysis]) -> set[tuple[str, ...]]:
    """Return the factors of the sums that are told of all rows by these analyses' tables, as `sums_released`.

    What is concluded is hidden by itself, column by column, where a sum that it is made of changed too little.
    """
    tables = layout.lattice.tables
    leaving = (found[name] for name in names if name in tables)
    return sums_released(layout.contract, leaving, (found[name] for name in tables))
