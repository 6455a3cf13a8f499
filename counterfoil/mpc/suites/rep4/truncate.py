"""Divide by a power of two in rep4, where two parties know one half and the other two the other half.

As in rep3 (ADR 12): x >> f is (L >> f) + (R >> f) - (b + (1 - b)·a)·2^(64-f), or one more, where a and b are the top
bits of L and R. Each half, and in lanes each top bit, is a shared input of the two that know it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterfoil.mpc.ring import kernels
from counterfoil.mpc.ring.lanes import lanes
from counterfoil.mpc.ring.shares import U64, Arith, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.rep4.halves import KNOW_LEFT, known_half, offer_halves
from counterfoil.mpc.suites.rep4.joint import ARITH, lane_ring, take_all
from counterfoil.mpc.suites.rep4.multiply import half_of_product, products_of_halves
from counterfoil.mpc.suites.replicated import check_same_shapes, components
from counterfoil.mpc.suites.two_operand_split import RAISED, in_lanes, mapped


def truncate(party: Party, x: Arith, frac: int) -> Arith:
    """Divide by 2^frac: floor(x / 2^frac) or one more, for |x| < 2^62.

    Shapes: x and the result agree.
    Cost: 2 rounds; 16 B, six lanes of `frac` bits, and 8 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    parts = _truncated(party, known_half(party, x.parts), x.size, frac)
    return Arith(tuple(part.reshape(x.shape) for part in parts))


def multiply_truncate(party: Party, x: Arith, y: Arith, frac: int) -> Arith:
    """Multiply and divide: floor(x·y / 2^frac) or one more, elementwise, for |x·y| < 2^62.

    Shapes: x, y and the result agree.
    Cost: 3 rounds; 48 B, six lanes of `frac` bits, and 12 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    check_same_shapes([(x, y)])
    half = half_of_product(party, x, y)
    return Arith(tuple(part.reshape(x.shape) for part in _truncated(party, [half], x.size, frac)))


def _truncated(party: Party, known: Sequence[Words], count: int, frac: int) -> list[Words]:
    """Truncate the sum of both halves into components; `known` adds up to this party's half."""
    left, by, up = party.index in KNOW_LEFT, U64(frac), U64(64 - frac)

    def shifted(half: Words) -> Words:
        """Compute L >> f, or (R >> f) - b·2^(64-f) without what was added to L."""
        return (half + RAISED) >> by if left else (half >> by) - (half >> U64(63) << up) - (RAISED >> by)

    def top(half: Words) -> Words:
        """Compute a, or 1 - b."""
        return (half + RAISED) >> U64(63) if left else U64(1) - (half >> U64(63))

    # 1 (one round). Two shared inputs of those that know L, two of those that know R; checked together.
    words, told = offer_halves(party, mapped(known, [shifted]), ARITH)
    (top_left, top_right), told = offer_halves(party, in_lanes(known, top, frac), lane_ring(frac), before=told)
    take_all(party, told)
    # 2 (one round). a·(1 - b), in lanes.
    carried = products_of_halves(party, Arith(top_left), Arith(top_right), lane_ring(frac))
    # 3 (local).
    parts = []
    for j, each, *both in zip(components(4, party.index), carried, *words, strict=True):
        part = np.empty(count, np.uint64)
        kernels.subtract_carried(both[j > 1], lanes(each, count, frac), by, part)
        parts.append(part)
    return parts
