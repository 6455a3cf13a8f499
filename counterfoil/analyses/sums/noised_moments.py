"""Correlations of moments that have noise: how far one row moves these, and between what each correlation is.

Knows the moments by their names, and neither shares nor contracts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from math import isqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.resolution import around, findings
from counterfoil.analyses.sums.moments import Moments
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.noise import CONFIDENCE, Moves, PlanNoise
from counterfoil.governance.agreements.agreement import Planned

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

_FIGURES: Final = 5
"""A correlation rests on so many noised moments: two sums, two sums of squares, one of products."""


def moves(width: int, rows: int, owners: int, one: int) -> Mapping[str, Moves]:
    """Return how far one row moves sums: by 2, and the sum of a column's squares by 1, in units of z, 1 / `one`.

    How far all products z_i·z_j of two columns move together is convex in each z_i, so it is largest between rows
    of ends: signs that differ in d of w columns flip d·(w - d) products, w² / 4 at most. Each sum is rounded down
    in two parts, which moves it by one unit of 2^-30 more at most. The number of rows is public.
    """
    size, flips = width * (width + 1) // 2, width * width // 4
    l1, squares = 2 * flips + width, 4 * flips + width
    return {
        "sum": Moves(2 * width * one, 4 * width * one**2, cells=width, size=width, reach=rows * one),
        "cross": Moves(
            l1 * one + size,
            squares * one**2 + 2 * one * (isqrt(squares * size) + 1) + size,
            cells=size,
            size=size,
            reach=rows * one + 2 * owners,
        ),
    }


def present(
    planned: Planned, version: int, noise: PlanNoise, names: list[str], opened: Opened, parts: int, one: int
) -> Result:
    """Correlate the noised moments, and say for each pair where the exact correlation is with CONFIDENCE.

    Each of a pair's five moments is within its half-width but for a fifth of what may fail, so all of them are at
    once often enough. The ends are the smallest and the largest quotient that moments within theirs allow.
    """
    i, j = np.tril_indices(len(names), -1)
    safe, count, square = bool(opened["safe"].item()), int(opened["count"].item()), (len(names), len(names))
    moments = Moments.of(opened["sum"] / one, _square(opened["cross"] / one, len(names)), count) if safe else None
    pairs = pd.DataFrame({"one": np.array(names)[j], "other": np.array(names)[i]})
    pairs[["from", "to", "correlation"]] = np.nan
    values, lost = np.full(square, np.nan), np.zeros(len(names), dtype=bool)
    ends = around(values, 0.0)
    if moments:
        each = 1 - (1 - CONFIDENCE) / _FIGURES
        # Each z is off by little more than half a unit, so a product by little more than one; parts are cut off.
        off = (1.0, 2.0 + 2 * parts / count)
        half = [
            (noise.half_width(array, each) / count + rounded) / one
            for array, rounded in zip(("sum", "cross"), off, strict=True)
        ]
        low, high, lost = moments.between(*half)
        ends = (low, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.clip(moments.covariance / np.outer(moments.spread, moments.spread), low, high)
        values[lost, :] = values[:, lost] = np.nan
        for name, matrix in (("from", low), ("to", high), ("correlation", values)):
            pairs[name] = np.where(lost[i] | lost[j], np.nan, matrix[i, j])
        values = np.where(np.eye(len(names), dtype=bool) & ~lost, 1.0, values)
    frame = pd.DataFrame({"column": names} | dict(zip(names, values.T, strict=True)))
    title, varies = "Correlation of " + ", ".join(names), Measure(interval=math.nan)
    return Result(
        planned.name, planned.analysis, version, title,
        findings(frame, names, f"{count:,} rows", ends) if moments else ("Too few rows.",),
        (
            ResultTable(title, frame, dict.fromkeys(names, varies), chart="heatmap"),
            ResultTable("Each pair, 95 % of the time", pairs, dict.fromkeys(("from", "to", "correlation"), varies)),
        ),
        suppressed=int(moments is None), cells=1,
        assumptions=tuple(
            f"{names[at]} varies too little for so much noise, so its correlations cannot be told."
            for at in np.flatnonzero(lost)
        ),
    )  # fmt: skip


def _square(cross: np.ndarray, width: int) -> np.ndarray:
    """Return the whole matrix of what is released once for each pair."""
    i, j = np.tril_indices(width)
    whole = np.empty((width, width))
    whole[i, j] = whole[j, i] = cross
    return whole
