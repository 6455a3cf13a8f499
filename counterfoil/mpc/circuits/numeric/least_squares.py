"""Solve secret least squares from scaled moments: coefficients, and what they leave unexplained, without cancellation.

What is left is a small difference of large numbers where a fit is good. So coefficients are cut to a fixed number of
places, for which the residuals of the normal equations are exact; what these say is added, and a sum of squares that is
exact at the coefficients as cut is off by no more than its second order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.errors import ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.truncate import trunc_pr
from counterfoil.mpc.circuits.numeric.fixed import Rough
from counterfoil.mpc.circuits.numeric.inverse import INVERSE_FRAC, Inverse, inverse
from counterfoil.mpc.circuits.numeric.scale import SCALED_FRAC
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

SLOPE_FRAC: Final = 36
LARGEST_SLOPE: Final = 1 << 8
"""No scaled coefficient is larger where the inverse is one: its square is at most the inverse's element times 1."""

_HIGH, _FIRST = 30, 16  # fractional bits of the first word of a matrix, and of coefficients
_SECOND = SLOPE_FRAC - _FIRST
_LEFT = 48  # of residuals, when they are multiplied


@dataclass(frozen=True, slots=True)
class Fit:
    """Scaled coefficients of w columns, the share of the response that they leave, and the inverse of their moments.

    Coefficients are off by 2^-30 of the largest element of the inverse at most, and `left` by 2^-44.

    Shapes: `slope` (w,); `left` (1,).
    """

    slope: Rough
    left: Rough
    inverse: Inverse


def least_squares(p: Protocol, moments: Rough) -> Fit:
    """Fit the last column by the others, from their scaled moments.

    Shapes: moments (w + 1, w + 1), over 2^SCALED_FRAC, each of size 1 at most.
    Cost: that of `inverse` of w columns, then 35 rounds.
    Reveals: nothing.
    Raises: ShapeError.
    Source: the normal equations, with two steps of iterative refinement.
    """
    width = len(moments.value) - 1
    if width < 1 or moments.value.shape != (width + 1, width + 1) or moments.frac != SCALED_FRAC:
        raise ShapeError(f"least_squares: moments of two columns or more, over 2^{SCALED_FRAC}")
    found = inverse(p, Rough(moments.value[:width, :width], SCALED_FRAC, moments.bound))
    # 1 (two rounds). Moments in two words; the inverse short, and its residuals' factor.
    cut = SCALED_FRAC - _HIGH
    high = trunc_pr(p, moments.value, cut)
    matrix = _Words(high[:, :width], moments.value[:, :width] - high[:, :width] * (1 << cut))
    x = trunc_pr(p, found.value.value, INVERSE_FRAC - _FIRST)
    # 2 (one round, then two). A first solution, from the first words: X · a.
    whole = moments.value[:, width]
    slope = trunc_pr(p, p.matmul(x, high[:width, width:]).reshape(width), _FIRST + _HIGH - 24) * (
        1 << (SLOPE_FRAC - 24)
    )
    # 3 (nine rounds, two, and three; then nine). What it leaves, and X times that; and what that leaves.
    left = whole - _multiplied(p, matrix, slope)
    short = trunc_pr(p, left[:width], SCALED_FRAC - 44).reshape(width, 1)
    slope = slope + trunc_pr(p, p.matmul(x, short).reshape(width), _FIRST + 44 - SLOPE_FRAC)
    left = whole - _multiplied(p, matrix, slope)
    # 4 (two rounds, one, then two). The squares of what is left: left of the response, less the rest's part in it.
    parts = trunc_pr(p, concat([left[:width], slope * (1 << 4)]), SCALED_FRAC - _LEFT)
    rest, short = parts[:width], parts[width:]
    more = trunc_pr(p, p.dot(rest.reshape(1, width), short.reshape(1, width)), _LEFT + 28 - SCALED_FRAC)
    bound = Bound(-(1 << 20), (1 << SCALED_FRAC) + (1 << 20))
    return Fit(
        Rough(slope, SLOPE_FRAC, Bound.symmetric(LARGEST_SLOPE << SLOPE_FRAC)),
        Rough(left[width:] - more, SCALED_FRAC, bound),
        found,
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """A matrix high · 2^-_HIGH + low · 2^-SCALED_FRAC."""

    high: Arith
    low: Arith


def _multiplied(p: Protocol, matrix: _Words, slope: Arith) -> Arith:
    """Multiply a matrix of two words with coefficients; over 2^SCALED_FRAC, off by 3 at most. Cost: 9 rounds."""
    rows, width = matrix.high.shape
    first = trunc_pr(p, slope, _SECOND)
    second = slope - first * (1 << _SECOND)
    both = concat([first.reshape(width, 1), second.reshape(width, 1)], axis=1)
    # 1 (one round). Words with words.
    made = p.matmul(concat([matrix.high, matrix.low]), both)
    high, low = made[:rows], made[rows:]
    # 2 (two rounds, twice). What is below the last place is cut off.
    over = trunc_pr(p, low[:, 1], _SECOND)
    over = trunc_pr(p, low[:, 0] + over, 6)
    over = trunc_pr(p, high[:, 1] * (1 << 4) + over, _FIRST - 6)
    return high[:, 0] * (1 << (SCALED_FRAC - _HIGH - _FIRST)) + over
