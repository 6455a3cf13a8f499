"""Compute exponentials, logarithms and the logistic function, with stated error bounds (PROTOCOLS 10).

The coefficients interpolate at Chebyshev nodes and are literal integers, because all nodes must use the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final

import numpy as np

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.bound import SAFE_BITS, Bound
from counterfoil.mpc.circuits.core.compare import a2b, msb
from counterfoil.mpc.circuits.core.convert import b2a, select
from counterfoil.mpc.circuits.core.preconditions import check_columns
from counterfoil.mpc.circuits.core.truncate import multiply_pr, trunc_pr
from counterfoil.mpc.circuits.numeric.divide import reciprocal_of_normal
from counterfoil.mpc.circuits.numeric.fixed import FRAC, ONE, Number, Rough, negate
from counterfoil.mpc.circuits.numeric.normalise import normalise, width_of
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

#: 2^u on [0, 1) in powers of u; error 3e-9
EXP2: Final = (1073741827, 744260852, 257945486, 59571873, 10398316, 1330509, 234782)
#: log2(c) and ln(c) on [1/2, 1] in powers of t = 4c - 3; errors 5.6e-8 and 3.9e-8
LOG2: Final = (-445643122, 516360288, -86059997, 19129506, -4782634, 1257167, -348799, 123905, -36347)
LOG: Final = (-308896273, 357913678, -59652244, 13259563, -3315069, 871402, -241769, 85884, -25194)
#: log2(e) and ln(2) over 2^60
LOG2_E: Final = 1663314137230540311
LN_2: Final = 799144290325165979

#: beyond this, sigmoid is within 2^-28 of 0 or 1
SIGMOID_REACH: Final = 20


def exp(p: Protocol, x: Number) -> Number:
    """Compute e^x; not truncated: `rescale` or `settle` it.

    The error is at most e^high · 2^-25, where x <= high by its bound; what cannot be computed so closely is refused.

    Shapes: x and the result (n,).
    Cost: for x of 20 binary places and |x| <= 10: 25 / 28 rounds; 568 / 1046 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError if e^high / e^low reaches 2^30, if e^high leaves no fractional bits, or if x has so
        many binary places that log2(e) times it does not fit a word with the bits that the error takes.
    Source: Aly & Smart §5; PROTOCOLS 10.
    """
    check_columns("exp", [x.value])
    # 1 (two rounds). y = x · log2(e) = low + whole + u.
    factor, drop, low, high = _binary_exponent("exp", x.bound, x.frac)
    raised = p.add_public(trunc_pr(p, x.value * factor, drop), -low * ONE)
    # 2. The bits of `whole` as numbers, and u without them.
    width = max(1, (high - low).bit_length())
    whole = b2a(p, a2b(p, raised, FRAC + width)[FRAC:])
    u = raised - (whole * (ONE << np.arange(width))[:, np.newaxis]).sum(axis=0)
    # 3. 2^whole: a product of 1 or 2^(2^i) for each bit.
    power = reduce(p.multiply, [p.add_public(whole[i] * ((1 << (1 << i)) - 1), 1) for i in range(width)])
    # 4. 2^u · 2^whole, over 2^(FRAC - low).
    fraction = trunc_pr(p, polynomial(p, u, EXP2), FRAC)
    return Rough(p.multiply(fraction, power), FRAC - low, Bound(0, 1 << (FRAC + high - low + 1)))


def _binary_exponent(what: str, bound: Bound, frac: int) -> tuple[int, int, int, int]:
    """Scale log2(e) for its product with x.

    Return log2(e) over a power of two, the bits to drop of its product with x, and the floors of the least and largest
    one. Raises: RangeError unless log2(e) · x fits FRAC fractional bits, and is within 2^-26 before more are cut off.
    """
    bits, drop = _precision(bound.magnitude, frac)
    if frac < 0 or drop > SAFE_BITS or not _is_precise(bound.magnitude, frac):
        finest = max((few for few in range(frac) if _is_precise(-(-bound.magnitude >> (frac - few)), few)), default=-1)
        raise RangeError(
            f"{what}: with {frac} binary places and bounds from {bound.low} to {bound.high} the error would be larger "
            f"than stated; {f'rescale to {finest} places or fewer' if finest >= 0 else 'narrow the bounds'}"
        )
    factor = LOG2_E >> (60 - bits)
    scaled = bound.times(factor)
    low, high = scaled.low >> drop >> FRAC, scaled.shifted_down(drop).high >> FRAC
    if high - low >= FRAC or low > FRAC:
        raise RangeError(f"{what}: results from 2^{low} to 2^{high} do not fit one number; narrow the bounds of x")
    return factor, drop, low, high


def _precision(magnitude: int, frac: int) -> tuple[int, int]:
    """Return the fractional bits of log2(e) that leave room for x, and by how many its product has too many."""
    bits = min(FRAC + 4, 60 - magnitude.bit_length())
    return bits, frac + bits - FRAC


def _is_precise(magnitude: int, frac: int) -> bool:
    """Return whether |x| · 2^-bits, the error of log2(e) · x when log2(e) is cut off, is at most 2^-26."""
    bits, _ = _precision(magnitude, frac)
    return bits >= 0 and magnitude << 26 <= 1 << (bits + frac)


def log2(p: Protocol, x: Number) -> tuple[Number, Arith]:
    """Compute the binary logarithm of x, and 1 where x > 0 (else 0, and then the logarithm is about 0).

    The error is at most 2^-23; FRAC fractional bits.

    Shapes: x and both results (n,).
    Cost: for x of 32 bits 24 / 28 rounds; 1414 / 2308 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError if x may be negative.
    Source: Aly & Smart §5; PROTOCOLS 10, in powers of t = 4c - 3, whose coefficients are small.
    """
    return _logarithm(p, x, LOG2, 1 << 60)


def log(p: Protocol, x: Number) -> tuple[Number, Arith]:
    """Compute the natural logarithm of x, and 1 where x > 0. The error is that of `log2`.

    Shapes, Cost, Reveals, Raises, Source: as `log2`.
    """
    return _logarithm(p, x, LOG, LN_2)


def _logarithm(p: Protocol, x: Number, series: Sequence[int], of_two: int) -> tuple[Number, Arith]:
    """Compute a logarithm, by its series on [1/2, 1] and its value at 2 over 2^60."""
    width = width_of("a number that has a logarithm", x)
    # 1. x = c · 2^(i + 1) / 2^frac.
    normal = normalise(p, x.value, width)
    # 2. The logarithm of c; where x = 0 it is that of 1/2, which is taken back.
    fraction = trunc_pr(p, polynomial(p, p.add_public(normal.c * 4, -3 * ONE), series), FRAC)
    fraction += p.add_public(-normal.real, 1) * (of_two >> (60 - FRAC))
    # 3 (local). Plus i + 1 - frac times that of 2.
    places = np.array([((width - j - x.frac) * of_two) >> (60 - FRAC) for j in range(width)])
    whole = (normal.place * places[:, np.newaxis]).sum(axis=0)
    return Rough(fraction + whole, FRAC, Bound(-(x.frac + 1) * ONE, (width + 1) * ONE)), normal.real


def sigmoid(p: Protocol, x: Number) -> Number:
    """Compute 1 / (1 + e^-x), with FRAC + 1 fractional bits.

    The error is at most 2^-26, or x is refused as `exp` would.

    Shapes: x and the result (n,).
    Cost: for x of 20 binary places and |x| <= 10: 49 / 58 rounds; 848 / 1601 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError.
    Source: PROTOCOLS 10, through exp and reciprocal: (1 + e^-|x|) / 2 is in [1/2, 1], so it needs no normalising.
    """
    check_columns("sigmoid", [x.value])
    reach = min(x.bound.magnitude, SIGMOID_REACH << max(0, x.frac))
    _binary_exponent("sigmoid", Bound(-reach, 0), x.frac)
    # 1. The sign s, and |x|, at most SIGMOID_REACH.
    negative = b2a(p, msb(p, x.value, x.bound.width))
    size = x.value - p.multiply(negative, x.value) * 2
    if reach < x.bound.magnitude:
        end = p.constant(np.full(x.value.size, reach))
        size = select(p, b2a(p, msb(p, size - end, x.bound.width + 1)), size, end)
    # 2. c = (1 + e^-|x|) / 2, and h = 1 / (2c).
    decay = exp(p, negate(Number(size, x.frac, Bound(0, reach))))
    half = trunc_pr(p, decay.value, decay.frac - FRAC + 1)
    h = reciprocal_of_normal(p, p.add_public(half, ONE // 2))
    # 3 (one round). h, or 1 - h where x < 0; h counts in units of 2^-(FRAC + 1).
    flipped = p.add_public(h * -2, 2 * ONE)
    return Rough(h + p.multiply(negative, flipped), FRAC + 1, Bound(-ONE, 3 * ONE))


def polynomial(p: Protocol, t: Arith, coefficients: Sequence[int]) -> Arith:
    """Sum coefficients[k] · t^k for |t| <= 1; t and coefficients over 2^FRAC, the result over 2^(2·FRAC).

    Shapes: t and the result (n,).
    Cost: (2 / 3)·ceil(log2 degree) rounds; (degree - 1) · (36 / 72) B.
    Reveals: nothing.
    """
    degree = len(coefficients) - 1
    powers = t.reshape(1, t.size)
    while len(powers) < degree:
        # Two rounds, three in rep4: t^k · t^j = t^(k + j) for j = 1..k, all at once.
        few = powers[: degree - len(powers)]
        higher = multiply_pr(p, powers[-1:].broadcast_to(few.shape), few, FRAC)
        powers = concat([powers, higher])
    total = (powers * np.array(coefficients[1:])[:, np.newaxis]).sum(axis=0)
    return p.add_public(total, coefficients[0] << FRAC)
