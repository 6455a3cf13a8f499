"""Compute on plain halves of a two-operand split, as far as suites do not differ.

A half is worked on piece by piece, each while it is in the cache (PROTOCOLS 7). Knows no message and nobody's index:
which components a half is the sum of, and who shares it again, are the suites'.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Final, NamedTuple

import numpy as np

from counterfoil.mpc.protocol import HalfMap, Halves, Split
from counterfoil.mpc.ring.chunks import CHUNK, cut, flat, pieces
from counterfoil.mpc.ring.lanes import lane_piece, lane_words, to_lanes
from counterfoil.mpc.ring.packing import unpack
from counterfoil.mpc.ring.shares import U64, Arith, Bits, Words, packed_length

Parts = tuple[Words, ...]

#: Added to what is truncated, |x| < 2^62, so that L + R is in [0, 2^63).
RAISED: Final = U64((1 << 62) - 1)


class Half(NamedTuple):
    """So many words, in order, and the place of each run of them."""

    size: int
    pieces: Iterable[tuple[slice, Words]]


def mapped(components: Sequence[Words], maps: Sequence[HalfMap]) -> Half:
    """Apply each map to the components' sum, one map after the other."""
    rows = [flat(part) for part in components]
    size = rows[0].size

    def each_piece() -> Iterator[tuple[slice, Words]]:
        for k, each in enumerate(maps):
            for piece in pieces(size):
                yield _shift(piece, k * size), each(reduce(np.add, [row[piece] for row in rows]))

    return Half(len(maps) * size, each_piece())


def in_lanes(components: Sequence[Words], of: HalfMap, bits: int) -> Half:
    """Apply the map to the components' sum, in lanes that hold so many bits."""
    rows = [flat(part) for part in components]
    size = rows[0].size
    each_piece = (
        (lane_piece(piece, bits), to_lanes(of(reduce(np.add, [row[piece] for row in rows])), bits))
        for piece in pieces(size)
    )
    return Half(lane_words(size, bits), each_piece)


def sliced(components: Sequence[Words], bits: range, *, negate: bool) -> Half:
    """Slice the asked bits of the components' sum, or of its negative, slice after slice."""
    from counterfoil.mpc.ring.kernels import bit_slices  # noqa: PLC0415 (part of the extra `node` alone)

    if not bits:
        return Half(0, ())
    half = flat(reduce(np.add, components))
    slices = np.empty((64, packed_length(half.size)), np.uint64)
    bit_slices(np.negative(half) if negate else half, slices)
    wanted = slices[bits.start : bits.stop : bits.step]
    return Half(wanted.size, ((piece, own) for piece, (own,) in cut([(wanted,)])))


def spread(components: Sequence[Words], shape: tuple[int, ...]) -> Half:
    """Spread the bits of the components' XOR, which are packed bits of this shape, a word each."""
    length = shape[-1]
    packed = [part.reshape(-1, part.shape[-1]) for part in components]
    together = max(1, CHUNK // length)

    def each_piece() -> Iterator[tuple[slice, Words]]:
        for first in range(0, len(packed[0]), together):
            for piece in pieces(length):
                words = slice(piece.start // 64, packed_length(piece.stop))
                half = reduce(np.bitwise_xor, [rows[first : first + together, words] for rows in packed])
                bits = unpack(half, piece.stop - piece.start).reshape(-1)
                start = first * length + piece.start
                yield slice(start, start + bits.size), bits.astype(np.uint64)

    return Half(math.prod(shape), each_piece())


def split_of(x: Arith, maps: int, bits: int, shared: Sequence[Parts], sliced: Sequence[Parts]) -> Split:
    """Assemble the halves of x, from this party's parts of both sides' shared rows."""
    lefts, rights = (Arith(tuple(part.reshape(maps, *x.shape) for part in parts)) for parts in shared)
    slices = (Bits(tuple(p.reshape(bits, packed_length(x.size)) for p in parts), x.size) for parts in sliced)
    return Split(tuple(Halves(lefts[k], rights[k]) for k in range(maps)), Halves(*slices))


def _shift(piece: slice, by: int) -> slice:
    return slice(piece.start + by, piece.stop + by)
