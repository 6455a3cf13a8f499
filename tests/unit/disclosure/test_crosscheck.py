"""A second way to each result: sums of two analyses, compared on shares; a rehearsal on synthetic data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from counterfoil.analyses import registry as known
from counterfoil.analyses.base import Analysis, Checked, Result
from counterfoil.analyses.sums.correlation import Correlation
from counterfoil.analyses.sums.histogram import Histogram
from counterfoil.analyses.sums.mean_by_group import MeanByGroup
from counterfoil.analyses.sums.total import Total
from counterfoil.disclosure.crosscheck import Comparison, Stated, agreements, comparisons
from counterfoil.disclosure.declaration import Cells, Opened
from counterfoil.errors import IntegrityError, PlanError, RefusedError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.job import Stage, stage_of
from counterfoil.governance.jobs.submission import submit
from counterfoil.governance.releases.docket import look
from counterfoil.joint.computation import CROSS, JointComputation, analyses, array_specs, local_parts
from counterfoil.joint.openings import declared
from counterfoil.joint.rehearsal import rehearse
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_ring, as_signed
from counterfoil.mpc.session.in_process import run_local
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.suites.plain.protocol import Plain
from counterfoil.report.prechecks import Level, prechecks
from tests.lib.consortium import NODES, OWNERS, Consortium, compute, found, today, together

BOTH = ("sums", "synthetic")
MOMENTS = ("correlation-of-pre-aggregates", "correlation-of-shared-rows")


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """The banks' agreement, which asks for both checks."""

    def ask(contracts: Path) -> None:
        file = contracts / "agreements" / "exposure.agreement.yaml"
        file.write_text(file.read_text().replace("quorum: 2\n", "quorum: 2\n  crossChecks: [sums, synthetic]\n"))

    return found(tmp_path_factory.mktemp("crosscheck"), 1000, edit=ask)


# --- which sums, and whether two agree ----------------------------------------------------------------------------


def test_every_analysis_is_compared_with_the_next_that_states_the_same_sum() -> None:
    stated = {
        "a": ("loans", frozenset({"rows", "sum of x"})),
        "b": ("loans", frozenset({"rows"})),
        "c": ("loans", frozenset({"rows", "sum of x"})),
        "d": ("stores", frozenset({"rows"})),
    }
    assert comparisons(stated) == [
        Comparison("loans", "rows", "a", "b"),
        Comparison("loans", "rows", "b", "c"),
        Comparison("loans", "sum of x", "a", "c"),
    ]


def test_the_banks_analyses_have_sums_in_common(banks: Consortium) -> None:
    plans = analyses(banks.agreement)
    made = comparisons({name: (each.planned.contract, each.sums()) for name, each in plans.items()})
    assert {"rows", "sum of balance"} <= {each.sum for each in made}
    moments = [each.sum for each in made if {each.one, each.other} == {*MOMENTS}]
    assert len([name for name in moments if name.startswith("scaled product")]) == 15, moments
    assert [line.label for line in declared(banks.agreement)][-1] == CROSS


def test_an_agreement_with_nothing_to_compare_is_refused(banks: Consortium) -> None:
    terms = banks.agreement
    with pytest.raises(PlanError, match="no two analyses of one contract state the same sum"):
        analyses(replace(terms, analyses=terms.analyses[:1]))


@pytest.mark.parametrize("suite", ["plain", *SUITES])
def test_two_sums_agree_up_to_what_they_may_be_off_by(suite: str) -> None:
    far = (1 << 61) - 1
    cases = [
        (5, 5, 0, 0, True), (5, 6, 0, 0, False), (-7, -7, 0, 0, True), (far, far, 0, 0, True), (far, -far, 0, 0, False),
        (5, 8, 1, 2, True), (5, 9, 1, 2, False), (9, 5, 1, 2, False), (8, 5, 2, 1, True),
    ]  # fmt: skip

    def program(p: Protocol, x: Arith, y: Arith) -> np.ndarray:
        pairs = [(Stated(x[i], 0, cases[i][2]), Stated(y[i], 0, cases[i][3])) for i in range(len(cases))]
        # The same in other units: 3 at 2^-2 against 12, which may be off by 4, at 2^-4.
        scaled = [(Stated(p.constant(np.array(v)), 2, 0), Stated(p.constant(np.array(12)), 4, 4)) for v in (2, 3, 4, 5)]
        return as_signed(p.open(agreements(p, [*pairs, *scaled]), "agree"))

    inputs = [np.array([case[k] for case in cases], np.int64) for k in (0, 1)]
    if suite == "plain":
        told = program(Plain(), *(Arith((as_ring(value),)) for value in inputs))
    else:
        told, *_ = run_local(suite, program, inputs=inputs)
    assert (told == 1).tolist() == [*(case[4] for case in cases), True, True, True, False]


# --- in the clear, on the banks' own data -------------------------------------------------------------------------


def compared(
    terms: Agreement, parts: dict[Part, dict[str, np.ndarray]], rows: dict[Part, int]
) -> dict[Comparison, bool]:
    joint = JointComputation(Plain(), terms)
    joint.check(
        {part: {name: Arith((as_ring(array),)) for name, array in arrays.items()} for part, arrays in parts.items()},
        rows,
    )
    for plan in terms.analyses:
        joint.evaluate(plan.name)
    if "sums" in terms.cross_checks:
        with pytest.raises(PlanError, match="compared before"):
            joint.add_noise()
    return joint.compare()


def handed_in(banks: Consortium) -> tuple[dict[Part, dict[str, np.ndarray]], dict[Part, int]]:
    tables = {Part(owner, "loans"): banks.table(owner) for owner in OWNERS}
    parts = {part: local_parts(banks.agreement, "loans", table) for part, table in tables.items()}
    return parts, {part: table.rows for part, table in tables.items()}


@pytest.mark.slow
def test_honest_owners_analyses_agree(banks: Consortium) -> None:
    made = compared(banks.agreement, *handed_in(banks))
    assert len(made) > 3 and all(made.values()), made
    assert compared(replace(banks.agreement, cross_checks=()), *handed_in(banks)) == {}


def test_an_owner_that_tells_two_analyses_different_things_is_noticed(banks: Consortium) -> None:
    parts, rows = handed_in(banks)
    arrays = parts[Part("bank-b", "loans")]
    arrays["total-exposure--sum"] = arrays["total-exposure--sum"] + 1
    wrong = [each for each, same in compared(banks.agreement, parts, rows).items() if not same]
    assert {each.sum for each in wrong} == {"sum of balance"}
    assert all("total-exposure" in (each.one, each.other) for each in wrong)


def test_what_was_rejected_at_one_analysis_alone_is_not_compared(banks: Consortium) -> None:
    parts, rows = handed_in(banks)
    parts[Part("bank-b", "loans")]["total-exposure--sum"] = np.array(1 << 60, np.int64)
    made = compared(banks.agreement, parts, rows)
    assert made and all(made.values())
    assert not any("total-exposure" in (each.one, each.other) for each in made)


# --- the rehearsal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exposure", "market", "readmissions"])
def test_the_shipped_agreements_are_right_on_synthetic_data(name: str, tmp_path: Path) -> None:
    terms = replace(found(tmp_path, 1000, agreement=name).agreement, cross_checks=BOTH)
    first, again = rehearse(terms), rehearse(terms)
    assert first == again
    assert first.rows > 1000


class WrongSum(Total):
    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        cells = super().secure(p, owners)
        return replace(cells, values={"sum": p.add_public(cells.values["sum"], 1)})


class WrongGroups(MeanByGroup):
    def present(self, opened: Opened) -> Result:
        return super().present({**opened, "sum": opened["sum"] + (opened["safe"] == 1)})


class WrongBins(Histogram):
    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        return super().secure(p, owners[1:])  # an owner is forgotten


class WrongMoments(Correlation):
    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        cells = super().secure(p, owners)
        return replace(cells, values={**cells.values, "cross": cells.values["cross"] * 2})


@pytest.mark.parametrize("wrong", [WrongSum, WrongGroups, WrongBins, WrongMoments])
def test_a_wrong_analysis_is_found_before_it_runs(
    wrong: type[Analysis], banks: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(known.REGISTRY, (wrong.key, wrong.version), wrong)
    with pytest.raises(IntegrityError, match=f"{wrong.key} version {wrong.version}: wrong on synthetic data"):
        rehearse(replace(banks.agreement, cross_checks=("synthetic",)))


@pytest.mark.parametrize("wrong", [WrongSum, WrongBins, WrongMoments])
def test_a_wrong_analysis_differs_from_another_on_shares(
    wrong: type[Analysis], banks: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without synthetic data: on real ones, while they are shared."""
    parts, rows = handed_in(banks)
    monkeypatch.setitem(known.REGISTRY, (wrong.key, wrong.version), wrong)
    if wrong is WrongMoments:  # both correlations are of this class, and wrong alike: what ADR 9 says is not found
        assert all(compared(banks.agreement, parts, rows).values())
    else:
        assert not all(compared(banks.agreement, parts, rows).values())


# --- at the nodes -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_evidence_says_what_was_checked_twice(banks: Consortium) -> None:
    (reference, *_) = banks.analyse([banks.contribute(owner) for owner in OWNERS])
    reviewer = banks.homes["reviewer-1"]
    draft = load_draft(reviewer.exchange, banks.signed("reviewer-1"), reference.digest)
    assert draft.evidence.rehearsal == rehearse(banks.agreement).digest
    assert draft.evidence.checks["opened-sums-that-agree"] == 1
    assert draft.evidence.checks["sums-compared"] > 3
    assert draft.evidence.checks["rows-rehearsed"] == 4000
    told = {
        check.about: check
        for check in prechecks(look(draft, reviewer, today().date()), reviewer.exchange, today().date())
    }
    assert (told["cross-checks"].level, told["rehearsal"].level) == (Level.OK, Level.OK)
    with pytest.raises(RefusedError, match="does not have the rehearsal"):
        unasked = replace(draft.agreement, terms=replace(draft.agreement.terms, cross_checks=("sums",)))
        load_draft(reviewer.exchange, unasked, reference.digest)


@pytest.mark.slow
def test_a_job_whose_sums_differ_has_no_draft(banks: Consortium) -> None:
    """Bank B tells the total something else than the means; no range check could notice."""
    submissions = [banks.hand_in(owner, banks.table(owner)) for owner in OWNERS if owner != "bank-b"]
    home, table = banks.homes["bank-b"], banks.table("bank-b")
    banks.forget("bank-b")  # it handed in for other tests of the period
    arrays = local_parts(banks.agreement, "loans", table)
    arrays["total-exposure--sum"] = arrays["total-exposure--sum"] - 1
    lie = submit(
        arrays,
        array_specs(banks.agreement, "loans", table.rows),
        contract="loans",
        rows=table.rows,
        period=banks.period,
        agreement=banks.signed("bank-b"),
        keys=home.keys,
        exchange=home.exchange,
        now=today(),
    )
    before = home.exchange.list(("evidence",))
    jobs: list[str] = []

    def attempt(node: str) -> Callable[[], str]:
        def run() -> str:
            computation = banks.computation(node, [submissions[0], lie, *submissions[1:]])
            jobs.append(computation.job.id)
            with pytest.raises(IntegrityError, match="total-exposure on the sum of balance do not agree"):
                compute(computation)
            return str(stage_of(banks.homes[node].state, computation.job.id))

        return run

    assert together([attempt(node) for node in NODES]) == [Stage.HALTED] * 3
    assert home.exchange.list(("evidence",)) == before
