"""Encrypt data of any size under a 32-byte key, authenticated: C2SP chunked-encryption@v1 with AES-256-GCM.

Knows nothing of where keys come from: `seal` and the vault do.

Source: https://c2sp.org/chunked-encryption, there named Cobblestone-256: AES-256-GCM, and HKDF-Expand with SHA-512.
"""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from counterfoil.errors import SealError

KEY_BYTES = 32
CHUNK = 16 * 1024

_SALT, _NONCE, _COMMITMENT, _TAG = 24, 12, 32, 16
_HEADER = _SALT + _COMMITMENT
_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"


def encrypted_bytes(size: int) -> int:
    """Return the length of the ciphertext of `size` bytes."""
    return _HEADER + size + (size // CHUNK + 1) * _TAG


def encrypt(key: bytes, plaintext: bytes | memoryview, context: bytes = b"") -> bytes:
    """Encrypt under the key, bound to the context: a salt, a key commitment, then the chunks.

    Only the same key and context decrypt it, and only as a whole.

    Cost: 56 bytes, and 16 more for each 16 KiB begun.
    """
    salt = os.urandom(_SALT)
    aead, base_nonce, commitment = _derive(key, salt, context)
    data = memoryview(plaintext).cast("B")
    chunks = len(data) // CHUNK + 1
    out = bytearray(encrypted_bytes(len(data)))
    out[:_HEADER] = salt + commitment
    target = memoryview(out)[_HEADER:]
    for number in range(chunks):
        piece = data[number * CHUNK : (number + 1) * CHUNK]
        start = number * (CHUNK + _TAG)
        aead.encrypt_into(_nonce(base_nonce, number), piece, None, target[start : start + len(piece) + _TAG])
    return bytes(out)


def decrypt(key: bytes, ciphertext: bytes | memoryview, context: bytes = b"") -> bytes:
    """Decrypt, after verifying every byte of the ciphertext. Raises: SealError."""
    data = memoryview(ciphertext).cast("B")
    body = data[_HEADER:]
    chunks, last = divmod(len(body), CHUNK + _TAG)
    if len(data) < _HEADER or last < _TAG or len(key) != KEY_BYTES:
        raise SealError(f"encrypted data of {len(data)} bytes are cut short or extended")
    aead, base_nonce, commitment = _derive(key, bytes(data[:_SALT]), context)
    if not hmac.compare_digest(commitment, data[_SALT:_HEADER]):
        raise SealError("encrypted data do not open: another key, another purpose, or changed")
    out = bytearray(chunks * CHUNK + last - _TAG)
    target = memoryview(out)
    for number in range(chunks + 1):
        piece = body[number * (CHUNK + _TAG) : (number + 1) * (CHUNK + _TAG)]
        start = number * CHUNK
        try:
            aead.decrypt_into(_nonce(base_nonce, number), piece, None, target[start : start + len(piece) - _TAG])
        except InvalidTag:
            raise SealError(f"encrypted data were changed: chunk {number} of {chunks + 1}") from None
    return bytes(out)


def _derive(key: bytes, salt: bytes, context: bytes) -> tuple[AESGCM, int, bytes]:
    expand = HKDFExpand(SHA512(), KEY_BYTES + _NONCE + _COMMITMENT, _INFO + salt + context)
    derived = expand.derive(key)
    nonce_end = KEY_BYTES + _NONCE
    base_nonce = int.from_bytes(derived[KEY_BYTES:nonce_end], "big")
    return AESGCM(derived[:KEY_BYTES]), base_nonce, derived[nonce_end:]


def _nonce(base: int, number: int) -> bytes:
    return (base ^ number).to_bytes(_NONCE, "big")
