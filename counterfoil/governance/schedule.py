"""When an agreement's jobs are due, and the name of the period that each job is about. All times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from counterfoil.clock import reckoned
from counterfoil.errors import RefusedError
from counterfoil.governance.document import Problems

Every: TypeAlias = Literal["day", "week", "month"]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job a day, week or month. `day` is the weekday (Monday is 0) or the day of the month."""

    every: Every
    day: int
    hour: int
    minute: int

    @property
    def cron(self) -> str:
        """The schedule in cron's five fields."""
        month_day = self.day if self.every == "month" else "*"
        weekday = (self.day + 1) % 7 if self.every == "week" else "*"
        return f"{self.minute} {self.hour} {month_day} * {weekday}"

    def period(self, today: date) -> str:
        """The name of the period in which the day lies: 2026-11-22, 2026-w47 or 2026-11."""
        if self.every == "day":
            return today.isoformat()
        if self.every == "month":
            return f"{today:%Y-%m}"
        year, week, _ = today.isocalendar()
        return f"{year}-w{week:02}"

    def check_period(self, period: str, starts: date, today: date) -> None:
        """Raises: RefusedError unless the text names a period from the agreement's start until today."""
        try:
            first = self._first_day(period)
        except ValueError:
            first = None
        if first is None or self.period(first) != period:
            raise RefusedError(f"{period!r} is not a {self.every}; this one is written {self.period(today)}")
        if first > today or period < self.period(starts):
            raise RefusedError(
                f"the period {period} is not between {self.period(starts)} and {self.period(today)}{reckoned(today)}"
            )

    def _first_day(self, period: str) -> date:
        if self.every == "week":
            year, _, week = period.partition("-w")
            return date.fromisocalendar(int(year), int(week), 1)
        return date.fromisoformat(period if self.every == "day" else f"{period}-01")


def read_schedule(value: dict[str, Any], problems: Problems) -> Schedule:
    """The schedule that an agreement states; what is wrong with it is added to the problems."""
    every: Every = value["every"]
    for name, needed_by in (("weekday", "week"), ("day", "month")):
        if every == needed_by and name not in value:
            problems.add(("schedule",), f"every {every} needs '{name}'; add it")
        if every != needed_by and name in value:
            problems.add(("schedule", name), f"'{name}' is for every {needed_by}; remove it")
    hour, minute = map(int, value["at"].split(":"))
    day = _WEEKDAYS.index(value.get("weekday", "monday")) if every == "week" else value.get("day", 1)
    return Schedule(every, day, hour, minute)
