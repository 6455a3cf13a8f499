"""Correlate columns of which only sums are shared, without cancellation (PROTOCOLS 10).

A variance is a small difference of two large numbers. Here each mean is a quotient and what it leaves over, so that the
difference is taken at twice the places of the sums; its root is taken of its normal form, whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.ranked import cut
from counterfoil.mpc.circuits.core.truncate import multiply_pr, trunc_pr
from counterfoil.mpc.circuits.numeric.divide import inverse_root_of_normal, reciprocal_of_normal
from counterfoil.mpc.circuits.numeric.fixed import FRAC, Number, Rough
from counterfoil.mpc.circuits.numeric.normalise import normalise
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

#: counts are below 2^COUNT_BITS
COUNT_BITS: Final = FRAC + 1
#: fractional bits of variances, of 1 / count, and of correlations
VARIANCE_FRAC: Final = 2 * FRAC
SHARE_FRAC: Final = COUNT_BITS
R_FRAC: Final = 40

Index = NDArray[np.intp]

_SHORT = 24  # bits of the reciprocal that the rest is multiplied by
_REST = 22  # bits of a mean beyond FRAC


@dataclass(frozen=True, slots=True)
class Moments:
    """How many rows a table has, and the sums over them of its columns and of products of two, over 2^FRAC.

    Shapes: `count` (1,); `sums` (w,); `products` (w·(w + 1) / 2,), in the order of np.tril_indices(w).
    """

    count: Number
    sums: Arith
    products: Arith

    def check(self) -> None:
        """Check the shapes and the count. Raises: ShapeError; RangeError."""
        width = self.sums.size
        if self.count.value.size != 1 or self.products.size != width * (width + 1) // 2:
            raise ShapeError(f"correlate: one count, and sums of the products of each two of {width} columns")
        if self.count.frac or self.count.bound.low < 0 or self.count.bound.high >> COUNT_BITS:
            raise RangeError(f"correlate: counts are whole numbers below 2^{COUNT_BITS}, and not negative")


@dataclass(frozen=True, slots=True)
class Correlated:
    """Correlations, variances, and the share of one row, 1 / count.

    A correlation is right where both its columns vary; of a column that does not, its variance is near 0.

    Shapes: `r` (w·(w - 1) / 2,), in the order of np.tril_indices(w, -1); `variance` (w,); `share` (1,).
    """

    r: Number
    variance: Number
    share: Number


def correlate(p: Protocol, tables: Sequence[Moments]) -> list[Correlated]:
    """Correlate the columns of tables, numbers from -1 to 1, from the sums over the rows of each.

    A variance is off by at most 2^-49; a correlation by 2^-24 + 2^-49·(1/v + 1/w), for columns of variances v and w.

    Shapes: as `Moments` and `Correlated` say, for each table.
    Cost: 86 / 109 rounds for all tables together; for one of five columns 37,328 / 67,808 B in all, of two 25,808 /
        47,696 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError if a count may be negative, or 2^31 or more.
    Source: our own, of PROTOCOLS 10.
    """
    for each in tables:
        each.check()
    widths, many = [each.sums.size for each in tables], len(tables)
    (i, j), (high, low), of = _pairs(widths, 0), _pairs(widths, -1), _tables(widths)
    counts = concat([each.count.value for each in tables])
    linear = concat([*(each.sums for each in tables), *(each.products for each in tables)])
    # 1. n' = count · factor, in [2^30, 2^31); w = 1 / c.
    normal = normalise(p, counts, COUNT_BITS)
    w = reciprocal_of_normal(p, normal.c)
    # 2 (one round). All sums times the same factor: a mean is their quotient by n'.
    n, scaled = _parted(p.multiply(concat([counts, linear]), concat([normal.factor, normal.factor[of]])), many)
    # 3 (two rounds, then two; three in rep4). q = mean · 2^FRAC, off by 11 at most; and 1 / count.
    short, tops = _parted(trunc_pr(p, concat([w * (1 << (COUNT_BITS + _SHORT - FRAC)), scaled]), COUNT_BITS), many)
    share, q = _parted(multiply_pr(p, concat([normal.factor, tops]), concat([w, w[of]]), FRAC), many)
    # 4 (one round, then two; three in rep4). e = (mean · 2^FRAC - q) · 2^_REST, off by 4 at most.
    rest = scaled - p.multiply(q, n[of])
    e = multiply_pr(p, rest, short[of], COUNT_BITS + _SHORT - _REST)
    # 5 (one round, then two). Mean products less products of means, over 2^VARIANCE_FRAC.
    (mean, of_products), (more, finer) = _parted(q, sum(widths)), _parted(e, sum(widths))
    both, crossed = _parted(
        p.dot(
            concat([_rows(mean[i], mean[i] * 0), _rows(mean[i], mean[j])]),
            concat([_rows(mean[j], mean[j] * 0), _rows(more[j], more[i])]),
        ),
        i.size,
    )
    covariance = of_products * (1 << FRAC) + finer * (1 << (FRAC - _REST)) - both - trunc_pr(p, crossed, _REST)
    variance = covariance[i == j]
    # 6. variance = c · 2^(i + 1), so that its root is sqrt(c) · 2^((i + 1) / 2); 2^(FRAC - (i + 1) / 2) = f · g.
    form = normalise(p, variance, VARIANCE_FRAC + 1)
    powers = np.arange(VARIANCE_FRAC + 1)
    f = _chosen(form.place, 1 << (powers // 2))
    g = _chosen(form.place, np.where(powers % 2, 1 << FRAC, round(2**-0.5 * (1 << FRAC))))
    # 7 (one round, then two; three in rep4). The covariance times both f: at most 2 over 2^FRAC.
    near = multiply_pr(p, covariance[i != j], p.multiply(f[high], f[low]), FRAC)
    # 8. Over both roots.
    root = multiply_pr(p, inverse_root_of_normal(p, form.c), g, FRAC)
    r = multiply_pr(p, near, multiply_pr(p, root[high], root[low], FRAC), 2 * FRAC - R_FRAC)
    by_table = zip(
        cut(r, [width * (width - 1) // 2 for width in widths]),
        cut(variance, widths),
        cut(share, [1] * many),
        strict=True,
    )
    return [
        Correlated(
            Rough(own, R_FRAC, Bound.symmetric(2 << R_FRAC)),
            Rough(spread, VARIANCE_FRAC, Bound.symmetric((1 << VARIANCE_FRAC) + (1 << FRAC))),
            Rough(row, SHARE_FRAC, Bound(-1, (1 << SHARE_FRAC) + 16)),
        )
        for own, spread, row in by_table
    ]


def _pairs(widths: Sequence[int], diagonal: int) -> tuple[Index, Index]:
    """List every pair of columns of one table, with each by itself or without, among those of all tables in a row."""
    starts = np.cumsum([0, *widths]).tolist()
    own = [np.array(np.tril_indices(width, diagonal)) + start for width, start in zip(widths, starts, strict=False)]
    first, second = np.concatenate(own, axis=1)
    return first, second


def _tables(widths: Sequence[int]) -> Index:
    """Return of which table each sum is, then each product."""
    products = [width * (width + 1) // 2 for width in widths]
    return np.concatenate([np.repeat(np.arange(len(widths)), sizes) for sizes in (widths, products)])


def _parted(x: Arith, size: int) -> tuple[Arith, Arith]:
    return x[:size], x[size:]


def _rows(x: Arith, y: Arith) -> Arith:
    """Put x and y side by side, (n, 2)."""
    return concat([x.reshape(-1, 1), y.reshape(-1, 1)], axis=1)


def _chosen(place: Arith, weights: object) -> Arith:
    """Return the public weight of each column's place; (n,). Local."""
    return (place * np.asarray(weights).astype(np.uint64)[:, np.newaxis]).sum(axis=0)
