"""Compare places in an order with how many rows are in bins, on shares: which bin the row at each place is in."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.core.suppress import at_least
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

NONE: Final = -1
"""In place of a bin, where there is no row."""


def places(p: Protocol, count: Arith, probabilities: Sequence[Fraction]) -> tuple[Arith, Arith]:
    """Mark the bins up to that of the row at place floor(q (n - 1)), and those from that at ceil(q (n - 1)) on.

    Of n rows, counted from 0, the row at place k is in the last bin before which there are k rows at most; and n - 1 -
    ceil(q (n - 1)) is the place floor((1 - q) (n - 1)) from the other end. With no row nothing is marked, since place
    -1 is before every bin.

    Shapes: count (*groups, bins); both results (*groups, bins, probabilities).
    Cost: 10 rounds; two comparisons for each bin and probability.
    Reveals: nothing.
    """
    bins = count.shape[-1]
    flat = count.reshape(-1, bins)
    groups = flat.shape[0]
    rows = flat.sum(axis=1).reshape(groups, 1)
    # 1 (local). Rows before each bin, and after it; and the last place.
    before = concat([flat[:, :at].sum(axis=1).reshape(groups, 1) for at in range(bins)], axis=1)
    after = rows.broadcast_to((groups, bins)) - before - flat
    last = p.add_public(rows, -1).broadcast_to((groups, bins))
    # 2 (10 rounds). Are they as many as the place, or fewer? Whole numbers, times the denominator.
    asked = []
    for each in probabilities:
        part, whole = each.numerator, each.denominator
        asked += [last * part - before * whole, last * (whole - part) - after * whole]
    reached = at_least(p, concat([each.reshape(1, groups * bins) for each in asked]), 0)
    shape = (*count.shape, len(probabilities))
    lower, higher = (
        concat([reached[at].reshape(groups * bins, 1) for at in range(side, len(asked), 2)], axis=1).reshape(*shape)
        for side in (0, 1)
    )
    return lower, higher


def bins_of(lower: NDArray[np.int64], higher: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read which bins were marked; NONE where none was. Shapes: (groups, bins, n) to (groups, n)."""
    bins, up, down = lower.shape[1], lower.sum(axis=1), higher.sum(axis=1)
    return np.where(up > 0, up - 1, NONE), np.where(down > 0, bins - down, NONE)
