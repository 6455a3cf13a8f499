"""Convert bits to numbers, and by that inject and choose obliviously (PROTOCOLS 7)."""

from __future__ import annotations

import numpy as np

from counterfoil.mpc.circuits.core.preconditions import check_not_empty, check_same_shape
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, Bits


def b2a(p: Protocol, x: Bits) -> Arith:
    """Convert each bit to the number 0 or 1.

    Shapes: x and the result agree.
    Cost: 2 rounds; 32 / 48 B a bit.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7, B2A: x = l XOR r = l + r - 2·l·r.
    """
    check_not_empty("b2a", x)
    # 1 (one round). l and r as numbers.
    halves = p.split_bits(x)
    # 2 (one round). Their product.
    return p.linear([(1, halves.left), (1, halves.right), (-2, p.multiply_halves(halves))])


def to_bits(p: Protocol, x: Arith) -> Bits:
    """Convert numbers 0 and 1 to bits.

    Shapes: x of n elements; the result (n,).
    Cost: 1 round; 0.125 / 0.25 B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7, A2B: the lowest bit of L + R is that of L XOR that of R.
    """
    check_not_empty("to_bits", x)
    halves = p.split(x, bits=range(1)).slices
    return (halves.left ^ halves.right)[0]


def compose(p: Protocol, x: Bits) -> Arith:
    """Compose words from their slices, unsigned: sum of 2^i · x_i.

    Shapes: x (w, n); the result (n,).
    Cost: 2 rounds; 32·w / 48·w B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7, B2A of whole words.
    """
    bits = b2a(p, x)
    weights = U64(1) << np.arange(x.shape[0], dtype=U64)
    return (bits * weights[:, np.newaxis]).sum(axis=0)


def inject(p: Protocol, b: Bits, x: Arith) -> Arith:
    """Multiply by a bit, b · x: x where the bit is set, zero elsewhere.

    Shapes: b, x and the result agree.
    Cost: 3 rounds; 56 / 96 B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7, bit injection.
    """
    check_same_shape("inject", b, x)
    return p.multiply(b2a(p, b), x)


def select(p: Protocol, choice: Arith, x: Arith, y: Arith) -> Arith:
    """Select x where `choice` is 1, y where it is 0.

    Shapes: all agree.
    Cost: 1 round; 24 / 48 B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7: y + c·(x - y).
    """
    check_same_shape("select", choice, x, y)
    return y + p.multiply(choice, x - y)
