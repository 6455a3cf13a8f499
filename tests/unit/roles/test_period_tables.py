"""Which of its tables an owner hands in for which period: never a later one under an earlier period's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import NotFoundError, PeriodTableError
from counterfoil.home import Home
from counterfoil.roles.owner import table_of

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
