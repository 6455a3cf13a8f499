"""Whole jobs over real TLS links and a real exchange folder: every role in this process, Prefect left out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import (
    NotApprovedError,
    NotEntitledError,
    NotFoundError,
    RefusedError,
    ReplayError,
    SealError,
    TamperedError,
)
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.job import Stage, stage_of
from counterfoil.governance.releases.release import open_release
from counterfoil.governance.review.airlock import review
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.review.leaving import for_all
from counterfoil.roles.node.handover import hand_over
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import NODES, OWNERS, Consortium, assert_pooled, found, today

pytestmark = pytest.mark.slow
ROWS = 1500


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Consortium, list[Ref], str]]:
    """A consortium whose first job is a draft: its submissions, and the evidence."""
    consortium = found(tmp_path_factory.mktemp("consortium"), ROWS)
    submissions = [consortium.contribute(owner) for owner in OWNERS]
    refs = consortium.analyse(submissions)
    yield consortium, submissions, refs[0].digest


def test_all_nodes_say_the_same(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, _, evidence = drafted
    draft = load_draft(consortium.homes["reviewer-1"].exchange, consortium.signed("reviewer-1"), evidence)
    assert draft.evidence.attempt == 1
    assert draft.evidence.outputs["balance-by-region-and-product"].measures["hidden-cells"] > 0
    assert draft.evidence.checks == {
        "opened-rejected-inputs": 1,
        "opened-hidden-cells": 1,
        "opened-tables-that-wait": 1,
        "earlier-releases-compared": 0,
    }


def test_nothing_leaves_before_the_quorum(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, _, evidence = drafted
    consortium.review(evidence, ["reviewer-1"])
    for node in NODES:
        with pytest.raises(NotApprovedError, match="1 of 2 approvals"):
            hand_over(consortium.homes[node], consortium.signed(node), evidence, clock.now())
    assert not consortium.homes["regulator"].exchange.list(("releases",))


def test_recipients_get_the_pooled_answer(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, _, evidence = drafted
    consortium.review(evidence, ["reviewer-3"])
    consortium.release(evidence)
    for recipient, plans in (("regulator", 6), ("bank-a", 5)):
        opened = open_job(consortium.homes[recipient], consortium.signed(recipient), evidence, clock.now())
        assert len(opened.results) == plans
        assert_pooled(consortium, opened.results)
        assert opened.page.exists()
        assert json.loads(opened.page.with_name("report.json").read_text())["job"] == opened.job


def test_a_stranger_gets_nothing(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, _, evidence = drafted
    with pytest.raises(NotEntitledError):
        open_job(consortium.homes["bank-b"], consortium.signed("bank-b"), evidence, clock.now())
    # bank-a reads what is sealed to the regulator: it is not for its key.
    thief, victim = consortium.homes["bank-a"], "regulator"
    draft = load_draft(thief.exchange, consortium.signed("bank-a"), evidence)
    approved = for_all(review(draft, decisions(thief.exchange, draft)))
    for node in NODES:
        envelope = thief.exchange.get_named(("releases", evidence, victim, node))
        thief.exchange.put_named(("releases", evidence, "bank-a", node), envelope, replace=True)
    with pytest.raises((TamperedError, SealError)):
        open_release(approved, thief, today())


def test_a_released_job_is_not_run_again(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, submissions, _evidence = drafted
    computation = consortium.computation("node-0", submissions, attempt=2)
    assert stage_of(consortium.homes["node-0"].state, computation.job.id) is Stage.RELEASED
    with pytest.raises(RefusedError, match="start does not follow"):
        computation.meet(clock.today())


def test_a_submission_serves_one_job(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, submissions, _ = drafted
    again = consortium.hand_in("bank-b", consortium.table("bank-b"))
    with pytest.raises(ReplayError, match="belongs to"):
        consortium.computation("node-0", [submissions[0], again, *submissions[2:]])


def test_an_absent_owner_stops_the_job(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, submissions, _ = drafted
    with pytest.raises(RefusedError, match="lacks the submission of bank-d/loans"):
        consortium.computation("node-0", submissions[:3])


def test_evidence_that_nobody_signed_is_not_there(drafted: tuple[Consortium, list[Ref], str]) -> None:
    consortium, _, _ = drafted
    with pytest.raises(NotFoundError, match="node-0 has not signed"):
        hand_over(consortium.homes["node-1"], consortium.signed("node-1"), "0" * 64, clock.now())
