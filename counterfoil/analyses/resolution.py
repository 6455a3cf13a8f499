"""What can be told of correlations, and what precision, rounding or noise leaves open: never a finding of the latter.

Knows numbers and names of columns, and neither shares nor contracts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Ends: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The smallest and the largest correlation that each pair of columns can have."""

CLEAR: Final = 100
"""So many times what it can be off by must a variance be for its correlations to be told."""

FLOAT: Final = 1e-14
"""What floating point adds to a covariance, at most."""


def around(values: NDArray[np.float64], bound: float) -> Ends:
    """Return ends at the same distance from each value."""
    return values - bound, values + bound


def smallest_spread(one: int, parts: int, rows: int) -> float:
    """Return the least standard deviation of z, in [-1, 1] and rounded to 1 / `one`, that has a correlation told.

    Sums of products over so many rows are cut off in so many parts.
    """
    # Solves s² = CLEAR · (2·u·s + rest), the covariance's error of a column with itself.
    u = 0.5 / one
    rest = u**2 + 2 * parts / (one * rows) + FLOAT
    return CLEAR * u + math.sqrt((CLEAR * u) ** 2 + CLEAR * rest)


def size(number: float) -> str:
    """Write a positive number in two digits, rounded up."""
    digits = math.floor(math.log10(number)) - 1
    rounded = math.ceil(number / 10**digits * (1 - 1e-12)) * 10**digits
    return f"{rounded:,.{max(-digits, 0)}f}"


def findings(frame: pd.DataFrame, names: list[str], count: int, safe: bool, ends: Ends) -> tuple[str, ...]:
    """Say which pair is the most closely related, where that is more than what noise and rounding leave open."""
    if not safe:
        return ("Too few rows.",)
    values, (low, high) = frame[names].to_numpy(float), ends
    told = [(i, j) for i in range(len(names)) for j in range(i) if not np.isnan(values[i, j])]
    if not told:
        return (f"No correlation can be told over {count:,} rows; why is said of each column.",)
    i, j = max(told, key=lambda pair: float(abs(values[pair])))
    least = 0.0 if low[i, j] <= 0 <= high[i, j] else min(abs(low[i, j]), abs(high[i, j]))
    if not least:
        return (f"No correlation over {count:,} rows can be told from none at all.",)
    number = f"{values[i, j]:+.3f} over {count:,} rows"
    if any(max(abs(low[pair]), abs(high[pair])) >= least for pair in told if pair != (i, j)):
        return (
            "Which two columns are the most closely related cannot be told; "
            f"{names[j]} and {names[i]} have {number}.",
        )  # fmt: skip
    of = "" if 2 * len(told) == len(names) * (len(names) - 1) else " of those whose correlation can be told"
    return (f"{names[j]} and {names[i]} are the most closely related{of}: {number}.",)
