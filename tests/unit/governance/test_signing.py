"""An agreement binds when all have signed exactly it, and never otherwise, whatever the exchange's operator does."""

from __future__ import annotations

import json
import os
import shutil
import stat
from datetime import date
from pathlib import Path

import pytest

from counterfoil.canonical import MAX_YAML_BYTES, Ref, jcs
from counterfoil.crypto.sign import sign
from counterfoil.errors import (
    CounterfoilError,
    DocumentError,
    ExpiredError,
    NotFoundError,
    RosterError,
    SignatureError,
    StoreError,
    TamperedError,
)
from counterfoil.governance.agreements.signing.in_force import REVIEW, load
from counterfoil.governance.agreements.signing.signed import (
    fetch_agreement,
    publish,
    read_agreement,
    sign_agreement,
    unsigned,
)
from counterfoil.governance.parties.roster import fill_roster
from counterfoil.home import Home
from tests.unit.conftest import CONTRACTS, IDS, TODAY, Consortium, make_consortium


def blob(consortium: Consortium, ref: Ref) -> Path:
    return Path(consortium.exchange.url) / "blobs" / ref.kind / ref.owner / ref.digest


def test_every_party_reads_the_same_signed_agreement(shared: Consortium) -> None:
    for id in IDS:
        signed = shared.load(id)
        assert signed.digest == shared.agreement.digest == shared.ref.digest
        assert signed.terms == fetch_agreement(shared.exchange, shared.ref)
        assert signed.terms.contracts["loans"].raw == shared.agreement.contracts["loans"].raw


@pytest.mark.parametrize("absent", IDS)
def test_one_missing_signature_unbinds_all(absent: str, shared: Consortium, tmp_path: Path) -> None:
    path = Path(shared.exchange.url) / "signatures" / shared.ref.digest / absent
    held = path.read_bytes()
    path.unlink()
    try:
        for id in ("bank-a", "node-0", absent):
            with pytest.raises(SignatureError, match=f"not signed by {absent}"):
                shared.load(id)
        assert list(unsigned(shared.agreement, shared.exchange)) == [absent]
    finally:
        path.write_bytes(held)


def test_nothing_is_read_that_i_did_not_sign(consortium: Consortium) -> None:
    consortium.sign(*(id for id in IDS if id != "node-1"))
    for path in blob(consortium, consortium.ref).parent.parent.parent.glob("document/*/*"):
        path.write_bytes(b"not even YAML")
    with pytest.raises(SignatureError, match="not signed by node-1"):
        consortium.load("node-1")


def test_a_stolen_seat_is_noticed(signed: Consortium, tmp_path: Path) -> None:
    """Mallory puts up the same agreement under a roster in which every key is hers, and signs it all."""
    mallory = make_consortium(tmp_path / "mallory")
    ref = publish(mallory.agreement, signed.exchange, "bank-a")
    for id in IDS:
        sign_agreement(mallory.agreement, mallory.homes[id].keys, signed.exchange)
    victim = signed.homes["node-0"]
    with pytest.raises(SignatureError):
        load(victim, ref, for_=REVIEW, today=TODAY)


def test_a_party_that_signed_with_keys_outside_the_roster_does_not_count(
    consortium: Consortium, tmp_path: Path
) -> None:
    other = Home.create(tmp_path / "other", "bank-b", consortium.exchange.url)
    with pytest.raises(RosterError, match="lists other keys for bank-b"):
        sign_agreement(consortium.agreement, other.keys, consortium.exchange)
    consortium.sign()
    envelope = sign("agreement", consortium.agreement.statement, other.keys)
    consortium.exchange.put_named(("signatures", consortium.ref.digest, "bank-b"), envelope, replace=True)
    with pytest.raises(SignatureError, match="not signed by bank-b"):
        consortium.load("bank-a")


def test_who_is_not_named_cannot_sign(consortium: Consortium, tmp_path: Path) -> None:
    stranger = Home.create(tmp_path / "x", "bank-x", consortium.exchange.url)
    with pytest.raises(RosterError, match="does not name bank-x"):
        sign_agreement(consortium.agreement, stranger.keys, consortium.exchange)


def test_a_signature_over_another_version_does_not_count(signed: Consortium, tmp_path: Path) -> None:
    text = signed.agreement.raw.decode().replace("version: 1.0.0", "version: 1.0.1")
    for folder in ("agreements", "data", "policies"):
        (tmp_path / folder).mkdir()
    (tmp_path / "data" / "loans.odcs.yaml").write_bytes((CONTRACTS / "data" / "loans.odcs.yaml").read_bytes())
    policy = "strict-counts.policy.yaml"
    (tmp_path / "policies" / policy).write_bytes((CONTRACTS / "policies" / policy).read_bytes())
    (tmp_path / "agreements" / "x.agreement.yaml").write_text(text)
    newer = read_agreement(tmp_path / "agreements" / "x.agreement.yaml", signed.roster)
    ref = publish(newer, signed.exchange, "bank-a")
    for id in IDS:
        envelope = signed.exchange.get_named(("signatures", signed.ref.digest, id))
        signed.exchange.put_named(("signatures", ref.digest, id), envelope)
    home = signed.homes["bank-a"]
    with pytest.raises(SignatureError, match="over another agreement"):
        load(home, ref, for_=REVIEW, today=TODAY)


def test_a_signature_of_another_kind_does_not_count(signed: Consortium) -> None:
    envelope = sign("receipt", signed.agreement.statement, signed.homes["bank-c"].keys)
    signed.exchange.put_named(("signatures", signed.ref.digest, "bank-c"), envelope, replace=True)
    with pytest.raises(SignatureError, match="does not hold"):
        signed.load("bank-a")


def test_every_changed_blob_is_noticed(signed: Consortium) -> None:
    root = Path(signed.exchange.url)
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    assert len(paths) == len(IDS) + 5  # signatures; statement, agreement, roster, contract, policy
    for path in paths:
        held = path.read_bytes()
        middle = len(held) // 2
        path.write_bytes(held[:middle] + bytes([held[middle] ^ 1]) + held[middle + 1 :])
        with pytest.raises((TamperedError, SignatureError)):
            signed.load("node-2")
        path.write_bytes(held)
    signed.load("node-2")


def test_every_missing_blob_is_noticed(signed: Consortium) -> None:
    for path in sorted(path for path in Path(signed.exchange.url).rglob("*") if path.is_file()):
        held = path.read_bytes()
        path.unlink()
        with pytest.raises((NotFoundError, SignatureError)):
            signed.load("reviewer-1")
        path.write_bytes(held)


@pytest.mark.parametrize("day", ["2026-10-31", "2028-11-01", "2099-01-01"])
def test_an_agreement_out_of_its_time_is_refused_by_name(day: str, shared: Consortium) -> None:
    with pytest.raises(ExpiredError):
        shared.load("node-0", date.fromisoformat(day))


def test_a_party_with_new_keys_signs_under_a_new_roster(signed: Consortium, tmp_path: Path) -> None:
    renewed = Home.create(tmp_path / "renewed", "node-0", signed.exchange.url)
    with pytest.raises(SignatureError):
        load(renewed, signed.ref, for_=REVIEW, today=TODAY)
    cards = [renewed.keys.public if id == "node-0" else signed.homes[id].keys.public for id in IDS]
    members = CONTRACTS / "rosters" / "four-banks.roster.yaml"
    roster = fill_roster(members.read_bytes(), members.name, cards, TODAY)
    agreement = read_agreement(CONTRACTS / "agreements" / "exposure.agreement.yaml", roster)
    assert agreement.digest != signed.agreement.digest


STATEMENTS = {
    "not JSON": b"agreement",
    "not canonical": b'{ "format": "counterfoil/agreement/1" }',
    "another document": jcs({"format": "counterfoil/agreement/2"}),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_signed_blob_that_is_no_statement_is_refused(name: str, consortium: Consortium) -> None:
    ref = consortium.exchange.put("agreement", "bank-a", STATEMENTS[name])
    home = consortium.homes["node-0"]
    consortium.exchange.put_named(("signatures", ref.digest, "node-0"), sign("agreement", STATEMENTS[name], home.keys))
    with pytest.raises(DocumentError):
        load(home, ref, for_=REVIEW, today=TODAY)


@pytest.mark.parametrize("field", ["id", "version", "roster", "agreement", "contracts", "policies"])
def test_a_statement_that_does_not_fit_its_files_is_refused(field: str, consortium: Consortium) -> None:
    statement = json.loads(consortium.agreement.statement)
    wrong = {
        "id": "another",
        "version": "9.9.9",
        "roster": statement["agreement"],
        "agreement": statement["roster"],
        "contracts": {"loan": statement["contracts"]["loans"]},
        "policies": [],
    }
    payload = jcs({**statement, field: wrong[field]})
    ref = consortium.exchange.put("agreement", "bank-a", payload)
    with pytest.raises((TamperedError, DocumentError)):
        fetch_agreement(consortium.exchange, ref)


def test_proposing_and_signing_twice_changes_nothing(signed: Consortium) -> None:
    assert publish(signed.agreement, signed.exchange, "bank-a") == signed.ref
    signed.sign("bank-a")
    signed.load("bank-a")


def test_errors_carry_no_keys(signed: Consortium) -> None:
    (Path(signed.exchange.url) / "signatures" / signed.ref.digest / "bank-a").unlink()
    with pytest.raises(CounterfoilError) as error:
        signed.load("node-0")
    for party in signed.roster.parties:
        assert json.dumps(party.keys.to_json()["sign"]) not in str(error.value)


PLANTED = {
    "pipe": (os.mkfifo, "it is no ordinary file"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "it is no ordinary file"),
    "folder": (Path.mkdir, "Is a directory|no ordinary file"),
    "socket": (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "it is no ordinary file"),
    "long": (lambda path: path.write_bytes(b"# " + bytes(MAX_YAML_BYTES)), f"more than {MAX_YAML_BYTES} bytes"),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("planted", ["data/loans.odcs.yaml", "policies/strict-counts.policy.yaml"])
def test_files_that_an_agreement_names_keep_nobody_waiting(
    name: str, planted: str, shared: Consortium, tmp_path: Path
) -> None:
    """They came with it, from whoever wrote it."""
    shutil.copytree(CONTRACTS, tmp_path / "contracts")
    place = tmp_path / "contracts" / planted
    place.unlink()
    make, said = PLANTED[name]
    make(place)
    with pytest.raises(StoreError, match=said):
        read_agreement(tmp_path / "contracts" / "agreements" / "exposure.agreement.yaml", shared.agreement.roster)
