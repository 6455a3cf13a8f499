"""Relative risk, odds ratio and risk difference of a table of two by two, with their intervals.

Knows counts in the clear, and nothing of where they come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from counterfoil.analyses.distributions import normal_quantile, normal_two_sided


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimate with its interval of 95 %, and how often chance alone is as far from no effect."""

    value: float
    low: float
    high: float
    p: float

    @classmethod
    def of(cls, value: float, error: float, *, log: bool) -> Effect:
        """Take an estimate, or its logarithm, that is about normally distributed with this standard error."""
        half = normal_quantile(0.95) * error
        p = normal_two_sided(value / error) if error else math.nan
        own, low, high = (math.exp(end) if log else end for end in (value, value - half, value + half))
        return cls(own, low, high, p)


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """How many have the event, and have not, of the exposed (a, b) and of the others (c, d)."""

    a: int
    b: int
    c: int
    d: int

    @property
    def whole(self) -> bool:
        """Whether there is anybody in both groups."""
        return self.a + self.b > 0 and self.c + self.d > 0

    def relative_risk(self) -> Effect | None:
        """Return the ratio of risks, by Katz's logarithms; None where a group has no event."""
        if not (self.whole and self.a and self.c):
            return None
        exposed, others = self.a + self.b, self.c + self.d
        error = math.sqrt(1 / self.a - 1 / exposed + 1 / self.c - 1 / others)
        return Effect.of(math.log(self.a / exposed) - math.log(self.c / others), error, log=True)

    def odds_ratio(self) -> Effect | None:
        """Return the ratio of odds, by Woolf's logarithms; None where a cell is empty."""
        cells = (self.a, self.b, self.c, self.d)
        if not all(cells):
            return None
        value = math.log(self.a) - math.log(self.b) - math.log(self.c) + math.log(self.d)
        return Effect.of(value, math.sqrt(sum(1 / each for each in cells)), log=True)

    def risk_difference(self) -> Effect | None:
        """Return the difference of risks, by Wald; None where a group has nobody."""
        if not self.whole:
            return None
        exposed, others = self.a + self.b, self.c + self.d
        one, other = self.a / exposed, self.c / others
        error = math.sqrt(one * (1 - one) / exposed + other * (1 - other) / others)
        return Effect.of(one - other, error, log=False)
