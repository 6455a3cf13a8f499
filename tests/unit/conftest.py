"""Four banks, three nodes, three reviewers, a coordinator and a regulator, each with a home of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.in_force import REVIEW, load
from counterfoil.governance.agreements.signing.signed import (
    SignedAgreement,
    publish,
    read_agreement,
    sign_agreement,
)
from counterfoil.governance.agreements.templates import copy_examples
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.parties.roster import Roster, fill_roster
from counterfoil.home import PARTY_FILE, Home
from counterfoil.storage.exchange import Exchange

CONTRACTS = Path(__file__).parents[2] / "contracts"
LOANS = CONTRACTS / "data" / "loans.odcs.yaml"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
PERIOD = "2026-w48"
IDS = (
    *("bank-a", "bank-b", "bank-c", "bank-d"),
    *("node-0", "node-1", "node-2"),
    *("coordinator", "reviewer-1", "reviewer-2", "reviewer-3", "regulator"),
)


@dataclass(frozen=True)
class Consortium:
    """Every party's home, and the agreement as proposed by bank-a."""

    homes: Mapping[str, Home]
    roster: Roster
    agreement: Agreement
    ref: Ref
    _known: dict[str, SignedAgreement] = field(default_factory=dict, repr=False)

    @property
    def exchange(self) -> Exchange:
        return self.homes["bank-a"].exchange

    def sign(self, *ids: str) -> None:
        for id in ids or self.agreement.parties:
            sign_agreement(self.agreement, self.homes[id].keys, self.exchange)

    def known(self, id: str) -> SignedAgreement:
        """What `load` said once; for tests of what comes after."""
        if id not in self._known:
            self._known[id] = self.load(id)
        return self._known[id]

    def load(self, id: str, today: date = TODAY) -> SignedAgreement:
        return load(self.homes[id], self.ref, for_=REVIEW, today=today)


def make_consortium(folder: Path, contracts: Path = CONTRACTS, today: date = TODAY) -> Consortium:
    if contracts == CONTRACTS and today != TODAY:
        contracts = folder / "dated"
        copy_examples(contracts, today)
    homes = {id: Home.create(folder / id, id, str(folder / "exchange")) for id in IDS}
    members = contracts / "rosters" / "four-banks.roster.yaml"
    roster = fill_roster(members.read_bytes(), members.name, [home.keys.public for home in homes.values()], today)
    agreement = read_agreement(contracts / "agreements" / "exposure.agreement.yaml", roster)
    return Consortium(homes, roster, agreement, publish(agreement, homes["bank-a"].exchange, "bank-a"))


@pytest.fixture(scope="session")
def loans() -> Contract:
    return parse_contract(LOANS.read_bytes(), LOANS.name)


@pytest.fixture(scope="session")
def _founded(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """What `consortium` copies."""
    return make_consortium(tmp_path_factory.mktemp("founded"))


@pytest.fixture
def consortium(_founded: Consortium, tmp_path: Path) -> Consortium:
    """Nobody has signed yet."""
    origin = _founded.homes["bank-a"].path.parent
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    for id in IDS:
        file = tmp_path / id / PARTY_FILE
        file.write_text(file.read_text().replace(str(origin), str(tmp_path)))
    return replace(_founded, homes={id: Home.open(tmp_path / id) for id in IDS}, _known={})


@pytest.fixture
def signed(consortium: Consortium) -> Consortium:
    """Everybody has signed."""
    consortium.sign()
    return consortium


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """Everybody has signed; for tests that change nothing which another test could see."""
    made = make_consortium(tmp_path_factory.mktemp("consortium"))
    made.sign()
    return made
