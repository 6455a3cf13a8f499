"""Schedules: when a job is due, and for which period."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import RefusedError
from counterfoil.governance.agreements.schedule import Every, Schedule
from tests.unit.conftest import TODAY


@pytest.mark.parametrize(
    ("schedule", "cron", "period"),
    [
        (Schedule("day", 0, 6, 5), "5 6 * * *", "2026-11-23"),
        (Schedule("week", 0, 6, 0), "0 6 * * 1", "2026-w48"),
        (Schedule("week", 6, 23, 59), "59 23 * * 0", "2026-w48"),
        (Schedule("month", 28, 0, 0), "0 0 28 * *", "2026-11"),
    ],
)
def test_a_schedule_names_its_period(schedule: Schedule, cron: str, period: str) -> None:
    assert schedule.cron == cron
    assert schedule.period(TODAY) == period
    schedule.check_period(period, date(2026, 11, 1), TODAY)


@pytest.mark.parametrize(
    ("every", "period"),
    [
        ("week", "2026-w44x"), ("week", "2026-w54"), ("week", "2026-W48"), ("week", "2026-11-23"), ("week", ""),
        ("week", "2026-w49"), ("week", "2026-w43"), ("week", "2026-w4"), ("week", "x-w48"), ("week", "2026"),
        ("month", "2026-12"), ("month", "2026-10"), ("month", "2026-13"), ("month", "2026-w48"),
        ("day", "2026-11-24"), ("day", "2026-10-31"), ("day", "20261101"), ("day", "2026-11-31"),
    ],
)  # fmt: skip
def test_a_period_that_is_none_or_not_due_is_refused(every: Every, period: str) -> None:
    with pytest.raises(RefusedError):
        Schedule(every, 0, 0, 0).check_period(period, date(2026, 11, 1), TODAY)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(["day", "week", "month"]))
def test_every_days_period_is_due_on_that_day(day: date, every: Every) -> None:
    schedule = Schedule(every, 1, 0, 0)
    schedule.check_period(schedule.period(day), day, day)


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.sampled_from(["day", "week", "month"]),
    st.integers(28, 400),
    st.integers(0, 40),
)
def test_an_interval_begins_with_the_first_period_and_then_once_in_so_many_days(
    starts: date, every: Every, days: int, after: int
) -> None:
    """Whoever asks, whichever jobs ran: two that begin are hardly less than an interval apart, and never much more."""
    schedule = Schedule(every, 1, 0, 0)
    periods = [schedule.period(starts)]
    while len(periods) <= after:
        following = schedule._first_day(periods[-1]) + timedelta(
            days=31 if every == "month" else schedule.shortest_days
        )
        periods.append(schedule.period(following))
    begins = [period for period in periods if schedule.begins(period, days, starts)]
    assert begins[0] == periods[0]
    first = [schedule._first_day(period) for period in begins]
    longest = {"day": 1, "week": 7, "month": 31}[every]
    assert all(days - longest < (b - a).days < days + longest for a, b in pairwise(first))
