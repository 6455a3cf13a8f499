"""A column's own unit, in which people write and read, and the whole numbers that are computed with.

A number with two decimal places is computed with as a count of hundredths, a day as a count of days. Every change
between the two is exact. Knows neither plans nor shares.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.deferred import deferred
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.values import moment, written

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
else:
    pd = deferred("pandas")
    pa = deferred("pyarrow")

_DIGITS: Final = 38


def places(column: Column) -> int:
    """Return the decimal places of the column's numbers; 0 for whole ones."""
    return column.resolution if column.type == "number" else 0


def counted(column: Column, value: object) -> int | None:
    """Count the column's last decimal places, or days or ticks, that the value is made of; None if it is none.

    A value is a number as a plan writes it, or the text of a day or a time.
    """
    if column.type in ("date", "timestamp"):
        return moment(column.type, column.resolution, value) if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        scaled = Decimal(str(value)).scaleb(places(column))
        return int(scaled) if scaled == scaled.to_integral_value() else None
    except InvalidOperation:
        return None


def wanted(column: Column) -> str:
    """Say what `counted` takes for this column."""
    if column.type == "date":
        return 'a day, as "2026-11-30"'
    if column.type == "timestamp":
        return 'a time, as "2026-11-30T09:00:00Z"'
    digits = places(column)
    return f"a number with up to {digits} decimal places" if digits else "a whole number"


def own(column: Column, units: int) -> int | Decimal:
    """Return a count in the column's own unit, exactly."""
    return Decimal(units).scaleb(-places(column)) if places(column) else units


def own_array(column: Column, units: NDArray[Any], missing: NDArray[Any]) -> Any:
    """Return counts in the column's own unit for a frame, exactly: Int64, or decimals with the column's places.

    Shapes: both arrays (n,); where `missing` holds there is no number.
    """
    if not places(column):
        return pd.arrays.IntegerArray(units.astype(np.int64), missing.astype(np.bool_))
    numbers: list[Any] = [None if gone else own(column, int(each)) for each, gone in zip(units, missing, strict=True)]
    kind: Any = pd.ArrowDtype(pa.decimal128(_DIGITS, places(column)))
    return pd.array(numbers, kind)


def text(column: Column, units: int) -> str:
    """Write a count as people read it, in the column's own unit: `1,234.50`, `2026-11-30`."""
    if column.type in ("date", "timestamp"):
        return written(column.value(units))
    return f"{own(column, units):,}"


def shown(column: Column, units: int) -> str:
    """Write a count as people are shown it, in the unit that the contract says for that."""
    return f"{column.display.of(own(column, units)):,}" if column.display else text(column, units)


def amount(column: Column, value: float | Decimal, decimals: int | None = None) -> str:
    """Write a number of the column's own unit as people are shown it, with what it counts: `1,234.50 euros`.

    A float has so many decimals, by default as many as the column's numbers; others keep theirs.
    """
    number, unit = (column.display.of(value), column.display.unit) if column.display else (value, column.unit)
    if decimals is None:
        decimals = places(column) + (column.display.places if column.display else 0)
    return (f"{number:,.{decimals}f}" if isinstance(number, float) else f"{number:,}") + f" {unit}".rstrip()


def estimate(column: Column, value: float, figures: int = 4) -> str:
    """Write an estimate as people are shown it, in so many figures: `12.35 euros`, `123,457 euros`."""
    size = abs(float(column.display.of(value) if column.display else value))
    decimals = max(0, figures - 1 - math.floor(math.log10(size))) if size else 0
    return amount(column, float(value), min(decimals, 12))


def heading(column: Column, *, with_unit: bool = False) -> str:
    """Return what people call the column, and in which unit they are shown its values; "" where that is its name."""
    unit = column.display.unit if column.display else column.unit
    called = column.business_name or (column.name if with_unit and unit else "")
    return f"{called} ({unit})" if called and with_unit and unit else called
