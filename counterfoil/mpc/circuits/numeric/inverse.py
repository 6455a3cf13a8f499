"""Invert secret positive definite matrices of scaled moments, without a division (ANALYSES, numbers).

Each step is a polynomial of A·X that brings its eigenvalues nearer to 1, whatever was cut off before: at first the one
that lifts the smallest most, which is Chebyshev's. The last step has the error 1 - A·X of a matrix in two words,
exactly. What did not converge shows in that error, which the caller tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from counterfoil.errors import ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.truncate import trunc_pr
from counterfoil.mpc.circuits.numeric.fixed import Rough
from counterfoil.mpc.circuits.numeric.scale import SCALED_FRAC
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

INVERSE_FRAC: Final = 44
LARGEST: Final = 1 << 16
"""No element of an inverse is larger: of columns scaled to squares of 1/4 and more, that is a condition of 1e4."""

_X, _R, _HIGH = 20, 23, 30  # fractional bits: of the inverse on its way, of its error, of the matrix's high word
_SCALE = 8  # of public factors
_FINE = 54  # of the error that is exact
_NEAR = 10  # the last error is at most 2^-_NEAR
_APART = 0.2  # where eigenvalues are nearer than so many times the largest, Newton's steps are better
_NEWTON = 20  # and they bring the error to 2^-_NEWTON


@dataclass(frozen=True, slots=True)
class Inverse:
    """An inverse, and numbers that are not negative where it is one: elsewhere the matrix was singular, or nearly.

    Each element is off by at most 2^-26 of the size of the largest one in its row.

    Shapes: `value` (w, w); `tests` (t,), each below 2^62 in size.
    """

    value: Rough
    tests: Arith


@dataclass(frozen=True, slots=True)
class Steps:
    """Public factors of the steps, each over 2^_SCALE, and the `lift` of each of Chebyshev's, over 2^_R.

    They follow from the interval that holds the eigenvalues of A·X before each step.
    """

    chebyshev: tuple[tuple[int, int], ...]
    factor: int
    newton: int

    @classmethod
    def of(cls, width: int) -> Steps:
        """Choose them for a matrix of so many columns, with eigenvalues from 1 / LARGEST to its width."""
        low, high, chebyshev = 1 / (width * LARGEST), 1.0, []
        while low / high < _APART:
            factor = int((1 << _SCALE) / high)
            lift = (1 << _R) + int(2 * low * factor / (1 << _SCALE) * (1 << _R))
            most = _fourth(lift / (1 << _R)) * (1 << _SCALE) / factor / 2
            half = (1 << _SCALE) / factor / 2
            low, high = most - half, most + half
            chebyshev.append((factor, lift))
        factor = int((2 << _SCALE) / (low + high))
        error = max(abs(1 - each * factor / (1 << _SCALE)) for each in (low, high))
        return cls(tuple(chebyshev), factor, math.ceil(math.log(math.log(2.0**-_NEWTON) / math.log(error), 4)))


def _fourth(z: float) -> float:
    """Return Chebyshev's polynomial of fourth order."""
    return 2 * (2 * z * z - 1) ** 2 - 1


def inverse(p: Protocol, matrix: Rough) -> Inverse:
    """Invert a symmetric positive definite matrix with a diagonal from 1/4 to 1.

    Shapes: `matrix` (w, w), over 2^SCALED_FRAC.
    Cost: 9 rounds a step, of seven for ten columns, then 14.
    Reveals: nothing.
    Raises: ShapeError.
    Source: Newton and Schulz's iteration in its form of fourth order, after steps of Chebyshev's polynomial (our own).
    """
    width = len(matrix.value)
    if matrix.value.shape != (width, width) or matrix.frac != SCALED_FRAC:
        raise ShapeError(f"inverse: a square matrix over 2^{SCALED_FRAC}")
    eye = np.eye(width, dtype=np.int64)
    # 1 (two rounds). The matrix in two words.
    high = trunc_pr(p, matrix.value, SCALED_FRAC - _HIGH)
    low = matrix.value - high * (1 << (SCALED_FRAC - _HIGH))
    # 2 (nine rounds a step). Its eigenvalues are at most its trace, so those of a first A·X are at most 1. With
    #    z = lift - 2·A·X, X·(lift + z)·(2·lift² - 1 + 2z² - 1) is 1 less Chebyshev's polynomial of z, over A.
    steps = Steps.of(width)
    x = p.constant(eye * ((1 << _X) // width))
    for factor, lift in steps.chebyshev:
        z = p.add_public(-trunc_pr(p, p.matmul(high, x) * (2 * factor), _HIGH + _X + _SCALE - _R), eye * lift)
        both = p.matmul(concat([x, z]), z)
        both = trunc_pr(p, concat([both[:width] + x * lift, both[width:] * 2]), _R)
        twice = p.add_public(both[width:], eye * (((lift * lift) >> (_R - 1)) - (2 << _R)))
        x = trunc_pr(p, p.matmul(both[:width], twice), _R - 2)
    # 3 (two rounds, and nine a step). Newton's, X·(1 + R)·(1 + R²).
    x = trunc_pr(p, x * steps.factor, _SCALE)
    for _ in range(steps.newton):
        r = p.add_public(-trunc_pr(p, p.matmul(high, x), _HIGH + _X - _R), eye << _R)
        both = trunc_pr(p, p.matmul(concat([x, r]), r), _R)
        y = x + both[:width]
        x = y + trunc_pr(p, p.matmul(y, both[width:]), _R)
    # 4 (two rounds, one, then two). 1 - A·X with both words of A, over 2^_FINE; of the low one a shorter X will do.
    short = trunc_pr(p, concat([low.reshape(-1), x.reshape(-1)]), 6)
    lower, shorter = short[: width * width].reshape(width, width), short[width * width :].reshape(width, width)
    exact = p.matmul(high, x) * (1 << (_FINE - _HIGH - _X))
    rest = trunc_pr(p, p.matmul(lower, shorter), 54 + _X - 6 - _FINE)
    error = p.add_public(-(exact + rest), eye << _FINE)
    # 5 (two rounds, one, two). X + X·R.
    shortest = trunc_pr(p, concat([error, x * (1 << 15)]), 20)
    more = trunc_pr(p, p.matmul(shortest[width:], shortest[:width]), _X - 5 + _FINE - 20 - INVERSE_FRAC)
    value = x * (1 << (INVERSE_FRAC - _X)) + more
    near = 1 << (_FINE - _NEAR)
    diagonal = x[np.arange(width), np.arange(width)]
    tests = concat([
        p.add_public(-error, near).reshape(-1), p.add_public(error, near).reshape(-1),
        p.add_public(-diagonal, LARGEST << _X), diagonal,
    ])  # fmt: skip
    return Inverse(Rough(value, INVERSE_FRAC, Bound.symmetric(LARGEST << INVERSE_FRAC)), tests)
