"""Noised analyses from the owners' tables to the recipients' reports, and budgets that every node enforces."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.analyses.base import Result
from counterfoil.audit.publish import publish
from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.data.reading.table import Table
from counterfoil.errors import AttemptError, BudgetError, NotWitnessedError
from counterfoil.governance.cumulative import budget_ledger
from counterfoil.governance.cumulative.charge import CHARGES
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.job import Stage, stage_of
from counterfoil.joint.computation import analyses
from counterfoil.roles.node.handover import announce_release, hand_over
from counterfoil.roles.recipient.opening import open_job
from tests.lib.agreements import AGREEMENT_FILE, another
from tests.lib.chance import Chance
from tests.lib.consortium import NODES, OWNERS, Consortium, found, today, together
from tests.lib.private import only, private

pytestmark = pytest.mark.slow

PLANS = ("total-exposure", "balance-by-region-and-product", "balance-histogram")
REVIEWERS = ("reviewer-1", "reviewer-2")


def write_private(contracts: Path) -> None:
    file = contracts / AGREEMENT_FILE
    file.write_text(only(private(file.read_text()), PLANS))


@dataclass(frozen=True)
class Drafted:
    """The banks under two agreements on the same loans; under each there is an approved draft."""

    banks: Consortium
    evidence: str
    again: Consortium
    second: str
    tables: Mapping[str, Table]

    def hand_in(self, banks: Consortium) -> list[Ref]:
        return [banks.hand_in(owner, self.tables[owner]) for owner in OWNERS]


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Drafted:
    """Three analyses are noised, and one job fits into the budgets; two do not."""
    banks = found(tmp_path_factory.mktemp("privacy"), rows=1000, edit=write_private)
    words = {AGREEMENT_FILE: {"id: exposure": "id: exposure-again"}}
    again = another(banks, tmp_path_factory.mktemp("again"), words)
    tables = {owner: banks.table(owner) for owner in OWNERS}
    evidence = []
    for each in (banks, again):
        refs = each.analyse([each.hand_in(owner, tables[owner]) for owner in OWNERS])
        each.review(refs[0].digest, REVIEWERS)
        evidence.append(refs[0].digest)
    return Drafted(banks, evidence[0], again, evidence[1], tables)


def results(banks: Consortium, evidence: str, recipient: str) -> tuple[Result, ...]:
    return open_job(banks.homes[recipient], banks.signed(recipient), evidence, clock.now()).results


def spent(banks: Consortium, node: str) -> dict[str, float]:
    """What each recipient has spent, as this node counts."""
    charges = budget_ledger.ledger(banks.homes[node].state)
    return {each.recipient: each.spent for each in budget_ledger.balances(banks.agreement, charges, today().date())}


def test_reviewers_sign_what_it_costs(drafted: Drafted) -> None:
    banks, evidence = drafted.banks, drafted.evidence
    draft = load_draft(banks.homes["reviewer-1"].exchange, banks.signed("reviewer-1"), evidence)
    costs = {(line.recipient, line.plan): str(line.loss) for line in draft.evidence.charge}
    assert set(costs) == {(recipient, plan) for recipient in ("regulator", "bank-a") for plan in PLANS}
    assert costs["bank-a", "total-exposure"] == "ε = 0.5"
    assert costs["bank-a", "balance-by-region-and-product"].startswith("ρ = 0.01")


def test_every_node_charges_before_it_releases_and_recipients_get_noised_numbers(
    drafted: Drafted, chance: Chance
) -> None:
    banks, evidence = drafted.banks, drafted.evidence
    assert not any(budget_ledger.ledger(banks.homes[node].state) for node in NODES)
    banks.release(evidence)
    for node in NODES:
        home = banks.homes[node]
        types = [json.loads(entry)["type"] for entry in home.log.entries()]
        assert types.index("budget-charged") < types.index("release-approved") < types.index("released")
        assert {charge.evidence for charge in budget_ledger.ledger(home.state)} == {evidence}
        assert node in {charge.node for charge in budget_ledger.ledger(home.state)}
    read = {recipient: results(banks, evidence, recipient) for recipient in ("regulator", "bank-a")}
    for one, other in zip(*read.values(), strict=True):
        assert one.tables[0].frame.equals(other.tables[0].frame)  # the same noise for all, or they could compare
    far = 0.0
    for result in read["bank-a"]:
        table = result.tables[0]
        assert "noised" in {measure.label for measure in table.measures.values()}
        expected = analyses(banks.agreement)[result.name].plain(banks.pooled())
        for column in expected.select_dtypes("number"):
            shown = table.frame[column].notna()
            off = np.abs(table.frame[column][shown].astype(float) - expected[column][shown].astype(float))
            interval = table.measures[column].interval
            if interval is not None and not np.isnan(interval):
                assert off.max() > 0 and np.median(off) < 8 * interval
                # Half of the cells would have to be 8 times farther off than one in twenty is; no noise falls more
                # slowly than Laplace's. And all of them would have to have no noise at all.
                unit = max(1.0, interval / math.log(20))
                far += 2**off.size * 20 ** (-8 * math.ceil(off.size / 2)) + math.tanh(1 / (2 * unit)) ** off.size
    chance.affords(far)
    page = (banks.homes["bank-a"].path / "reports").glob("*/report.html")
    assert "<strong>Noised</strong> means" in next(page).read_text()


def test_a_release_that_is_repeated_costs_nothing_and_says_the_same(drafted: Drafted) -> None:
    banks, evidence = drafted.banks, drafted.evidence
    before = [spent(banks, node) for node in NODES]
    first = results(banks, evidence, "bank-a")
    banks.release(evidence)
    assert [spent(banks, node) for node in NODES] == before == before[:1] * 3
    for one, other in zip(first, results(banks, evidence, "bank-a"), strict=True):
        assert one.tables[0].frame.equals(other.tables[0].frame)


def test_an_auditor_finds_a_charge_that_is_missing(drafted: Drafted, tmp_path: Path) -> None:
    banks = drafted.banks
    for home in banks.homes.values():
        home.log.append("done")
        publish(home.log, home.exchange)
    copy = tmp_path / "exchange"
    shutil.copytree(banks.folder / "exchange", copy)
    whole = CliRunner().invoke(app, ["verify", str(copy)])
    assert whole.exit_code == 0, whole.output
    (charge,) = (copy / "charges" / "node-1").iterdir()
    charge.unlink()
    spoilt = CliRunner().invoke(app, ["verify", str(copy)])
    assert spoilt.exit_code == BudgetError.exit_code
    assert "node-1 has not charged job" in spoilt.output


def test_what_does_not_fit_any_more_when_it_would_leave_is_refused_by_each_node(drafted: Drafted) -> None:
    """Each of two drafts fitted when it was made; the first has spent what the second needs."""
    again = drafted.again
    for node in NODES:
        with pytest.raises(BudgetError, match="regulator may learn of loans in all ε = 3"):
            announce_release(again.homes[node], again.signed(node), drafted.second, clock.now())
        with pytest.raises(NotWitnessedError, match="has not announced"):
            hand_over(again.homes[node], again.signed(node), drafted.second, clock.now())
    assert not again.homes["bank-a"].exchange.list(("releases", drafted.second))


def test_what_does_not_fit_is_refused_by_each_node_before_it_computes(drafted: Drafted) -> None:
    again, submissions = drafted.again, drafted.hand_in(drafted.again)
    for node in NODES:  # each by itself, and before it waits for any other
        with pytest.raises(BudgetError, match="agree on a new budget"):
            again.computation(node, submissions).meet(clock.today())


def test_a_node_that_forgot_its_ledger_stops_all_unless_it_can_learn(drafted: Drafted, tmp_path: Path) -> None:
    banks = drafted.banks
    larger = {AGREEMENT_FILE: {"id: exposure": "id: exposure-more", "regulator, epsilon: 3": "regulator, epsilon: 9"}}
    more = another(
        banks,
        tmp_path,
        larger | {AGREEMENT_FILE: {**larger[AGREEMENT_FILE], "bank-a, epsilon: 3": "bank-a, epsilon: 9"}},
    )
    home, charges = banks.homes["node-1"], banks.folder / "exchange" / "charges"
    (job,) = {charge.job for charge in budget_ledger.ledger(home.state)}
    with home.state._transaction() as connection:
        connection.execute("DELETE FROM fact WHERE space = ?", (CHARGES,))
    shutil.move(charges, tmp_path / "hidden")
    submissions = drafted.hand_in(more)
    computations = [more.computation(node, submissions) for node in NODES]

    def attempt(at: int) -> str:
        try:
            computations[at].meet(clock.today())
        except (AttemptError, BudgetError) as error:
            computations[at].fail(error)
            return str(error)
        return "met"

    def others(at: int) -> str:
        while stage_of(home.state, computations[1].job.id) is not Stage.RUNNING:  # node-1 has looked, in vain
            time.sleep(0.01)
        return attempt(at)

    told = together([lambda: others(0), lambda: attempt(1), lambda: others(2)])
    assert any("another ledger" in each for each in told), told
    assert "met" not in told
    # The others have published what they know again, so the next attempt finds all alike.
    assert len(list(charges.rglob(job))) >= 2
    evidence = more.analyse(submissions, attempt=2)[0].digest
    assert {charge.job for charge in budget_ledger.ledger(home.state)} == {job}
    more.review(evidence, REVIEWERS)
    more.release(evidence)
    assert all(len({charge.job for charge in budget_ledger.ledger(banks.homes[node].state)}) == 2 for node in NODES)
