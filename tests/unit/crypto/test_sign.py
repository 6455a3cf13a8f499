"""Signed documents: the payload comes out only under the right kind, the right signers, and unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterfoil.canonical import digest
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.sign import Signed, sign, signed_digest, verify
from counterfoil.errors import DocumentError, SignatureError


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> list[PrivateKeys]:
    folder: Path = tmp_path_factory.mktemp("parties")
    return [PrivateKeys.create(folder / party, party) for party in ("bank-a", "bank-b", "bank-c")]


def test_everybody_who_signed_is_named(parties: list[PrivateKeys]) -> None:
    envelope = None
    for keys in parties:
        envelope = sign("agreement", b"the terms", keys, envelope)
    assert envelope is not None
    public = [keys.public for keys in parties]
    assert verify(envelope, "agreement", public) == Signed(b"the terms", ("bank-a", "bank-b", "bank-c"))


def test_fewer_than_asked_are_refused_by_name(parties: list[PrivateKeys]) -> None:
    a, b, c = parties
    public = [keys.public for keys in parties]
    envelope = sign("agreement", b"the terms", b, sign("agreement", b"the terms", a))
    assert verify(envelope, "agreement", public, threshold=2).signers == ("bank-a", "bank-b")
    with pytest.raises(SignatureError, match=r"2 of 3.*bank-c"):
        verify(envelope, "agreement", public)
    with pytest.raises(SignatureError, match="bank-c"):
        verify(envelope, "agreement", [c.public])


def test_signing_twice_counts_once(parties: list[PrivateKeys]) -> None:
    a, b, _ = parties
    envelope = sign("agreement", b"x", a, sign("agreement", b"x", a))
    with pytest.raises(SignatureError, match="1 of 2"):
        verify(envelope, "agreement", [a.public, b.public])
    with pytest.raises(SignatureError, match="1 of 2"):
        verify(envelope, "agreement", [a.public, b.public, a.public])


def test_one_kind_is_never_taken_for_another(parties: list[PrivateKeys]) -> None:
    a = parties[0]
    envelope = sign("decision", b"yes", a)
    with pytest.raises(SignatureError, match=r"release of .*: the envelope does not hold one"):
        verify(envelope, "release", [a.public])
    with pytest.raises(DocumentError):
        sign("decision\n", b"yes", a)


def test_no_signature_is_added_to_other_bytes(parties: list[PrivateKeys]) -> None:
    a, b, _ = parties
    envelope = sign("agreement", b"the terms", a)
    with pytest.raises(SignatureError):
        sign("agreement", b"other terms", b, envelope)
    with pytest.raises(SignatureError):
        sign("decision", b"the terms", b, envelope)


def test_every_flipped_bit_is_refused(parties: list[PrivateKeys]) -> None:
    a = parties[0]
    envelope = sign("note", b"7 shares", a)
    for position in range(len(envelope)):
        for bit in range(8):
            changed = bytearray(envelope)
            changed[position] ^= 1 << bit
            with pytest.raises(SignatureError):
                verify(bytes(changed), "note", [a.public])


def test_a_wrong_signature_of_a_signer_refuses_the_whole(parties: list[PrivateKeys]) -> None:
    a, b, _ = parties
    document = json.loads(sign("note", b"x", b, sign("note", b"x", a)))
    document["signatures"][0]["sig"] = document["signatures"][1]["sig"]
    envelope = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    with pytest.raises(SignatureError, match="bank-a is wrong"):
        verify(envelope, "note", [a.public, b.public], threshold=1)
    assert verify(envelope, "note", [b.public]).signers == ("bank-b",)  # bank-a is nobody whom this caller asked


def test_only_the_canonical_form_is_read(parties: list[PrivateKeys]) -> None:
    a = parties[0]
    envelope = sign("note", b"x", a)
    document = json.loads(envelope)
    bad = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff",
        envelope + b"\n",
        envelope[:-1],
        json.dumps(document).encode(),
        envelope.replace(b'"payload":', b'"payload":"AA==","payload":', 1),
        json.dumps({**document, "more": 1}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**document, "signatures": document["signatures"] * 2}, separators=(",", ":")).encode(),
        json.dumps({**document, "signatures": "abc"}, separators=(",", ":")).encode(),
        json.dumps({**document, "payload": 1}, separators=(",", ":")).encode(),
        json.dumps({**document, "payloadType": 1}, separators=(",", ":")).encode(),
    ]
    for wrong in bad:
        with pytest.raises(SignatureError):
            verify(wrong, "note", [a.public])
        with pytest.raises(SignatureError):
            signed_digest(wrong)


def test_thresholds_must_make_sense(parties: list[PrivateKeys]) -> None:
    a, b, _ = parties
    envelope = sign("note", b"x", a)
    for threshold in (-1, 0, 3):
        with pytest.raises(SignatureError):
            verify(envelope, "note", [a.public, b.public], threshold)
    with pytest.raises(SignatureError):
        verify(envelope, "note", [])


def test_two_parties_that_share_a_key_are_not_two(parties: list[PrivateKeys], tmp_path: Path) -> None:
    a = parties[0]
    twin = PrivateKeys.create(tmp_path / "twin", "bank-b")
    (tmp_path / "twin" / "sign.pem").write_bytes((a._folder / "sign.pem").read_bytes())
    twin = PrivateKeys.load(tmp_path / "twin", "bank-b")
    with pytest.raises(SignatureError, match="share a key"):
        verify(sign("note", b"x", a), "note", [a.public, twin.public])


def test_the_digest_is_of_the_payload(parties: list[PrivateKeys]) -> None:
    assert signed_digest(sign("note", b"the terms", parties[0])) == digest(b"the terms")
