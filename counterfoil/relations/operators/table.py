"""Hold a table on shares: columns, which cells are empty, and which rows count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat
from counterfoil.relations.expressions import Ref


@dataclass(frozen=True, slots=True)
class Cell:
    """One column: numbers, and 1 where a cell is empty; without `null`, none is. An empty cell's number is anything."""

    value: Arith
    null: Arith | None = None

    def map(self, change: Callable[[Arith], Arith]) -> Cell:
        """Change the rows of both alike."""
        return Cell(change(self.value), None if self.null is None else change(self.null))


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by their numbers in the plan, of a public number of rows.

    `valid` is 1 in the rows that count; without it, all do. What is in other rows says nothing. `order` names columns
    by which the rows that count are in order, the most significant first, each by all its numbers.
    """

    cells: Mapping[int, Cell]
    rows: int
    valid: Arith | None = None
    order: tuple[frozenset[int], ...] = ()

    def cell(self, ref: Ref) -> Cell:
        """Return a column."""
        return self.cells[ref.number]

    def only(self, refs: Iterable[Ref]) -> Table:
        """Return the table with these columns alone."""
        return replace(self, cells={ref.number: self.cells[ref.number] for ref in refs})


def arrays(cells: Iterable[Cell]) -> list[Arith]:
    """Return everything that moves with the rows of these columns."""
    return [array for cell in cells for array in (cell.value, cell.null) if array is not None]


def moved(cells: Mapping[int, Cell], rows: Iterable[Arith]) -> dict[int, Cell]:
    """Put back into columns what `arrays` took out of them."""
    left = iter(rows)
    return {number: Cell(next(left), None if cell.null is None else next(left)) for number, cell in cells.items()}


def flags(p: Protocol, value: int, rows: int) -> Arith:
    """Share a public flag, the same in all rows."""
    return p.constant(np.full(rows, value))


def both(p: Protocol, a: Arith | None, b: Arith | None) -> Arith | None:
    """Multiply two flags, of which None is 1 everywhere. Cost: 1 round, if there are two; 24 / 48 B."""
    if a is None or b is None:
        return b if a is None else a
    return p.multiply(a, b)


def multiplied(p: Protocol, pairs: Sequence[tuple[Arith | None, Arith]]) -> list[Arith]:
    """Multiply columns by flags, of which None is 1 everywhere, in one message. Cost: 1 round; 24 / 48 B a pair."""
    both = [(flag, column) for flag, column in pairs if flag is not None]
    if not both:
        return [column for _, column in pairs]
    product = p.multiply(concat([flag for flag, _ in both]), concat([column for _, column in both]))
    found, start = [], 0
    for flag, column in pairs:
        if flag is None:
            found.append(column)
        else:
            found.append(product[start : start + column.size])
            start += column.size
    return found


def present(p: Protocol, cell: Cell) -> Arith | None:
    """Flag the cells that are not empty; None if none is. Local."""
    return None if cell.null is None else p.add_public(-cell.null, 1)
