"""Find and zero inputs that break their contract's bounds, while they are shared (PROTOCOLS 3.5)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.core.compare import msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_columns
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits, concat, packed_length, tail_mask

Limit: TypeAlias = int | NDArray[np.int64]


def in_range(p: Protocol, x: Arith, low: Limit, high: Limit) -> Arith:
    """Test low <= x <= high, as 1 or 0, for any 64-bit word x; if 0 <= high - low < 2^63.

    Shapes: x and the result (n,); low and high one for all rows, or (n,).
    Cost: 11 rounds; 2 comparisons, an AND of bits and one B2A: 184.9 / 321.75 B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 3.5, with two signs instead of three: NOT msb(x - low), NOT msb(high - x). That is enough for any
        word x: if a = x - low and b = high - x mod 2^64 are both below 2^63, then a + b does not wrap, so it is
        high - low itself, and a <= high - low.
    """
    size = check_columns("in_range", [x])
    # 1 (local). The two columns, each filled up to whole words so that their signs stay apart.
    padding = p.constant(np.zeros(64 * packed_length(size) - size, dtype=np.uint64))
    tests = [p.add_public(x, np.negative(low)), p.add_public(-x, high)]
    stacked = concat([column for test in tests for column in (test, padding)])
    # 2 (8 rounds). All signs at once; a test is passed where the value is not negative.
    signs = p.invert(msb(p, stacked))
    passed = Bits(tuple(part.reshape(2, -1) & tail_mask(size) for part in signs.parts), size)
    # 3 (one round, then two). Both, as a number.
    return b2a(p, p.and_bits(passed[0], passed[1]))
