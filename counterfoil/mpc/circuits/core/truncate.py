"""Divide by a power of two: exactly, or fast and probabilistically (PROTOCOLS 7.1). No third way is offered.

`trunc_exact` is for everything that reaches an output, a comparison or noise. `trunc_pr` is for the inside of numeric
kernels: a party that knows the low bits of L learns one bit below the output's resolution if its result is opened, so
it never is.
"""

from __future__ import annotations

from counterfoil.mpc.circuits.core.adder import generate_propagate, two_carries
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_not_empty, check_same_shape, check_width
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, stack_bits


def trunc_exact(p: Protocol, x: Arith, frac: int) -> Arith:
    """Divide: floor(x / 2^frac), for every signed x.

    Shapes: x and the result agree.
    Cost: 10 rounds; 149 to 152.4 / 250 to 256.75 B, depending on frac.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 7.1.
    """
    check_not_empty("trunc_exact", x)
    check_width("trunc_exact", frac, 63)
    # 1 (local). x + 2^63 is not negative.
    raised = p.add_public(x, 1 << 63)
    # 2 (one round). L >> f and R >> f, and the bits of both.
    split = p.split(raised, [lambda half: half >> U64(frac)], range(64))
    (shifted,) = split.mapped
    # 3 (seven rounds). The carries out of bits f - 1 and 63 of L + R.
    low, top = two_carries(p, *generate_propagate(p, split.slices), frac - 1)
    # 4 (two rounds). As numbers k and c.
    both = b2a(p, stack_bits([low.reshape(1), top.reshape(1)])).reshape(2, *x.shape)
    # 5 (local). (L >> f) + (R >> f) + k - c·2^(64-f) - 2^(63-f).
    carried = -(1 << (64 - frac))
    return p.linear([(1, shifted.left), (1, shifted.right), (1, both[0]), (carried, both[1])], carried // 2)


def trunc_pr(p: Protocol, x: Arith, frac: int) -> Arith:
    """Divide: floor(x / 2^frac) or one more, the latter with the probability of the fraction, for |x| < 2^62.

    Shapes: x and the result agree.
    Cost: 2 rounds; 14 / 28 B for up to 16 bits, 20 / 40 B for up to 32 bits.
    Reveals: nothing; but see above what opening the result would.
    Raises: ShapeError.
    Source: PROTOCOLS 7.1; Dalskov, Escudero, Keller (PoPETs 2020) §3.2.2.
    """
    check_not_empty("trunc_pr", x)
    check_width("trunc_pr", frac, 62)
    return p.truncate(x, frac)


def multiply_pr(p: Protocol, x: Arith, y: Arith, frac: int) -> Arith:
    """Multiply and divide: `trunc_pr` of x·y elementwise, for |x·y| < 2^62.

    Shapes: x, y and the result agree.
    Cost: 2 / 3 rounds; 30 / 60 B for up to 16 bits, 36 / 72 B for up to 32 bits.
    Reveals: as `trunc_pr`.
    Raises: ShapeError.
    Source: ADR 12.
    """
    check_same_shape("multiply_pr", x, y)
    check_width("multiply_pr", frac, 62)
    return p.multiply_truncate(x, y, frac)
