"""Evaluate odd functions as Chebyshev series, and the logistic function by one: for fits, not for release.

T_(m+n) = 2·T_m·T_n - T_(m-n) splits a series of 16 odd terms into four of 4 terms, joined by T_8 and T_16. Unlike
powers of t, Chebyshev polynomials stay in [-1, 1] and their coefficients fall, so that rounding does not grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.bound import SAFE_BITS, Bound
from counterfoil.mpc.circuits.core.compare import msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_columns
from counterfoil.mpc.circuits.core.truncate import multiply_pr, trunc_pr
from counterfoil.mpc.circuits.numeric.fixed import Number, Rough
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

#: fractional bits of the polynomials, of the coefficients, and of a series
FRAC: Final = 21
COEFFICIENT_BITS: Final = 19
SERIES_FRAC: Final = COEFFICIENT_BITS + 2 * FRAC

#: 4 / 41, cut off after so many bits, moves the result by 26 · 2^-20 at most
CONSTANT_BITS: Final = 20

#: where the logistic function is taken as constant, in quarters: 10.25
REACH: Final = 41
#: 1 / (1 + e^-x) - 1/2 on [-10.25, 10.25] in T_1, T_3, ..., T_31 of x / 10.25; error 6e-5
LOGISTIC: Final = (328335, -96523, 46018, -24139, 13018, -7084, 3867, -2113, 1155, -632, 346, -190, 105, -59, 36, -26)


def fast_sigmoid(p: Protocol, x: Number) -> Number:
    """Compute 1 / (1 + e^-x), not truncated: `rescale` or `settle` it. The error is at most 2^-13.

    A fraction of the cost of `elementary.sigmoid`, for the inside of a fit, where single errors average out.

    Shapes: x and the result (n,).
    Cost: for x of 20 binary places and |x| <= 10: 11 / 15 rounds; 344 / 688 B. For |x| <= 400: 21 / 25; 502.75 / 958 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError if x has so many binary places that it does not fit a word with the bits that the
        error takes.
    Source: our own; Chebyshev interpolation, and constant beyond |x| = 10.25.
    """
    check_columns("fast_sigmoid", [x.value])
    end = REACH << max(0, x.frac - 2) >> max(0, 2 - x.frac)
    # A constant of so many bits that its product with x keeps below 2^61.
    bits = 59 - min(x.bound.magnitude, end).bit_length()
    drop = bits + x.frac - FRAC
    if x.frac < 0 or bits < CONSTANT_BITS or drop > SAFE_BITS:
        raise RangeError(
            f"fast_sigmoid: of numbers of {x.frac} binary places up to {x.bound.magnitude} the error would be larger "
            "than stated; rescale them to 24 places or fewer"
        )
    # 1 (10 rounds, if x may be beyond the reach). x, or the end of the reach on its side.
    value = x.value
    if x.bound.magnitude > end:
        value = _clamped(p, x, end)
    # 2 (two rounds). t = x / 10.25.
    t = trunc_pr(p, value * ((4 << bits) // REACH), drop)
    # 3 (9 rounds, 13 in rep4).
    series = odd_series(p, t, LOGISTIC)
    half = 1 << (SERIES_FRAC - 1)
    return Rough(p.add_public(series, half), SERIES_FRAC, Bound(-half // 8, 2 * half + half // 8))


def odd_series(p: Protocol, t: Arith, coefficients: Sequence[int]) -> Arith:
    """Sum coefficients[i] · T_(2i + 1)(t) for 16 coefficients over 2^COEFFICIENT_BITS.

    For |t| <= 1 over 2^FRAC; the result over 2^SERIES_FRAC.

    Shapes: t and the result (n,).
    Cost: 9 / 13 rounds; 312 / 624 B.
    Reveals: nothing.
    Raises: RangeError if the coefficients are so large that the series could wrap.
    """
    low, high = fold(coefficients)
    parts = [part for half in (low, high) for part in fold(half)]
    # A part is at most the sum of its coefficients, over 2^FRAC, and is multiplied by polynomials that are at most 1;
    # then all are added up. Rounding adds less than a quarter.
    if sum(abs(each) for part in parts for each in part) * 5 // 4 >> (SAFE_BITS - 2 * FRAC):
        raise RangeError("odd_series: the sum of the coefficients could wrap; take fewer bits for them")
    # 1 (6 rounds, 9 in rep4). T_2; T_3 and T_4; T_5, T_7 and T_8; each is 2·T_m·T_n less one that is there already.
    one = p.constant(np.full(t.shape, 1 << FRAC))
    (t2,) = _next(p, [(t, t, one)])
    t3, t4 = _next(p, [(t2, t, t), (t2, t2, one)])
    t5, t7, t8 = _next(p, [(t4, t, t3), (t4, t3, t), (t4, t4, one)])

    def combined(weights: Sequence[int]) -> Arith:
        return p.linear(list(zip(weights, (t, t3, t5, t7), strict=True)))

    # 2 (two rounds, three in rep4). T_8·d, and T_16 = 2·T_8² - 1.
    a, b, c, d = (combined(part) for part in parts)
    upper, square = _parts(multiply_pr(p, concat([t8, t8 * 2]), concat([d, t8]), FRAC), 2)
    t16 = p.add_public(square, -(1 << FRAC))
    # 3 (one round). a + T_8·b + T_16·(c + T_8·d).
    pairs = (concat(each).reshape(2, t.size).T for each in ([t8, t16], [b, c + upper]))
    return a * (1 << FRAC) + p.dot(*pairs)


def fold(coefficients: Sequence[int]) -> tuple[list[int], list[int]]:
    """Halve a series in T_1, T_3, ..., T_(2s - 1): return a and b with half as many terms, where it is a + T_s·b."""
    half = len(coefficients) // 2
    below, above = coefficients[:half], coefficients[half:]
    return [one - other for one, other in zip(below, reversed(above), strict=True)], [2 * each for each in above]


def _next(p: Protocol, steps: Sequence[tuple[Arith, Arith, Arith]]) -> list[Arith]:
    """Compute 2·x·y - z for each (x, y, z). Cost: 2 / 3 rounds; 36 / 72 B each."""
    x, y, z = (concat(each) for each in zip(*steps, strict=True))
    return _parts(multiply_pr(p, x, y, FRAC - 1) - z, len(steps))


def _parts(together: Arith, count: int) -> list[Arith]:
    rows = together.reshape(count, together.size // count)
    return [rows[place] for place in range(count)]


def _clamped(p: Protocol, x: Number, end: int) -> Arith:
    """Clamp x to [-end, end]. Cost: 10 rounds."""
    # 1 (7 and 2 rounds). Is it below -end, and not below end?
    sides = concat([p.add_public(x.value, end), p.add_public(x.value, -end)])
    below, inner = _parts(b2a(p, msb(p, sides, x.bound.width + 1)), 2)
    # 2 (one round). inner is 1 below `end`, so that inner - below is 1 inside.
    return p.multiply(x.value, inner - below) + (p.add_public(-inner, 1) - below) * end
