"""Shares are erased when they are due and not before; then nothing opens them, and the node has signed for it."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.errors import NotFoundError, RefusedError, ReplayError, SignatureError, StoreError
from counterfoil.governance.agreements.signing.withdrawal import withdraw
from counterfoil.governance.jobs.job import Stage, plan_job, stage_of, start_attempt
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.jobs.retention_register import note_held
from counterfoil.governance.jobs.submission import accept, load_shares
from counterfoil.governance.retention.erasure import Erasure
from counterfoil.governance.retention.purge import purge
from counterfoil.home import Home
from tests.unit.conftest import NOW, PERIOD, TODAY, Consortium
from tests.unit.governance.submitting import OWNERS, hand_in, specs

RETENTION = timedelta(days=30)
DUE = NOW + RETENTION + timedelta(days=1)


class Holding:
    """A node that holds the shares of one job."""

    def __init__(self, consortium: Consortium, now: datetime = NOW) -> None:
        self.consortium = consortium
        self.home = consortium.homes["node-0"]
        self.agreement = consortium.known("node-0")
        self.refs = [hand_in(consortium, owner, now=now) for owner in OWNERS]
        self.manifests = [accept(ref, self.agreement, self.home, specs, now) for ref in self.refs]
        self.job = plan_job(self.agreement, PERIOD, self.manifests, TODAY)
        note_held(self.agreement, "job", self.job.id, self.home.state, now.date())

    @property
    def ids(self) -> list[str]:
        return sorted([self.job.id, *(manifest.digest for manifest in self.manifests)])

    def load(self, manifest: Manifest) -> object:
        return load_shares(manifest, "total--sum", self.home.vault)

    def purge(self, now: datetime) -> list[tuple[str, str]]:
        return sorted((erasure.id, erasure.reason) for erasure in purge(self.home, now))


@pytest.fixture
def holding(signed: Consortium) -> Holding:
    return Holding(signed)


def test_nothing_goes_before_its_time(holding: Holding) -> None:
    assert holding.purge(NOW) == holding.purge(NOW + RETENTION) == []
    assert all(holding.load(manifest) for manifest in holding.manifests)


def test_all_goes_when_its_time_is_over(holding: Holding) -> None:
    assert holding.purge(DUE) == [(id, "retention") for id in holding.ids]
    for manifest in holding.manifests:
        with pytest.raises(NotFoundError, match="was destroyed"):
            holding.load(manifest)
        with pytest.raises(NotFoundError):
            holding.home.exchange.get_named(("envelopes", manifest.digest, "node-0"))
        assert holding.home.exchange.get_named(("envelopes", manifest.digest, "node-1"))  # that is for node-1 to do
    assert stage_of(holding.home.state, holding.job.id) is Stage.ERASED
    with pytest.raises(RefusedError, match="is erased"):
        start_attempt(holding.home.state, holding.job.id, 1)
    assert holding.purge(DUE) == []


def test_the_node_has_signed_and_logged_it(holding: Holding) -> None:
    holding.purge(DUE)
    roster, digest = holding.consortium.roster, holding.agreement.digest
    exchange = holding.consortium.homes["bank-a"].exchange
    for id in holding.ids:
        erasure = Erasure.read(exchange, roster.party("node-0").keys, agreement=digest, id=id)
        assert (erasure.node, erasure.id, erasure.reason, erasure.erased) == ("node-0", id, "retention", DUE)
        with pytest.raises(NotFoundError, match="node-1 has not signed"):
            Erasure.read(exchange, roster.party("node-1").keys, agreement=digest, id=id)
    logged = [event for event in map(Event.parse, holding.home.log.entries()) if event.type == "shares-erased"]
    assert sorted(str(event.subject) for event in logged) == holding.ids
    assert {event.refs["agreement"] for event in logged} == {digest}


def test_a_receipt_is_for_one_erasure(holding: Holding) -> None:
    holding.purge(DUE)
    exchange, digest = holding.home.exchange, holding.agreement.digest
    one, two = holding.ids[:2]
    exchange.put_named(
        ("erasures", digest, "node-0", one), exchange.get_named(("erasures", digest, "node-0", two)), replace=True
    )
    with pytest.raises(SignatureError, match="something else"):
        Erasure.read(exchange, holding.home.keys.public, agreement=digest, id=one)


def test_files_that_come_back_open_for_nobody(holding: Holding, tmp_path: Path) -> None:
    """A backup of the items and of the exchange; backups leave out the vault's keys, as the manual says."""
    items, exchange = holding.home.path / "vault" / "items", Path(holding.home.exchange.url)
    shutil.copytree(items, tmp_path / "backup" / "items")
    shutil.copytree(exchange, tmp_path / "backup" / "exchange")
    holding.purge(DUE)
    assert not any(items.iterdir())
    shutil.copytree(tmp_path / "backup" / "items", items, dirs_exist_ok=True)
    shutil.copytree(tmp_path / "backup" / "exchange", exchange, dirs_exist_ok=True)
    holding.home = Home.open(holding.home.path)
    for ref, manifest in zip(holding.refs, holding.manifests, strict=True):
        assert holding.home.vault.names(manifest.digest)
        with pytest.raises(NotFoundError, match="was destroyed"):
            holding.load(manifest)
        with pytest.raises(ReplayError, match="taken in before"):
            accept(ref, holding.agreement, holding.home, specs, NOW)


def test_a_withdrawal_is_due_at_once(holding: Holding) -> None:
    withdraw(holding.consortium.agreement, holding.consortium.homes["bank-b"], NOW)
    assert holding.purge(NOW) == [(id, "withdrawn") for id in holding.ids]


def test_a_withdrawal_that_was_heard_counts_without_the_exchange(holding: Holding) -> None:
    withdraw(holding.consortium.agreement, holding.home, NOW)
    shutil.rmtree(Path(holding.home.exchange.url))
    Path(holding.home.exchange.url).mkdir()
    assert holding.purge(NOW) == [(id, "withdrawn") for id in holding.ids]


def test_an_agreement_that_ends_takes_its_shares_along(signed: Consortium) -> None:
    ends = signed.agreement.expires
    last = datetime.combine(ends, NOW.timetz())
    holding = Holding(signed, last - timedelta(days=3))
    assert holding.purge(last) == []
    assert holding.purge(last + timedelta(days=1)) == [(id, "expired") for id in holding.ids]


def test_a_new_attempt_does_not_prolong(holding: Holding) -> None:
    for id in holding.ids:
        note_held(holding.agreement, "job", id, holding.home.state, TODAY + timedelta(days=20))
    assert len(holding.purge(DUE)) == len(holding.ids)


@pytest.mark.parametrize("dies_at", range(5))
def test_a_crash_loses_no_receipt(dies_at: int, holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    put, calls = holding.home.exchange.put_named, iter(range(100))

    def failing(*args: Any, **kwargs: Any) -> None:
        if next(calls) == dies_at:
            raise StoreError("no space")
        put(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(holding.home.exchange, "put_named", failing)
        with pytest.raises(StoreError):
            holding.purge(DUE)
    assert len(holding.purge(DUE)) == len(holding.ids) - dies_at
    for id in holding.ids:
        Erasure.read(holding.home.exchange, holding.home.keys.public, agreement=holding.agreement.digest, id=id)


def test_an_exchange_forgets_what_it_is_told_to(signed: Consortium) -> None:
    ref: Ref = hand_in(signed, "bank-a")
    name = ("blobs", ref.kind, ref.owner, ref.digest)
    signed.exchange.remove(name)
    signed.exchange.remove(name)  # once more changes nothing
    with pytest.raises(NotFoundError):
        signed.exchange.get(ref)
