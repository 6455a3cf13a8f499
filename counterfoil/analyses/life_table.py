"""Life tables: how many are left after each bin of time, with what uncertainty, and whether groups differ.

Knows whole numbers by bin, and nothing of where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.distributions import chi_square_above, normal_quantile, p_text

CONFIDENCE: Final = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LifeTable:
    """Of each bin how many were at risk at its start, how many events it had, and the curve after it.

    `lowest` is the curve if everybody who is censored in a bin had left at its start: in truth it is between the two.

    Shapes: (bins,).
    """

    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    survival: Floats
    low: Floats
    high: Floats
    lowest: Floats

    @classmethod
    def of(
        cls, events: NDArray[np.int64], censored: NDArray[np.int64], wide: NDArray[np.bool_] | None = None
    ) -> LifeTable:
        """Estimate as Kaplan and Meier do: who is censored in a bin was at risk for all events of it.

        Of bins that are not `wide` that is no guess, for all times in them are equal; all are, unless told.

        Intervals are from Greenwood's variance, on the scale of log(-log S), so that they stay between 0 and 1; there
        is none once nobody is left, and nothing to doubt before the first event.
        """
        left = events + censored
        at_risk = left[::-1].cumsum()[::-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            survival = np.asarray(np.cumprod(np.where(at_risk > 0, 1 - events / at_risk, 1.0)), np.float64)
            stayed = at_risk - (censored if wide is None else np.where(wide, censored, 0))
            lowest = np.asarray(np.cumprod(np.where(stayed > 0, 1 - events / stayed, 1.0)), np.float64)
            greenwood = np.cumsum(np.where(events == 0, 0.0, events / (at_risk * (at_risk - events))))
            log = np.log(survival)
            half = normal_quantile(CONFIDENCE) * np.sqrt(greenwood) / log
            ends = np.exp(log * np.exp(half)), np.exp(log * np.exp(-half))
        known = (survival > 0) & (survival < 1)
        low, high = (np.where(known, end, np.where(survival == 1, 1.0, np.nan)) for end in ends)
        return cls(at_risk, events, survival, np.fmin(low, high), np.fmax(low, high), lowest)

    def median(self) -> tuple[int | None, int | None]:
        """Return the bins in which the median is at the earliest and the latest; None where that is after the end."""
        earliest, latest = (np.flatnonzero(each <= 0.5) for each in (self.lowest, self.survival))
        return (int(earliest[0]) if earliest.size else None), (int(latest[0]) if latest.size else None)


@dataclass(frozen=True, slots=True)
class LogRank:
    """The log-rank test of whether groups differ: its statistic, degrees of freedom, p, and each group's events.

    Shapes: observed and expected (groups,).
    """

    statistic: float
    freedom: int
    p: float
    observed: Floats
    expected: Floats

    @property
    def words(self) -> str:
        """Say how it came out, in a sentence."""
        return (
            f"The log-rank test of {len(self.observed)} groups: chi-square {self.statistic:.2f} with {self.freedom} "
            f"degree{'s' if self.freedom > 1 else ''} of freedom, {p_text(self.p)}."
        )

    @classmethod
    def of(cls, tables: list[LifeTable]) -> LogRank | None:
        """Compare the groups; None where there are no events, or never two groups at risk of one.

        Source: Kalbfleisch & Prentice, The Statistical Analysis of Failure Time Data, 1.4, with ties as they have them.
        """
        at_risk = np.array([each.at_risk for each in tables], np.float64)
        events = np.array([each.events for each in tables], np.float64)
        n, d = at_risk.sum(axis=0), events.sum(axis=0)
        used = (n > 1) & (d > 0)
        share = at_risk[:, used] / n[used]
        expected = (share * d[used]).sum(axis=1)
        spread = d[used] * (n[used] - d[used]) / (n[used] - 1)
        variance = np.diag((share * spread).sum(axis=1)) - np.einsum("ib,jb,b->ij", share, share, spread)
        observed = events.sum(axis=1)
        off, part = (observed - expected)[:-1], variance[:-1, :-1]
        if np.linalg.matrix_rank(part) < len(off):
            return None
        statistic = float(off @ np.linalg.solve(part, off))
        return cls(statistic, len(off), chi_square_above(statistic, len(off)), observed, expected)
