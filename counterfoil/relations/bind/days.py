"""Count days and months, for dates that are numbers of days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

EPOCH: Final = date(1970, 1, 1)

MONTHS: Final = {"year": 12, "quarter": 3, "month": 1}
"""How many months a part of a date lasts."""


def part_of(days: int, part: str) -> int:
    """Return the year, the quarter or the month of a date."""
    day = EPOCH + timedelta(days=days)
    return {"year": day.year, "quarter": (day.month + 2) // 3, "month": day.month}[part]


def beginnings(low: int, high: int, part: str) -> Iterator[int]:
    """Yield the days after the lowest one, up to the highest, at which another year, quarter or month begins."""
    first = EPOCH + timedelta(days=low)
    months = MONTHS[part]
    first = first.replace(month=(first.month - 1) // months * months + 1, day=1)
    count = 1
    while (days := (months_later(first, months * count) - EPOCH).days) <= high:
        yield days
        count += 1


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for number in range(day.day, 28, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    return date(year, month + 1, min(day.day, 28))
