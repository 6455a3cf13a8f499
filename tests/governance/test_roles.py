"""Least privilege: what each role may do with each command and each flow, and that it is refused all else by name."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from counterfoil.cli import app
from counterfoil.data.synth import make_tables, write_table
from counterfoil.errors import (
    CounterfoilError,
    NotEntitledError,
    NotFoundError,
    RefusedError,
    ReviewError,
    RosterError,
    SignatureError,
)
from counterfoil.governance.contract import parse_contract
from counterfoil.governance.docket import look
from counterfoil.governance.job import Job
from counterfoil.governance.succession import follow
from counterfoil.home import Home
from counterfoil.roles.intake import take_in
from counterfoil.roles.node import Computation
from counterfoil.roles.owner import Contribution
from counterfoil.roles.release import announce_release, hand_over
from flows.gate import Gate
from flows.party import FLOWS, flows_of

from .conftest import CONTRACTS, PERIOD, Consortium, make_consortium
from .reviewing import approve, draft

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
LOANS = CONTRACTS / "data" / "loans.odcs.yaml"


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """As commands see it, which go by the clock; all have signed, and a stranger has a home, too."""
    folder = tmp_path_factory.mktemp("roles")
    made = make_consortium(folder, today=datetime.now(UTC).date())
    made.sign()
    stranger = Home.create(folder / "stranger", "stranger", made.exchange.url)
    for home in (*made.homes.values(), stranger):
        follow(made.roster, home, datetime.now(UTC).date())
    table = make_tables({LOANS.name: parse_contract(LOANS.read_bytes(), LOANS.name)}, 1000, 3)[LOANS.name]
    write_table(table, folder / "loans.csv")
    return dataclasses.replace(made, homes={**made.homes, "stranger": stranger})


COMMANDS: dict[str, tuple[list[str], frozenset[str], type[CounterfoilError]]] = {
    "see what waits": (["review", "list", "REF"], PARTIES, SignatureError),
    "see a draft": (["review", "show", "REF", "EVIDENCE"], PARTIES, SignatureError),
    "remark": (["review", "comment", "REF", "EVIDENCE", "why?"], PARTIES, SignatureError),
    "approve": (["review", "approve", "REF", "EVIDENCE", "--comment", "fine"], frozenset({"reviewer"}), ReviewError),
    "ask for changes": (
        ["review", "request-changes", "REF", "EVIDENCE", "--comment", "no"], frozenset({"reviewer"}), ReviewError,
    ),
    "veto": (["review", "reject", "REF", "EVIDENCE", "--comment", "no"], frozenset({"reviewer"}), ReviewError),
    "take a part back": (
        ["review", "withdraw", "REF", "EVIDENCE", "--comment", "wrong file"], frozenset({"owner"}), ReviewError,
    ),
    "see releases": (["release", "list", "REF"], PARTIES, SignatureError),
    "revoke a release": (
        ["release", "revoke", "REF", "EVIDENCE", "--reason", "an error"], frozenset({"node"}), RefusedError,
    ),
    "see budgets": (["budget", "show", "REF"], PARTIES, SignatureError),
    "check an agreement": (["agreement", "verify", "REF"], PARTIES, SignatureError),
    "stand by an agreement": (["agreement", "reaffirm", "REF", "--yes"], PARTIES, SignatureError),
    "sign an agreement": (["agreement", "sign", "REF", "--yes"], PARTIES, RosterError),
    "offer data": (["catalogue", "offer", str(LOANS), "--table", "TABLE"], frozenset({"owner"}), RosterError),
}  # fmt: skip
"""What people do, by which command, which roles may, and how all others are refused; a stranger always somehow."""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", COMMANDS)
def test_each_role_does_what_is_its_own_and_no_more(what: str, role: str, banks: Consortium) -> None:
    words, may, refusal = COMMANDS[what]
    result = run(words, role, banks)
    if role in may:
        assert result.exit_code == 0, result.output
        return
    stranger = (refusal.exit_code, SignatureError.exit_code) if role == "auditor" else (refusal.exit_code,)
    assert result.exit_code in stranger, result.output
    assert ROLES[role] in result.stderr, result.stderr


def run(words: list[str], role: str, banks: Consortium) -> Result:
    home = banks.homes[ROLES[role]]
    given = {"REF": str(banks.ref), "TABLE": str(home.path.parent / "loans.csv")}
    if "EVIDENCE" in words:
        given["EVIDENCE"] = draft(banks).evidence.digest
    return CliRunner().invoke(app, [*(given.get(word, word) for word in words), "--home", str(home.path)])


@pytest.mark.parametrize("role", ROLES)
def test_only_recipients_open(role: str, banks: Consortium) -> None:
    result = run(["open", "REF"], role, banks)
    refusal = {"recipient": NotFoundError, "auditor": SignatureError}.get(role, NotEntitledError)  # nothing is released
    assert result.exit_code == refusal.exit_code, result.output


@pytest.mark.parametrize("role", sorted(PARTIES - {"owner"}))
def test_only_owners_hand_in(role: str, banks: Consortium) -> None:
    party = ROLES[role]
    with pytest.raises(RefusedError, match=f"asks nothing of {party} under a contract loans"):
        Contribution(banks.homes[party], banks.known(party), "loans", PERIOD)


@pytest.mark.parametrize("role", sorted(PARTIES - {"node"}))
def test_only_nodes_compute_and_release(role: str, banks: Consortium) -> None:
    party = ROLES[role]
    home, signed, made = banks.homes[party], banks.known(party), draft(banks)
    for reviewer in ("reviewer-1", "reviewer-3"):
        approve(banks, made, reviewer)
    evidence = made.evidence
    job = Job(evidence.agreement, evidence.period, evidence.inputs)
    for attempt in (
        lambda: take_in(home, signed, PERIOD, ()),
        lambda: Computation(home, signed, job, [], 1).meet(),
        lambda: announce_release(home, signed, evidence.digest),
        lambda: hand_over(home, signed, evidence.digest),
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
    today = datetime.now(UTC).date()
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
