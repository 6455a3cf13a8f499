"""What is left of who came, went and moved in a cell, from whatever value somebody counts a sum.

Two releases tell by how much a sum moved, and by how many rows: so also the sum of what is over any value c in each
row that came or went. Where all who come have c, but one, this tells that one's part. So what is handed in is the least
over all values: from no c less is left, in a cell or in any union of cells, whichever c somebody takes in each.

Knows integers alone; no table, no person and no share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]

FEW: Final = 3
"""Of fewer who came and went the median says nothing about each of them: they are held against all rows of the cell."""


@dataclass(frozen=True, slots=True)
class Moved:
    """By how much each person's part in a sum moved, in which cell, and how many `more` rows the person has there.

    Shapes: each (persons,).
    """

    cell: Integers
    by: Integers
    more: Integers

    def at(self, chosen: NDArray[np.bool_] | Integers) -> Moved:
        return Moved(self.cell[chosen], self.by[chosen], self.more[chosen])


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a cell, at least: how many persons' parts, and how much in all, around the `middle`.

    Shapes: each (cells,); `off` is 1 where the middle was rounded down, `few` where it is of few.
    """

    changed: Integers
    around: Integers
    middle: Integers
    off: Integers
    few: NDArray[np.bool_]


def least(moved: Moved, cells: int) -> Left:
    """Say of each cell how little is left, from whatever value the parts are counted.

    Where somebody has as many rows as before, the value does not matter. Of all others those of one value may leave no
    trace; and in all least is left around their median.
    """
    stays = moved.more == 0
    moves = moved.at(stays & (moved.by != 0))
    changed = np.bincount(moves.cell, minlength=cells).astype(np.int64)
    around = sum_by_cell(np.abs(moves.by), moves.cell, cells)
    middle, off = np.zeros(cells, np.int64), np.zeros(cells, np.int64)
    other = moved.at(~stays)
    few = np.bincount(other.cell, minlength=cells) < FEW
    if not other.cell.size:
        return Left(changed, around, middle, off, few)
    # 1. In the order of what each row of a person is worth; the same fractions are side by side.
    weight, signed = np.abs(other.more), other.by * np.sign(other.more)
    common = np.gcd(signed, weight)
    worth, of = signed // common, weight // common
    order = np.lexsort((of, worth, signed / weight, other.cell))
    other, weight, worth, of = other.at(order), weight[order], worth[order], of[order]
    cell = other.cell
    # 2. Persons, without those that are most alike.
    starts = np.flatnonzero(np.diff(cell, prepend=-1) | np.diff(worth, prepend=0) | np.diff(of, prepend=0))
    alike = np.diff(np.append(starts, cell.size))
    changed += np.bincount(cell, minlength=cells) - most_by_cell(alike, cell[starts], cells)
    # 3. Distances from the median, which is rounded down: each row may be off by less than one.
    rows, at = sum_by_cell(weight, cell, cells), _middle(cell, weight, cells)
    middle[cell[at]], off[cell[at]] = worth[at] // of[at], worth[at] % of[at] != 0
    around += np.maximum(sum_by_cell(np.abs(other.by - middle[cell] * other.more), cell, cells) - off * rows, 0)
    return Left(changed, around, middle, off, few)


def medians(cell: Integers, values: Integers, cells: int, wanted: NDArray[np.bool_]) -> Integers:
    """Return the median of the values in each cell that is wanted, and 0 elsewhere. Shapes: the result (cells,)."""
    here = wanted[cell]
    cell, values, found = cell[here], values[here], np.zeros(cells, np.int64)
    order = np.lexsort((values, cell))
    cell, values = cell[order], values[order]
    at = _middle(cell, np.ones(cell.size, np.int64), cells)
    found[cell[at]] = values[at]
    return found


def farthest(moved: Moved, left: Left, usual: Integers) -> Integers:
    """Say how far each part is from the middle of its cell; where that is of few, from what is usual there.

    Shapes: usual (cells,); the result (persons,).
    """
    middle = np.where(left.few, usual, left.middle)[moved.cell]
    off = np.where(left.few, 0, left.off)[moved.cell]
    return np.asarray(np.abs(moved.by - middle * moved.more) + off * np.abs(moved.more), np.int64)


def sum_by_cell(what: Integers, at: Integers, size: int) -> Integers:
    """Add up what is in each cell."""
    total = np.zeros(size, np.int64)
    np.add.at(total, at, what)
    return total


def most_by_cell(what: Integers, at: Integers, size: int) -> Integers:
    """Return the most that is in each cell, 0 where there is nothing."""
    found = np.zeros(size, np.int64)
    np.maximum.at(found, at, what)
    return found


def _middle(cell: Integers, weight: Integers, cells: int) -> Integers:
    """Return where the median of each cell is, of what is in the order of cells and in each in that of its values."""
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    before = np.cumsum(weight) - weight
    up_to = before + weight - before[starts].repeat(np.diff(np.append(starts, cell.size)))
    below = 2 * up_to < sum_by_cell(weight, cell, cells)[cell]
    return starts + sum_by_cell(below.astype(np.int64), cell, cells)[cell[starts]]
