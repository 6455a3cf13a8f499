"""Expand the keystreams that parties share, by key and operation: pseudo-random secret sharing (PROTOCOLS 2.3).

F(K, op, n) is n words of the AES-256-CTR keystream whose counter block is op (64 bits, big-endian), then the block
number. An operation number is used once per key, and numbers only grow; both are checked on every draw. Knows nothing
of shares or messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

from counterfoil.errors import IntegrityError
from counterfoil.mpc.ring.chunks import CHUNK
from counterfoil.mpc.ring.shares import U64, Words
from counterfoil.secret import Secret

KEY_BYTES: Final = 32
MAX_BLOCKS: Final = 1 << 36

_ZEROS: Final = memoryview(bytes(8 * CHUNK))
#: From how many words on it pays to set up GCM, and how many its block counter of 32 bits is surely enough for.
_LONG: Final = 1 << 12
_GCM_MOST: Final = 1 << 32

Watch: TypeAlias = Callable[[str, int, int], None]
"""Told of every draw before it is made: the key's name, the operation, the number of words."""


def _encrypt(key: bytes, op: int, count: int) -> Callable[[memoryview], None]:
    """Return a function that fills buffers with F(key, op, count), one after the other."""
    encryptor, first = _counter(key, op), bytearray()
    if _LONG <= count < _GCM_MOST:
        # The same keystream several times as fast: that of GCM starts at block 2 of our counter, and OpenSSL has code
        # for it that works on several blocks at once, which for plain counter mode it has not. No tag is made.
        first = bytearray(encryptor.update(bytes(32)))
        encryptor = Cipher(algorithms.AES(key), modes.GCM(op.to_bytes(8, "big") + bytes(4))).encryptor()

    def into(buffer: memoryview) -> None:
        taken = min(len(first), len(buffer))
        buffer[:taken] = first[:taken]
        del first[:taken]
        for start in range(taken, len(buffer), len(_ZEROS)):
            piece = buffer[start : start + len(_ZEROS)]
            encryptor.update_into(_ZEROS[: len(piece)], piece)

    return into


def _counter(key: bytes, op: int) -> CipherContext:
    return Cipher(algorithms.AES(key), modes.CTR(op.to_bytes(8, "big") + bytes(8))).encryptor()


def expand(key: bytes, count: int, op: int = 0) -> Words:
    """Expand F(key, op, count), for keys used once, such as the seed of a client's component."""
    out = np.empty(count, dtype=U64)
    _encrypt(key, op, count)(out.data.cast("B"))
    return out


class Draw(Secret):
    """The words of one key and operation, taken piece by piece, exactly as many as were announced."""

    __slots__ = ("_into", "_left")

    def __init__(self, key: bytes, op: int, count: int) -> None:
        self._into, self._left = _encrypt(key, op, count), count

    def into(self, out: Words) -> Words:
        """Fill `out` with the next words and return it. Raises: IntegrityError when fewer are left."""
        if out.size > self._left:
            raise IntegrityError(f"{out.size} words drawn where {self._left} are left")
        self._left -= out.size
        self._into(out.data.cast("B"))
        return out


class Keystream(Secret):
    """F(K, ·, ·) for one key of a session. Raises IntegrityError rather than repeat a word."""

    def __init__(self, key: bytes, name: str, watch: Watch | None = None) -> None:
        if len(key) != KEY_BYTES:
            raise IntegrityError(f"key {name} has {len(key)} bytes")
        self._key, self._name, self._watch = key, name, watch
        self._last, self._blocks = 0, 0

    def draw(self, op: int, count: int) -> Draw:
        """Start the next operation's words, to be taken in pieces.

        Raises: IntegrityError unless the operation is later than the last one, and the key has words left.
        """
        if op <= self._last:
            raise IntegrityError(f"operation {op} on key {self._name} after operation {self._last}")
        blocks = (count + 1) // 2
        if self._blocks + blocks > MAX_BLOCKS:
            raise IntegrityError(f"key {self._name} is used up; start a new attempt")
        self._last, self._blocks = op, self._blocks + blocks
        if self._watch:
            self._watch(self._name, op, count)
        return Draw(self._key, op, count)

    def words(self, op: int, count: int) -> Words:
        """Draw the next operation's words, all at once."""
        return self.draw(op, count).into(np.empty(count, dtype=U64))


class Permutations(Secret):
    """Secret permutations from one key. The same operation gives the same permutation, so that it can be undone."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def draw(self, op: int, size: int) -> NDArray[np.int64]:
        """Draw a uniform permutation of range(size): the order of `size` keystream words, redrawn if two are equal."""
        into = _encrypt(self._key, op, size)
        words = np.empty(size, dtype=U64)
        while True:
            into(words.data.cast("B"))
            order = np.argsort(words)
            ranked = words[order]
            if not np.any(ranked[1:] == ranked[:-1]):
                return order


def inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Invert a permutation."""
    result = np.empty_like(order)
    result[order] = np.arange(order.size)
    return result
