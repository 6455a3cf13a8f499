"""Who contributes how much to a sum, cell by cell, as an owner summarises it of its own rows: no row of it leaves.

A person's rows are added up first. Knows tables, and no plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.encode import encode, product_of
from counterfoil.disclosure.declaration import Input
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
)
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.lattice import Index
from counterfoil.mpc.circuits.core.bound import Bound

if TYPE_CHECKING:
    from counterfoil.data.reading.table import Table

COUNT: Final = "count"
AT: Final[Mapping[str, str]] = {LARGEST: "at-largest", SMALLEST: "at-smallest"}
"""How many persons are in a cell, and how many of them have its largest, and its smallest contribution."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A feature as it is handed in: how much one person contributes at most, in units of 2^shift."""

    feature: Feature
    bound: Bound
    shift: int = 0

    @property
    def squared(self) -> str:
        """The column of which it is the sum of squares, if any."""
        first, *others = self.feature.factors or ("",)
        return first if others == [first] else ""

    @property
    def mixed(self) -> bool:
        """Whether there may be contributions of both signs."""
        return self.bound.low < 0 < self.bound.high


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows of an owner by person and cell: `part` is the place of each row's (cell, person) among all that occur.

    `cell` is the cell of each of these.
    """

    part: Index
    cell: Index
    cells: int

    @classmethod
    def of(cls, cell: Index, persons: Index, cells: int) -> Parts:
        people = int(persons.max(initial=0)) + 1
        if people == persons.size:  # each row is another person's
            return cls(np.arange(cell.size), cell, cells)
        found, part = np.unique(cell * people + persons, return_inverse=True)
        return cls(part, found // people, cells)


def summarised(
    parts: Parts, each: Scaled, values: NDArray[np.int64], wanted: Mapping[str, Input]
) -> dict[str, NDArray[np.int64]]:
    """Summarise what each person contributes to each cell. Shapes: as the inputs of these names."""
    own = np.zeros(parts.cell.size, np.int64)
    np.add.at(own, parts.part, values)
    found = {}
    if COUNT in wanted:
        found[COUNT] = np.bincount(parts.cell, minlength=parts.cells).astype(np.int64)
    for name, summed in ((SUM, own), (MAGNITUDE, np.abs(own))):
        if name in wanted:
            found[name] = np.zeros(parts.cells, np.int64)
            np.add.at(found[name], parts.cell, summed)
    # The lowest bound stands for the contributions that are not there, in each of the three orders.
    orders = {LARGEST: (own, each.bound.low), SMALLEST: (-own, -each.bound.high), HEAVIEST: (np.abs(own), 0)}
    for name, (ordered, least) in orders.items():
        if name in wanted:
            top = largest_by_cell(ordered, parts.cell, wanted[name].shape, least)
            found[name] = -top if name == SMALLEST else top
            if (at := AT.get(name)) in wanted:
                equal = ordered == top[0][parts.cell]
                found[str(at)] = np.bincount(parts.cell[equal], minlength=parts.cells).astype(np.int64)
    return found


def scattered(parts: Parts, z: NDArray[np.int64], wanted: Mapping[str, Input]) -> dict[str, NDArray[np.int64]]:
    """Summarise how the rows of each cell are scattered: sums of z, and each person's farthest ones.

    Shapes: z (rows,); the results as the inputs of these names.
    """
    cell = parts.cell[parts.part]
    found = {}
    for name, summed in ((ROWS, np.ones_like(z)), (DISTANCE, z), (SQUARES, z * z)):
        found[name] = np.zeros(parts.cells, np.int64)
        np.add.at(found[name], cell, summed)
    for name, sign in ((HIGHEST, 1), (LOWEST, -1)):
        own = np.full(parts.cell.size, wanted[name].low)
        np.maximum.at(own, parts.part, sign * z)
        found[name] = sign * largest_by_cell(own, parts.cell, wanted[name].shape, wanted[name].low)
    return found


def largest_by_cell(
    values: NDArray[np.int64], cell: Index, shape: tuple[int, ...], least: int = 0
) -> NDArray[np.int64]:
    """Find each cell's largest values at an owner, largest first, then `least`; shape (how many, cells)."""
    how_many, cells = shape
    if cells == 1:  # those of all rows, without sorting them
        kept = min(how_many, values.size)
        found = np.full(shape, least, np.int64)
        if kept:
            found[:kept, 0] = -np.sort(np.partition(-values, kept - 1)[:kept])
        return found
    order = np.lexsort((-values, cell))
    starts = np.searchsorted(cell[order], np.arange(cells))
    place = np.arange(cell.size) - starts[cell[order]]
    found = np.full((how_many, cells), least, np.int64)
    first = place < how_many
    found[place[first], cell[order][first]] = values[order][first]
    return found


def values(table: Table, each: Scaled) -> NDArray[np.int64]:
    """Return what each row contributes to the feature, in its units."""
    if not each.feature.factors:
        return np.ones(table.rows, np.int64)
    return product_of(each.feature.factors, lambda name: encode(table, name).values, each.shift)
