"""Seal envelopes that only the recipient opens, and only for the purpose that they were sealed for.

HPKE (RFC 9180, base mode; X-Wing, HKDF-SHA256, AES-256-GCM) seals a fresh file key; the body is encrypted under the
file key in chunks. X-Wing holds against recording now and decrypting with a quantum computer later.
Knows nothing of who sealed: a sealed thing is not signed, so what must have an author carries a signature as well.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from counterfoil.crypto import chunked
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import SealError

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_HEADER = KEM.MLKEM768_X25519.enc_length() + chunked.KEY_BYTES + 16


def sealed_bytes(size: int) -> int:
    """Return the length of the envelope of `size` bytes."""
    return _HEADER + chunked.encrypted_bytes(size)


def seal(plaintext: bytes | memoryview, recipient: PublicKeys, info: bytes) -> bytes:
    """Seal to the recipient, who alone can open the envelope, and only by stating the same `info`.

    Cost: 1,224 bytes, and 16 more for each 16 KiB begun.
    """
    file_key = os.urandom(chunked.KEY_BYTES)
    return _SUITE.encrypt(file_key, recipient.sealing_key, info=info) + chunked.encrypt(file_key, plaintext)


def unseal(sealed: bytes | memoryview, keys: PrivateKeys, info: bytes) -> bytes:
    """Open an envelope that was sealed to these keys for this `info`. Raises: SealError."""
    data = memoryview(sealed).cast("B")
    try:
        file_key = _SUITE.decrypt(data[:_HEADER], keys.sealing_key, info=info)
    except (InvalidTag, ValueError):
        raise SealError("a sealed envelope does not open: for another party, another purpose, or changed") from None
    return chunked.decrypt(file_key, data[_HEADER:])
