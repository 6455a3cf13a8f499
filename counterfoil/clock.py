"""What this machine believes the time to be: said wherever something is over or has not begun, so that a wrong clock is
suspected first. Trusts no clock, its own included; other clocks are shown beside it where they are known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

MUCH: Final = timedelta(minutes=10)
"""Clocks that differ by less are right."""


def reckoned(now: date | datetime | None = None) -> str:
    """The end of a message about days: what this machine takes the time to be, and what to do if it is not."""
    now = now or datetime.now(UTC)
    shown = f"{now:%Y-%m-%d %H:%M}" if isinstance(now, datetime) else now.isoformat()
    return f"; this machine takes it to be {shown} (UTC): if it is not, set its clock first"


def beside(whose: str, theirs: datetime, ours: datetime | None = None) -> str:
    """What another clock said, if that is far from what this one says; "" else."""
    ours = ours or datetime.now(UTC)
    if abs(theirs - ours) < MUCH:
        return ""
    way = "ahead of" if theirs > ours else "behind"
    return f"; by {whose} it is {theirs:%Y-%m-%d %H:%M}, {_span(abs(theirs - ours))} {way} this machine's clock"


def _span(apart: timedelta) -> str:
    days, minutes = apart.days, apart.seconds // 60
    number, unit = (days, "day") if days else (minutes // 60, "hour") if minutes >= 60 else (minutes, "minute")
    return f"{number} {unit}{'s' * (number != 1)}"
