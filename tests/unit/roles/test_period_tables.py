"""Which of its tables an owner hands in for which period: never a later one under an earlier period's name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from counterfoil.errors import LateTableError, NotFoundError, PeriodTableError
from counterfoil.governance.agreements.schedule import Schedule
from counterfoil.home import Home
from counterfoil.roles.owner import awaited_table, table_of

DUE = "2026-w48"


@pytest.fixture
def owner(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "bank-a", "bank-a", str(tmp_path / "exchange"), ("owner",))


@pytest.mark.parametrize(
    ("there", "period", "taken"),
    [
        (["loans.csv"], "2026-w48", "loans.csv"),
        (["loans.csv"], "2026-w49", "loans.csv"),  # by hand, before it is due
        (["loans.csv", "loans.2026-w47.parquet"], "2026-w47", "loans.2026-w47.parquet"),
        (["loans.csv", "loans.2026-w48.csv"], "2026-w48", "loans.2026-w48.csv"),
        (["loans.parquet", "loans.2026-w47.csv"], "2026-w48", "loans.parquet"),
    ],
)
def test_a_table_of_the_period_comes_before_the_present_one(
    owner: Home, there: list[str], period: str, taken: str
) -> None:
    for name in there:
        (owner.data / name).write_text("")
    assert table_of(owner, "loans", period, DUE).name == taken


@pytest.mark.parametrize("there", [["loans.csv"], ["loans.2026-w46.csv"], []])
def test_the_present_table_is_not_handed_in_for_a_period_that_is_over(owner: Home, there: list[str]) -> None:
    for name in there:
        (owner.data / name).write_text("")
    with pytest.raises(PeriodTableError, match=r"loans\.2026-w47\.csv or loans\.2026-w47\.parquet") as refusal:
        table_of(owner, "loans", "2026-w47", DUE)
    (owner.data / "loans.2026-w47.csv").write_text("")  # the remedy that it names
    assert table_of(owner, "loans", "2026-w47", DUE).name in str(refusal.value)


def test_no_table_at_all_is_said_as_ever(owner: Home) -> None:
    with pytest.raises(NotFoundError, match="put the table for contract loans there"):
        table_of(owner, "loans", DUE, DUE)


OF_PERIOD = Schedule("week", 0, 6, 0, tables="of-period")
WAITING = Schedule("week", 0, 6, 0, wait_hours=6)
DUE_AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # w48's Monday


def test_by_the_agreement_none_but_a_table_of_the_periods_name_is_handed_in(owner: Home) -> None:
    (owner.data / "loans.csv").write_text("")
    with pytest.raises(PeriodTableError, match=r"loans\.2026-w48\.csv .* by the agreement a table is called after"):
        awaited_table(owner, "loans", DUE, OF_PERIOD, DUE_AT)
    (owner.data / "loans.2026-w48.csv").write_text("")  # the remedy that it names
    assert awaited_table(owner, "loans", DUE, OF_PERIOD, DUE_AT).name == "loans.2026-w48.csv"


@pytest.mark.parametrize(
    ("hours", "error"), [(-1, LateTableError), (0, LateTableError), (5.9, LateTableError), (6, NotFoundError)]
)
def test_a_table_that_is_late_is_waited_for_as_long_as_was_agreed(
    owner: Home, hours: float, error: type[Exception]
) -> None:
    now = DUE_AT + timedelta(hours=hours)
    with pytest.raises(error) as refusal:
        awaited_table(owner, "loans", DUE, WAITING, now)
    assert type(refusal.value) is error
    assert ("waited for until 2026-11-23 12:00 UTC" in str(refusal.value)) == (error is LateTableError)
    (owner.data / "loans.csv").write_text("")
    assert awaited_table(owner, "loans", DUE, WAITING, now).name == "loans.csv"


def test_without_a_rule_nothing_is_waited_for(owner: Home) -> None:
    with pytest.raises(NotFoundError):
        awaited_table(owner, "loans", DUE, Schedule("week", 0, 6, 0), DUE_AT)


@pytest.mark.parametrize(
    ("schedule", "period", "until"),
    [
        (Schedule("week", 2, 9, 30, wait_hours=3), "2026-w48", datetime(2026, 11, 25, 12, 30, tzinfo=UTC)),
        (Schedule("month", 10, 6, 0, wait_hours=10), "2026-11", datetime(2026, 11, 10, 16, 0, tzinfo=UTC)),
        (Schedule("day", 1, 23, 0, wait_hours=2), "2026-11-24", datetime(2026, 11, 25, 1, 0, tzinfo=UTC)),
    ],
)
def test_hours_are_counted_from_when_the_periods_job_is_due(schedule: Schedule, period: str, until: datetime) -> None:
    assert schedule.waits_until(period) == until
    due = until - timedelta(hours=schedule.wait_hours)
    assert schedule.due(due) == period and schedule.due(due - timedelta(minutes=1)) < period
