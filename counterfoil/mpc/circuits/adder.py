"""Carries of L + R on bit slices, where x = L + R mod 2^64 (PROTOCOLS 7). The trees under every comparison.

A pair (g, t) of equally shaped `Bits`, bit position on the leading axis, says of each position, or of each block of
positions, that it generates a carry (g) or passes one on (t). Two neighbouring blocks combine to
(g_hi XOR t_hi·g_lo, t_hi·t_lo).
"""

from __future__ import annotations

import numpy as np

from counterfoil.mpc.protocol import Halves, Protocol
from counterfoil.mpc.shares import Bits, stack_bits


def generate_propagate(p: Protocol, slices: Halves[Bits]) -> tuple[Bits, Bits]:
    """(g, t) of every bit position: both of L and R have the bit, or exactly one has it.

    Shapes: either half, g and t (width, n).
    Cost: 1 round; 24 / 32 B · width / 64.
    Reveals: nothing.
    Source: PROTOCOLS 7, A2B; ABY3 (ePrint 2018/403) §5.3.
    """
    # 1 (one round). g = L AND R; t = L XOR R (local).
    return p.and_halves(slices), slices.left ^ slices.right


def carry_out(p: Protocol, g: Bits, t: Bits) -> Bits:
    """The carry out of the topmost position: a tree that halves the rows on each level.

    Shapes: g and t (w, *lead, n); the result (*lead, n).
    Cost: ceil(log2 w) rounds; for w = 64, 125 bits are multiplied: 46.875 / 93.75 B.
    Reveals: nothing.
    """
    while (rows := g.shape[0]) > 1:
        even, odd, rest = slice(0, rows - 1, 2), slice(1, rows, 2), slice(rows - rows % 2, rows)
        if rows == 2:
            # Last level: nothing passes a carry on.
            return g[1] ^ p.and_bits(t[1], g[0])
        # One round: t_odd·g_even and t_odd·t_even in one message; an unpaired top row goes up as it is.
        generated, passed = p.and_many([(t[odd], g[even]), (t[odd], t[even])])
        g, t = stack_bits([g[odd] ^ generated, g[rest]]), stack_bits([passed, t[rest]])
    return g[0]


def carries(p: Protocol, g: Bits, t: Bits) -> Bits:
    """The carry out of every position (inclusive prefix), by Kogge and Stone.

    Shapes: g, t and the result (w, n).
    Cost: ceil(log2 w) rounds; for w = 64, 264 / 528 B.
    Reveals: nothing.
    Source: PROTOCOLS 7, A2B.
    """
    width, distance = g.shape[0], 1
    while distance < width:
        if 2 * distance >= width:
            # Last level: nothing passes a carry on.
            return g ^ p.and_bits(t, shift_up(g, distance))
        # One round: t·(g << k) and t·(t << k) in one message.
        generated, passed = p.and_many([(t, shift_up(g, distance)), (t, shift_up(t, distance))])
        g, t = g ^ generated, passed
        distance *= 2
    return g


def shift_up(x: Bits, distance: int) -> Bits:
    """x << distance for words in slices: zeros come in below, the topmost rows fall off. Local."""

    def shifted(part: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
        out = np.zeros_like(part)
        out[distance:] = part[:-distance]
        return out

    return x.map(shifted)
