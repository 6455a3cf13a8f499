"""Sign and verify documents in DSSE envelopes: the exact bytes, their kind, and Ed25519 signatures over both.

Knows nothing of what a document says. Its bytes come out only after the signatures are checked.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import FormatError, VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from counterfoil.canonical import check_id, digest, jcs
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import SignatureError
from counterfoil.texts import check_texts

MAX_ENVELOPE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Signed:
    """A document's bytes and the parties whose signatures over them were verified."""

    payload: bytes
    signers: tuple[str, ...]


def sign(kind: str, payload: bytes, keys: PrivateKeys, envelope: bytes | None = None) -> bytes:
    """Sign the payload as a document of this kind, keeping the signatures of the given envelope.

    Raises: SignatureError if the given envelope holds another kind or other bytes; TextError if the payload is JSON in
    which a text has a character that no reader sees, since every verifier would refuse it.
    """
    with suppress(ValueError, RecursionError):  # what is no JSON is text that was checked when it was read
        check_texts(json.loads(payload), kind)
    payload_type = _payload_type(kind)
    signed = Envelope(payload, payload_type, {}) if envelope is None else _parse(envelope, kind)
    if signed.payload != payload or signed.payload_type != payload_type:
        raise SignatureError(f"the envelope to be signed does not hold the {kind} that it should")
    signed.sign(CryptoSigner(keys.signing_key, _public(keys.public)))
    return jcs(signed.to_dict())


def verify(envelope: bytes, kind: str, signers: Iterable[PublicKeys], threshold: int | None = None) -> Signed:
    """Verify that at least `threshold` of `signers` (all by default) signed a document of this kind, and return it.

    Signatures of others are ignored; a wrong signature under a signer's key refuses the whole envelope.

    Raises: SignatureError.
    """
    asked = list(dict.fromkeys(signers))
    by_id = {signer.sign_id: signer for signer in asked}
    if not asked or len(by_id) != len(asked):
        raise SignatureError(f"{kind}: no signers are given, or two of them share a key")
    needed = len(asked) if threshold is None else threshold
    if not 1 <= needed <= len(asked):
        raise SignatureError(f"{kind}: {needed} signatures cannot be asked of {len(asked)} signers")
    what = f"{kind} of {', '.join(signer.party for signer in asked)}"
    signed = _parse(envelope, what)
    if signed.payload_type != _payload_type(kind):
        raise SignatureError(f"{what}: the envelope does not hold one")
    found = [signer for sign_id, signer in by_id.items() if sign_id in signed.signatures]
    for signer in found:
        try:
            signed.verify([_public(signer)], 1)
        except VerificationError:
            raise SignatureError(f"{kind}: the signature of {signer.party} is wrong") from None
    if len(found) < needed:
        missing = ", ".join(signer.party for signer in asked if signer not in found)
        raise SignatureError(f"{kind}: {len(found)} of {needed} signatures; not signed by {missing}")
    return Signed(signed.payload, tuple(signer.party for signer in found))


def signed_digest(envelope: bytes) -> str:
    """Compute the SHA-256 of the payload, unverified: good to name a document, not to trust it.

    Raises: SignatureError.
    """
    return digest(_parse(envelope, "a signed document").payload)


def claimed(envelope: bytes) -> bytes:
    """Return the payload, unverified: good to find out whose signature to ask for. Raises: SignatureError."""
    return _parse(envelope, "a signed document").payload


def _payload_type(kind: str) -> str:
    return f"application/vnd.counterfoil.{check_id(kind, 'kind of document')}"


def _public(keys: PublicKeys) -> SSlibKey:
    return SSlibKey(keys.sign_id, "ed25519", "ed25519", {"public": keys.sign.hex()})


def _parse(envelope: bytes, what: str) -> Envelope:
    """Parse an envelope, refusing any but the canonical form that we write."""
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise SignatureError(f"{what}: an envelope of {len(envelope)} bytes; at most {MAX_ENVELOPE_BYTES} are read")
    try:
        parsed = Envelope.from_dict(json.loads(envelope))
        if isinstance(parsed.payload_type, str) and jcs(parsed.to_dict()) == envelope:
            return parsed
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, FormatError, binascii.Error):
        pass
    raise SignatureError(f"{what}: not a DSSE envelope in canonical form")
