"""Compare shared words on bit slices: bits, signs, order and equality, one packed message a level (PROTOCOLS 7).

`width` says how many low bits of a value matter: a caller that knows by its bounds that |x| < 2^(width-1) saves the
rest. Results over an array are flat, one bit an element, in C order.
"""

from __future__ import annotations

from functools import partial
from typing import TypeAlias

import numpy as np

from counterfoil.mpc.circuits.core.adder import carries, carry_out, generate_propagate
from counterfoil.mpc.circuits.core.preconditions import check_not_empty, check_same_shape, check_width
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits, Words, stack_bits

Pair: TypeAlias = tuple[Arith, Arith]
"""A value in two words, the high one first."""


def a2b(p: Protocol, x: Arith, width: int = 64) -> Bits:
    """Convert every x to the slices of its low `width` bits.

    Shapes: x of n elements; the result (width, n), least significant bit first.
    Cost: 8 rounds; 148.25 / 280.5 B (width 64); 2 + ceil(log2 (width - 1)) rounds.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7, A2B; ABY3 (ePrint 2018/403) §5.3.
    """
    check_not_empty("a2b", x)
    check_width("a2b", width)
    # 1-2 (two rounds). Slices of L and of R, then g and t of every bit of L + R.
    g, t = generate_propagate(p, p.split(x, bits=range(width)).slices)
    if width == 1:
        return t
    # 3 (log2 width rounds). Bit i of x is t_i XOR the carry out of bit i - 1; that of the top bit is not needed.
    return stack_bits([t[:1], t[1:] ^ carries(p, g[:-1], t[:-1])])


def msb(p: Protocol, x: Arith, width: int = 64, carry: Bits | None = None) -> Bits:
    """Extract bit width - 1 of every x, or of x + carry: for width 64 the sign, else the sign if |x| < 2^(width-1).

    Shapes: x of n elements; carry and the result (n,).
    Cost: 8 rounds; 76.25 / 136.5 B (width 64); 2 + ceil(log2 (width - 1)) rounds.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7, MSB; a carry is one position more, under all others, and generates it or not.
    """
    check_not_empty("msb", x)
    check_width("msb", width)
    # 1-2 (two rounds). Slices of L and of R, then g and t of every bit of L + R.
    g, t = generate_propagate(p, p.split(x, bits=range(width)).slices)
    # 3 (log2 width rounds). The top bit is t_top XOR the carry out of the bits below it.
    generate, propagate = g[:-1], t[:-1]
    if carry is not None:
        nothing = carry.reshape(1).map(np.zeros_like)
        generate, propagate = stack_bits([carry.reshape(1), generate]), stack_bits([nothing, propagate])
    return t[-1] ^ carry_out(p, generate, propagate) if len(generate.parts[0]) else t[-1]


def less_than(p: Protocol, x: Arith, y: Arith, width: int = 64) -> Bits:
    """Compare x < y, signed, if |x - y| < 2^(width-1).

    Shapes: x and y of n elements each; the result (n,).
    Cost: as `msb`.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7.
    """
    check_same_shape("less_than", x, y)
    return msb(p, x - y, width)


def less_than_pair(p: Protocol, x: Pair, y: Pair, widths: tuple[int, int]) -> Bits:
    """Compare x < y in the order of (high, low) words, signed, if each difference is under 2^(width-1).

    Shapes: all four words of n elements; the result (n,).
    Cost: that of `less_than` of the low words, then of the high words, which is one more bit deep.
    Reveals: nothing.
    Raises: ShapeError.
    Source: x < y iff not (y_high - x_high - 1) + [x_low < y_low] < 0; the bracket is the carry into that sum.
    """
    check_same_shape("less_than_pair", *x, *y)
    # 1. The order of the low words.
    carry = less_than(p, x[1], y[1], widths[1])
    # 2. It is a block that generates, or stops, the carry under the difference of the high words.
    return p.invert(msb(p, p.add_public(y[0] - x[0], -1), widths[0], carry))


def less_than_bits(p: Protocol, x: Bits, y: Bits) -> Bits:
    """Compare x < y, unsigned, for words in slices.

    Shapes: x and y (w, *lead, n); the result (*lead, n).
    Cost: 7 rounds; 69 / 138 B (w = 64).
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7, boolean keys: g = NOT x AND y, t = NOT (x XOR y).
    """
    check_same_shape("less_than_bits", x, y)
    return carry_out(p, p.and_bits(p.invert(x), y), p.invert(x ^ y))


def less_than_public(p: Protocol, x: Bits, public: Words) -> Bits:
    """Compare x < c, unsigned, for words in slices and public c.

    Shapes: x (w, *lead, n); `public` the slices of c, packed words that broadcast over x's parts (`packing.slices`, or
        `constant_slices`); the result (*lead, n).
    Cost: 6 rounds; 45 / 90 B (w = 64).
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7: no carry out of x + NOT c + 1.
    """
    check_not_empty("less_than_public", x)
    # 1 (local). q = NOT c; g = x AND q, t = x XOR q; carry-in 1: g_0 becomes g_0 XOR t_0.
    q = np.invert(public)
    g, t = x & q, p.xor_public(x, q)
    g = stack_bits([g[:1] ^ t[:1], g[1:]])
    # 2 (log2 w rounds). x >= c is the carry out.
    return p.invert(carry_out(p, g, t))


def is_zero(p: Protocol, x: Arith, width: int = 64) -> Bits:
    """Test x == 0 mod 2^width.

    Shapes: x of n elements; the result (n,).
    Cost: 7 rounds; 31.625 / 63.25 B (width 64); 1 + ceil(log2 width) rounds.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7: L == -R bit by bit, then a tree of ANDs; no adder.
    """
    check_not_empty("is_zero", x)
    check_width("is_zero", width)
    # 1 (one round). z_i = NOT (L_i XOR (-R)_i).
    halves = p.split(x, bits=range(width), negate_right=True).slices
    # 2 (log2 width rounds). All of them.
    return all_set(p, p.invert(halves.left ^ halves.right))


def equal(p: Protocol, x: Arith, y: Arith, width: int = 64) -> Bits:
    """Test x == y mod 2^width.

    Shapes, Cost, Reveals, Raises: as `is_zero`, on x - y.
    """
    check_same_shape("equal", x, y)
    return is_zero(p, x - y, width)


def all_set(p: Protocol, z: Bits) -> Bits:
    """AND over the leading axis, by halves.

    Shapes: z (w, *lead, n); the result (*lead, n).
    Cost: ceil(log2 w) rounds; w - 1 bits are multiplied.
    Reveals: nothing.
    """
    while (rows := z.shape[0]) > 1:
        pairs = rows // 2
        z = stack_bits([p.and_bits(z[:pairs], z[pairs : 2 * pairs]), z[2 * pairs :]])
    return z[0]


def constant_slices(values: Words, width: int = 64) -> Words:
    """Slice public words, each of which is broadcast over a whole row of equal values.

    Shapes: (*lead) to (width, *lead, 1), which broadcasts over the rows.
    """
    bit = partial(np.bitwise_and, np.uint64(1))
    return np.stack([np.negative(bit(values >> np.uint64(i)))[..., np.newaxis] for i in range(width)])
