"""Multiply matrices of sums of components, all of a suite's at once: each operand is read and transposed once.

Knows no party and no message: which sums multiply is the suites'.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final, TypeAlias

import numpy as np

from counterfoil.mpc.ring import kernels
from counterfoil.mpc.ring.chunks import row_pieces
from counterfoil.mpc.ring.shares import Words

Factors: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""Which one or two components of x, and which of y, are summed up on either side of a product."""

#: Words of y that a core keeps at hand while rows of x pass by.
_FEW: Final = 1 << 12


def products(x: Sequence[Words], y: Sequence[Words], pairs: Sequence[Factors]) -> Words:
    """Multiply, for each pair, the sum of components of x by that of y.

    Shapes: every x (a, k) and every y (k, b); the result (len(pairs), a, b).
    """
    (a, k), b = x[0].shape, y[0].shape[1]
    z = np.zeros((len(pairs), a, b), np.uint64)
    chosen = np.array([[(*side, -1)[:2] for side in pair] for pair in pairs])
    if a * b < k:
        kernels.add_inner_products(*_three([part.T for part in x]), *_three(y), chosen, z)
    elif k * b <= _FEW and x[0].flags.c_contiguous:
        columns = np.stack([_sum([y[j] for j in pair[1]]).T for pair in pairs])
        kernels.add_row_products(*_three(x), np.ascontiguousarray(columns), chosen, z)
    else:
        xt, y = ([np.ascontiguousarray(part) for part in parts] for parts in ([part.T for part in x], y))
        for pair, out in zip(pairs, z, strict=True):
            for rows in row_pieces(k, max(out.shape)):
                kernels.add_matmul(_sum([xt[i][rows] for i in pair[0]]), _sum([y[j][rows] for j in pair[1]]), out)
    return z


def _sum(parts: Sequence[Words]) -> Words:
    return reduce(np.add, parts)


def _three(parts: Sequence[Words]) -> list[Words]:
    """Return as many contiguous parts as kernels take; those beyond `parts` are never chosen."""
    own = [np.ascontiguousarray(part) for part in parts]
    return own + own[:1] * (3 - len(own))
