"""Encode columns of a table as the integers that are shared, with the public bounds that hold for them.

Every encoding is exact, or scaled with a stated error. Bounds come from the contract and never from the data. Knows
nothing of shares: an analysis aggregates the encoded columns, or shares them row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.deferred import deferred
from counterfoil.errors import MissingValueError, OutOfBoundsError, RangeError
from counterfoil.governance.contracts.column import Column

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

    from counterfoil.data.reading.table import Table
else:
    pa = deferred("pyarrow")
    pc = deferred("pyarrow.compute")

LARGEST = 1 << 61
"""The widest bound that nodes can check on shares (PROTOCOLS 3.5)."""

WIDEST = 1 << 52
"""The widest bounds that are scaled exactly in 64-bit floats."""

LESS: Final = " - "
"""Between the names of two columns: the one less the other, as a factor. No column has a name with spaces."""

IS: Final = " is "
"""Between the name of a column and one of its encoded values, as a factor: 1 in rows that have it, else 0."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A named array that is about to be shared: integers from `low` to `high` that count units of 2^-frac_bits.

    `per_row` says that the first axis is the table's rows; otherwise the array is an aggregate, and its size does not
    depend on the data.

    Raises: RangeError for bounds that no node can check; OutOfBoundsError for a value beyond them.
    """

    name: str
    values: NDArray[np.int64] = field(repr=False)
    frac_bits: int
    low: int
    high: int
    per_row: bool

    def __post_init__(self) -> None:
        if not -LARGEST <= self.low <= self.high <= LARGEST:
            raise RangeError(f"{self.name}: its bounds must be in order and within 2^61 units; narrow the contract's")
        if self.values.size and (self.values.min() < self.low or self.values.max() > self.high):
            raise OutOfBoundsError(f"{self.name}: a value is outside the bounds that were declared for it")


def encode(table: Table, name: str) -> Encoded:
    """Encode the column exactly.

    Integers stay as they are, numbers become a count of their last decimal place (money in cents), categories their
    place in the contract, booleans 0 and 1, dates days since 1970-01-01, and times a count of their last decimal place
    of a second.

    Raises: MissingValueError when cells are empty; RangeError for a column without public bounds.
    """
    column = table.contract.column(name)
    low, high = _bounds(column)
    return Encoded(name, _integers(table, column), 0, low, high, per_row=True)


def encode_scaled(table: Table, name: str, frac_bits: int) -> Encoded:
    """Scale a factor from its bounds to [-1, 1]: z = (2x - low - high) / (high - low), to the nearest 2^-frac_bits.

    Ties go to the even integer. |encoded / 2^frac_bits - z| <= 2^-(frac_bits + 1) + 2^-52, for frac_bits up to 40.

    Raises: MissingValueError; RangeError for a column whose bounds do not span an interval of at most 2^52 units.
    """
    columns = {each: table.contract.column(each) for each in columns_of(name)}
    (low, high), *less = map(_bounds, columns.values())
    if less:
        low, high = low - less[0][1], high - less[0][0]
    if not (0 < high - low <= WIDEST and abs(low) + abs(high) <= WIDEST and 0 <= frac_bits <= 40):
        raise RangeError(f"{name}: cannot be scaled from {low} to {high} at {frac_bits} bits; correct the bounds")
    own = factor_of(name, lambda each: _integers(table, columns[each]))
    centred = (2 * own - (low + high)).astype(np.float64)  # exact below 2^53
    one = 1 << frac_bits
    return Encoded(name, np.rint(centred * one / (high - low)).astype(np.int64), frac_bits, -one, one, per_row=True)


def level(column: str, value: int) -> str:
    """Return the factor that is 1 in rows whose column has the encoded value, and 0 in all others."""
    return f"{column}{IS}{value}"


def columns_of(factor: str) -> tuple[str, ...]:
    """Return the column that a factor is, or has a value of, or the two that it is the difference of."""
    name, known, _ = factor.partition(IS)
    return (name,) if known else tuple(factor.split(LESS))


def factor_of(factor: str, column: Callable[[str], NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return a factor row by row: a column, the difference of two of them, or which rows have a value of one."""
    name, known, value = factor.partition(IS)
    if known:
        return np.asarray(column(name) == int(value), np.int64)
    return reduce(np.subtract, map(column, columns_of(factor)))


def product_of(factors: Sequence[str], column: Callable[[str], NDArray[np.int64]], shift: int = 0) -> NDArray[np.int64]:
    """Multiply factors row by row, as `product`: columns, differences of two of them, and values of one."""
    return product([factor_of(factor, column) for factor in factors], shift)


def product(columns: Sequence[NDArray[np.int64]], shift: int = 0) -> NDArray[np.int64]:
    """Multiply columns row by row, in units of 2^shift, rounded down; a product may pass 64 bits before it is.

    Shapes: (rows,) each, and so the result.
    """
    found = exact_product(columns)
    return np.asarray(found >> shift if shift else found, np.int64)


def exact_product(columns: Sequence[NDArray[np.int64]]) -> NDArray[Any]:
    """Multiply columns row by row: numbers of 64 bits where all products are, else Python's own.

    Shapes: (rows,) each, and so the result.
    """
    reach = 1
    for column in columns:
        reach *= int(np.abs(column).max(initial=0))
    return reduce(np.multiply, columns if reach < 1 << 62 else [column.astype(object) for column in columns])


def _bounds(column: Column) -> tuple[int, int]:
    if column.bounds is None:
        raise RangeError(f"{column.name}: the contract declares no bounds; give it a minimum and a maximum")
    return column.bounds


def _integers(table: Table, column: Column) -> NDArray[np.int64]:
    cells = table.data[column.name]
    if cells.null_count:
        raise MissingValueError(
            f"column {column.name}: {cells.null_count} cells are empty and cannot be shared; fill or drop these rows, "
            "or have the contract say 'missing: leave-out' of the column"
        )
    if column.categories:
        cells = pc.index_in(cells, value_set=pa.array(column.categories, pa.string()))
        if cells.null_count:
            raise OutOfBoundsError(f"column {column.name}: {cells.null_count} cells are not among its categories")
    elif column.type == "date":
        cells = cells.cast("int32")
    return np.asarray(cells.cast("int64").to_numpy(), dtype=np.int64)
