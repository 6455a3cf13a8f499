"""What can be told of correlations, and what precision, rounding or noise leaves open: never a finding of the latter.

Knows numbers and names of columns, and no contracts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.numeric.correlate import SHARE_FRAC, VARIANCE_FRAC, Correlated
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith

if TYPE_CHECKING:
    import pandas as pd

Ends: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The smallest and the largest correlation that each pair of columns can have."""

CLEAR_BITS: Final = 12
"""2^CLEAR_BITS times what it can be off by must a variance be for its correlations to be told: with that of both
columns, and of their covariance, a correlation is off by 2^(1 - CLEAR_BITS) at most, which is less than 0.0005."""

_UNIT_BITS: Final = 30
"""z is rounded to 2^-_UNIT_BITS, and two units of each part of each sum of products are cut off."""

_FIXED_BITS: Final = 2 * (CLEAR_BITS + 1 - _UNIT_BITS)
_PART_BITS: Final = CLEAR_BITS + 2 - _UNIT_BITS
"""The least variance is 2^_FIXED_BITS, for the rounding of z, and parts / rows · 2^_PART_BITS, for what is cut off.

Of a spread s, half a unit u of each z makes the variance 2·u·s wrong at most, and what is cut off 4·u·parts / rows:
each is to be half of what is allowed.
"""


def around(values: NDArray[np.float64], bound: float) -> Ends:
    """Return ends at the same distance from each value."""
    return values - bound, values + bound


def smallest_spread(parts: int, rows: int) -> float:
    """Return the least standard deviation of z, in [-1, 1], that has correlations told.

    Sums of products over so many rows are cut off in so many parts.
    """
    return math.sqrt(2.0**_FIXED_BITS + parts / rows * 2.0**_PART_BITS)


def variance_tests(p: Protocol, found: Correlated, parts: int) -> Arith:
    """Return numbers that are not negative where a column varies enough, as `smallest_spread` says. Local.

    Shapes: that of the variances.
    """
    by_row = found.share.value * (parts << (VARIANCE_FRAC + _PART_BITS - SHARE_FRAC))
    least = p.add_public(by_row, 1 << (VARIANCE_FRAC + _FIXED_BITS))
    return found.variance.value - least.broadcast_to(found.variance.value.shape)


def size(number: float) -> str:
    """Write a positive number in two digits, rounded up."""
    digits = math.floor(math.log10(number)) - 1
    rounded = math.ceil(number / 10**digits * (1 - 1e-12)) * 10**digits
    return f"{rounded:,.{max(-digits, 0)}f}"


def findings(frame: pd.DataFrame, names: list[str], rows: str, ends: Ends) -> tuple[str, ...]:
    """Say which pair is the most closely related, where that is more than what noise and rounding leave open."""
    values, (low, high) = frame[names].to_numpy(float), ends
    told = [(i, j) for i in range(len(names)) for j in range(i) if not np.isnan(values[i, j])]
    if not told:
        return (f"No correlation can be told over {rows}; why is said of each column.",)
    i, j = max(told, key=lambda pair: float(abs(values[pair])))
    least = 0.0 if low[i, j] <= 0 <= high[i, j] else min(abs(low[i, j]), abs(high[i, j]))
    if not least:
        return (f"No correlation over {rows} can be told from none at all.",)
    number = f"{values[i, j]:+.3f} over {rows}"
    if any(max(abs(low[pair]), abs(high[pair])) >= least for pair in told if pair != (i, j)):
        return (
            "Which two columns are the most closely related cannot be told; "
            f"{names[j]} and {names[i]} have {number}.",
        )  # fmt: skip
    of = "" if 2 * len(told) == len(names) * (len(names) - 1) else " of those whose correlation can be told"
    return (f"{names[j]} and {names[i]} are the most closely related{of}: {number}.",)
