"""Known attacks by comparing releases, on a consortium of four banks and three nodes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import (
    AgreementError,
    BudgetError,
    DifferenceError,
    ReconstructionError,
    RefusedError,
    TransportError,
)
from counterfoil.governance.agreements.signing.withdrawal import withdraw
from counterfoil.governance.cumulative import budget_ledger as budget
from counterfoil.governance.cumulative.charge import check_lines, lines_of
from counterfoil.governance.cumulative.release_history import earlier_releases
from counterfoil.governance.cumulative.source_tables import all_states, forget_state, note_state, released_states
from counterfoil.governance.jobs.evidence import Evidence, drafts, load_draft
from counterfoil.governance.retention.purge import purge
from counterfoil.governance.review.airlock import decide, review
from counterfoil.home import Home
from counterfoil.joint.computation import analyses, losses
from counterfoil.joint.openings import declared
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.report.explain import explain
from counterfoil.report.leakage import statement
from counterfoil.report.pages.draft import INSTEAD, describe
from counterfoil.report.prechecks import Level, prechecks
from counterfoil.roles.recipient.opening import open_job
from counterfoil.roles.table_comparison import load_rows
from tests.lib.agreements import AGREEMENT_FILE, POLICY_FILE, another
from tests.lib.consortium import NODES, OWNERS, REVIEWERS, Consortium, compute, found, today, together
from tests.lib.private import only

pytestmark = pytest.mark.slow

ROWS = 100
TABLES = {f"{owner}/loans" for owner in OWNERS}


def keep(*names: str) -> Callable[[Path], None]:
    def edit(contracts: Path) -> None:
        file = contracts / AGREEMENT_FILE
        file.write_text(only(file.read_text(), names))

    return edit


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """One total was released, under the first agreement."""
    consortium = found(tmp_path_factory.mktemp("banks"), ROWS, edit=keep("total-exposure"))
    shutil.copytree(consortium.homes["node-1"].path, consortium.folder / "old")
    publish(consortium, hand_in(consortium))
    return consortium


def hand_in(banks: Consortium, without: int = 0, every: int = 0) -> list[Ref]:
    """Every bank's submission; each leaves its last rows out, bank-b `without` more."""
    submissions = []
    for owner in OWNERS:
        table = banks.table(owner)
        left_out = every + (without if owner == "bank-b" else 0)
        submissions.append(banks.hand_in(owner, table.take(np.arange(table.rows - left_out))))
    return submissions


def draft(banks: Consortium, submissions: list[Ref]) -> str:
    return banks.analyse(submissions)[0].digest


def publish(banks: Consortium, submissions: list[Ref]) -> None:
    evidence = draft(banks, submissions)
    banks.review(evidence, REVIEWERS[:2])
    banks.release(evidence)


def sequel(banks: Consortium, folder: Path, number: int) -> Consortium:
    """The same parties, contract and analysis under another agreement."""
    return another(banks, folder, {AGREEMENT_FILE: {"version: 1.0.0": f"version: 1.0.{number}"}})


def waiting(banks: Consortium, evidence: str) -> tuple[str, ...]:
    """What waits, by the evidence of a draft; of that every cell is hidden."""
    drafted = load_draft(banks.homes[NODES[0]].exchange, banks.signed(NODES[0]), evidence)
    for name in drafted.withheld:
        measures = drafted.evidence.outputs[name].measures
        assert measures["hidden-cells"] == measures["cells"]
    return drafted.evidence.waiting


@pytest.mark.parametrize("without", [0, 1, 9, 40])
def test_what_changed_by_none_few_or_at_one_owner_alone_waits(banks: Consortium, without: int, tmp_path: Path) -> None:
    """N against N - 1, across two agreements on one contract; and none looks like few."""
    again = sequel(banks, tmp_path, 10 + without)
    assert waiting(again, draft(again, hand_in(again, without))) == ("loans",)


def test_far_other_rows_are_fine(banks: Consortium, tmp_path: Path) -> None:
    other = sequel(banks, tmp_path / "other", 21)
    evidence = draft(other, hand_in(other, every=40))
    assert waiting(other, evidence) == ()
    exact = sum(int(other.table(owner).frame()["balance"][: ROWS - 40].sum()) for owner in OWNERS)
    assert drafted_sum(other, evidence) == exact


def test_a_node_that_forgot_a_release_makes_no_difference(banks: Consortium, tmp_path: Path) -> None:
    """Its disk is a copy from before the release: owners name what they released themselves."""
    again = sequel(banks, tmp_path, 30)
    assert len(earlier_releases(banks.homes["node-1"].state, TABLES, "")) == 1
    rolled_back = Home.open(shutil.copytree(banks.folder / "old", tmp_path / "old"))
    assert earlier_releases(rolled_back.state, TABLES, "") == []
    forgetful = replace(again, homes={**again.homes, "node-1": rolled_back})
    assert waiting(forgetful, draft(forgetful, hand_in(forgetful, without=1))) == ("loans",)


def test_an_owner_that_leaves_a_release_out_is_refused_by_name(banks: Consortium, tmp_path: Path) -> None:
    """Its home may be a copy from before; others' rows are in the difference, too."""
    again = sequel(banks, tmp_path, 35)
    submissions = hand_in(again, every=40)
    home = again.homes["bank-c"]
    for each in all_states(home.state):
        forget_state(each, home.state)
    submissions[2] = again.hand_in("bank-c", again.table("bank-c"))
    try:
        with pytest.raises(DifferenceError, match=r"bank-c does not say what changed in its table bank-c/loans since"):
            draft(again, submissions)
    finally:
        for each in released_states("loans", banks.homes["bank-a"].state):
            manifest = read_evidence_of(banks, each.job).inputs["bank-c/loans"]
            note_state(replace(each, manifest=manifest, columns={}), home.state)


def read_evidence_of(banks: Consortium, job: str) -> Evidence:
    every = drafts(banks.homes["bank-a"].exchange, banks.signed("bank-a"))
    return next(each.evidence for each in every if each.evidence.job == job)


def test_two_drafts_that_wait_are_compared_before_the_second_leaves(banks: Consortium, tmp_path: Path) -> None:
    """The second owner that hands in knows of the first draft, and counts what changed since, should it be released."""
    one, two = sequel(banks, tmp_path / "one", 40), sequel(banks, tmp_path / "two", 41)
    first, later = draft(one, hand_in(one, every=60)), hand_in(two, every=61)
    second = draft(two, later)
    assert (waiting(one, first), waiting(two, second)) == ((), ())
    for consortium, evidence in ((one, first), (two, second)):
        consortium.review(evidence, REVIEWERS[:2])
    one.release(first)
    with pytest.raises(DifferenceError, match="was released on the same table since this draft was made"):
        two.release(second)
    home = two.homes[REVIEWERS[2]]
    read = load_draft(home.exchange, two.signed(REVIEWERS[2]), second)
    decide(read, "request-changes", comment="compare", keys=home.keys, exchange=home.exchange, now=today())
    assert waiting(two, two.analyse(later, attempt=2)[0].digest) == ("loans",)


def test_what_is_remembered_outlives_a_withdrawal_and_does_not_lapse(banks: Consortium, tmp_path: Path) -> None:
    again = sequel(banks, tmp_path, 50)
    node = Home.open(shutil.copytree(banks.homes["node-2"].path, tmp_path / "node"))
    owner = Home.open(shutil.copytree(banks.homes["bank-b"].path, tmp_path / "owner"))
    (contract,) = again.agreement.contracts.values()
    before, states = earlier_releases(node.state, TABLES, ""), released_states("loans", owner.state)
    assert before and states
    withdraw(banks.agreement, banks.homes["bank-d"], today())
    later = today() + timedelta(days=contract.retention_days + 1)
    assert purge(node, later)
    purge(owner, later)
    assert earlier_releases(node.state, TABLES, "") == before
    assert all(load_rows(each, contract, owner) is not None for each in states)


def test_many_means_and_covariances_of_few_rows_are_refused(tmp_path: Path) -> None:
    """Every number is one equation about the rows: as many as rows would give them."""
    banks = found(
        tmp_path, 15, edit=keep("total-exposure", "balance-by-region-and-product", "correlation-of-pre-aggregates")
    )
    with pytest.raises(ReconstructionError, match=r"61 exact numbers about 60 rows .* asks for 2 rows to each"):
        draft(banks, hand_in(banks))


# --- noise in place of a refusal ----------------------------------------------------------------------------------

ALLOWED = {POLICY_FILE: {"  safe_difference: 10 ": "  noise_instead_of_refusal: true\n  safe_difference: 10 "}}
CLAUSE = "    noiseInstead: {mechanism: laplace, epsilon: 0.5}\n    recipients: [regulator, bank-a]\n"
BUDGETS = """budget:
  - {contract: loans, recipient: regulator, epsilon: 0.9, delta: 0.000001}
  - {contract: loans, recipient: bank-a, epsilon: 2, delta: 0.000001}

analyses:
"""


def forgiving(banks: Consortium, folder: Path, number: int, budget: str = BUDGETS) -> Consortium:
    """As `sequel`, but what would be refused for differing too little takes noise."""
    words = {
        "version: 1.0.0": f"version: 1.0.{number}",
        "analyses:\n": budget,
        "    recipients: [regulator, bank-a]\n": CLAUSE,
    }
    return another(banks, folder, {AGREEMENT_FILE: words, **ALLOWED})


def drafted_sum(banks: Consortium, evidence: str) -> int:
    """Test oracle: the drafted total, from the shares of two nodes."""
    draft = load_draft(banks.homes[NODES[0]].exchange, banks.signed(NODES[0]), evidence)
    parts = {}
    for node in NODES[:2]:
        parts |= banks.homes[node].vault.load(draft.evidence.job, "total-exposure", aad=evidence.encode())
    return int(as_signed(np.array(sum(int(parts[f"sum--{j}"].item()) for j in range(3)) % (1 << 64), np.uint64)))


def test_what_differs_too_little_takes_noise_if_all_have_agreed_on_it(banks: Consortium, tmp_path: Path) -> None:
    again = forgiving(banks, tmp_path, 60)
    submissions = hand_in(again, without=1)
    exact = int(pd.concat(again.pooled())["balance"].sum()) - int(again.table("bank-b").frame()["balance"].iloc[-1])
    first = draft(again, submissions)
    # A reviewer asks for changes, and a second attempt has the same noise.
    home = again.homes[REVIEWERS[0]]
    read = load_draft(home.exchange, again.signed(REVIEWERS[0]), first)
    assert read.instead == ("total-exposure",)
    decide(read, "request-changes", comment="once more", keys=home.keys, exchange=home.exchange, now=today())
    noisy = drafted_sum(again, first)
    assert noisy != exact
    second = again.analyse(submissions, attempt=2)[0].digest
    assert second != first
    assert drafted_sum(again, second) == noisy
    found = review(load_draft(home.exchange, again.signed(REVIEWERS[0]), second), ())
    assert INSTEAD in "\n".join(describe(found, (), (), (), REVIEWERS[0]))
    (check,) = [each for each in prechecks(found, home.exchange, today().date()) if each.about == "earlier releases"]
    assert check.level is Level.LOOK
    # Only a release costs something, and costs it once.
    assert not any(budget.ledger(again.homes[node].state) for node in NODES)
    again.review(second, REVIEWERS[:2])
    again.release(second)
    again.release(second)
    for node in NODES:
        charges = budget.ledger(again.homes[node].state)
        assert sorted(charge.node for charge in charges) == sorted(NODES)
        for charge in charges:
            assert [(line.recipient, str(line.loss)) for line in charge.lines] == [
                ("bank-a", "ε = 0.5"),
                ("regulator", "ε = 0.5"),
            ]
        # It is nothing that a later release could be subtracted from.
        assert charges[0].job not in {each.job for each in earlier_releases(again.homes[node].state, TABLES, "")}
    opened = open_job(again.homes["bank-a"], again.signed("bank-a"), second, clock.now())
    (result,) = opened.results
    (table,) = result.tables
    assert table.measures["balance"].label == "noised"
    assert int(table.frame["balance"].iloc[0]) == noisy
    assert abs(noisy - exact) < 20 * table.measures["balance"].interval
    assert any(each.startswith("Noised, since the table waits") for each in result.assumptions)
    assert "Noised, since the table waits" in opened.page.read_text()
    # The regulator's budget of 0.9 has no room for a second such release: no node computes it.
    third = forgiving(banks, tmp_path / "third", 61)
    with pytest.raises(BudgetError, match="regulator may learn of loans in all"):
        draft(third, hand_in(third, without=2))


def test_an_attempt_that_resumes_behind_the_look_back_still_adds_the_noise(banks: Consortium, tmp_path: Path) -> None:
    """What was found on looking back is in the checkpoint: else what follows it would leave an exact result."""
    again = forgiving(banks, tmp_path, 65, BUDGETS.replace("epsilon: 0.9", "epsilon: 5"))
    submissions = hand_in(again, without=3)

    def die(step: str) -> None:
        if step == "look back":
            raise TransportError("the attempt ends here")

    first = [again.computation(node, submissions) for node in NODES]
    with pytest.raises(TransportError):
        together([lambda each=each: compute(each, die) for each in first])
    second = [again.computation(node, submissions, 2) for node in NODES]
    evidence = together([lambda each=each: compute(each) for each in second])[0].digest
    assert [each.steps.kept for each in second] == [2, 2, 2]
    read = load_draft(again.homes["bank-a"].exchange, again.signed("bank-a"), evidence)
    assert read.instead == ("total-exposure",)
    rows = again.table("bank-b").rows - 3
    exact = sum(
        int(again.table(owner).frame()["balance"][: rows if owner == "bank-b" else None].sum()) for owner in OWNERS
    )
    assert abs(drafted_sum(again, evidence) - exact) > 0


def test_far_other_rows_stay_exact_though_noise_is_agreed_on(banks: Consortium, tmp_path: Path) -> None:
    again = forgiving(banks, tmp_path, 70)
    evidence = draft(again, hand_in(again, every=30))
    read = load_draft(again.homes["bank-a"].exchange, again.signed("bank-a"), evidence)
    assert (read.instead, read.withheld, read.evidence.charge) == ((), (), ())
    assert drafted_sum(again, evidence) == sum(
        int(again.table(owner).frame()["balance"][: ROWS - 30].sum()) for owner in OWNERS
    )


def test_a_charge_for_what_is_not_noised_and_noise_without_a_charge_are_refused(
    banks: Consortium, tmp_path: Path
) -> None:
    """A node that claims the one and releases the other signs evidence that fits no agreement."""
    again = forgiving(banks, tmp_path, 80)
    terms = again.agreement
    lines = lines_of(terms.noised_instead(["total-exposure"]), losses(terms.noised_instead(["total-exposure"])))
    check_lines(lines, terms)
    check_lines((), terms)
    half = tuple(line for line in lines if line.recipient == "bank-a")
    cheaper = tuple(replace(line, loss=replace(line.loss, epsilon=line.loss.epsilon / 2)) for line in lines)
    for wrong in (half, cheaper, (*lines, *lines)):
        with pytest.raises(RefusedError):
            check_lines(wrong, terms)
    with pytest.raises(RefusedError):
        check_lines(lines, banks.agreement)
    told = explain(terms)
    assert "where its table waits" in told
    for text in (told, statement(terms, tuple(analyses(terms).values()), declared(terms))):
        assert "these take noise instead, are charged for it, and show that they did: total-exposure, Laplace" in text


def test_an_agreement_that_no_policy_lets_take_noise_is_refused(banks: Consortium, tmp_path: Path) -> None:
    words = {
        "version: 1.0.0": "version: 1.0.90",
        "analyses:\n": BUDGETS,
        "    recipients: [regulator, bank-a]\n": CLAUSE,
    }
    with pytest.raises(AgreementError, match="strict-counts has such a table wait"):
        another(banks, tmp_path / "policy", {AGREEMENT_FILE: words})
    with pytest.raises(AgreementError, match="regulator has no budget for loans"):
        forgiving(banks, tmp_path / "budget", 91, "analyses:\n")
    with pytest.raises(AgreementError, match="its results have noise in any case"):
        both = CLAUSE.replace("    recipients", "    privacy: {mechanism: laplace, epsilon: 0.5}\n    recipients")
        another(
            banks,
            tmp_path / "both",
            {AGREEMENT_FILE: {**words, "    recipients: [regulator, bank-a]\n": both}, **ALLOWED},
        )
