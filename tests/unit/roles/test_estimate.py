"""The cost that `agreement explain` states before a job, against what the nodes then measure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.cli import app
from counterfoil.joint.cost_estimate import CHECK, COMPARE, GUARD, HIDE, estimate
from counterfoil.mpc.runtime.party import Cost
from tests.lib.consortium import OWNERS, Consortium, compute, found, four_nodes, together

pytestmark = pytest.mark.slow
ROWS = 1000


def measure(banks: Consortium) -> tuple[list[Cost], float]:
    """What each node counted in a job, and the processor seconds of all of them: the less of two jobs."""
    tables, least = {owner: banks.table(owner) for owner in OWNERS}, float("inf")
    for _ in range(2):
        submissions = [banks.hand_in(owner, tables[owner]) for owner in OWNERS]
        attempts = [banks.computation(node, submissions) for node in banks.agreement.nodes]
        marks: list[float] = []
        mark = partial(_mark, marks)
        together([partial(compute, each, mark) for each in attempts])
        least = min(least, marks[-1] - marks[0])
    return [each.cost() for each in attempts], least


def _mark(marks: list[float], _: str) -> None:
    marks.append(time.process_time())


@pytest.mark.parametrize("edit", [None, four_nodes], ids=["rep3", "rep4"])
def test_the_demo_costs_what_was_said(edit: Callable[[Path], None] | None, tmp_path: Path) -> None:
    banks = found(tmp_path, ROWS, edit=edit)
    words = ("agreement", "explain", str(banks.ref), "--rows", str(ROWS), "--home", str(banks.homes["bank-b"].path))
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["cost"]
    costs, processor_s = measure(banks)
    assert told["bytes"] == sum(cost.data_bytes for cost in costs)  # without headers and digests, which are few:
    everything = sum(cost.data_bytes + cost.control_bytes + cost.header_bytes for cost in costs)
    assert told["bytes"] <= everything < 1.1 * told["bytes"]
    assert all(told["rounds"] <= cost.rounds <= 1.1 * told["rounds"] for cost in costs)
    assert told["processor_seconds"] / 2 < processor_s < 2 * told["processor_seconds"]
    assert told["seconds"] > told["rounds"] * told["round_trip_ms"] / 1000

    pace = told["assumed_pace"]
    assumed = pace["round_s"] * told["rounds"] + pace["byte_s"] * told["bytes"]
    assert told["processor_seconds"] == pytest.approx(assumed, abs=1e-3)

    said = CliRunner().invoke(app, words).stdout
    assert "the nodes are assumed to be as quick as two cores" in " ".join(said.split())
    assert f"If each owner brings 1,000 rows under loans, a job costs {told['bytes'] / 1e6:.2f} MB" in said
    for plan in banks.agreement.analyses:
        assert f"{plan.name}: {told['steps'][plan.name]['bytes'] / 1e6:.2f} MB" in said


@pytest.mark.parametrize("agreement", ["market", "readmissions"])
def test_every_step_of_an_agreement_has_its_cost(agreement: str, tmp_path: Path) -> None:
    terms = found(tmp_path, 300, agreement=agreement).agreement
    few, many = estimate(terms, 300), estimate(terms, 1_000_000_000)
    compared = [COMPARE] if "sums" in terms.cross_checks else []
    assert list(few.steps) == [CHECK, GUARD, *(plan.name for plan in terms.analyses), *compared, HIDE]
    assert many.rows == {name: contract.most_rows for name, contract in terms.contracts.items()}
    assert few.total.sent_bytes <= many.total.sent_bytes
    assert few.seconds(0.1) - few.seconds(0) == pytest.approx(0.1 * few.total.rounds)
