"""Convert public booleans and words to and from packed form. Knows nothing of sharings.

Packed form (see `shares.Bits`): row r of the last axis is bit r % 64 of word r // 64; unused bits are zero.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.ring.shares import U64, Words, packed_length

if sys.byteorder != "little":
    raise ImportError("packed words are little-endian, and so must this machine be")


def pack(values: NDArray[np.bool_]) -> Words:
    """Pack booleans along the last axis.

    Shapes: (*lead, n) to (*lead, ceil(n / 64)).
    """
    octets = np.packbits(values, axis=-1, bitorder="little")
    packed = np.zeros((*values.shape[:-1], 8 * packed_length(values.shape[-1])), dtype=np.uint8)
    packed[..., : octets.shape[-1]] = octets
    return packed.view(U64)


def unpack(words: Words, length: int) -> NDArray[np.bool_]:
    """Unpack what `pack` packed.

    Shapes: (*lead, ceil(n / 64)) to (*lead, n) with n = length.
    """
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=length, bitorder="little").view(np.bool_)


def slices(words: Words, bits: range = range(64)) -> Words:
    """Slice public words into bits: row i of the result packs bit `bits[i]` of every word.

    Shapes: (n,) to (len(bits), ceil(n / 64)).
    """
    of_each = np.unpackbits(np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    return pack(of_each.T[list(bits)].view(np.bool_))
