"""Key files: private, never overwritten, encrypted on demand; cards: strict."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from counterfoil.crypto.keys import PASSPHRASE, PrivateKeys, PublicKeys, tls_pin
from counterfoil.errors import DocumentError, NotFoundError, StoreError


@pytest.fixture
def keys(tmp_path: Path) -> PrivateKeys:
    return PrivateKeys.create(tmp_path / "keys", "bank-a")


def test_loaded_keys_are_the_created_ones(keys: PrivateKeys, tmp_path: Path) -> None:
    assert PrivateKeys.load(tmp_path / "keys", "bank-a").public == keys.public


def test_only_the_user_reads_key_files(keys: PrivateKeys, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_keys_are_never_overwritten(keys: PrivateKeys, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not empty"):
        PrivateKeys.create(tmp_path / "keys", "bank-a")
    assert PrivateKeys.load(tmp_path / "keys", "bank-a").public == keys.public


def test_ids_and_pin_are_digests_of_the_public_bytes(keys: PrivateKeys) -> None:
    public = keys.public
    spki = public.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public.sign_id == hashlib.sha256(public.sign).hexdigest()
    assert public.seal_id == hashlib.sha256(public.seal).hexdigest()
    assert public.tls_pin == tls_pin(public.tls) == hashlib.sha256(spki).hexdigest()


def test_the_certificate_lives_for_90_days(keys: PrivateKeys) -> None:
    certificate = keys.public.certificate
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc
    assert timedelta(days=89) < certificate.not_valid_after_utc - now <= timedelta(days=90)
    assert isinstance(certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value, str)


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_two_parties_shake_hands_with_these_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str | None
) -> None:
    if passphrase:
        monkeypatch.setenv(PASSPHRASE, passphrase)
    server, client = (PrivateKeys.create(tmp_path / party, party) for party in ("node-0", "node-1"))

    def context(protocol: int, own: PrivateKeys, peer: PublicKeys) -> ssl.SSLContext:
        made = ssl.SSLContext(protocol)
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        made.check_hostname = False
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=peer.tls)
        own.load_tls(made)
        return made

    left, right = socket.socketpair()
    seen: list[bytes | None] = []

    def serve() -> None:
        with context(ssl.PROTOCOL_TLS_SERVER, server, client.public).wrap_socket(left, server_side=True) as link:
            seen.append(link.getpeercert(binary_form=True))

    thread = threading.Thread(target=serve)
    thread.start()
    with context(ssl.PROTOCOL_TLS_CLIENT, client, server.public).wrap_socket(right) as link:
        seen.append(link.getpeercert(binary_form=True))
    thread.join()
    assert {tls_pin(certificate or b"") for certificate in seen} == {server.public.tls_pin, client.public.tls_pin}


def test_a_passphrase_protects_every_private_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    PrivateKeys.create(tmp_path / "keys", "bank-a")
    pems = list((tmp_path / "keys").glob("*.pem"))
    assert len(pems) == 4
    assert all(b"BEGIN ENCRYPTED PRIVATE KEY" in pem.read_bytes() for pem in pems)
    for wrong in ("correct hors", "correct horse ", ""):
        monkeypatch.setenv(PASSPHRASE, wrong)
        with pytest.raises(StoreError, match=PASSPHRASE):
            PrivateKeys.load(tmp_path / "keys", "bank-a")


@pytest.mark.parametrize("name", ["sign.pem", "seal-mlkem768.pem", "seal-x25519.pem", "tls.crt"])
def test_missing_or_broken_files_have_their_own_error(keys: PrivateKeys, tmp_path: Path, name: str) -> None:
    path = tmp_path / "keys" / name
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(StoreError, match=name):
        PrivateKeys.load(tmp_path / "keys", "bank-a")
    path.unlink()
    with pytest.raises(NotFoundError, match=name):
        PrivateKeys.load(tmp_path / "keys", "bank-a")


def test_keys_under_each_others_names_are_refused(keys: PrivateKeys, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    (folder / "sign.pem").write_bytes((folder / "tls.pem").read_bytes())
    with pytest.raises(StoreError, match="other kinds"):
        PrivateKeys.load(folder, "bank-a")


def test_a_card_round_trips(keys: PrivateKeys) -> None:
    assert PublicKeys.from_json(keys.public.to_json()) == keys.public


def test_cards_are_strict(keys: PrivateKeys) -> None:
    card = keys.public.to_json()
    bad: list[object] = [
        None,
        [],
        {},
        {**card, "extra": "x"},
        {**card, "party": "Bank A"},
        {**card, "party": "../bank-a"},
        {**card, "sign": 7},
        {**card, "sign": "not base64!"},
        {**card, "sign": base64.b64encode(keys.public.sign[:-1]).decode()},
        {**card, "seal": card["sign"]},
        {**card, "tls": card["sign"]},
        {**card, "tls": base64.b64encode(keys.public.tls + bytes(4096)).decode()},
        {name: value for name, value in card.items() if name != "tls"},
    ]
    for wrong in bad:
        with pytest.raises(DocumentError):
            PublicKeys.from_json(wrong)


def test_a_certificate_on_a_curve_that_nobody_knows_is_refused(keys: PrivateKeys) -> None:
    p256, other = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03016f")
    assert p256 in keys.public.tls
    card = keys.public.to_json() | {"tls": base64.b64encode(keys.public.tls.replace(p256, other)).decode()}
    with pytest.raises(DocumentError, match="the certificate is not valid"):
        PublicKeys.from_json(card)


def test_a_certificate_of_a_version_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    keys = PrivateKeys.create(tmp_path / "keys", "bank-a").public
    second = keys.tls.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020101"), 1)
    assert second != keys.tls
    with pytest.raises(DocumentError, match="the certificate is not valid"):
        PublicKeys(keys.party, keys.sign, keys.seal, second)
    with pytest.raises(ValueError, match="version"):
        tls_pin(second)
