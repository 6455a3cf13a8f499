"""Five owners, three nodes and one recipient: whoever has data, whoever computes and whoever learns are others."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil import clock
from counterfoil.errors import NotEntitledError
from counterfoil.roles.recipient.opening import open_job
from tests.lib.agreements import AGREEMENT_FILE
from tests.lib.consortium import NODES, Consortium, assert_pooled, found

pytestmark = pytest.mark.slow

OWNERS = ("bank-a", "bank-b", "bank-c", "bank-d", "bank-e")
FIFTH = """
  - id: bank-e
    organisation: Bank E
    jurisdiction: IT
    roles: [owner]
"""


def apart(contracts: Path) -> None:
    """The banks' agreement has a fifth bank, and the regulator alone receives results."""
    agreement, roster = contracts / AGREEMENT_FILE, contracts / "rosters" / "four-banks.roster.yaml"
    text = agreement.read_text().replace("  bank-d: [loans]\n", "  bank-d: [loans]\n  bank-e: [loans]\n")
    agreement.write_text(text.replace("[regulator, bank-a]", "[regulator]"))
    roster.write_text(roster.read_text().replace("roles: [owner, recipient]", "roles: [owner]").rstrip() + FIFTH)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, str]:
    banks = found(tmp_path_factory.mktemp("apart"), 400, edit=apart)
    evidence = banks.analyse([banks.hand_in(owner, banks.table(owner)) for owner in OWNERS])[0].digest
    banks.review(evidence, ("reviewer-1", "reviewer-2"))
    banks.release(evidence)
    return banks, evidence


def test_no_party_has_two_parts(released: tuple[Consortium, str]) -> None:
    terms = released[0].agreement
    assert (terms.owners, terms.nodes, terms.recipients) == (OWNERS, NODES, ("regulator",))
    assert all(len(party.roles) == 1 for party in terms.roster.parties)


def test_the_recipient_has_the_pooled_answer(released: tuple[Consortium, str]) -> None:
    banks, evidence = released
    job = open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now())
    assert len(job.results) == len(banks.agreement.analyses)
    assert_pooled(banks, job.results)


@pytest.mark.parametrize("party", [*OWNERS, *NODES, "coordinator", "reviewer-1"])
def test_nobody_else_has_any(party: str, released: tuple[Consortium, str]) -> None:
    banks, evidence = released
    with pytest.raises(NotEntitledError):
        open_job(banks.homes[party], banks.signed(party), evidence, clock.now())
