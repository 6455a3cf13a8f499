"""Whether a draft may leave: every combination of what reviewers can do, counted by everybody who must know."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.canonical import digest, jcs
from counterfoil.crypto.sign import sign
from counterfoil.errors import (
    DocumentError,
    NotApprovedError,
    NotFoundError,
    RefusedError,
    ReplayError,
    ReviewError,
    SignatureError,
    TamperedError,
)
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.evidence import Draft, Evidence, drafts, load_draft, sign_evidence
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.review.airlock import State, decide, review
from counterfoil.governance.review.decisions import Comment, Decision, Verdict, check_decision, decisions
from counterfoil.governance.review.leaving import for_all
from counterfoil.governance.review.proposals import Proposal
from tests.unit.conftest import NOW, PERIOD, Consortium
from tests.unit.governance.reviewing import NODES, REVIEWERS, approve, draft, evidence


def decision(made: Draft, reviewer: str, **changes: Any) -> Decision:
    found = made.evidence
    return replace(Decision(found.job, found.agreement, found.digest, reviewer, "approve", "", NOW), **changes)


def signed_by(consortium: Consortium, signer: str, made: Decision) -> bytes:
    return sign("decision", made.pack(), consortium.homes[signer].keys)


# --- k of n: what each reviewer may do x how many must approve ----------------------------------------------------

ACTS: Mapping[str, Callable[[Consortium, Draft, str], bytes | None]] = {
    "approve": lambda c, d, r: signed_by(c, r, decision(d, r)),
    "reject": lambda c, d, r: signed_by(c, r, decision(d, r, verdict="reject")),
    "request-changes": lambda c, d, r: signed_by(c, r, decision(d, r, verdict="request-changes")),
    "absent": lambda c, d, r: None,
    "stale": lambda c, d, r: signed_by(c, r, decision(d, r, evidence="0" * 64)),
    "forged": lambda c, d, r: signed_by(c, "coordinator", decision(d, r)),
}


@pytest.fixture(scope="module")
def acts(shared: Consortium, request: pytest.FixtureRequest) -> tuple[Draft, dict[tuple[str, str], bytes | None]]:
    made = draft(shared)
    return made, {(r, act): make(shared, made, r) for r in REVIEWERS for act, make in ACTS.items()}


@pytest.mark.parametrize("quorum", [1, 2, 3])
@pytest.mark.parametrize("combination", [*itertools.product(ACTS, repeat=3)], ids="-".join)
def test_only_enough_valid_approvals_that_nobody_stopped_approve(
    combination: tuple[str, str, str], quorum: int, acts: tuple[Draft, dict[tuple[str, str], bytes | None]]
) -> None:
    made, done = acts
    terms = replace(made.agreement.terms, quorum=quorum)
    counted = replace(made, agreement=replace(made.agreement, terms=terms))
    by_reviewer = {r: done[r, act] for r, act in zip(REVIEWERS, combination, strict=True)}
    envelopes = [(r, envelope) for r, envelope in by_reviewer.items() if envelope]
    yes = [r for r, act in zip(REVIEWERS, combination, strict=True) if act == "approve"]
    if len(yes) >= quorum and not {"reject", "request-changes"} & {*combination}:
        assert list(for_all(review(counted, envelopes)).approvals) == yes
    else:
        with pytest.raises(NotApprovedError) as error:
            for_all(review(counted, envelopes))
        message = str(error.value)
        assert message.startswith(f"{len(yes)} of {quorum} approvals")
        for r, act in zip(REVIEWERS, combination, strict=True):
            assert {
                "approve": True,
                "reject": f"{r} rejected" in message,
                "request-changes": f"{r} asked for changes" in message,
                "absent": r in message.split("; ")[1],
                "stale": f"the decision of {r} is on another draft" in message,
                "forged": f"not signed by {r}" in message,
            }[act]


# --- each wrong decision by its name ------------------------------------------------------------------------------

WRONG: Mapping[str, tuple[Callable[[Consortium, Draft], tuple[str, bytes]], type[Exception], str]] = {
    "an owner approves its own result": (
        lambda c, d: ("bank-a", signed_by(c, "bank-a", decision(d, "bank-a"))),
        ReviewError,
        "bank-a is not a reviewer",
    ),
    "a reviewer takes back what is not its own": (
        lambda c, d: ("reviewer-1", signed_by(c, "reviewer-1", decision(d, "reviewer-1", verdict="withdraw"))),
        ReviewError,
        "reviewer-1 is not an owner",
    ),
    "a node approves": (
        lambda c, d: ("node-0", signed_by(c, "node-0", decision(d, "node-0"))),
        ReviewError,
        "node-0 is not a reviewer",
    ),
    "somebody unknown approves": (
        lambda c, d: ("reviewer-9", signed_by(c, "reviewer-1", decision(d, "reviewer-9"))),
        ReviewError,
        "reviewer-9 is not a reviewer",
    ),
    "one reviewer in another's place": (
        lambda c, d: ("reviewer-2", signed_by(c, "reviewer-1", decision(d, "reviewer-1"))),
        SignatureError,
        "not signed by reviewer-2",
    ),
    "one reviewer in another's name": (
        lambda c, d: ("reviewer-1", signed_by(c, "reviewer-1", decision(d, "reviewer-2"))),
        ReviewError,
        "in the name of reviewer-2",
    ),
    "another job": (
        lambda c, d: ("reviewer-1", signed_by(c, "reviewer-1", decision(d, "reviewer-1", job="0" * 32))),
        ReviewError,
        "another draft",
    ),
    "another agreement": (
        lambda c, d: ("reviewer-1", signed_by(c, "reviewer-1", decision(d, "reviewer-1", agreement="0" * 64))),
        ReviewError,
        "another draft",
    ),
    "stale evidence": (
        lambda c, d: ("reviewer-1", signed_by(c, "reviewer-1", decision(d, "reviewer-1", evidence="0" * 64))),
        ReviewError,
        "another draft",
    ),
    "another kind of document": (
        lambda c, d: ("reviewer-1", sign("evidence", decision(d, "reviewer-1").pack(), c.homes["reviewer-1"].keys)),
        SignatureError,
        "does not hold",
    ),
    "no document": (lambda c, d: ("reviewer-1", b"approve"), SignatureError, "not a DSSE envelope"),
    "a signature over something else": (
        lambda c, d: ("reviewer-1", sign("decision", b"{}", c.homes["reviewer-1"].keys)),
        DocumentError,
        "'format' is missing",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_decision_is_refused_and_never_counts(name: str, shared: Consortium) -> None:
    make, error, words = WRONG[name]
    made = draft(shared)
    reviewer, envelope = make(shared, made)
    with pytest.raises(error, match=words):
        check_decision(made, reviewer, envelope)
    good = [(r, signed_by(shared, r, decision(made, r))) for r in ("reviewer-2", "reviewer-3")]
    with pytest.raises(NotApprovedError, match=f"not counted: .*{words}"):
        for_all(review(made, [*good[1:], (reviewer, envelope)]))
    # Neither does it stop what others let go.
    assert review(made, [*good, (reviewer, envelope)]).state is State.APPROVED


def test_an_owner_who_is_a_reviewer_counts_unless_it_proposed(shared: Consortium) -> None:
    made = draft(shared)
    for owner in ("bank-b", "bank-a"):
        terms = replace(made.agreement.terms, reviewers=(owner, "reviewer-2"))
        counted = replace(made, agreement=replace(made.agreement, terms=terms))
        envelopes = [(r, signed_by(shared, r, decision(counted, r))) for r in (owner, "reviewer-2")]
        if owner != terms.proposer:
            assert set(for_all(review(counted, envelopes)).approvals) == {owner, "reviewer-2"}
            continue
        with pytest.raises(NotApprovedError, match="bank-a proposed the analyses of agreement exposure"):
            for_all(review(counted, envelopes))


def test_a_changed_decision_does_not_count(shared: Consortium) -> None:
    made = draft(shared)
    envelope = json.loads(signed_by(shared, "reviewer-1", decision(made, "reviewer-1", verdict="reject")))
    other = json.loads(signed_by(shared, "reviewer-1", decision(made, "reviewer-1")))
    with pytest.raises(SignatureError, match="is wrong"):
        check_decision(made, "reviewer-1", jcs({**envelope, "payload": other["payload"]}))


def test_a_decision_stands_and_only_becomes_stricter(shared: Consortium) -> None:
    made = draft(shared)
    approve(shared, made, "reviewer-1")
    with pytest.raises(ReplayError, match=r"already \(approve\); a decision is kept"):
        approve(shared, made, "reviewer-1")
    approve(shared, made, "reviewer-1", verdict="request-changes")
    with pytest.raises(ReplayError, match=r"already \(request-changes\)"):
        approve(shared, made, "reviewer-1")
    approve(shared, made, "reviewer-1", verdict="reject")
    assert len(decisions(shared.exchange, made)) == 3  # what was said before stays on record
    with pytest.raises(NotApprovedError, match="reviewer-1 rejected"):
        for_all(review(made, decisions(shared.exchange, made)))


@pytest.mark.parametrize(("verdict", "words"), [("request-changes", "changes-requested"), ("reject", "rejected")])
def test_what_is_stopped_is_not_approved_any_more(verdict: Verdict, words: str, shared: Consortium) -> None:
    made = draft(shared)
    approve(shared, made, "reviewer-1")
    approve(shared, made, "reviewer-2", verdict=verdict)
    with pytest.raises(ReviewError, match=f"the draft is {words}: approve does not follow"):
        approve(shared, made, "reviewer-3")


def test_an_owner_takes_its_part_back(shared: Consortium) -> None:
    made = draft(shared)
    for reviewer in REVIEWERS[:2]:
        approve(shared, made, reviewer)
    approve(shared, made, "bank-c", verdict="withdraw")
    with pytest.raises(NotApprovedError, match="bank-c took its part back"):
        for_all(review(made, decisions(shared.exchange, made)))
    with pytest.raises(ReviewError, match="the draft is withdrawn"):
        approve(shared, made, "reviewer-3", verdict="reject")


@pytest.mark.parametrize("verdict", ["request-changes", "reject"])
def test_who_stops_a_draft_says_why(verdict: Verdict, shared: Consortium) -> None:
    made, home = draft(shared), shared.homes["reviewer-1"]
    with pytest.raises(ReviewError, match="say why"):
        decide(made, verdict, comment=" ", keys=home.keys, exchange=home.exchange, now=NOW)


@pytest.mark.parametrize("id", ["bank-a", "node-0", "coordinator", "regulator"])
def test_only_reviewers_decide(id: str, shared: Consortium) -> None:
    with pytest.raises(ReviewError, match=f"{id} is not a reviewer"):
        approve(shared, draft(shared), id)


def test_rubbish_in_the_exchange_blocks_nobody(shared: Consortium) -> None:
    made = draft(shared)
    for name in ("reviewer-1", "mallory"):
        shared.exchange.put_named(("decisions", made.evidence.digest, name, "approve"), b"rubbish")
    for reviewer in ("reviewer-2", "reviewer-3"):
        approve(shared, made, reviewer)
    assert list(for_all(review(made, decisions(shared.exchange, made))).approvals) == ["reviewer-2", "reviewer-3"]


@given(st.binary(max_size=80))
def test_any_bytes_are_a_decision_or_a_named_error(payload: bytes) -> None:
    for document in (Comment, Decision, Evidence, Proposal):
        with pytest.raises(DocumentError):
            document.unpack(payload)


# --- evidence ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", NODES)
def test_a_draft_needs_every_nodes_word(absent: str, shared: Consortium) -> None:
    made = evidence(shared)
    for node in NODES:
        if node != absent:
            sign_evidence(made, shared.homes[node].keys, shared.exchange)
    with pytest.raises(NotFoundError, match=f"{absent} has not signed"):
        load_draft(shared.exchange, shared.known("reviewer-1"), made.digest)


@pytest.mark.parametrize("odd", NODES)
def test_a_draft_needs_the_same_word_of_every_node(odd: str, shared: Consortium) -> None:
    made = evidence(shared)
    for node in NODES:
        said = replace(made, checks={**made.checks, "seen": 1}) if node == odd else made
        envelope = sign("evidence", said.pack(), shared.homes[node].keys)
        shared.exchange.put_named(("evidence", made.digest, node), envelope)
    with pytest.raises(TamperedError, match=f"{odd} signed other evidence"):
        load_draft(shared.exchange, shared.known("reviewer-1"), made.digest)


def test_one_node_cannot_speak_for_another(shared: Consortium) -> None:
    made = evidence(shared)
    for node in NODES:
        envelope = sign("evidence", made.pack(), shared.homes["node-0"].keys)
        shared.exchange.put_named(("evidence", made.digest, node), envelope)
    with pytest.raises(SignatureError, match="not signed by node-1"):
        load_draft(shared.exchange, shared.known("reviewer-1"), made.digest)


def _inputs(made: Evidence, agreement: SignedAgreement, inputs: Mapping[str, str]) -> Evidence:
    return replace(made, inputs=inputs, job=Job(agreement.digest, PERIOD, inputs).id)


FALSE: Mapping[str, Callable[[Evidence, SignedAgreement], Evidence]] = {
    "a job id that does not follow from its inputs": lambda e, a: replace(e, job="0" * 32),
    "another period": lambda e, a: replace(e, period="2026-w47"),
    "another agreement": lambda e, a: replace(e, agreement="0" * 64),
    "an owner less": lambda e, a: _inputs(e, a, {o: m for o, m in e.inputs.items() if o != "bank-d/loans"}),
    "an owner more": lambda e, a: _inputs(e, a, {**e.inputs, "bank-x/loans": "0" * 64}),
    "an output less": lambda e, a: replace(e, outputs=dict([*e.outputs.items()][1:])),
    "an output more": lambda e, a: replace(e, outputs={**e.outputs, "rows": e.outputs["total-exposure"]}),
    "another plan": lambda e, a: replace(
        e, outputs={**e.outputs, "total-exposure": replace(e.outputs["total-exposure"], plan="0" * 64)}
    ),
    "commitments to more components": lambda e, a: replace(
        e,
        outputs={
            **e.outputs,
            "total-exposure": replace(
                e.outputs["total-exposure"], commitments=(*e.outputs["total-exposure"].commitments, "0" * 64)
            ),
        },
    ),
    "another recipient": lambda e, a: replace(
        e, outputs={**e.outputs, "total-exposure": replace(e.outputs["total-exposure"], recipients=("bank-b",))}
    ),
    "another recipient's key": lambda e, a: replace(e, keys={**e.keys, "regulator": "0" * 64}),
    "a key more": lambda e, a: replace(e, keys={**e.keys, "bank-b": "0" * 64}),
}


@pytest.mark.parametrize("name", FALSE)
def test_evidence_that_does_not_follow_from_the_agreement_is_no_draft(name: str, shared: Consortium) -> None:
    """Even if every node signed it: reviewers and recipients look for themselves."""
    made = FALSE[name](evidence(shared), shared.known("node-0"))
    for node in NODES:
        sign_evidence(made, shared.homes[node].keys, shared.exchange)
    with pytest.raises(RefusedError):
        load_draft(shared.exchange, shared.known("reviewer-1"), made.digest)
    assert made.digest not in [found.evidence.digest for found in drafts(shared.exchange, shared.known("reviewer-1"))]


def test_every_word_of_the_evidence_decides_its_digest(shared: Consortium) -> None:
    made = evidence(shared)
    agreement = shared.known("node-0")
    others = [change(made, agreement).digest for change in FALSE.values()]
    others += [
        replace(made, **change).digest
        for change in ({"attempt": 2}, {"leakage": "3" * 64}, {"transcript": "3" * 64}, {"checks": {}})
    ]
    assert len({made.digest, *others}) == len(others) + 1
    assert made.digest == digest(made.pack())
    assert Evidence.unpack(made.pack()) == made


def test_drafts_lists_what_all_nodes_signed(shared: Consortium) -> None:
    made = draft(shared)
    half = evidence(shared)
    sign_evidence(half, shared.homes["node-0"].keys, shared.exchange)
    shared.exchange.put_named(("evidence", "0" * 64, "node-0"), b"rubbish", replace=True)
    found = [found.evidence.digest for found in drafts(shared.exchange, shared.known("reviewer-2"))]
    assert made.evidence.digest in found
    assert half.digest not in found


def test_decide_says_what_was_decided(shared: Consortium, tmp_path: Path) -> None:
    made = draft(shared)
    home = shared.homes["reviewer-1"]
    said = decide(made, "approve", comment="cells are large", keys=home.keys, exchange=home.exchange, now=NOW)
    assert said == decision(made, "reviewer-1", comment="cells are large")
    ((party, envelope),) = decisions(home.exchange, made)
    assert check_decision(made, party, envelope) == said
