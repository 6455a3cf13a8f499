"""What becomes of a release: it is fetched and signed for, or expires, or is taken back; where it was delivered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from counterfoil.audit.event import Event
from counterfoil.canonical import Ref, jcs
from counterfoil.cli import app
from counterfoil.crypto.sign import sign
from counterfoil.errors import (
    AgreementError,
    CounterfoilError,
    ExpiredError,
    NotEntitledError,
    NotFoundError,
    RefusedError,
    ReleaseExpiredError,
    ReleaseRevokedError,
    SignatureError,
    StoreError,
    WithdrawnError,
)
from counterfoil.governance.agreements.signing.in_force import OPEN, load
from counterfoil.governance.agreements.signing.withdrawal import withdraw
from counterfoil.governance.releases.delivery import SEALED, open_store, settings
from counterfoil.governance.releases.receipt import RECEIPT, Receipt, sign_receipt
from counterfoil.governance.releases.release import open_release
from counterfoil.governance.releases.revocation import Revocation, revoke
from counterfoil.governance.releases.status import statuses
from counterfoil.governance.retention.erasure import Erasure
from counterfoil.governance.retention.purge import purge
from counterfoil.governance.review.leaving import Approved
from counterfoil.report.explain import explain
from counterfoil.storage.exchange import Exchange
from tests.unit.conftest import CONTRACTS, NOW, Consortium, make_consortium
from tests.unit.governance.reviewing import NODES, approved
from tests.unit.governance.test_release import SHARES, release, release_all

KEPT = timedelta(days=365)
WHY = "bank-c found an error in its table"


@pytest.fixture
def made(signed: Consortium) -> Approved:
    """A draft that every node released to the regulator and to bank-a."""
    made = approved(signed)
    for recipient in ("regulator", "bank-a"):
        release_all(signed, made, recipient)
    return made


def fetch(consortium: Consortium, made: Approved, recipient: str, now: Any = NOW) -> Receipt:
    given = open_release(made, consortium.homes[recipient], now)
    assert {node: item.shares for node, item in given.items()} == SHARES
    return sign_receipt(
        made, {node: item.release.sealed for node, item in given.items()}, consortium.homes[recipient], now
    )


def sealed(store: Exchange, node: str) -> list[str]:
    return [name[3] for name in store.list(("blobs", SEALED, node))]


# --- receipts ---------------------------------------------------------------------------------------------------


def test_whoever_opens_signs_for_every_copy_and_the_first_receipt_stands(signed: Consortium, made: Approved) -> None:
    first = fetch(signed, made, "regulator")
    assert set(first.copies) == set(NODES)
    assert fetch(signed, made, "regulator", NOW + timedelta(days=3)) == first
    keys = signed.roster.party("regulator").keys
    assert Receipt.read(signed.exchange, keys, evidence=made.draft.evidence.digest) == first
    assert first.opened == NOW


def test_nobody_signs_in_the_place_of_another(signed: Consortium, made: Approved) -> None:
    receipt, evidence = fetch(signed, made, "regulator"), made.draft.evidence.digest
    theirs = sign("opened", replace(receipt, recipient="bank-a").pack(), signed.homes["regulator"].keys)
    signed.exchange.put_named(("opened", evidence, "bank-a"), theirs)
    with pytest.raises(SignatureError, match="not signed by bank-a"):
        Receipt.read(signed.exchange, signed.roster.party("bank-a").keys, evidence=evidence)
    mine = sign("opened", replace(receipt, evidence="0" * 64).pack(), signed.homes["regulator"].keys)
    signed.exchange.put_named(("opened", evidence, "regulator"), mine, replace=True)
    with pytest.raises(SignatureError, match="for another release"):
        Receipt.read(signed.exchange, signed.roster.party("regulator").keys, evidence=evidence)


# --- expiry -----------------------------------------------------------------------------------------------------


def test_a_release_opens_to_its_last_day_and_is_then_gone(signed: Consortium, made: Approved) -> None:
    fetch(signed, made, "regulator", NOW + KEPT)
    for node in NODES:
        assert [item for item in purge(signed.homes[node], NOW + KEPT) if item.reason == "retention"] == []
    after = NOW + KEPT + timedelta(days=1)
    with pytest.raises(ReleaseExpiredError, match="could be opened until 2027-11-23") as caught:
        open_release(made, signed.homes["regulator"], after)
    assert caught.value.exit_code == 84
    for node in NODES:
        there = sealed(signed.exchange, node)
        assert sorted(item.id for item in purge(signed.homes[node], after)) == there
        assert len(there) == 2
        assert sealed(signed.exchange, node) == []
        for id in there:
            keys = signed.roster.party(node).keys
            assert Erasure.read(signed.exchange, keys, agreement=signed.agreement.digest, id=id).reason == "retention"
        assert purge(signed.homes[node], after) == []


def test_what_was_sealed_twice_goes_twice(signed: Consortium, made: Approved) -> None:
    release(
        made, "regulator", SHARES["node-0"], signed.homes["node-0"], signed, NOW + timedelta(days=1)
    )  # after a crash
    assert len(sealed(signed.exchange, "node-0")) == 3
    purge(signed.homes["node-0"], NOW + KEPT + timedelta(days=2))
    assert sealed(signed.exchange, "node-0") == []


def test_a_release_may_outlive_its_agreement(signed: Consortium) -> None:
    ends = datetime.combine(signed.agreement.expires, NOW.timetz())
    made = approved(signed)
    for node in NODES:
        release(made, "regulator", SHARES[node], signed.homes[node], signed, ends)
    later, home = ends + timedelta(days=300), signed.homes["regulator"]
    with pytest.raises(ExpiredError):
        signed.load("regulator", later.date())
    assert load(home, signed.ref, for_=OPEN).digest == signed.agreement.digest
    fetch(signed, made, "regulator", later)
    assert purge(signed.homes["node-0"], later) == []


def test_one_node_that_prolongs_changes_nothing(signed: Consortium, made: Approved) -> None:
    release(made, "regulator", SHARES["node-0"], signed.homes["node-0"], signed, NOW + timedelta(days=300))
    with pytest.raises(ReleaseExpiredError):
        open_release(made, signed.homes["regulator"], NOW + KEPT + timedelta(days=1))


# --- revocation -------------------------------------------------------------------------------------------------


def test_what_was_not_fetched_is_taken_back_and_what_was_is_said_to_be(signed: Consortium, made: Approved) -> None:
    receipt, evidence = fetch(signed, made, "bank-a"), made.draft.evidence.digest
    revoked, kept = revoke(made.draft, signed.agreement.recipients, WHY, signed.homes["node-1"], NOW)
    assert [(word.node, word.recipient, word.reason) for word in revoked] == [("node-1", "regulator", WHY)]
    assert kept == [receipt]
    assert (
        Revocation.read(signed.exchange, signed.roster.party("node-1").keys, evidence=evidence, recipient="regulator")
        == revoked[0]
    )
    assert len(sealed(signed.exchange, "node-1")) == 1
    with pytest.raises(ReleaseRevokedError, match=f"node-1 revoked its release .* {WHY}") as caught:
        open_release(made, signed.homes["regulator"], NOW)
    assert caught.value.exit_code == 85
    fetch(signed, made, "bank-a")  # again: what was fetched stays fetched
    with pytest.raises(ReleaseRevokedError, match="not released again"):
        release(made, "regulator", SHARES["node-1"], signed.homes["node-1"], signed)
    logged = list(map(Event.parse, signed.homes["node-1"].log.entries()))
    assert [event.refs["to-regulator"] for event in logged if event.type == "release-revoked"] == [revoked[0].digest]
    assert revoke(made.draft, ["regulator"], WHY, signed.homes["node-1"], NOW)[0] == revoked  # again, after a crash


@pytest.mark.parametrize("said", [b"none", jcs({"format": "counterfoil/opened/1", "recipient": "regulator"})])
def test_a_receipt_that_nobody_can_read_keeps_nothing_from_being_taken_back(
    said: bytes, signed: Consortium, made: Approved
) -> None:
    node, terms = signed.homes["node-1"], signed.agreement
    name = RECEIPT.name_of(evidence=made.draft.evidence.digest, recipient="regulator")
    signed.exchange.put_named(name, RECEIPT.sign(said, signed.homes["regulator"].keys))
    revoked, kept = revoke(made.draft, ["regulator"], WHY, node, NOW)
    assert [word.recipient for word in revoked] == ["regulator"] and kept == []
    withdraw(terms, signed.homes["bank-b"], NOW)
    assert [each.reason for each in purge(signed.homes["node-2"], NOW)] == ["withdrawn"] * 2
    assert sealed(signed.exchange, "node-2") == []


def test_what_is_taken_back_while_it_is_delivered_does_not_stay(
    signed: Consortium, made: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = signed.homes["node-1"]

    def overtaken(*place: Any) -> Any:
        revoke(made.draft, ["regulator"], WHY, node, NOW)
        return open_store(*place)

    monkeypatch.setattr("counterfoil.governance.releases.release.open_store", overtaken)
    document = release(made, "regulator", SHARES["node-1"], node, signed)
    assert document.sealed not in sealed(signed.exchange, "node-1")
    with pytest.raises(ReleaseRevokedError):
        open_release(made, signed.homes["regulator"], NOW)


def test_a_copy_of_the_store_does_not_bring_it_back(signed: Consortium, made: Approved, tmp_path: Path) -> None:
    folder = Path(signed.exchange.url)
    shutil.copytree(folder / "blobs", tmp_path / "backup")
    revoke(made.draft, ["regulator"], WHY, signed.homes["node-2"], NOW)
    shutil.copytree(tmp_path / "backup", folder / "blobs", dirs_exist_ok=True)
    with pytest.raises(ReleaseRevokedError):
        open_release(made, signed.homes["regulator"], NOW)


def test_only_a_node_revokes_and_only_for_recipients(signed: Consortium, made: Approved) -> None:
    for party in ("coordinator", "bank-b", "reviewer-1"):
        with pytest.raises(RefusedError, match="its nodes are"):
            revoke(made.draft, ["regulator"], WHY, signed.homes[party], NOW)
    with pytest.raises(NotEntitledError, match="bank-b is not a recipient"):
        revoke(made.draft, ["bank-b"], WHY, signed.homes["node-0"], NOW)


def test_a_revocation_that_no_node_signed_stops_nobody_unnoticed(signed: Consortium, made: Approved) -> None:
    (word,), _ = revoke(made.draft, ["regulator"], WHY, signed.homes["node-0"], NOW)
    name = ("revocations", made.draft.evidence.digest, "bank-a", "node-0")
    for forged in (
        sign("revocation", replace(word, recipient="bank-a").pack(), signed.homes["coordinator"].keys),
        sign("revocation", word.pack(), signed.homes["node-0"].keys),  # of another release
    ):
        signed.exchange.put_named(name, forged, replace=True)
        with pytest.raises(SignatureError):
            open_release(made, signed.homes["bank-a"], NOW)


def test_a_withdrawal_takes_back_what_was_not_fetched(signed: Consortium, made: Approved) -> None:
    fetch(signed, made, "regulator")
    withdraw(signed.agreement, signed.homes["bank-c"], NOW)
    with pytest.raises(WithdrawnError, match="bank-c withdrew"):
        open_release(made, signed.homes["bank-a"], NOW)
    for node in NODES:
        (gone,) = purge(signed.homes[node], NOW)
        assert gone.reason == "withdrawn"
        assert gone.id not in sealed(signed.exchange, node)
        assert len(sealed(signed.exchange, node)) == 1
    fetch(signed, made, "regulator")
    with pytest.raises(WithdrawnError):
        open_release(made, signed.homes["bank-a"], NOW)


@pytest.mark.parametrize("dies_at", range(3))
def test_a_crash_while_revoking_leaves_nothing_behind(
    dies_at: int, signed: Consortium, made: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, calls = signed.homes["node-0"], iter(range(100))

    def dying(do: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(calls) == dies_at:
                raise StoreError("crash")
            return do(*args, **kwargs)

        return call

    for name in ("put_named", "discard"):
        monkeypatch.setattr(home.exchange, name, dying(getattr(home.exchange, name)))
    if dies_at < 2:
        with pytest.raises(StoreError):
            revoke(made.draft, ["regulator"], WHY, home, NOW)
        with pytest.raises(ReleaseRevokedError):
            release(made, "regulator", SHARES["node-0"], home, signed)
    revoke(made.draft, ["regulator"], WHY, home, NOW)
    assert len(sealed(signed.exchange, "node-0")) == 1


# --- as people type it ------------------------------------------------------------------------------------------


def run(consortium: Consortium, party: str, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--home", str(consortium.homes[party].path)])
    return result.exit_code, result.output


def test_the_commands_say_what_became_of_it(signed: Consortium, made: Approved) -> None:
    fetch(signed, made, "bank-a")
    agreement, evidence = str(signed.ref), made.draft.evidence.digest
    code, told = run(signed, "bank-b", "release", "list", agreement)
    assert code == 0, told
    assert f"{evidence} 2026-w48 to bank-a: released by node-0, node-1, node-2; opened on 2026-11-23" in told
    assert "to regulator: released by node-0, node-1, node-2; not opened yet; opens until 2027-11-23" in told
    code, told = run(signed, "node-2", "release", "revoke", agreement, evidence, "--reason", WHY)
    assert code == 0, told
    assert f"node-2 revoked its release of job {made.draft.evidence.job} to regulator" in told
    assert "bank-a has fetched it already, at 2026-11-23T06:00:00Z" in told
    assert (
        "regulator: released by node-0, node-1, node-2; revoked by node-2"
        in run(signed, "bank-b", "release", "list", agreement)[1]
    )
    assert run(signed, "bank-b", "release", "revoke", agreement, evidence, "--reason", WHY)[0] == 33


def test_what_no_node_released_is_not_listed(signed: Consortium) -> None:
    draft = approved(signed)
    name = ("releases", draft.draft.evidence.digest, "regulator", "stranger")
    signed.exchange.put_named(name, b"{}")
    assert list(statuses(signed.exchange, signed.known("bank-b"))) == []


# --- a store of one's own ---------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Consortium, Path]]:
    """A consortium whose agreement delivers what is for bank-a to a store of its own."""
    contracts, store = tmp_path / "contracts", tmp_path / "of-bank-a"
    shutil.copytree(CONTRACTS, contracts)
    file = contracts / "agreements" / "exposure.agreement.yaml"
    file.write_text(file.read_text().replace("\nanalyses:", f"\ndelivery:\n  bank-a: file://{store}\n\nanalyses:"))
    consortium = make_consortium(tmp_path, contracts)
    consortium.sign()
    yield consortium, store


def test_what_is_sealed_goes_to_the_store_that_the_agreement_names(own: tuple[Consortium, Path]) -> None:
    consortium, folder = own
    made = approved(consortium)
    for recipient in ("regulator", "bank-a"):
        release_all(consortium, made, recipient)
    store = Exchange.open(str(folder))
    for node in NODES:
        assert len(sealed(consortium.exchange, node)) == len(sealed(store, node)) == 1
    fetch(consortium, made, "bank-a")
    assert all(name[0] == "blobs" for name in store.list())
    assert f"is delivered, sealed to it, to its own store at file://{folder}" in explain(consortium.agreement)
    shutil.rmtree(folder)
    with pytest.raises(NotFoundError):
        open_release(made, consortium.homes["bank-a"], NOW)
    fetch(consortium, made, "regulator")


def test_what_lies_elsewhere_is_removed_there(own: tuple[Consortium, Path]) -> None:
    consortium, folder = own
    made, store = approved(consortium), Exchange.open(str(folder))
    release_all(consortium, made, "bank-a")
    revoke(made.draft, ["bank-a"], WHY, consortium.homes["node-0"], NOW)
    assert sealed(store, "node-0") == []
    purge(consortium.homes["node-1"], NOW + KEPT + timedelta(days=1))
    assert sealed(store, "node-1") == []
    assert len(sealed(store, "node-2")) == 1
    ref = Ref(SEALED, "node-2", sealed(store, "node-2")[0])
    with pytest.raises(NotFoundError):
        consortium.exchange.get(ref)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  bank-b: s3://bucket/x", "'bank-b' is not among the agreement's recipients"),
        ("  bank-a: s3://key:secret@bucket/x", "a store's URL without credentials"),
        ("  bank-a: az://container/x?sig=secret", "a store's URL without credentials"),
        ("  bank-a: http://host/x", "a store's URL without credentials"),
    ],
)
def test_an_agreement_names_stores_and_no_credentials(tmp_path: Path, line: str, words: str) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(CONTRACTS, contracts)
    file = contracts / "agreements" / "exposure.agreement.yaml"
    file.write_text(file.read_text().replace("\nanalyses:", f"\ndelivery:\n{line}\n\nanalyses:"))
    with pytest.raises(AgreementError, match=words):
        make_consortium(tmp_path, contracts)


def test_a_store_is_opened_with_its_recipients_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_STORE_BANK_A_AWS_ACCESS_KEY_ID", "of-a")
    monkeypatch.setenv("COUNTERFOIL_STORE_BANK_AB_AWS_ACCESS_KEY_ID", "of-ab")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-all")
    assert settings("bank-a") == {"AWS_ACCESS_KEY_ID": "of-a"}
    assert settings("regulator") == {} == settings("bank")


@pytest.mark.parametrize("other", ["bank-aws", "bank-aws-x", "bank-google-cloud", "bank-azure"])
def test_a_recipient_called_like_a_provider_keeps_its_settings_from_others(
    other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"COUNTERFOIL_STORE_{other.upper().replace('-', '_')}_AWS_ACCESS_KEY_ID", "of the other")
    monkeypatch.setenv(f"COUNTERFOIL_STORE_{other.upper().replace('-', '_')}_GOOGLE_BUCKET", "of the other, too")
    monkeypatch.setenv("COUNTERFOIL_STORE_BANK_AZURE_STORAGE_ACCOUNT_NAME", "of-bank")
    assert settings("bank") == {"AZURE_STORAGE_ACCOUNT_NAME": "of-bank"}
    own = settings(other)
    assert (own["AWS_ACCESS_KEY_ID"], own["GOOGLE_BUCKET"]) == ("of the other", "of the other, too")


def test_every_way_out_has_a_code_of_its_own() -> None:
    codes = [error.exit_code for error in (ReleaseExpiredError, ReleaseRevokedError, WithdrawnError, NotEntitledError)]
    assert len({*codes, CounterfoilError.exit_code}) == 5
