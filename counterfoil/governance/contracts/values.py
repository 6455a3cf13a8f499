"""Values of a column as people write them in a contract. Knows types, and no column."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from counterfoil.governance.documents import Path, Problems, parse_day

Bound: TypeAlias = "int | Decimal | date"  # a date may be a datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ticks(time: datetime, places: int) -> int:
    """Return how many units of 10^-places seconds after 1970 the time is, rounded down."""
    return (time - EPOCH) // timedelta(microseconds=10 ** (6 - places))


def time_of(count: int, places: int) -> datetime:
    """Return the time that `ticks` counted."""
    return EPOCH + timedelta(microseconds=count * 10 ** (6 - places))


def read_time(text: object) -> datetime | None:
    """Return a time with its zone, as `2026-11-30T09:00:00Z`; None for anything else."""
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
        return time.astimezone(UTC) if time and time.tzinfo else None
    except (ValueError, OverflowError):  # no time, or one that is outside of the calendar in UTC
        return None


def moment(kind: str, places: int, text: str) -> int | None:
    """Return the days, or units of 10^-places seconds, after 1970 that the text of a date or timestamp says, if any."""
    if kind == "timestamp":
        time = read_time(text)
        return ticks(time, places) if time and time_of(ticks(time, places), places) == time else None
    try:
        return (date.fromisoformat(text) - EPOCH.date()).days if len(text) == len("2026-11-30") else None
    except ValueError:
        return None


def read_bound(kind: str, value: Any, path: Path, problems: Problems) -> Bound | None:
    """Return the number or day in the column's own unit; None where the contract says none."""
    if value is None:
        return None
    if kind == "date":
        return parse_day(value, path, problems)
    if kind == "timestamp":
        time = read_time(value)
        if time is None:
            problems.add(path, 'write a time with its zone, as "2026-11-30T09:00:00Z"')
        return time
    return Decimal(str(value)) if kind == "number" else int(value)


def written(value: Bound) -> str:
    """Return the value as a contract writes it."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, date) else str(value)
