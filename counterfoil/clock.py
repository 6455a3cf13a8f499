"""Read the one clock that decides what is in force, and say in messages what this machine takes the time to be.

Dates decide which papers are in force, so nothing outside of the process can set this clock: no variable of the
environment, no setting. Tests replace it within their own process (`tests/lib/clock.py`). A command or a task
reads it once, at its top, and passes the time down. Other clocks are shown beside it where they are known.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

MUCH: Final = timedelta(minutes=10)
"""Clocks that differ by less are right."""


def _machine() -> datetime:
    return datetime.now(UTC)


_clock: Callable[[], datetime] = _machine


def now() -> datetime:
    """Return the time, in UTC."""
    return _clock()


def today() -> date:
    """Return the day, in UTC."""
    return now().date()


def reckoned(time: date | datetime | None = None) -> str:
    """End a message about days: what this machine takes the time to be, and what to do if it is not."""
    time = time or now()
    shown = f"{time:%Y-%m-%d %H:%M}" if isinstance(time, datetime) else time.isoformat()
    return f"; this machine takes it to be {shown} (UTC): if it is not, set its clock first"


def beside(whose: str, theirs: datetime, ours: datetime | None = None) -> str:
    """Say what another clock said, if that is far from what this one says; "" else."""
    ours = ours or now()
    if abs(theirs - ours) < MUCH:
        return ""
    way = "ahead of" if theirs > ours else "behind"
    return f"; by {whose} it is {theirs:%Y-%m-%d %H:%M}, {_span(abs(theirs - ours))} {way} this machine's clock"


def _span(apart: timedelta) -> str:
    days, minutes = apart.days, apart.seconds // 60
    number, unit = (days, "day") if days else (minutes // 60, "hour") if minutes >= 60 else (minutes, "minute")
    return f"{number} {unit}{'s' * (number != 1)}"
