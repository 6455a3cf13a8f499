"""A party's plain half of a two-operand split, piece by piece, each worked on while it is in the cache (PROTOCOLS 7).

Knows no suite: which components a half is the sum of, and who shares it again, is theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import TypeAlias

import numpy as np

from counterfoil.mpc.kernels import bit_slices
from counterfoil.mpc.packing import unpack
from counterfoil.mpc.pieces import CHUNK, cut, flat, pieces
from counterfoil.mpc.protocol import HalfMap
from counterfoil.mpc.shares import Words, packed_length

Pieces: TypeAlias = Iterable[tuple[slice, Words]]
"""All words of a vector in order, and where each run of them stands."""


def mapped(components: Sequence[Words], f: Sequence[HalfMap]) -> Iterator[tuple[slice, Words]]:
    """Each map of the components' sum, one map after the other."""
    rows = [flat(part) for part in components]
    size = rows[0].size
    for k, each in enumerate(f):
        for piece in pieces(size):
            yield _shift(piece, k * size), each(reduce(np.add, [row[piece] for row in rows]))


def sliced(components: Sequence[Words], bits: range, *, negate: bool) -> tuple[tuple[int, int], Pieces]:
    """Bit slices of the components' sum, or of its negative; and their packed shape."""
    half = flat(reduce(np.add, components))
    slices = np.empty((64, packed_length(half.size)), np.uint64)
    bit_slices(np.negative(half) if negate else half, slices)
    wanted = slices[bits.start : bits.stop : bits.step]
    return wanted.shape, ((piece, own) for piece, (own,) in cut([(wanted,)]))


def spread(components: Sequence[Words], length: int) -> Iterator[tuple[slice, Words]]:
    """The bits of the components' XOR, of packed rows of `length` bits, a word each."""
    packed = [part.reshape(-1, part.shape[-1]) for part in components]
    together = max(1, CHUNK // length)
    for first in range(0, len(packed[0]), together):
        for piece in pieces(length):
            words = slice(piece.start // 64, packed_length(piece.stop))
            half = reduce(np.bitwise_xor, [rows[first : first + together, words] for rows in packed])
            bits = unpack(half, piece.stop - piece.start).reshape(-1)
            start = first * length + piece.start
            yield slice(start, start + bits.size), bits.astype(np.uint64)


def _shift(piece: slice, by: int) -> slice:
    return slice(piece.start + by, piece.stop + by)
