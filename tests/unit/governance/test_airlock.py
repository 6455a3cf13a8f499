"""The airlock's table, every state by every event; and that documents give one state, in whatever order they came."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.crypto.sign import sign
from counterfoil.errors import DocumentError, NotApprovedError, RefusedError, ReviewError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.jobs.job import Event as Step
from counterfoil.governance.jobs.job import Job, advance
from counterfoil.governance.review.airlock import NEXT, Event, State, follow, review
from counterfoil.governance.review.decisions import Decision, Verdict, collect, comment, comments, decisions
from counterfoil.governance.review.leaving import for_all
from counterfoil.governance.review.proposals import proposals, propose
from counterfoil.roles.node.drafting import check_unfinished
from tests.unit.conftest import NOW, TODAY, Consortium
from tests.unit.governance.reviewing import REVIEWERS, approve, draft

S, E = State, Event
OPEN = {S.SUBMITTED, S.PARTIALLY_REVIEWED, S.APPROVED, S.CHANGES_REQUESTED}
REFUSED: dict[Event, set[State]] = {
    E.SUBMIT: {*S} - {S.DRAFT},
    E.COMMENT: {S.DRAFT},
    E.APPROVE: {*S} - {S.SUBMITTED, S.PARTIALLY_REVIEWED, S.APPROVED},
    E.COMPLETE: {*S} - {S.SUBMITTED, S.PARTIALLY_REVIEWED},
    E.RELEASE: {*S} - {S.APPROVED},
    E.REQUEST_CHANGES: {*S} - OPEN,
    E.REJECT: {*S} - OPEN,
    E.WITHDRAW: {*S} - OPEN - {S.DRAFT},
    E.REPLACE: {*S} - OPEN - {S.DRAFT},
    E.EXPIRE: {*S} - OPEN - {S.DRAFT},
}
LEADS_TO = {
    E.SUBMIT: S.SUBMITTED,
    E.COMPLETE: S.APPROVED,
    E.RELEASE: S.RELEASED,
    E.REQUEST_CHANGES: S.CHANGES_REQUESTED,
    E.REJECT: S.REJECTED,
    E.WITHDRAW: S.WITHDRAWN,
    E.REPLACE: S.WITHDRAWN,
    E.EXPIRE: S.WITHDRAWN,
}


@pytest.mark.parametrize(("state", "event"), [(state, event) for event in E for state in S])
def test_every_event_in_every_state(state: State, event: Event) -> None:
    if state in REFUSED[event]:
        with pytest.raises(ReviewError, match=f"the draft is {state}: {event} does not follow"):
            follow(state, event)
    elif event is E.COMMENT:
        assert follow(state, event) is state
    elif event is E.APPROVE:
        assert follow(state, event) is (S.APPROVED if state is S.APPROVED else S.PARTIALLY_REVIEWED)
    else:
        assert follow(state, event) is LEADS_TO[event]


def test_only_the_quorum_leads_to_approval_and_only_approval_to_release() -> None:
    assert {event for (state, event), then in NEXT.items() if then is S.APPROVED and state is not S.APPROVED} == {
        E.COMPLETE
    }
    assert {(state, event) for (state, event), then in NEXT.items() if then is S.RELEASED and state is not then} == {
        (S.APPROVED, E.RELEASE)
    }


# --- from documents to a state ----------------------------------------------------------------------------------

PARTIES = (*REVIEWERS, "bank-b", "bank-c")


@pytest.fixture(scope="module")
def every(shared: Consortium) -> tuple[Draft, dict[tuple[str, Verdict], bytes]]:
    """A draft, and every party's every verdict on it, whether it may give it or not."""
    made = draft(shared)
    found = made.evidence
    return made, {
        (party, verdict): sign(
            "decision",
            Decision(found.job, found.agreement, found.digest, party, verdict, "why", NOW).pack(),
            shared.homes[party].keys,
        )
        for party in PARTIES
        for verdict in get_args(Verdict)
    }


def expected(said: set[tuple[str, Verdict]], *, released: bool, ended: bool) -> State:
    """The same rules in other words."""
    valid = {(party, verdict) for party, verdict in said if (verdict == "withdraw") is party.startswith("bank")}
    verdicts = [verdict for _, verdict in valid]
    enough = verdicts.count("approve") >= 2
    if released and enough:
        return S.RELEASED
    if "reject" in verdicts:
        return S.REJECTED
    if "withdraw" in verdicts or ended:
        return S.WITHDRAWN
    if "request-changes" in verdicts:
        return S.CHANGES_REQUESTED
    return S.APPROVED if enough else S.PARTIALLY_REVIEWED if "approve" in verdicts else S.SUBMITTED


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_documents_give_one_state_in_any_order_and_however_often(
    data: st.DataObject, every: tuple[Draft, dict[tuple[str, Verdict], bytes]]
) -> None:
    made, signed = every
    said = data.draw(st.sets(st.sampled_from(sorted(signed))))
    lying: Sequence[tuple[str, Verdict]] = data.draw(st.permutations([*said, *said]))
    released, left, replaced = (data.draw(st.booleans()) for _ in range(3))
    found = review(
        made,
        [(party, signed[party, verdict]) for party, verdict in lying],
        released=released,
        left=["bank-d"] if left else [],
        replaced=replaced,
    )
    assert found.state is expected(said, released=released, ended=left or replaced)


def test_an_agreement_that_is_over_releases_nothing(shared: Consortium) -> None:
    made = draft(shared)
    for reviewer in REVIEWERS[:2]:
        approve(shared, made, reviewer)
    last = made.agreement.terms.expires
    said = decisions(shared.exchange, made)
    assert review(made, said, today=last).state is S.APPROVED
    assert review(made, said, today=last + timedelta(days=1)).state is S.WITHDRAWN
    assert review(made, said, today=last + timedelta(days=1), released=True).state is S.RELEASED


def test_another_draft_starts_without_votes(shared: Consortium) -> None:
    """An update has other evidence, and the decisions on the first one are on another draft."""
    first, second = draft(shared), draft(shared)
    for reviewer in REVIEWERS[:2]:
        approve(shared, first, reviewer)
    assert review(first, decisions(shared.exchange, first)).state is S.APPROVED
    assert review(second, decisions(shared.exchange, second)).state is S.SUBMITTED
    stale = review(second, decisions(shared.exchange, first))
    assert (stale.state, len(stale.uncounted)) == (S.SUBMITTED, 2)
    later = replace(first, evidence=replace(first.evidence, attempt=2))
    assert review(later, decisions(shared.exchange, first)).state is S.SUBMITTED


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (None, "has a draft that every node signed; review it instead"),
        ("request-changes", None),
        ("reject", "was rejected, which is final for what the owners handed in"),
    ],
)
def test_a_node_says_why_it_makes_no_other_draft(
    verdict: Verdict | None, words: str | None, signed: Consortium
) -> None:
    made, home = draft(signed), signed.homes["node-0"]
    job = Job(made.evidence.agreement, made.evidence.period, made.evidence.inputs)
    assert job.id == made.evidence.job
    for event in (Step.START, Step.DRAFT):
        advance(home.state, job.id, event)
    if verdict:
        approve(signed, made, REVIEWERS[0], verdict)
    with pytest.raises(RefusedError, match=words) if words else nullcontext():
        check_unfinished(home, signed.known("node-0"), job)


def test_what_was_heard_once_cannot_be_hidden(signed: Consortium) -> None:
    made, node = draft(signed), signed.homes["node-0"]
    for reviewer in REVIEWERS[:2]:
        approve(signed, made, reviewer)
    approve(signed, made, "reviewer-3", verdict="reject")
    with pytest.raises(NotApprovedError, match="reviewer-3 rejected"):
        for_all(review(made, collect(made, node)))
    signed.exchange.remove(("decisions", made.evidence.digest, "reviewer-3", "reject"))
    with pytest.raises(NotApprovedError, match="reviewer-3 rejected"):
        for_all(review(made, collect(made, node)))
    # Who never saw it cannot know: whoever rejects tells the nodes by another way if need be.
    assert for_all(review(made, collect(made, signed.homes["node-1"]))).approvals


# --- comments ---------------------------------------------------------------------------------------------------


def test_parties_remark_as_often_as_they_like(shared: Consortium) -> None:
    made = draft(shared)
    for minutes, (party, text) in enumerate((("bank-c", "why so few?"), ("node-0", "a holiday"), ("bank-c", "I see"))):
        comment(made, text, shared.homes[party].keys, shared.exchange, NOW + timedelta(minutes=minutes))
    found = [(said.party, said.text) for said in comments(shared.exchange, made)]
    assert found == [("bank-c", "why so few?"), ("node-0", "a holiday"), ("bank-c", "I see")]
    assert review(made, decisions(shared.exchange, made), today=TODAY).state is S.SUBMITTED


def test_what_no_party_signed_is_no_comment(shared: Consortium) -> None:
    made, other = draft(shared), draft(shared)
    said = comment(other, "on another draft", shared.homes["bank-a"].keys, shared.exchange, NOW)
    for name, content in {
        ("bank-a", "0" * 64): sign("comment", said.pack(), shared.homes["bank-b"].keys),
        ("bank-a", "1" * 64): sign("comment", said.pack(), shared.homes["bank-a"].keys),
        ("bank-a", "2" * 64): b"rubbish",
        ("mallory", "3" * 64): sign("comment", said.pack(), shared.homes["bank-a"].keys),
    }.items():
        shared.exchange.put_named(("comments", made.evidence.digest, *name), content)
    assert comments(shared.exchange, made) == []


def test_a_comment_has_a_text_of_some_size_and_is_a_partys(shared: Consortium) -> None:
    made = draft(shared)
    for text in ("", "x" * 4001):
        with pytest.raises(DocumentError):
            comment(made, text, shared.homes["bank-a"].keys, shared.exchange, NOW)
    terms = replace(made.agreement.terms, reviewers=("reviewer-1", "reviewer-2"))
    without = replace(made, agreement=replace(made.agreement, terms=terms))
    with pytest.raises(ReviewError, match="reviewer-3 is no party"):
        comment(without, "hello", shared.homes["reviewer-3"].keys, shared.exchange, NOW)


# --- what was typed in a reviewer's name ------------------------------------------------------------------------


def proposed(consortium: Consortium, made: Draft) -> list[tuple[str, Verdict]]:
    found = review(made, decisions(consortium.exchange, made))
    return [(each.reviewer, each.verdict) for each in proposals(consortium.exchange, found)]


def test_a_proposal_counts_for_nothing(shared: Consortium) -> None:
    made = draft(shared)
    for reviewer in REVIEWERS:
        propose(made, reviewer, "approve", "fine", shared.exchange)
        propose(made, reviewer, "approve", "fine", shared.exchange)
    assert proposed(shared, made) == [(reviewer, "approve") for reviewer in REVIEWERS]
    assert review(made, decisions(shared.exchange, made)).state is S.SUBMITTED
    approve(shared, made, "reviewer-1")
    propose(made, "reviewer-1", "reject", "on second thoughts", shared.exchange)
    assert proposed(shared, made) == [("reviewer-1", "reject"), ("reviewer-2", "approve"), ("reviewer-3", "approve")]


def test_only_well_formed_proposals_for_reviewers_are_shown(shared: Consortium) -> None:
    made, other = draft(shared), draft(shared)
    with pytest.raises(ReviewError, match="bank-a is not a reviewer"):
        propose(made, "bank-a", "approve", "", shared.exchange)
    with pytest.raises(DocumentError):
        propose(made, "reviewer-1", "withdraw", "", shared.exchange)
    stray = propose(other, "reviewer-1", "approve", "", shared.exchange).pack()
    for reviewer, content in (("reviewer-1", stray), ("reviewer-2", b"rubbish"), ("mallory", stray)):
        shared.exchange.put_named(("proposals", made.evidence.digest, reviewer, "0" * 64), content)
    assert proposed(shared, made) == []
