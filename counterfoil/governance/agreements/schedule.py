"""When an agreement's jobs are due, and the name of the period that each job is about.

All times and days are UTC, so that a period is the same at every party and no hour comes twice or never. Weeks are
those of ISO 8601: a year has 52 or 53 of them, and a day about New Year belongs to the year of its week's Thursday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, TypeAlias

from counterfoil.clock import reckoned
from counterfoil.errors import RefusedError
from counterfoil.governance.documents import Problems

Every: TypeAlias = Literal["day", "week", "month"]
Missed: TypeAlias = Literal["in-order", "with-tables", "never"]
Tables: TypeAlias = Literal["present", "of-period"]

EARLY: Final = timedelta(hours=3)
"""A run may come so long before a job is due and still be for it: a clock that is put forward makes it early."""

MOST_MISSED: Final = 31
"""So many periods before the present one are caught up with; what was missed before that is ordered by hand."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job a day, week or month. `day` is the weekday (Monday is 0) or the day of the month.

    `missed` says what becomes of periods in which no job was ordered: each is run later, in order; or so is each for
    which every owner still has the table of then; or none is. `tables` says whether an owner may hand in its present
    table for the period that is due, or none but one of that period's name. `wait_hours` is for how long a table is
    waited for that is not there when its job is due.
    """

    every: Every
    day: int
    hour: int
    minute: int
    missed: Missed = "in-order"
    tables: Tables = "present"
    wait_hours: int = 0

    @property
    def cron(self) -> str:
        """The schedule in cron's five fields."""
        month_day = self.day if self.every == "month" else "*"
        weekday = (self.day + 1) % 7 if self.every == "week" else "*"
        return f"{self.minute} {self.hour} {month_day} * {weekday}"

    def period(self, today: date) -> str:
        """Return the name of the period that the day is in: 2026-11-22, 2026-w47 or 2026-11."""
        if self.every == "day":
            return today.isoformat()
        if self.every == "month":
            return f"{today:%Y-%m}"
        year, week, _ = today.isocalendar()
        return f"{year}-w{week:02}"

    def due(self, now: datetime) -> str:
        """Name the latest period whose job was due by now."""
        today = now.astimezone(UTC)
        for back in range(62):  # two months hold a due time of every kind
            day = today.date() - timedelta(days=back)
            if self._falls_on(day) and datetime.combine(day, time(self.hour, self.minute), UTC) <= today:
                return self.period(day)
        raise AssertionError("unreachable")

    def waits_until(self, period: str) -> datetime:
        """Say until when tables of the period are waited for; when its job is due, where they are not.

        Raises: ValueError when it is no period.
        """
        first = self._first_day(period)
        day = {"week": first + timedelta(days=self.day), "month": first.replace(day=self.day or 1), "day": first}
        due = datetime.combine(day[self.every], time(self.hour, self.minute), UTC)
        return due + timedelta(hours=self.wait_hours)

    def asked_at(self, when: datetime, starts: date) -> str:
        """Name the period that a run scheduled for this time is about, whenever it comes.

        It is the one whose job is due then, not the one that the time is in: a run by hand on Wednesday, of a job
        that is due on Fridays, is about the week before.
        """
        in_time = min(self.due(when + EARLY), self.period(when.astimezone(UTC).date()))
        return max(in_time, self.period(starts))

    def until(self, first: str, last: str) -> list[str]:
        """List the periods from the first to the last, both of them included, but MOST_MISSED before the last at most.

        Raises: ValueError when one is not a period.
        """
        found = [last]
        while found[-1] > first and len(found) <= MOST_MISSED:
            found.append(self.period(self._first_day(found[-1]) - timedelta(days=1)))
        return found[::-1]

    def begins(self, period: str, days: int, starts: date) -> bool:
        """Tell whether the period is the first one of an interval of so many days, counted from the first period.

        Everybody counts alike, whichever jobs ran. Raises: ValueError when it is no period.
        """
        origin, first = self._first_day(self.period(starts)), self._first_day(period)
        before = self._first_day(self.period(first - timedelta(days=1)))
        return first <= origin or (first - origin).days // days > (before - origin).days // days

    @property
    def shortest_days(self) -> int:
        """How many days a period has at least."""
        return {"day": 1, "week": 7, "month": 28}[self.every]

    def _falls_on(self, day: date) -> bool:
        return self.every == "day" or self.day == (day.weekday() if self.every == "week" else day.day)

    def check_period(self, period: str, starts: date, today: date) -> None:
        """Check that the text names a period from the agreement's start until today. Raises: RefusedError."""
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
        first, last = window(period)
        if (last - first).days not in {"day": range(1), "week": range(6, 7), "month": range(27, 31)}[self.every]:
            raise ValueError(f"{period} is no {self.every}")
        return first


def window(period: str) -> tuple[date, date]:
    """Return the first and the last day of a period of any schedule. Raises: ValueError when it is none."""
    if "-w" in period:
        year, _, week = period.partition("-w")
        first = date.fromisocalendar(int(year), int(week), 1)
        return first, first + timedelta(days=6)
    if period.count("-") == 1:
        first = date.fromisoformat(f"{period}-01")
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return date.fromisoformat(period), date.fromisoformat(period)


def read_schedule(value: dict[str, Any], problems: Problems) -> Schedule:
    """Read the schedule that an agreement states; problems are noted."""
    every: Every = value["every"]
    for name, needed_by in (("weekday", "week"), ("day", "month")):
        if every == needed_by and name not in value:
            problems.add(("schedule",), f"every {every} needs '{name}'; add it")
        if every != needed_by and name in value:
            problems.add(("schedule", name), f"'{name}' is for every {needed_by}; remove it")
    hour, minute = map(int, value["at"].split(":"))
    day = _WEEKDAYS.index(value.get("weekday", "monday")) if every == "week" else value.get("day", 1)
    tables, wait_hours = value.get("tables", "present"), value.get("waitForTables", 0)
    return Schedule(every, day, hour, minute, value.get("missed", "in-order"), tables, wait_hours)
