"""Correlation coefficients that nodes conclude on shares, from the moments of several tables side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.core.ranked import cut
from counterfoil.mpc.circuits.numeric.correlate import R_FRAC, Correlated, Moments, correlate
from counterfoil.mpc.circuits.numeric.fixed import Rough, settle
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

STEPS: Final = 1000
"""A correlation is released as so many-ths of 1: to the nearest of a public step that does not depend on it."""


def coefficients(p: Protocol, tables: Sequence[Moments]) -> list[tuple[Correlated, Arith]]:
    """Correlate the columns of each table, and round each correlation to the nearest of STEPS.

    Shapes: as `Correlated` says; the rounded ones as its `r`.
    Cost: that of `correlate` and of `trunc_exact`, for all tables together.
    Reveals: nothing.
    """
    if not tables:
        return []
    found = correlate(p, tables)
    # The nearest: half of one more, rounded down.
    steps = p.add_public(concat([each.r.value for each in found]) * STEPS, 1 << (R_FRAC - 1))
    rounded = settle(p, Rough(steps, R_FRAC, found[0].r.bound.times(STEPS + 1)), 0).value
    return list(zip(found, cut(rounded, [each.r.value.size for each in found]), strict=True))


def of_pairs(
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]], of_rows: Mapping[str, Arith], of_columns: Mapping[str, Arith]
) -> dict[str, Arith]:
    """Give each pair the tests of all rows, and those of both its columns. Local.

    Shapes: tests of rows (t, ...) of one cell, of columns (columns,); of pairs (t, pairs).
    """
    (i, j), size = pairs, len(pairs[0])
    tests = {rule: test.reshape(test.size, 1).broadcast_to((test.size, size)) for rule, test in of_rows.items()}
    return tests | {rule: concat([x[i].reshape(1, size), x[j].reshape(1, size)]) for rule, x in of_columns.items()}
