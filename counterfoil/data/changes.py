"""Count what changed in a table since states of it that are remembered, feature by feature and cell by cell.

A recipient that has two releases subtracts them, so their difference is judged as a release. How many persons' parts in
a sum differ, and by how much, its owner alone can count. What is counted may be added up over any cells of a grid: it
is never more than what changed in the union of these. So a person who went from one cell to another, which no sum over
both shows, counts in neither; the largest movements are never less than what a union may show of one person. Numbers
of rows are subtracted, too, so of a sum it is counted what is left from whatever value (`data.movements`). Where a
state does not tell, nothing changed.

Knows columns of integers and tags; no table, no plan and no share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.cuts import Cut
from counterfoil.data.encode import columns_of, product_of
from counterfoil.data.movements import Moved, farthest, least, medians, most_by_cell, sum_by_cell

Integers: TypeAlias = NDArray[np.int64]

DEPTH: Final = 2
"""So many of the largest movements in a cell are handed in."""

TOGETHER: Final = 4
"""Of so many states, the last ones, two at a time are held against the rows of now together."""

_Found: TypeAlias = tuple[Integers, Integers, Integers, Integers, Integers]
"""For each cell how many changed, by how much in all, what is left around the middle, and the largest of both."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A feature on a grid: the sum of the product of `factors`, in units of 2^shift, in every cell that `cuts` make.

    A factor is a column, or the difference of two.
    """

    name: str
    factors: tuple[str, ...]
    cuts: tuple[Cut, ...] = ()
    shift: int = 0

    @property
    def columns(self) -> frozenset[str]:
        """What must be known of a state, so that its changes can be counted."""
        return frozenset(
            {*(name for factor in self.factors for name in columns_of(factor)), *(cut.column for cut in self.cuts)}
        )

    @property
    def cells(self) -> int:
        """How many cells the grid has."""
        return _size(self.cuts)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as encoded integers, by column, and a tag of each, the same for rows of one person.

    `tags` is None where rows are nobody's and have no key: then they are told apart by what they hold. `edges` are
    those that releases of these rows were cut at.
    """

    tags: NDArray[np.uint64] | None = field(repr=False)
    columns: Mapping[str, Integers] = field(repr=False)
    size: int
    edges: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since each state: persons, the sum of all movements, and what of these is left from any value.

    Of a number of rows nothing is left `around`.

    Shapes: changed, moved and around (states, cells), largest and farthest (states, DEPTH, cells).
    """

    changed: Integers
    moved: Integers
    around: Integers
    largest: Integers
    farthest: Integers


def count_changes(asked: Sequence[Asked], now: Rows, then: Sequence[Rows | None]) -> dict[str, Changes]:
    """Count, by the names of what is asked, what changed since each of these states; None is one that nobody remembers.

    The states are in the order of time. What the last few of them leave open when they are added to one another, or
    subtracted, counts as well: a person is in it who is in the rows of now, and whom they do not balance.

    Cost: about 3 ms a state, feature and 100,000 rows, and a sort of both tables for each state and grid.
    """
    single = [_count(asked, (now, state)) for state in then]
    known = [at for at, state in enumerate(then) if state is not None][-TOGETHER:]
    for one, other in combinations(known, 2):
        for signs in ((-1, 1), (1, -1), (-1, -1)):
            both = _count(asked, (now, then[one], then[other]), (1, *signs))
            for mine, several in zip(single[other].values(), both.values(), strict=True):
                np.minimum(mine[0], several[0], out=mine[0])
    found = {}
    for each in asked:
        of_states = [state[each.name] for state in single]
        shapes = [part.shape for part in _nothing(each.cells)]
        found[each.name] = Changes(
            *(
                np.array([state[at] for state in of_states], np.int64).reshape(len(then), *shape)
                for at, shape in enumerate(shapes)
            )
        )
    return found


def _count(asked: Sequence[Asked], tables: Sequence[Rows | None], signs: Sequence[int] = (1, -1)) -> dict[str, _Found]:
    """Count, for each of what is asked, what the tables leave open when they are added up with these signs."""
    known = [table for table in tables if table is not None]
    persons = _Persons.of(known) if len(known) == len(tables) else None
    grids: dict[tuple[Cut, ...], _Pairs] = {}
    counted = {}
    for each in asked:
        if persons is None or not all(each.columns <= table.columns.keys() for table in known):
            counted[each.name] = _nothing(each.cells)
            continue
        fine = each.cuts
        for table in known:
            fine = tuple(cut.finer(table.edges.get(cut.column, ())) for cut in fine)
        if fine not in grids:
            grids[fine] = _Pairs.of(fine, known, persons)
        found = grids[fine].count(each, known, signs)
        counted[each.name] = found if fine == each.cuts else _coarser(found, fine, each.cuts)
    return counted


@dataclass(frozen=True, slots=True)
class _Persons:
    """A number for each row of all tables, the same for rows of one person, and the order of these numbers."""

    number: Integers = field(repr=False)
    order: Integers = field(repr=False)
    tagged: bool

    @classmethod
    def of(cls, tables: Sequence[Rows]) -> _Persons | None:
        """Give persons one number in all tables; None where the tables tell rows apart in different ways."""
        found = [table.tags for table in tables if table.tags is not None]
        if not found:
            rows = sum(table.size for table in tables)
            return cls(np.zeros(rows, np.int64), np.arange(rows), tagged=False)
        if len(found) < len(tables):
            return None
        tags = np.concatenate(found)
        order = np.argsort(tags)
        number = np.empty(tags.size, np.int64)
        number[order] = np.cumsum(np.diff(tags[order], prepend=tags[order[:1]]) != 0)
        return cls(number, order, tagged=True)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The rows of all tables, in the order of person and cell: `starts` is where each pair's rows begin."""

    order: Integers = field(repr=False)
    starts: Integers = field(repr=False)
    person: Integers = field(repr=False)
    cell: Integers = field(repr=False)
    of_row: Integers = field(repr=False)
    cells: int
    tagged: bool

    @classmethod
    def of(cls, cuts: Sequence[Cut], tables: Sequence[Rows], persons: _Persons) -> _Pairs:
        cell, cells = np.concatenate([_cells(cuts, table) for table in tables]), _size(cuts)
        key = persons.number * cells + cell
        # In the order of persons it is nearly in order.
        order = persons.order[np.argsort(key[persons.order], kind="stable")]
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        first = order[starts]
        return cls(order, starts, persons.number[first], cell[first], cell, cells, persons.tagged)

    def count(self, each: Asked, tables: Sequence[Rows], signs: Sequence[int]) -> _Found:
        """Count of whom the cells' sums do not balance, and by how much."""
        values = [_values(each, table) for table in tables]
        sign = np.repeat(np.array(signs, np.int64), [table.size for table in tables])
        if not self.tagged:
            return _of_nobody(np.concatenate(values), sign, self.of_row, self.cells, summed=bool(each.factors))
        parts, more = self._added(np.concatenate(values) * sign), self._added(sign)
        differs = np.flatnonzero(parts)
        person, cell, by = self.person[differs], self.cell[differs], np.abs(parts[differs])
        alone, whole = _of_persons(person, by)
        moved, largest = sum_by_cell(by[alone], cell[alone], self.cells), _largest(whole, cell, self.cells)
        if not each.factors:
            changed, nothing = np.bincount(cell[alone], minlength=self.cells).astype(np.int64), _nothing(self.cells)
            return changed, moved, nothing[2], largest, nothing[4]
        return self._left(parts, more, np.concatenate(values), moved, largest)

    def _left(self, parts: Integers, more: Integers, values: Integers, moved: Integers, largest: Integers) -> _Found:
        """Count the same where rows that came and went are counted from any value.

        Who is in several cells of a union is as far from the middles of each, and in all by as much as all parts moved.
        """
        differs = np.flatnonzero(parts | more)
        person, of = self.person[differs], Moved(self.cell[differs], parts[differs], more[differs])
        alone, _ = _of_persons(person, of.by)
        left = least(of.at(alone), self.cells)
        far = farthest(of, left, medians(self.of_row, values, self.cells, left.few))
        if not alone.all():
            net, rows = (_of_persons(person, each)[1] for each in (of.by, of.more))
            in_all = np.where(rows == 0, np.abs(net), _of_persons(person, np.abs(of.by))[1])
            far = np.where(alone, far, _of_persons(person, far)[1] + in_all)
        return left.changed, moved, left.around, largest, _largest(far, of.cell, self.cells)

    def _added(self, of_rows: Integers) -> Integers:
        return np.add.reduceat(of_rows[self.order], self.starts) if self.starts.size else self.starts


def _size(cuts: Sequence[Cut]) -> int:
    return int(np.prod([cut.parts for cut in cuts], dtype=int))


def _cells(cuts: Sequence[Cut], rows: Rows) -> Integers:
    """Return the cell that each row is in."""
    return reduce(
        lambda cell, cut: cell * cut.parts + cut.of(rows.columns[cut.column]), cuts, np.zeros(rows.size, np.int64)
    )


def _values(each: Asked, rows: Rows) -> Integers:
    """Return what each row contributes, in the feature's units."""
    if not each.factors:
        return np.ones(rows.size, np.int64)
    return product_of(each.factors, rows.columns.__getitem__, each.shift)


def _largest(by: Integers, cell: Integers, cells: int) -> Integers:
    """Return the largest of each cell, largest first, then 0. Shapes: the result (DEPTH, cells)."""
    found = np.zeros((DEPTH, cells), np.int64)
    left = by.copy()
    for place in found:
        np.maximum.at(place, cell, left)
        at = np.flatnonzero((left == place[cell]) & (left > 0))
        left[at[np.unique(cell[at], return_index=True)[1]]] = 0  # one of those that are alike
    return found


def _of_persons(person: Integers, by: Integers) -> tuple[NDArray[np.bool_], Integers]:
    """Say which pairs are a person's only one, and add up what each person has in all, for each of the person's pairs.

    Pairs are in the order of persons, so those of one are side by side.
    """
    same = np.zeros(person.size + 1, np.bool_)
    same[1:-1] = person[1:] == person[:-1]
    alone = ~(same[1:] | same[:-1])
    if alone.all():
        return alone, by
    begins = np.flatnonzero(~same[:-1])
    return alone, np.repeat(np.add.reduceat(by, begins), np.diff(np.append(begins, person.size)))


def _of_nobody(values: Integers, sign: Integers, of_row: Integers, cells: int, *, summed: bool) -> _Found:
    """Count what changed of rows without a key: as few rows, and as little, as their values allow.

    Rows of one value are alike. Of each cell at least as many changed as came, or went; of a sum, beside those that
    are most alike. What is added up over cells must not count a row that went from one to another, so what may have
    gone so is taken off every cell. Whose a row is nobody knows, so nothing is weighed around any value.
    """
    _, value = np.unique(values, return_inverse=True)
    kinds = int(value.max(initial=0)) + 1
    place = of_row * kinds + value
    found, first, inverse = np.unique(place, return_index=True, return_inverse=True)
    net = np.zeros(found.size, np.int64)
    np.add.at(net, inverse, sign)
    cell, worth = found // kinds, values[first]
    came, went = (sum_by_cell(each, cell, cells) for each in (np.maximum(net, 0), np.maximum(-net, 0)))
    overall = sum_by_cell(net, found % kinds, kinds)
    in_all = max(int(np.maximum(overall, 0).sum()), int(np.maximum(-overall, 0).sum()))
    elsewhere, fewer = int(np.maximum(came, went).sum()) - in_all, int(min(came.sum(), went.sum()))
    if summed:
        came, went = (each - most_by_cell(own, cell, cells) for each, own in ((came, net), (went, -net)))
    if summed and cells > 1:  # without the rows of any one value no more than either of these
        both = int(np.abs(net).sum() - np.abs(overall).sum()) // 2
        elsewhere = min(elsewhere + int(np.abs(overall).max(initial=0)), both + fewer)
    changed = np.maximum(np.maximum(came, went) - elsewhere, 0)
    moved = sum_by_cell(net * worth, cell, cells)
    up, down = int(np.maximum(moved, 0).sum()), int(np.maximum(-moved, 0).sum())
    moved = np.where(moved > 0, np.maximum(moved - down, 0), np.maximum(-moved - up, 0))
    differs = np.flatnonzero(net)
    twice = np.repeat(differs, np.minimum(np.abs(net[differs]), DEPTH))
    largest = _largest(np.abs(worth[twice]), cell[twice], cells)
    return changed, moved, moved, largest, largest


def _coarser(found: _Found, fine: Sequence[Cut], coarse: Sequence[Cut]) -> _Found:
    """Take of each cell the part that changed least: the earlier cut stays until all parts beside it have changed."""
    shape = [cut.parts for cut in fine]
    whole = [mine if mine == theirs else None for mine, theirs in zip(fine, coarse, strict=True)]
    axes = [
        np.arange(cut.parts) if same else cut.within(other)
        for cut, other, same in zip(fine, coarse, whole, strict=True)
    ]
    sizes = [cut.parts for cut in coarse]
    at = np.ravel_multi_index([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], sizes)
    cells, most = int(np.prod(sizes)), np.iinfo(np.int64).max
    made = []
    for each in found[:3]:
        fewest = np.full(cells, most, np.int64)
        np.minimum.at(fewest, at, each.reshape(shape).ravel())
        made.append(np.where(fewest == most, 0, fewest))
    changed, moved, around = made
    largest, far = ([most_by_cell(line, at, cells) for line in each] for each in found[3:])
    return changed, moved, around, np.array(largest), np.array(far)


def _nothing(cells: int) -> _Found:
    few = (np.zeros(cells, np.int64) for _ in range(3))
    changed, moved, around = few
    return changed, moved, around, np.zeros((DEPTH, cells), np.int64), np.zeros((DEPTH, cells), np.int64)
