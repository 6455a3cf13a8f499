"""What is checked of a draft before people look at it: each question, and what makes it worth a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from counterfoil.cli import app
from counterfoil.crypto.sign import sign
from counterfoil.governance.agreements.agreement import Part
from counterfoil.governance.agreements.signing.withdrawal import withdraw
from counterfoil.governance.jobs.evidence import Draft, Evidence, load_draft, sign_evidence
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.releases.docket import docket, impediments, look
from counterfoil.governance.review.airlock import Review, review
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.verification.verify import manifest_of
from counterfoil.report.prechecks import Level, Precheck, prechecks
from tests.lib.consortium import NODES, OWNERS, Consortium, found, today

pytestmark = pytest.mark.slow
PLAN = "total-exposure"


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, Draft]:
    banks = found(tmp_path_factory.mktemp("prechecks"), 1000)
    (evidence, *_) = banks.analyse([banks.contribute(owner) for owner in OWNERS])
    return banks, load_draft(banks.homes["reviewer-1"].exchange, banks.signed("reviewer-1"), evidence.digest)


def asked(banks: Consortium, seen: Review, standing: Sequence[str] = ()) -> dict[str, Precheck]:
    """The checks by what they are about; of several about one thing the last."""
    made = prechecks(seen, banks.homes["reviewer-1"].exchange, today().date(), standing)
    return {check.about: check for check in made}


def test_a_good_draft_passes_every_check(drafted: tuple[Consortium, Draft]) -> None:
    banks, draft = drafted
    made = asked(banks, look(draft, banks.homes["reviewer-1"], today().date()))
    assert {check.level for check in made.values()} == {Level.OK}, made
    assert set(made) == {
        *("agreement", "quorum", "openings", "leakage statement", "hidden cells", "rejected inputs", "rows")
    }
    assert made["rows"].words == "4000 in all; there is no earlier period to compare with"


def changed(evidence: Evidence, **measures: int) -> Evidence:
    output = evidence.outputs[PLAN]
    named = {name.replace("_", "-"): count for name, count in measures.items()}
    return replace(evidence, outputs={**evidence.outputs, PLAN: replace(output, measures={**output.measures, **named})})


WRONG: Mapping[str, tuple[Callable[[Evidence], Evidence], Level, str]] = {
    "openings": (lambda e: replace(e, checks={**e.checks, "opened-rows": 1}), Level.STOP, "does not declare"),
    "leakage statement": (lambda e: replace(e, leakage="0" * 64), Level.STOP, "compare software versions"),
    "hidden cells": (lambda e: changed(e, hidden_cells=1), Level.LOOK, f"{PLAN}: every cell is hidden"),
    "rejected inputs": (lambda e: changed(e, rejected_bank_c=1), Level.LOOK, f"1 of bank-c in {PLAN}"),
    "rows": (
        lambda e: replace(e, inputs={**e.inputs, "bank-d/loans": "0" * 64}),
        Level.STOP,
        "no signed manifest is there for bank-d/loans",
    ),
}


@pytest.mark.parametrize("about", WRONG)
def test_what_is_amiss_in_the_evidence_is_said(about: str, drafted: tuple[Consortium, Draft]) -> None:
    banks, draft = drafted
    change, level, words = WRONG[about]
    banks_view = review(replace(draft, evidence=change(draft.evidence)), [])
    made = [
        check for check in prechecks(banks_view, banks.homes["bank-a"].exchange, today().date()) if check.about == about
    ]
    assert any(check.level is level and words in check.words for check in made), made


def test_many_hidden_cells_are_worth_a_look(drafted: tuple[Consortium, Draft]) -> None:
    banks, draft = drafted
    seen = review(replace(draft, evidence=changed(draft.evidence, cells=10, hidden_cells=6)), [])
    assert asked(banks, seen)["hidden cells"].words == (
        f"{PLAN}: 6 of 10 are hidden; merge bands or groups into fewer and larger ones"
    )


def test_a_quorum_out_of_reach_is_said(drafted: tuple[Consortium, Draft]) -> None:
    banks, draft = drafted
    terms = replace(draft.agreement.terms, reviewers=("reviewer-1",))
    seen = review(replace(draft, agreement=replace(draft.agreement, terms=terms)), [])
    assert asked(banks, seen)["quorum"].level is Level.STOP


def test_an_agreement_near_its_end_is_said(drafted: tuple[Consortium, Draft]) -> None:
    banks, draft = drafted
    terms = replace(draft.agreement.terms, expires=today().date() + timedelta(days=3))
    seen = review(replace(draft, agreement=replace(draft.agreement, terms=terms)), [])
    assert "what is not released by then never is" in asked(banks, seen)["agreement"].words


def draft_on(banks: Consortium, draft: Draft, period: str, owner: str, rows: int) -> Draft:
    """Another draft that all nodes signed, of this period, on another submission of the owner."""
    part = Part(owner, "loans")
    stated = replace(manifest_of(banks.homes[owner].exchange, draft.agreement, draft.evidence, part), rows=rows)
    banks.homes[owner].exchange.put("manifest", owner, sign("manifest", stated.pack(), banks.homes[owner].keys))
    inputs = {**draft.evidence.inputs, str(part): stated.digest}
    job = Job(draft.agreement.digest, period, inputs)
    evidence = replace(draft.evidence, period=period, inputs=inputs, job=job.id)
    for node in NODES:
        sign_evidence(evidence, banks.homes[node].keys, banks.homes[node].exchange)
    return load_draft(banks.homes[owner].exchange, draft.agreement, evidence.digest)


def test_rows_that_jump_and_other_drafts_of_the_period_are_said(drafted: tuple[Consortium, Draft]) -> None:
    banks, draft = drafted
    reviewer = banks.homes["reviewer-1"]
    draft_on(banks, draft, banks.agreement.schedule.period(today().date() - timedelta(days=7)), "bank-b", 400)
    made = asked(banks, look(draft, reviewer, today().date()))
    assert (made["rows"].level, "bank-b/loans has 1000, had 400" in made["rows"].words) == (Level.LOOK, True)
    assert "other drafts" not in made
    other = draft_on(banks, draft, banks.period, "bank-a", 999)
    made = asked(banks, look(draft, reviewer, today().date()))
    assert f"job {other.evidence.job} is of the same period" in made["other drafts"].words
    assert "another submission of bank-a/loans" in made["other drafts"].words


def test_what_is_amiss_with_the_agreement_comes_first(drafted: tuple[Consortium, Draft]) -> None:
    banks, draft = drafted
    reviewer = banks.homes["reviewer-2"]
    withdraw(banks.agreement, banks.homes["bank-d"], today())
    told = impediments(draft, reviewer, today().date())
    assert "bank-d withdrew from agreement exposure" in told[0]
    assert asked(banks, look(draft, reviewer, today().date()), standing=told)["agreement"].level is Level.STOP
    listed = docket(banks.signed("reviewer-2"), reviewer, today().date())
    assert draft.evidence in [each.draft.evidence for each in listed]
    assert {each.state for each in listed} == {"withdrawn"}
    shown = CliRunner().invoke(
        app, ["review", "show", str(banks.ref), draft.evidence.digest, "--home", str(reviewer.path)]
    )
    assert shown.exit_code == 0, shown.output
    for words in (
        "stop  agreement: bank-d withdrew",
        "state: withdrawn",
        "total-exposure: the number of rows and the sum of the column; 1 cell,",
        "sum (one number)",
        "Two nodes together see everything",
    ):
        assert words in shown.output, shown.output
    assert not decisions(reviewer.exchange, draft)
