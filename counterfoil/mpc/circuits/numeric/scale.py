"""Bring secret moments of any size near 1, by secret powers of two, so that kernels may compute with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.compare import a2b
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.numeric.fixed import Rough
from counterfoil.mpc.circuits.numeric.normalise import prefix_and
from counterfoil.mpc.circuits.numeric.wide import DIGIT_BITS, Wide, carried, product, word, words
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits, concat, packed_length, stack_bits, tail_mask

SCALED_FRAC: Final = 60
"""Fractional bits of scaled moments: they are at most 1 in size, and fill a word."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The least power of four above each of n numbers: x < 4^e, and x >= 4^(e - 1) unless x = 0.

    `place` is (most, n), of which row m is 1 where e = m + 1, and no row where x = 0; `most` is the largest e, a
    multiple of DIGIT_BITS.
    """

    place: Arith
    most: int

    @property
    def real(self) -> Arith:
        """1 where x > 0, else 0; (n,)."""
        return self.place.sum(axis=0)

    @property
    def grow(self) -> Wide:
        """2^e, and 0 where x = 0."""
        return self._power(np.arange(1, self.most + 1))

    @property
    def shrink(self) -> Wide:
        """2^(most - e), and 0 where x = 0."""
        return self._power(np.arange(self.most - 1, -1, -1))

    def _power(self, powers: np.ndarray) -> Wide:
        digits, bounds = [], []
        for at in range(int(powers.max()) // DIGIT_BITS + 1):
            own = np.flatnonzero(powers // DIGIT_BITS == at)
            weights = np.uint64(1) << (powers[own] % DIGIT_BITS).astype(np.uint64)
            digits.append((self.place[own] * weights[:, np.newaxis]).sum(axis=0).reshape(1, -1))
            bounds.append(Bound(0, int(weights.max())))
        return Wide(concat(digits), tuple(bounds))


def scale_of(p: Protocol, x: Wide) -> Scale:
    """Find the scale of numbers x >= 0.

    Shapes: x of n numbers.
    Cost: 10 rounds for each two digits but the last, then 10, and log2 of all bits.
    Reveals: nothing.
    Raises: ShapeError; RangeError if a digit could wrap.
    Source: our own; PROTOCOLS 10 for the leading one.
    """
    # 1. All bits, lowest first: of all words but the highest in one conversion, each from a packed word of its own on.
    *lower, highest = words(p, x)
    width, rows = 2 * DIGIT_BITS, packed_length(x.size) * 64
    top = max(1, highest.bound.high.bit_length())
    bits = [a2b(p, highest.value, top + top % 2)]
    if lower:
        padded = concat([concat([each.value, _zeros(each.value, rows - x.size)]) for each in lower])
        bits = [*_parted(a2b(p, padded, width), len(lower), x.size), *bits]
    clear = p.invert(stack_bits(bits)[::-1])
    # 2 (log2 of their number rounds). The leading one is where everything above is clear.
    none = prefix_and(p, clear)
    leading = stack_bits([p.invert(none[:1]), none[:-1] ^ none[1:]])[::-1]
    # 3 (two rounds). Either bit of a pair is of one power of four.
    place = b2a(p, leading[0::2] ^ leading[1::2])
    missing = -place.shape[0] % DIGIT_BITS
    most = place.shape[0] + missing
    return Scale(concat([place, concat([place[:1] * 0] * missing)]) if missing else place, most)


def scaled(p: Protocol, x: Wide, by: Scale, i: np.ndarray, j: np.ndarray) -> Rough:
    """Scale moments: x / (2^e_i · 2^e_j), of size 1 at most, over 2^SCALED_FRAC; off by at most 2^-57.

    It is right for |x| <= 2^(e_i + e_j), as a covariance is; and 0 where one of the two has no scale.

    Shapes: x of n numbers; i and j (n,) are places in `by`; the result (n,).
    Cost: 8 rounds.
    Reveals: nothing.
    Raises: RangeError if a digit could wrap.
    Source: our own.
    """
    shrink, top = by.shrink, 2 * by.most // DIGIT_BITS
    half = top // 2
    # 1 (one round, then two). Digits below those that a second factor can lift to the last places are not made.
    (once,) = carried(p, product(p, x, shrink[i], half - 4))
    # 2 (one round, then two). Above 2^(2·most) everything cancels out.
    (twice,) = carried(p, product(p, once.kept(half - 4, top + 1), shrink[j], top - 4))
    return word(p, twice.kept(top - 4, top + 1).moved(-top), SCALED_FRAC, Bound.symmetric((1 << SCALED_FRAC) + 16))


def _zeros(x: Arith, size: int) -> Arith:
    return (x[:1] * 0).broadcast_to((size,))


def _parted(x: Bits, parts: int, size: int) -> list[Bits]:
    """Cut bits of padded rows into as many parts, of `size` rows each. Local."""
    words, mask = packed_length(size), tail_mask(size)
    return [
        Bits(tuple(part[..., at * words : (at + 1) * words] & mask for part in x.parts), size) for at in range(parts)
    ]
