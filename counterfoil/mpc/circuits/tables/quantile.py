"""Compute order statistics: the first rows by a key, and quantiles of a secret number of values (PROTOCOLS 8)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core.compare import msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_columns
from counterfoil.mpc.circuits.tables.sort import Key, descending, sort_rows
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat


def top(p: Protocol, key: Key, columns: Sequence[Arith], count: int) -> list[Arith]:
    """Select the columns' `count` rows with the largest keys, largest first; earlier rows win ties.

    Shapes: key and every column (n,); the results (count,).
    Cost: one `sort_rows`.
    Reveals: as `sort_rows`.
    Raises: ShapeError.
    """
    size = check_columns("top", [key.column, *columns])
    if not 1 <= count <= size:
        raise ShapeError(f"top: {count} of {size} rows")
    return [column[:count] for column in sort_rows(p, descending(p, key), columns)]


def quantiles(p: Protocol, ordered: Arith, count: Arith, fractions: Sequence[tuple[int, int]]) -> Arith:
    """Select, for each fraction a/b, the value at place floor(a·(count - 1) / b) of the first `count` values.

    This is numpy's quantile with method "lower"; (1, 2) is the lower median. With count = 0 the result is 0.

    Shapes: ordered (n,), ascending, the values that count first; count (1,), 0 to n; the result (len(fractions),).
    Cost: for q fractions 11 rounds at most; q·(108.3 / 184.5) B a row, less by the width of n²·b.
    Reveals: nothing.
    Raises: ShapeError; RangeError.
    """
    size = check_columns("quantiles", [ordered])
    check_columns("quantiles", [count])
    if count.size != 1 or not fractions:
        raise ShapeError(f"quantiles: {count.size} counts and {len(fractions)} fractions instead of one and some")
    if any(not 0 <= a <= b or b < 1 for a, b in fractions):
        raise RangeError("quantiles: a fraction is not from 0 to 1")
    # 1. Row r is at or before the place iff r·b <= a·(count - 1); such rows form a prefix. Both sides times n, plus
    #    count - 1 < n on the right, say the same, and leave no row when count = 0.
    width = (2 * size * size * (max(b for _, b in fractions) + 1)).bit_length() + 1
    if width > 64:
        raise RangeError(f"quantiles: among {size} values a place in so small steps could wrap; use simpler fractions")
    before = p.add_public(count, -1).broadcast_to((size,))
    reach = [p.add_public(before * (a * size + 1), -b * size * np.arange(size)) for a, b in fractions]
    within = b2a(p, p.invert(msb(p, concat(reach), width))).reshape(len(fractions), size)
    # 2 (local). The last row of the prefix alone.
    at = within - concat([within[:, 1:], within[:, :1] - within[:, :1]], axis=1)
    # 3 (one round). Its value.
    return p.dot(at, ordered.broadcast_to(at.shape))
