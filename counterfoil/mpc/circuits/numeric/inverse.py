"""Invert secret positive definite matrices of scaled moments, without a division (ANALYSES, numbers).

Every step multiplies the error 1 - A·X by itself three times over, whatever was cut off before; the last one has the
error of a matrix in two words, exactly. What did not converge shows in that error, which the caller tests.
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

_X, _R, _HIGH = 21, 24, 30  # fractional bits: of the inverse on its way, of its error, of the matrix's high word
_FINE = 54  # of the error that is exact
_NEAR = 10  # the last error is at most 2^-_NEAR


@dataclass(frozen=True, slots=True)
class Inverse:
    """An inverse, and numbers that are not negative where it is one: elsewhere the matrix was singular, or nearly.

    Each element is off by at most 2^-26 of the size of the largest one in its row.

    Shapes: `value` (w, w); `tests` (t,), each below 2^62 in size.
    """

    value: Rough
    tests: Arith


def steps_for(width: int) -> int:
    """Return how many steps bring a matrix of so many columns, with eigenvalues from 1 / LARGEST on, to 2^-16."""
    return math.ceil(math.log(17 * math.log(2) * width * LARGEST, 4))


def inverse(p: Protocol, matrix: Rough) -> Inverse:
    """Invert a symmetric positive definite matrix with a diagonal from 1/4 to 1.

    Shapes: `matrix` (w, w), over 2^SCALED_FRAC.
    Cost: 9 rounds a step, of 13 for ten columns, then 14.
    Reveals: nothing.
    Raises: ShapeError.
    Source: Newton and Schulz's iteration in its form of fourth order, X·(1 + R)·(1 + R²) with R = 1 - A·X.
    """
    width = len(matrix.value)
    if matrix.value.shape != (width, width) or matrix.frac != SCALED_FRAC:
        raise ShapeError(f"inverse: a square matrix over 2^{SCALED_FRAC}")
    eye = np.eye(width, dtype=np.int64)
    # 1 (two rounds). The matrix in two words.
    high = trunc_pr(p, matrix.value, SCALED_FRAC - _HIGH)
    low = matrix.value - high * (1 << (SCALED_FRAC - _HIGH))
    # 2 (nine rounds a step). Its eigenvalues are at most its trace, so a first inverse is smaller than the true one.
    x = p.constant(eye * ((1 << _X) // width))
    for _ in range(steps_for(width)):
        r = p.add_public(-trunc_pr(p, p.matmul(high, x), _HIGH + _X - _R), eye << _R)
        both = p.matmul(concat([x, r]), r)
        both = trunc_pr(p, both, _R)
        y, squared = x + both[:width], both[width:]
        x = y + trunc_pr(p, p.matmul(y, squared), _R)
    # 3 (one round, then two). 1 - A·X with both words of A, over 2^_FINE; of the low one a shorter X will do.
    short = trunc_pr(p, concat([low.reshape(-1), x.reshape(-1)]), 6)
    lower, shorter = short[: width * width].reshape(width, width), short[width * width :].reshape(width, width)
    exact = p.matmul(high, x) * (1 << (_FINE - _HIGH - _X))
    rest = trunc_pr(p, p.matmul(lower, shorter), 54 + _X - 6 - _FINE)
    error = p.add_public(-(exact + rest), eye << _FINE)
    # 4 (two rounds, one, two). X + X·R.
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
