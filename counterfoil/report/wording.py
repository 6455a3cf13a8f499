"""Write numbers for people. Never shows a digit that the number's bound does not support."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_UP, Context, Decimal
from typing import Any

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | Decimal, decimals: int, *, tiny: bool = False) -> str:
    """Write a number with thousands separators.

    A whole number stays whole, and a decimal keeps its places; others get `decimals`. Truth is yes or no. With `tiny`
    a number that these would make 0 is told as nearer to 0 than they go, as for a p-value: `< 0.0001`.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if tiny and isinstance(value, float) and 0 < abs(value) < 0.5 * 10**-decimals:
        least = f"{10**-decimals:.{decimals}f}"
        return f"< {least}" if value > 0 else f"> −{least}"
    text = f"{value:,}" if isinstance(value, int | Decimal) else f"{value:z,.{decimals}f}"
    return text.replace("-", "−")


def decimals_for(values: Iterable[Any], bound: float) -> int:
    """Choose how many decimals a column is shown with: two for large numbers, four for small, within its bound.

    A bound that is NaN differs from row to row, and limits none.
    """
    largest = max((abs(value) for value in values), default=0.0)
    wanted = 2 if largest >= 100 else 4
    return wanted if bound == 0 or math.isnan(bound) else min(wanted, max(0, math.floor(-math.log10(bound))))


def error_bound(bound: float) -> str:
    """Write the bound in two digits, rounded up so that it still is one: `± 4.2 × 10⁻⁹`."""
    rounded = Context(prec=2, rounding=ROUND_UP).create_decimal(str(bound))
    exponent = rounded.adjusted()
    if -4 < exponent < 6:
        return f"± {rounded:,f}"
    return f"± {rounded.scaleb(-exponent).normalize():f} × 10{str(exponent).translate(_SUPERSCRIPTS)}"


def moment(time: str) -> str:
    """Write an ISO 8601 time as people do: `22 November 2026, 10:00 UTC`; other text stays as it is."""
    given = _instant(time)
    return f"{given.day} {given:%B %Y, %H:%M} UTC" if given else time


def day(time: str) -> date | None:
    """Parse the day of an ISO 8601 time; None for other text."""
    given = _instant(time)
    return given.date() if given else None


def _instant(time: str) -> datetime | None:
    try:
        return datetime.fromisoformat(time).astimezone(UTC)
    except ValueError:
        return None


def count(number_of: int, thing: str) -> str:
    """Write a count with its noun: `1 cell`, `1,000 cells`."""
    return f"{number_of:,} {thing}" if number_of == 1 else f"{number_of:,} {thing}s"


def parameter(value: object) -> str:
    """Write what a plan says to its analysis: a value, a list of some, or some by columns."""
    named = [f"of {name} {parameter(each)}" for name, each in value.items()] if isinstance(value, Mapping) else value
    return listing([str(item) for item in named]) if isinstance(named, tuple | list) and named else str(named)


def listing(items: Sequence[str]) -> str:
    """Write a list: `a`, `a and b`, `a, b and c`."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
