"""Which earlier releases a draft is held against, and what keeps it from leaving."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from counterfoil.errors import DifferenceError
from counterfoil.governance.cumulative.release_history import (
    LAST_KNOWN,
    PastRelease,
    check_compared,
    held_against,
    note_draft,
    remember,
)
from counterfoil.storage.state import State

TODAY = date(2027, 3, 1)
TABLE = "bank-a/loans"


def past(number: int, period: str, *, events: bool = False, agreement: str = "f" * 64, until: str = "") -> PastRelease:
    """A release of one table; one that says until when is of a version before 0.3."""
    return PastRelease(
        f"{number:032x}", "rep3", ("node-0",), {"loans": ["bank-a"]}, {"loans": 1000}, {"loans": 3},
        until or "2020-01-01",
        tables={"loans": [TABLE]}, agreement=agreement, period=period, day=f"2026-01-{1 + number // 40:02}",
        inputs={} if until else {TABLE: "a" * 64}, events=[TABLE] if events else [],
    )  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.open(tmp_path / "state.db")


def test_a_stock_is_held_against_every_period_and_events_against_their_own(state: State) -> None:
    for number, period in enumerate(("2026-w46", "2026-w47", "2026-w48")):
        remember(past(number, period), state)
    other = "e" * 64
    assert len(held_against(past(9, "2026-w48", agreement=other), TABLE, state, TODAY)) == 3
    (same,) = held_against(past(9, "2026-w48", events=True, agreement=other), TABLE, state, TODAY)
    assert same.period == "2026-w48"
    assert held_against(past(9, "2026-w49", events=True), TABLE, state, TODAY) == []


def test_the_same_numbers_once_more_and_what_lapsed_are_none_of_them(state: State) -> None:
    remember(past(1, "2026-w48"), state)
    remember(past(2, "2026-w47", until="2027-02-28"), state)
    remember(past(3, "2026-w47", until="2027-03-01"), state)
    assert [each.job[-1] for each in held_against(past(9, "2026-w48"), TABLE, state, TODAY)] == ["3"]


def test_a_draft_leaves_though_another_week_of_events_left_meanwhile(state: State) -> None:
    """The second week's job begins before the first week's result was released."""
    draft = past(9, "2026-w48", events=True)
    note_draft("d" * 64, [], draft, state)
    remember(past(1, "2026-w47", events=True), state)
    check_compared("d" * 64, state, TODAY)
    remember(past(2, "2026-w48", events=True, agreement="e" * 64), state)
    with pytest.raises(DifferenceError, match="released on the same table since this draft was made"):
        check_compared("d" * 64, state, TODAY)


def test_after_many_weeks_a_draft_that_was_held_against_the_last_ones_leaves(state: State) -> None:
    for number in range(60):
        remember(past(number, f"{2020 + number // 50}-w{1 + number % 50:02}"), state)
    draft = past(99, "2026-w48")
    compared = [each.job for each in held_against(draft, TABLE, state, TODAY)]
    assert len(compared) == LAST_KNOWN
    note_draft("d" * 64, compared, draft, state)
    check_compared("d" * 64, state, TODAY)
    remember(past(61, "2026-w47"), state)
    with pytest.raises(DifferenceError):
        check_compared("d" * 64, state, TODAY)
