"""Who takes part changes, as people type it: a partner joins, a node renews its keys, keys are revoked."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.errors import RevokedError, RosterError
from counterfoil.governance.agreements.signing.in_force import RUN, load
from counterfoil.governance.agreements.signing.signed import own_keys
from counterfoil.home import Home
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import NODES, OWNERS, PARTIES, Consortium, assert_pooled, compute, found, today, together

pytestmark = pytest.mark.slow

WALK_S = 15 * 60
ENOUGH = PARTIES[:7]  # more than half of the twelve


class People:
    """Everybody at a keyboard, with the contracts and the roster at hand."""

    def __init__(self, folder: Path) -> None:
        self.banks = found(folder / "banks", 1000)
        self.homes = {id: home.path for id, home in self.banks.homes.items()}
        self.folder = folder
        self.roster = folder / "roster.yaml"
        self.roster.write_bytes(self.banks.agreement.roster.raw)
        shutil.copytree(self.banks.folder / "contracts", folder / "contracts")
        self.file = folder / "contracts" / "agreements" / "exposure.agreement.yaml"
        for party in PARTIES:
            self.type("agreement", "sign", self.banks.ref, "--yes", home=party)

    def type(self, *words: object, home: str = "", fails: int = 0) -> str:
        options = ["--home", str(self.homes[home])] if home else []
        result = CliRunner().invoke(app, [*map(str, words), *options])
        assert result.exit_code == fails, result.output
        return result.stdout.strip() if not fails else result.output

    def sign_roster(self, new: Path, *parties: str) -> str:
        """What the last of these parties reads when it has signed that the new roster follows."""
        said = [self.type("roster", "sign", self.roster, new, "--yes", home=party) for party in parties]
        return said[-1]

    def agree(self, roster: Path, *words: tuple[str, str]) -> Ref:
        """The banks' agreement, with these words of it changed, under the roster, signed by all."""
        text = self.file.read_text()
        for old, new in words:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.file.write_text(text)
        ref = self.type("agreement", "draft", self.file, "--roster", roster, home="bank-a").splitlines()[0]
        for party in self.homes:
            self.type("agreement", "sign", ref, "--yes", home=party)
        return Ref.parse(ref)

    def keys(self, *parties: str) -> dict[Path, str]:
        """The key files of these parties."""
        paths = [path for party in parties for path in (self.homes[party] / "keys").rglob("*.pem")]
        return {path: sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def test_a_newcomer_has_signed_within_a_quarter_of_an_hour(people: People) -> None:
    """From nothing to a table that satisfies its contract and an agreement that binds; nobody else needs new keys."""
    before, started = people.keys(*PARTIES), time.monotonic()
    exchange, home = people.banks.homes["bank-a"].exchange_url, people.folder / "bank-e"
    people.homes["bank-e"] = home
    people.type("party", "init", "bank-e", "--exchange", exchange, "--role", "owner", home="bank-e")
    code = people.type("party", "invite", "bank-e", home="bank-a")
    who = ("--organisation", "Bank E", "--jurisdiction", "IT")
    fingerprint = people.type("party", "enrol", "--code", code, *who, home="bank-e").splitlines()[-1]

    new = people.folder / "roster-2.yaml"
    revised = people.type("roster", "revise", people.roster, "--admit", "bank-e", "--yes", "--out", new, home="bank-a")
    assert f"bank-e: {fingerprint}" in revised
    assert "bank-e (owner): Bank E, IT" in people.type("roster", "show", new)
    early = ("agreement", "draft", people.file, "--roster", new)
    assert "have this one signed as its next version" in people.type(*early, home="bank-b", fails=RosterError.exit_code)
    signed = people.sign_roster(new, *ENOUGH)
    assert f"bank-e joins as owner: Bank E; fingerprint {fingerprint}" in signed
    assert "needs 0 more of version 1, 0 of 2" in signed

    contract = people.folder / "contracts" / "data" / "loans.odcs.yaml"
    people.type("contract", "synth", contract, "--rows", 1000, "--out", people.folder)
    (table,) = people.folder.glob("loans.*")
    assert "1000 rows satisfy" in people.type("contract", "test", table, "--contract", contract)
    people.type("contract", "sign", contract, home="bank-e")

    ref = people.agree(
        new,
        ("  bank-d: [loans]\n", "  bank-d: [loans]\n  bank-e: [loans]\n"),
        ("\nversion: 1.0.0", "\nversion: 1.1.0"),
    )
    assert "exposure 1.1.0 binds until" in people.type("agreement", "verify", ref, home="bank-e")
    assert time.monotonic() - started < WALK_S
    assert people.keys(*PARTIES) == before
    people.type("agreement", "verify", people.banks.ref, home="bank-b")  # and what was agreed before goes on


def finish(banks: Consortium, evidence: str) -> None:
    banks.review(evidence, ["reviewer-1", "reviewer-2"])
    banks.release(evidence)
    opened = open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now())
    assert_pooled(banks, opened.results)


def reopened(banks: Consortium) -> Consortium:
    """The same parties in new processes, as a worker starts one for every run."""
    return replace(banks, homes={id: Home.open(home.path) for id, home in banks.homes.items()})


def test_keys_are_renewed_during_a_job_and_no_job_is_lost(people: People) -> None:
    """One job has its submissions when a node, an owner and the recipient renew their keys; it runs to its end."""
    banks, tables = people.banks, {owner: people.banks.table(owner) for owner in OWNERS}
    early = [banks.hand_in(owner, tables[owner]) for owner in OWNERS]
    taken = banks.computation("node-0", early)  # node-0 has its shares already, under the keys that it renews
    assert taken.job.id
    new, changed = people.folder / "roster-2.yaml", ("node-0", "node-1", "bank-b", "regulator")
    for party in changed:
        assert f"--renewed {party}" in people.type("party", "rotate", home=party)
    renewed = [word for party in changed for word in ("--renewed", party)]
    people.type("roster", "revise", people.roster, *renewed, "--out", new, home="bank-a")
    assert "node-1 has renewed its keys; its fingerprint stays" in people.sign_roster(new, *ENOUGH)
    assert "are honoured until" in people.type("roster", "show", new)

    banks = reopened(banks)
    for party in PARTIES:
        load(banks.homes[party], banks.ref, for_=RUN, today=today().date())
    (evidence, *_) = banks.analyse(early)
    finish(banks, evidence.digest)

    ref = people.agree(new, ("\nversion: 1.0.0", "\nversion: 1.1.0"))
    later = load(banks.homes["node-1"], ref, for_=RUN, today=today().date()).terms
    following = replace(reopened(banks), agreement=later, ref=ref)
    assert (
        own_keys(later, following.homes["node-1"]).public != own_keys(banks.agreement, following.homes["node-1"]).public
    )
    submissions = [following.hand_in(owner, tables[owner]) for owner in OWNERS]
    running = [following.computation(node, submissions) for node in NODES]
    together([partial(computation.meet, clock.today()) for computation in running])
    assert len({computation.transcript for computation in running}) == 1
    for computation in running:
        computation.fail(RevokedError("that they meet is enough"))
    for party in changed:
        assert "0 generations" in people.type("purge", home=party)


def test_a_revoked_key_starts_nothing_and_ends_what_runs(people: People) -> None:
    banks, new = people.banks, people.folder / "roster-2.yaml"
    submissions = [banks.hand_in(owner, banks.table(owner)) for owner in OWNERS]

    def revoke() -> None:
        wrote = people.type("party", "revoke", "node-1", "--roster", people.roster, "--out", new, home="bank-a")
        assert "needs 6 more of version 1, 5 of 2" in wrote
        signers = [party for party in PARTIES if party not in ("bank-a", "node-1")]
        assert "node-1 leaves; its keys are revoked" in people.sign_roster(new, *signers[:6])

    computed = Barrier(len(NODES), action=revoke)  # when all have computed, and none has signed evidence

    def attempt(node: str) -> None:
        with pytest.raises(RevokedError, match="the keys of node-1"):
            compute(banks.computation(node, submissions), lambda step: step == "suppress" and computed.wait(60))

    together([partial(attempt, node) for node in NODES])
    assert not banks.homes["node-0"].exchange.list(("evidence",))
    for party in ("node-0", "node-1", "bank-a", "regulator"):
        refused = people.type("agreement", "verify", banks.ref, home=party, fails=RevokedError.exit_code)
        assert "the keys of node-1 in agreement exposure 1.0.0 are not in roster four-banks 2" in refused
