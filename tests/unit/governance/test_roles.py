"""Least privilege beyond commands: which steps and flows each role may take, and that it is refused all else by name.

Commands are in `tests/unit/roles/test_least_privilege.py`.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.errors import RefusedError
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.parties.succession import follow
from counterfoil.governance.releases.docket import look
from counterfoil.home import Home
from counterfoil.roles.node.attempt import Computation
from counterfoil.roles.node.handover import announce_release, hand_over
from counterfoil.roles.node.intake import take_in
from counterfoil.roles.owner import Contribution
from counterfoil_prefect.flows import party
from counterfoil_prefect.flows.gate import Gate
from counterfoil_prefect.flows.party import FLOWS, flows_of
from tests.unit.conftest import PERIOD, Consortium, make_consortium
from tests.unit.governance.reviewing import approve, draft

ROLES = {
    "owner": "bank-b",
    "node": "node-1",
    "coordinator": "coordinator",
    "reviewer": "reviewer-2",
    "recipient": "regulator",
    "auditor": "stranger",
}
"""A party of each role that has no other; the auditor is no party of the agreement."""

PARTIES = frozenset(ROLES) - {"auditor"}


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """As commands see it, which go by the clock; all have signed, and a stranger has a home, too."""
    folder = tmp_path_factory.mktemp("roles")
    made = make_consortium(folder, today=clock.today())
    made.sign()
    stranger = Home.create(folder / "stranger", "stranger", made.exchange.url)
    for home in (*made.homes.values(), stranger):
        follow(made.roster, home, clock.today())
    return dataclasses.replace(made, homes={**made.homes, "stranger": stranger})


@pytest.mark.parametrize("role", sorted(PARTIES - {"owner"}))
def test_only_owners_hand_in(role: str, banks: Consortium) -> None:
    party = ROLES[role]
    with pytest.raises(RefusedError, match=f"asks nothing of {party} under a contract loans"):
        Contribution(banks.homes[party], banks.known(party), "loans", PERIOD, clock.now())


@pytest.mark.parametrize("role", sorted(PARTIES - {"node"}))
def test_only_nodes_compute_and_release(role: str, banks: Consortium) -> None:
    party = ROLES[role]
    home, signed, made = banks.homes[party], banks.known(party), draft(banks)
    for reviewer in ("reviewer-1", "reviewer-3"):
        approve(banks, made, reviewer)
    evidence = made.evidence
    job = Job(evidence.agreement, evidence.period, evidence.inputs)
    for attempt in (
        lambda: take_in(home, signed, PERIOD, (), clock.now()),
        lambda: Computation(home, signed, job, [], 1).meet(clock.today()),
        lambda: announce_release(home, signed, evidence.digest, clock.now()),
        lambda: hand_over(home, signed, evidence.digest, clock.now()),
    ):
        with pytest.raises(RefusedError, match=f"{party} is not a node in agreement exposure"):
            attempt()
    assert not home.exchange.list(("releases", evidence.digest))


@pytest.mark.parametrize("role", [*FLOWS, "reviewer", "recipient", "auditor"])
def test_each_roles_worker_starts_its_own_flows_and_no_other(role: str) -> None:
    refused: list[str] = []
    gate = Gate(flows_of([role]), refused.append)
    every = sorted({name for names in FLOWS.values() for name in names})
    others = [name for name in every if name not in FLOWS.get(role, ())]
    for name in others:
        with pytest.raises(RefusedError, match="this party runs"):
            gate(name, name, {})
    assert refused == others
    assert {flow.name for flow in flows_of([role])} == set(FLOWS.get(role, ()))


def test_the_legal_department_can_veto_and_not_run(banks: Consortium) -> None:
    """One rejection of Bank C's legal department outweighs any number of approvals, and it starts nothing itself."""
    assert banks.roster.party("reviewer-2").organisation == "Bank C, legal department"
    made, legal = draft(banks), banks.homes["reviewer-2"]
    for reviewer in ("reviewer-1", "reviewer-3"):
        approve(banks, made, reviewer)
    assert run_on("reject", made.evidence.digest, legal, banks).exit_code == 0
    today = clock.today()
    for node in banks.agreement.nodes:
        assert look(made, banks.homes[node], today).state.name == "REJECTED"
    assert run_on("approve", made.evidence.digest, legal, banks).exit_code != 0  # decisions only become stricter
    alone = draft(banks)
    assert run_on("approve", alone.evidence.digest, legal, banks).exit_code == 0
    assert look(alone, banks.homes["node-0"], today).state.name == "PARTIALLY_REVIEWED"
    assert flows_of(["reviewer"]) == []


def run_on(verdict: str, evidence: str, home: Home, banks: Consortium) -> Result:
    words = ["review", verdict, str(banks.ref), evidence, "--comment", "because", "--home", str(home.path)]
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize(("role", "expected"), [("owner", ["great_expectations"]), ("node", []), ("coordinator", [])])
def test_a_worker_loads_once_what_its_stages_take_seconds_to_import(
    role: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(name: str) -> object:
        loaded.append(name)
        return import_module(name) if name.startswith("counterfoil_prefect") else None

    monkeypatch.setattr(party, "guard_logs", lambda: None)
    monkeypatch.setattr(party, "import_module", load)
    monkeypatch.setattr(party, "home", lambda: SimpleNamespace(roles=(role,)))
    party.gate()
    assert [name for name in loaded if not name.startswith("counterfoil_prefect")] == expected
