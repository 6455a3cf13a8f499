"""Sign the size and root of a log, cosign them as a witness, and verify both.

Knows the note's form and keys. Knows nothing of entries.

Source: C2SP signed-note, tlog-checkpoint (without extension lines), tlog-cosignature (cosignature/v1, Ed25519).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import SignatureError

MAX_NOTE_BYTES = 64 * 1024

_LOG, _COSIGNATURE = b"\x01", b"\x04"  # signature types
_LINE = re.compile(r"— (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/]+={0,2})\Z")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,15})\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and Merkle root at one time."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Write the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


@dataclass(frozen=True, slots=True)
class _Signature:
    name: str
    key_id: bytes
    value: bytes


def origin(party: str) -> str:
    """Return the name of a party's log, which is also the name of the party's key in notes."""
    return f"counterfoil/{party}"


def sign_checkpoint(size: int, root: bytes, keys: PrivateKeys) -> bytes:
    """Sign a note on the size and root of this party's own log."""
    name = origin(keys.party)
    text = Checkpoint(name, size, root).text()
    return text + b"\n" + _line(name, _key_id(keys.public, _LOG), keys.signing_key.sign(text))


def open_checkpoint(note: bytes, owner: PublicKeys) -> Checkpoint:
    """Verify the owner's signature on a note and parse its checkpoint. Raises: SignatureError."""
    text, signatures = _parse(note)
    checkpoint = _checkpoint(text)
    if checkpoint.origin != origin(owner.party):
        raise SignatureError(f"a checkpoint of another log than that of {owner.party}")
    own = [signature for signature in signatures if _is_by(signature, owner, _LOG)]
    if not own:
        raise SignatureError(f"a checkpoint that {owner.party} did not sign")
    for signature in own:
        _verify(owner, signature.value, text)
    return checkpoint


def cosign(note: bytes, keys: PrivateKeys, time_s: int) -> bytes:
    """Append this party's cosignature: as of this POSIX time, it knows of no larger or other tree.

    The caller has checked that the tree only grew: see `witness`.
    """
    text, _ = _parse(note)
    signature = keys.signing_key.sign(_cosigned(text, time_s))
    return note + _line(origin(keys.party), _key_id(keys.public, _COSIGNATURE), time_s.to_bytes(8, "big") + signature)


def cosigners(note: bytes, witnesses: Iterable[PublicKeys]) -> dict[str, int]:
    """Verify the witnesses' cosignatures on the note, and return when each cosigned (POSIX seconds).

    Raises: SignatureError if one is wrong.
    """
    text, signatures = _parse(note)
    found: dict[str, int] = {}
    for witness in witnesses:
        for signature in signatures:
            if _is_by(signature, witness, _COSIGNATURE):
                time_s = int.from_bytes(signature.value[:8], "big")
                _verify(witness, signature.value[8:], _cosigned(text, time_s))
                found[witness.party] = time_s
    return found


def cosignature(note: bytes, witness: PublicKeys) -> bytes | None:
    """Return the witness's line in the note, or None if it did not cosign.

    The line may be appended to another copy of the same checkpoint.

    Raises: SignatureError if it is wrong.
    """
    if not cosigners(note, [witness]):
        return None
    _, signatures = _parse(note)
    line = next(signature for signature in signatures if _is_by(signature, witness, _COSIGNATURE))
    return _line(line.name, line.key_id, line.value)


def _cosigned(text: bytes, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n".encode() + text


def _verify(signer: PublicKeys, signature: bytes, message: bytes) -> None:
    try:
        signer.signing_key.verify(signature, message)
    except InvalidSignature:
        raise SignatureError(f"the signature of {signer.party} on a checkpoint is wrong") from None


def _key_id(keys: PublicKeys, kind: bytes) -> bytes:
    return hashlib.sha256(origin(keys.party).encode() + b"\n" + kind + keys.sign).digest()[:4]


def _is_by(signature: _Signature, keys: PublicKeys, kind: bytes) -> bool:
    return signature.name == origin(keys.party) and signature.key_id == _key_id(keys, kind)


def _line(name: str, key_id: bytes, signature: bytes) -> bytes:
    return f"— {name} {base64.b64encode(key_id + signature).decode()}\n".encode()


def _parse(note: bytes) -> tuple[bytes, list[_Signature]]:
    """Split a note into text and signatures, none of them verified."""
    text, separator, lines = note.rpartition(b"\n\n")
    try:
        if len(note) <= MAX_NOTE_BYTES and separator and lines.endswith(b"\n"):
            return text + b"\n", [_signature(line) for line in lines[:-1].decode("utf-8").split("\n")]
    except (UnicodeDecodeError, binascii.Error, ValueError):
        pass
    raise SignatureError("not a signed note; it was changed, or is none")


def _signature(line: str) -> _Signature:
    match = _LINE.match(line)
    if not match:
        raise ValueError("not a signature line")
    raw = base64.b64decode(match["signature"], validate=True)
    if base64.b64encode(raw).decode() != match["signature"] or len(raw) < 5:
        raise ValueError("not canonical base64")
    return _Signature(match["name"], raw[:4], raw[4:])


def _checkpoint(text: bytes) -> Checkpoint:
    try:
        name, size, encoded = text.decode("utf-8").removesuffix("\n").split("\n")
        root = base64.b64decode(encoded, validate=True)
        if _SIZE.match(size) and len(root) == 32:
            checkpoint = Checkpoint(name, int(size), root)
            if checkpoint.text() == text:
                return checkpoint
    except (UnicodeDecodeError, binascii.Error, ValueError):
        pass
    raise SignatureError("not a checkpoint: origin, size and root in three lines")
