"""The two-operand split as far as suites do not differ: what is shared of a plain half, and what comes of it.

Knows no message and nobody's index.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterfoil.mpc.kernels import bit_slices
from counterfoil.mpc.pieces import flat
from counterfoil.mpc.protocol import HalfMap, Halves, Split
from counterfoil.mpc.shares import Arith, Bits, Words, packed_length

Parts = tuple[Words, ...]


def sliced(half: Words, bits: range) -> Words:
    """The asked bits of a half, slice after slice, in one row."""
    if not bits:
        return np.empty(0, np.uint64)
    slices = np.empty((64, packed_length(half.size)), np.uint64)
    bit_slices(flat(half), slices)
    return flat(slices[bits.start : bits.stop : bits.step])


def mapped(half: Words, maps: Sequence[HalfMap]) -> Words:
    """f of a half for every map, one after the other, in one row."""
    return np.concatenate([np.empty(0, np.uint64), *(flat(each(half)) for each in maps)])


def split_of(x: Arith, maps: int, bits: int, shared: Sequence[Parts], sliced: Sequence[Parts]) -> Split:
    """The halves of x, from this party's parts of both sides' shared rows."""
    lefts, rights = (Arith(tuple(part.reshape(maps, *x.shape) for part in parts)) for parts in shared)
    slices = (Bits(tuple(p.reshape(bits, packed_length(x.size)) for p in parts), x.size) for parts in sliced)
    return Split(tuple(Halves(lefts[k], rights[k]) for k in range(maps)), Halves(*slices))
