"""The audit of privacy parameters: what changed from job to job, and how many jobs the budget still has room for."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.governance.cumulative.budget_audit import drift
from counterfoil.governance.cumulative.charge import Charge
from tests.unit.conftest import TODAY, Consortium
from tests.unit.governance.spending import EVIDENCE, charge_all, found_private, job, lines, losses


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found_private(tmp_path_factory.mktemp("drift"))


def found(banks: Consortium, *charges: Charge, today: date = TODAY) -> list[tuple[bool, str, str]]:
    return [(each.look, each.about, each.words) for each in drift(banks.agreement, losses(banks), charges, today)]


def made(banks: Consortium, number: int, day: date, **epsilons: str) -> Charge:
    """A charge as agreed, but for the plans whose epsilon is given."""
    changed = []
    for line in lines(banks):
        wanted = epsilons.get(line.plan.replace("-", "_"))
        loss = dataclasses.replace(line.loss, epsilon=Decimal(wanted)) if wanted else line.loss
        changed.append(dataclasses.replace(line, loss=loss))
    return Charge(job(number), banks.agreement.digest, EVIDENCE, "node-0", day, tuple(changed))


def test_the_audit_says_what_changed_and_how_many_jobs_are_left(banks: Consortium) -> None:
    assert [(look, about) for look, about, _ in found(banks)] == [
        (True, "regulator, loans"), (True, "bank-a, loans"),  # one job fits, and then no more
    ]  # fmt: skip
    assert found(banks)[0][2] == "0 % of ε = 3, δ = 0.000001, for good is spent; room for 1 more jobs"
    steady = found(banks, made(banks, 1, TODAY))
    assert [about for _, about, _ in steady] == ["regulator, loans", "bank-a, loans"]
    drifted = found(
        banks,
        made(banks, 1, TODAY, total_exposure="0.1"),
        made(banks, 2, TODAY + timedelta(days=31), total_exposure="0.25"),
        today=TODAY + timedelta(days=60),
    )
    changes = [words for look, about, words in drifted if look and about == "total-exposure"]
    assert len(changes) == 4  # two changes, for two recipients
    assert (
        changes[0] == f"job {job(2)} of {TODAY + timedelta(days=31)} costs bank-a ε = 0.25, before ε = 0.1: less noise"
    )
    assert changes[2].startswith("agreement 1.0.0 costs bank-a ε = 0.5, before ε = 0.25: less noise")


def test_the_audit_sees_noise_that_is_gone(banks: Consortium) -> None:
    plans = tuple(
        dataclasses.replace(plan, privacy=None) if plan.name == "total-exposure" else plan
        for plan in banks.agreement.analyses
    )
    exact = dataclasses.replace(banks.agreement, analyses=plans)
    kept = {name: loss for name, loss in losses(banks).items() if name != "total-exposure"}
    words = [(each.about, each.words) for each in drift(exact, kept, [made(banks, 1, TODAY)], TODAY) if each.look]
    assert ("total-exposure", "was noised, and is exact in agreement 1.0.0") in words


def test_anybody_of_the_agreement_can_ask_for_the_audit(banks: Consortium) -> None:
    banks.sign()
    charge_all(banks, 1, clock.today())
    done = CliRunner().invoke(app, ["budget", "audit", str(banks.ref), "--home", str(banks.homes["bank-c"].path)])
    assert done.exit_code == 0, done.output
    assert "look  bank-a, loans: 57 % of ε = 3" in done.stdout
