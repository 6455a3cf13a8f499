"""Inputs that break their contract's bounds are found and zeroed while shared (PROTOCOLS 3.5)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.checks import check_columns
from counterfoil.mpc.circuits.compare import msb
from counterfoil.mpc.circuits.convert import b2a
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.shares import Arith, Bits, concat, packed_length, tail_mask

Limit: TypeAlias = int | NDArray[np.int64]


def in_range(p: Protocol, x: Arith, low: Limit, high: Limit) -> Arith:
    """1 where low <= x <= high, else 0, whatever 64-bit word x is; for |low| and |high| up to 2^61.

    Shapes: x and the result (n,); low and high one for all rows, or (n,).
    Cost: 12 rounds; 3 comparisons, 2 ANDs of bits and one B2A: 269.4 / 474.8 B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 3.5: NOT msb(x + 2^62), NOT msb(x - low), NOT msb(high - x); the first makes the others right.
    """
    size = check_columns("in_range", [x])
    # 1 (local). The three columns, each filled up to whole words so that their signs stay apart.
    padding = p.constant(np.zeros(64 * packed_length(size) - size, dtype=np.uint64))
    tests = [p.add_public(x, 1 << 62), p.add_public(x, np.negative(low)), p.add_public(-x, high)]
    stacked = concat([column for test in tests for column in (test, padding)])
    # 2 (8 rounds). All signs at once; a test is passed where the value is not negative.
    signs = p.invert(msb(p, stacked))
    passed = Bits(tuple(part.reshape(3, -1) & tail_mask(size) for part in signs.parts), size)
    # 3 (two rounds, then two). All three, as a number.
    return b2a(p, p.and_bits(p.and_bits(passed[0], passed[1]), passed[2]))
