"""Periods: which one is to be ordered next, whatever a server says, and what became of those before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.audit.event import NO_ENTRY, Event
from counterfoil.errors import AgreementError
from counterfoil.governance.agreements.parse import parse_agreement
from counterfoil.governance.agreements.schedule import MOST_MISSED, Missed, Schedule
from counterfoil.governance.releases.docket import docket
from counterfoil.governance.releases.periods import Period, Periods, Standing, periods
from counterfoil.governance.review.airlock import Review, State
from counterfoil.report.explain import explain, facts
from tests.unit.conftest import TODAY, Consortium
from tests.unit.governance.reviewing import approve, draft

WEEKLY = Schedule("week", 0, 6, 0)


def known(first: str | None = None, **standings: Standing) -> Periods:
    """Weeks of 2026; the first of them was due first, or the one that is named."""
    found = {f"2026-{week}": Period(f"2026-{week}", standing) for week, standing in standings.items()}
    return Periods(found, f"2026-{first}" if first else min(found, default=None))


R, V, X, F, S, D, N, C = (
    Standing.RELEASED, Standing.IN_REVIEW, Standing.REJECTED, Standing.FAILED,
    Standing.SKIPPED, Standing.DUE, Standing.INTERRUPTED, Standing.CHANGES_REQUESTED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "chosen", "standing"),
    [
        ({}, "w48", D),  # nothing ran yet: nothing was missed
        ({"w44": R}, "w45", D),  # the coordinator was off for three weeks
        ({"w44": X}, "w45", D),
        ({"w44": R, "w45": V}, "w45", V),  # the next waits for the decision on this one
        ({"w44": R, "w45": C, "w46": R}, "w45", C),
        ({"w44": R, "w45": R}, "w46", D),
        ({"w44": R, "w45": N, "w46": R}, "w45", N),
        ({"w44": R, "w45": F}, "w46", D),  # a failed one is ordered again when it is asked for by name
        ({"w45": S, "w46": S, "w47": R}, "w48", D),
        ({"w47": R, "w48": F}, "w48", F),
        ({"w47": R, "w48": R}, "w48", R),
        ({"w47": R, "w48": V}, "w48", V),
        ({"w47": F, "w48": X}, "w48", X),
        ({"w47": R, "w49": V}, "w48", D),
    ],
)
def test_periods_come_in_order_each_after_the_one_before_is_decided_on(
    found: Mapping[str, Standing], chosen: str, standing: Standing
) -> None:
    given = known(**found).next(WEEKLY, "2026-w48")
    assert (given.name, given.standing) == (f"2026-{chosen}", standing)


def test_an_agreement_may_leave_missed_periods_out() -> None:
    schedule = Schedule("week", 0, 6, 0, missed="never")
    assert known(w44=R, w45=V).next(schedule, "2026-w48").name == "2026-w48"
    assert known(w44=R).left(schedule, "2026-w48") == ["2026-w48"]
    assert known(w44=R, w46=F).left(WEEKLY, "2026-w48") == ["2026-w45", "2026-w47", "2026-w48"]


def test_what_was_missed_long_ago_is_not_caught_up_with() -> None:
    daily = Schedule("day", 0, 6, 0)
    found = Periods({"2026-01-01": Period("2026-01-01", R)}, "2026-01-01")
    assert len(found.left(daily, "2026-11-23")) == MOST_MISSED + 1
    assert found.next(daily, "2026-11-23").name == "2026-10-23"


def test_one_that_was_asked_for_by_its_name_begins_no_order() -> None:
    assert known("w47", w10=R, w47=R).next(WEEKLY, "2026-w48").name == "2026-w48"
    assert known("w47", w10=V, w47=R).left(WEEKLY, "2026-w48") == ["2026-w48"]
    assert known("w49", w49=R).left(WEEKLY, "2026-w48") == []


# --- days, weeks and months ---------------------------------------------------------------------------------------


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("schedule", "when", "period"),
    [
        (WEEKLY, "2026-11-23T06:00+00:00", "2026-w48"),
        (WEEKLY, "2026-11-23T02:59+00:00", "2026-w47"),
        (WEEKLY, "2026-11-29T23:59+00:00", "2026-w48"),
        (WEEKLY, "2026-12-28T06:00+00:00", "2026-w53"),  # the year of 53 weeks
        (WEEKLY, "2027-01-03T12:00+00:00", "2026-w53"),
        (WEEKLY, "2027-01-04T06:00+00:00", "2027-w01"),
        # 07:00 in Berlin, where clocks are put forward on 2027-03-28: an hour early by UTC from then on
        (WEEKLY, "2027-03-22T07:00+01:00", "2027-w12"),
        (WEEKLY, "2027-03-29T07:00+02:00", "2027-w13"),
        (WEEKLY, "2027-10-25T07:00+02:00", "2027-w43"),
        (WEEKLY, "2027-11-01T07:00+01:00", "2027-w44"),
        # due on Fridays, by hand on Wednesday: about the week that was due last
        (Schedule("week", 4, 18, 0), "2026-11-25T09:00+00:00", "2026-w47"),
        (Schedule("week", 6, 23, 59), "2026-11-29T23:59+00:00", "2026-w48"),
        # a run that comes after midnight in Berlin and before it by UTC is of the day by UTC
        (Schedule("day", 0, 22, 30), "2026-06-02T00:30+02:00", "2026-06-01"),
        (Schedule("day", 0, 0, 15), "2026-06-01T23:50+00:00", "2026-06-01"),
        (Schedule("day", 0, 6, 0), "2026-12-31T06:00+00:00", "2026-12-31"),
        (Schedule("month", 1, 0, 0), "2026-12-31T23:00+00:00", "2026-12"),
        (Schedule("month", 1, 0, 0), "2027-01-01T00:00+00:00", "2027-01"),
        (Schedule("month", 28, 6, 0), "2027-03-01T00:00+00:00", "2027-02"),
        (WEEKLY, "2020-01-01T00:00+00:00", "2026-w44"),  # before the agreement's first day
    ],
)
def test_the_period_is_the_schedules_and_not_the_days(schedule: Schedule, when: str, period: str) -> None:
    assert schedule.asked_at(utc(when), date(2026, 11, 1) if schedule is WEEKLY else date(2026, 1, 1)) == period


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([WEEKLY, Schedule("day", 0, 23, 59), Schedule("month", 28, 12, 0), Schedule("week", 6, 0, 0)]),
)
def test_due_periods_follow_on_one_another_without_a_gap(when: datetime, schedule: Schedule) -> None:
    due = schedule.due(when)
    before, last = schedule.until("", due)[-2:]
    assert before < last == due
    schedule.check_period(due, date(2000, 1, 1), when.date())
    named = [schedule.due(when - timedelta(days=back)) for back in range(30, -1, -1)]
    found = list(dict.fromkeys(named))
    assert found == schedule.until(found[0], due)


# --- from signed papers and the coordinator's log -----------------------------------------------------------------


def event(type: str, period: str, agreement: str) -> Event:
    return Event(0, type, "coordinator", "2026-11-23T06:00:00Z", period, NO_ENTRY, {"agreement": agreement})


def test_a_draft_counts_for_more_than_what_was_noted_of_its_order(consortium: Consortium) -> None:
    digest = consortium.agreement.digest
    told = [event("period-due", "2026-w47", digest), event("period-failed", "2026-w48", digest)]
    told += [event("period-skipped", "2026-w46", digest), event("period-ordered", "2026-w45", digest)]
    told += [event("period-failed", "2026-w44", "0" * 64), event("draft-made", "2026-w43", digest)]
    assert {name: each.standing for name, each in periods(digest, [], told).known.items()} == {
        "2026-w48": F, "2026-w47": D, "2026-w46": S, "2026-w45": N
    }  # fmt: skip
    assert periods(digest, [], told).first == "2026-w47"
    consortium.sign()
    made = draft(consortium)
    coordinator = consortium.homes["coordinator"]
    assert periods(digest, docket(consortium.known("coordinator"), coordinator, TODAY), []).first == "2026-w48"
    found = periods(digest, docket(consortium.known("coordinator"), coordinator, TODAY), told)
    assert found.get("2026-w48") == Period("2026-w48", V, made.evidence.digest)
    approve(consortium, made, "reviewer-1", "reject")
    found = periods(digest, docket(consortium.known("coordinator"), coordinator, TODAY), told)
    assert found.get("2026-w48").standing is X


@pytest.mark.parametrize(
    ("states", "standing"),
    [
        ([State.WITHDRAWN, State.SUBMITTED], V),
        ([State.SUBMITTED, State.WITHDRAWN], V),
        ([State.CHANGES_REQUESTED, State.APPROVED], V),
        ([State.RELEASED, State.WITHDRAWN], R),
        ([State.REJECTED, State.CHANGES_REQUESTED], C),
    ],
)
def test_of_several_drafts_the_one_that_is_furthest_counts(
    consortium: Consortium, states: list[State], standing: Standing
) -> None:
    consortium.sign()
    made = draft(consortium)
    reviews = [Review(made, state, (), ()) for state in states]
    assert periods(consortium.agreement.digest, reviews, []).get("2026-w48").standing is standing


@pytest.mark.parametrize(
    ("missed", "words"),
    [("in-order", "hand in the tables of then"), ("with-tables", "if all owners still have"), ("never", "is not run")],
)
def test_who_signs_reads_what_becomes_of_missed_periods(consortium: Consortium, missed: Missed, words: str) -> None:
    raw = consortium.agreement.raw.replace(b"  every: week\n", f"  every: week\n  missed: {missed}\n".encode())
    terms = consortium.agreement
    changed = parse_agreement(raw, "a.yaml", terms.contracts, terms.policies, terms.roster)
    assert changed.schedule == replace(terms.schedule, missed=missed)
    assert words in explain(changed)
    assert facts(changed)["missed"] == missed
    with pytest.raises(AgreementError, match=r"schedule\.missed"):
        parse_agreement(raw.replace(missed.encode(), b"often"), "a.yaml", terms.contracts, terms.policies, terms.roster)
