"""Divide secret numbers and take their square roots, with stated error bounds (PROTOCOLS 10).

Division by a count that is released anyway is better done after release, exactly; this is for what stays secret.
"""

from __future__ import annotations

import math

import numpy as np

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.bound import SAFE_BITS, Bound
from counterfoil.mpc.circuits.core.preconditions import check_same_shape
from counterfoil.mpc.circuits.core.truncate import multiply_pr, trunc_pr
from counterfoil.mpc.circuits.numeric.fixed import FRAC, ONE, Number, Rough
from counterfoil.mpc.circuits.numeric.normalise import normalise, width_of
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith

STEPS = 3


def divide(p: Protocol, a: Number, b: Number, limit: int | None = None) -> tuple[Number, Arith]:
    """Divide: a / b, and 1 where b > 0 (else 0, and then the quotient is 0).

    It is not truncated: `rescale` or `settle` it. `limit` is a promise that |a / b| <= limit wherever b > 0; without it
    the bounds of a and b say so. The error is at most limit · 2^-26.

    Shapes: a, b and both results (n,).
    Cost: for b of 33 bits at most 32 / 40 rounds; 1449 / 2361 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError if b may be negative, or something could wrap.
    Source: Catrina & Saxena (FC 2010); PROTOCOLS 10.
    """
    check_same_shape("divide", a.value, b.value)
    width = width_of("a divisor", b)
    if limit is None:
        limit = -((-a.bound.magnitude << b.frac) // (max(1, b.bound.low) << a.frac))
    limit = max(1, limit)
    whole = limit.bit_length()
    if whole >= FRAC:
        raise RangeError(f"quotients up to {limit} leave no fractional bits; promise a smaller limit")
    _ = Bound.symmetric(min(a.bound.magnitude << (width - 1), (limit << (width + a.frac)) >> b.frac))
    frac = width + a.frac - b.frac
    drop = frac - (FRAC - whole)
    kept = frac - max(0, drop)
    if a.frac < 0 or drop > SAFE_BITS or kept + FRAC < 0:
        raise RangeError(
            f"numbers of {a.frac} binary places over such of {b.frac} do not divide; rescale them to places that are "
            "nearer to each other"
        )
    # 1. b = c · 2^width / factor, c in [1/2, 1].
    normal = normalise(p, b.value, width)
    # 2 (one to three rounds). d = a · factor = (a / b) · c · 2^width, kept to as many bits as leave room for `limit`.
    d = multiply_pr(p, a.value, normal.factor, drop) if drop > 0 else p.multiply(a.value, normal.factor)
    # 3 (one round). d / c.
    quotient = p.multiply(d, reciprocal_of_normal(p, normal.c))
    return Rough(quotient, kept + FRAC, Bound.symmetric((limit + 1) << (kept + FRAC))), normal.real


def reciprocal_of_normal(p: Protocol, c: Arith) -> Arith:
    """Compute 1 / c for c in [1/2, 1], both with FRAC fractional bits; the error is at most 2^-27.

    Shapes: c and the result agree.
    Cost: 12 / 18 rounds; 216 / 432 B.
    Reveals: nothing.
    Source: PROTOCOLS 10: w = 2.9142 - 2c, then three Newton steps w := w·(2 - c·w).
    """
    w = p.add_public(c * -2, round(2.9142 * ONE))
    for _ in range(STEPS):
        rest = p.add_public(-multiply_pr(p, c, w, FRAC), 2 * ONE)
        w = multiply_pr(p, w, rest, FRAC)
    return w


def sqrt(p: Protocol, x: Number) -> Number:
    """Compute the square root of x >= 0; 0 for 0; not truncated: `rescale` or `settle` it.

    The error is at most sqrt(high) · 2^-26, where x <= high by its bound.

    Shapes: x and the result (n,).
    Cost: for x of 32 bits 39 / 50 rounds; 1546 / 2572 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError if x may be negative.
    Source: Aly & Smart §3; PROTOCOLS 10. sqrt(2^(i + 1)) is a public sum over the places of the leading one, so odd
        exponents need no case.
    """
    width = width_of("a radicand", x)
    # 1. x = c · 2^(i + 1) / 2^frac.
    normal = normalise(p, x.value, width)
    # 2. y = 1 / sqrt(c).
    y = inverse_root_of_normal(p, normal.c)
    # 3 (two rounds, three in rep4). sqrt(c) = c · y.
    root = multiply_pr(p, normal.c, y, FRAC)
    # 4 (one round). Times sqrt(2^(i + 1 - frac)), with as many bits as there is room for.
    room = FRAC - -(-(width - x.frac) // 2)
    weights = [math.isqrt(1 << power) if (power := width - j - x.frac + 2 * room) >= 0 else 0 for j in range(width)]
    scale = (normal.place * np.array(weights, dtype=np.uint64)[:, np.newaxis]).sum(axis=0)
    return Rough(p.multiply(root, scale), FRAC + room, Bound(0, 1 << (2 * FRAC + 1)))


def inverse_root_of_normal(p: Protocol, c: Arith) -> Arith:
    """Compute 1 / sqrt(c) for c in [1/2, 1], both with FRAC fractional bits; the error is at most 2^-27.

    Shapes: c and the result agree.
    Cost: 20 / 29 rounds; 344 / 688 B.
    Reveals: nothing.
    Source: Aly & Smart §3; PROTOCOLS 10: y = 1.7746 - 0.8040·c, then three Newton steps y := y·(3 - c·y²) / 2.
    """
    y = p.add_public(trunc_pr(p, c * -round(0.8040 * ONE), FRAC), round(1.7746 * ONE))
    for _ in range(STEPS):
        square = multiply_pr(p, y, y, FRAC)
        rest = p.add_public(-multiply_pr(p, c, square, FRAC), 3 * ONE)
        y = multiply_pr(p, y, rest, FRAC + 1)
    return y
