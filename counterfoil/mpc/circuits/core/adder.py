"""Compute the carries of L + R on bit slices, where x = L + R mod 2^64 (PROTOCOLS 7): under every comparison.

A pair (g, t) of equally shaped `Bits`, bit position on the leading axis, says of each position, or of each block of
positions, that it generates a carry (g) or passes one on (t). Two neighbouring blocks combine to
(g_hi XOR t_hi·g_lo, t_hi·t_lo).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.protocol import Halves, Protocol
from counterfoil.mpc.ring.shares import Bits, stack_bits

Places: TypeAlias = NDArray[np.intp]
"""Public rows."""


def generate_propagate(p: Protocol, slices: Halves[Bits]) -> tuple[Bits, Bits]:
    """Compute (g, t) of every bit position: both of L and R have the bit, or exactly one has it.

    Shapes: either half, g and t (width, n).
    Cost: 1 round; 24 / 32 B · width / 64.
    Reveals: nothing.
    Source: PROTOCOLS 7, A2B; ABY3 (ePrint 2018/403) §5.3.
    """
    # 1 (one round). g = L AND R; t = L XOR R (local).
    return p.and_halves(slices), slices.left ^ slices.right


def carry_out(p: Protocol, g: Bits, t: Bits) -> Bits:
    """Compute the carry out of the topmost position: a tree that halves the rows on each level.

    Shapes: g and t (w, *lead, n); the result (*lead, n).
    Cost: ceil(log2 w) rounds; 2·w - 2 - ceil(log2 w) bits are multiplied: for w = 64, 120, or 45 / 90 B.
    Reveals: nothing.
    """
    while g.shape[0] > 1:
        g, t, _ = _halved(p, g, t)
    return g[0]


def two_carries(p: Protocol, g: Bits, t: Bits, place: int) -> tuple[Bits, Bits]:
    """Compute the carries out of position `place` and of the topmost one.

    Shapes: g and t (w, *lead, n); both results (*lead, n).
    Cost: as `carry_out`, in as many rounds, and at most 2·ceil(log2 w) - 3 bits more, depending on `place`.
    Reveals: nothing.
    Source: our own. Two separate trees, the lower feeding the upper, multiply fewer bits and take a round more.
    """
    # The block that ends at `place`; None while it is a whole row of the tree, which then is row `place`.
    own: tuple[Bits, Bits] | None = None
    while (rows := g.shape[0]) > 1:
        below, joins = slice(place - 1, place), place % 2 == 1
        if own is None and not joins and place + 1 < rows:
            own = g[place : place + 1], t[place : place + 1]
        more = []
        if own is not None and joins:
            # In the message of this level it takes in the row below it. The lowest block passes nothing on.
            more = [(own[1], g[below]), *([(own[1], t[below])] if place > 1 else [])]
        g, t, made = _halved(p, g, t, more)
        if own is not None and joins:
            own = own[0] ^ made[0], made[-1]
        place //= 2
    return (g if own is None else own[0])[0], g[0]


def carries(p: Protocol, g: Bits, t: Bits) -> Bits:
    """Compute the carry out of every position (inclusive prefix).

    Shapes: g, t and the result (w, n).
    Cost: ceil(log2 w) rounds; about w/2 · (2·log2 w - 2) bits are multiplied: for w = 64, 321, or 120.375 / 240.75 B.
    Reveals: nothing.
    Source: PROTOCOLS 7, A2B; Sklansky 1960: as deep as the tree of Kogge and Stone, and in slices a row that takes no
        part in a level costs nothing.
    """
    for upper, source in prefix_levels(g.shape[0]):
        # One round: each row of an upper half takes in the last row of the lower half, which, if it is the lowest
        # block, passes nothing on.
        wide = source >= upper[0]
        pairs = [(t[upper], g[source]), *([(t[upper[wide]], t[source[wide]])] if wide.any() else [])]
        made, *passed = p.and_many(pairs)
        g = g.put(upper, g[upper] ^ made)
        for each in passed:
            t = t.put(upper[wide], each)
    return g


def prefix_levels(rows: int) -> Iterator[tuple[Places, Places]]:
    """Yield, by level, the rows that take in others, and these, so that in the end each covers all below it.

    Source: Sklansky 1960.
    """
    every, half = np.arange(rows), 1
    while half < rows:
        upper = every[every // half % 2 == 1]
        yield upper, upper // half * half - 1
        half *= 2


def _halved(p: Protocol, g: Bits, t: Bits, more: Sequence[tuple[Bits, Bits]] = ()) -> tuple[Bits, Bits, list[Bits]]:
    """Combine every two neighbouring rows to one block, keeping an unpaired top row; and multiply `more`.

    The lowest block passes nothing on, and its t means nothing.

    Cost: 1 round.
    """
    rows = g.shape[0]
    even, odd, rest = slice(0, rows - 1, 2), slice(1, rows, 2), slice(rows - rows % 2, rows)
    upper, lower = t[odd], t[even]
    pairs = [(upper, g[even]), *([(upper[1:], lower[1:])] if rows > 3 else [])]
    made, *others = p.and_many([*pairs, *more])
    passed, others = others[: len(pairs) - 1], others[len(pairs) - 1 :]
    return stack_bits([g[odd] ^ made, g[rest]]), stack_bits([upper[:1], *passed, t[rest]]), others
