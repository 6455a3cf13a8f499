"""Tails and quantiles of the normal, t, chi-square and F distributions, for p-values and intervals of what leaves.

Recipients open results without any library of statistics. Relative errors are below 1e-10 down to tails of 1e-300, as
tests check against scipy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

_TINY: Final = 1e-300
_STEPS: Final = 10_000
_ENOUGH: Final = 1e-15


def normal_two_sided(z: float) -> float:
    """Return how often a standard normal number is at least as far from 0 as z."""
    return math.erfc(abs(z) / math.sqrt(2))


def t_two_sided(t: float, dof: float) -> float:
    """Return how often a number of Student's distribution is at least as far from 0 as t."""
    square = t * t
    return _beta(dof / (dof + square), square / (dof + square), dof / 2, 0.5)


def chi_square_above(x: float, dof: float) -> float:
    """Return how often a number of the chi-square distribution is at least x."""
    return _gamma_above(dof / 2, x / 2)


def f_above(x: float, between: float, within: float) -> float:
    """Return how often a number of the F distribution is at least x."""
    one, other = within, between * max(x, 0.0)
    return _beta(one / (one + other), other / (one + other), within / 2, between / 2)


def normal_quantile(confidence: float) -> float:
    """Return the distance from 0 within which a standard normal number is so often."""
    return _inverse(normal_two_sided, 1 - confidence)


def t_quantile(confidence: float, dof: float) -> float:
    """Return the distance from 0 within which a number of Student's distribution is so often."""
    return _inverse(lambda t: t_two_sided(t, dof), 1 - confidence)


def p_text(p: float) -> str:
    """Write a p-value as the field does: three decimals, and less than the smallest of these below."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _inverse(tail: Callable[[float], float], beyond: float) -> float:
    """Return where a falling tail is `beyond`, by halving."""
    low, high = 0.0, 1.0
    while tail(high) > beyond:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if tail(middle) > beyond else (low, middle)
    return high


def _gamma_above(a: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function: by its series below a + 1, by its fraction above."""
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for step in range(1, _STEPS):
            term *= x / (a + step)
            total += term
            if term < total * _ENOUGH:
                break
        return 1 - scale * total
    return scale * _fraction(lambda i: (-i * (i - a), x + 1 - a + 2 * i), x + 1 - a)


def _beta(x: float, rest: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function of x = 1 - rest, by its fraction on the side that converges."""
    if not x or not rest:
        return 0.0 if not x else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(rest, x, b, a)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)

    def part(i: int) -> tuple[float, float]:
        m = i // 2
        if i % 2:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0

    return math.exp(log) / a * _fraction(part, 1.0)


def _fraction(part: Callable[[int], tuple[float, float]], first: float) -> float:
    """Return 1 / (first + n1 / (d1 + n2 / (d2 + ...))), where `part` gives n and d. Source: Lentz (1976)."""
    c, d = 1 / _TINY, 1 / (first or _TINY)
    value = d
    for i in range(1, _STEPS):
        n, own = part(i)
        d = 1 / ((own + n * d) or _TINY)
        c = (own + n / c) or _TINY
        step = c * d
        value *= step
        if abs(step - 1) < _ENOUGH:
            break
    return value
