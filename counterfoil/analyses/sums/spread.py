"""Means and variances of numbers of which count, sum and sum of squares were released, with how far off they can be.

What is exact is worked out exactly: a variance that is a small difference of two large sums loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from counterfoil.analyses.summed import Summed, Term
from counterfoil.disclosure.declaration import Opened
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import rounded_from

_ULPS = 1e-12


@dataclass(frozen=True, slots=True)
class Between:
    """A whole number that was released, and between which two the exact one is."""

    value: int
    low: int
    high: int

    @classmethod
    def of(cls, value: int, off: Bound) -> Between:
        """Take a number that the exact one is so far from."""
        return cls(value, value + off.low, value + off.high)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and how far the exact one is from it at most."""

    value: float
    off: float

    @classmethod
    def within(cls, value: Fraction, low: Fraction, high: Fraction) -> Estimate:
        """Take the value, or the end that is nearest to it."""
        nearest = min(max(value, low), high)
        off = float(max(high - nearest, nearest - low))
        return cls(float(nearest), off * (1 + _ULPS) if off else 0.0)

    def scaled(self, by: float) -> Estimate:
        """Return the same in other units."""
        return Estimate(self.value / by, self.off / by)

    def root(self) -> Estimate:
        """Return the square root."""
        value, low = math.sqrt(self.value), math.sqrt(max(self.value - self.off, 0.0))
        off = max(math.sqrt(self.value + self.off) - value, value - low)
        return Estimate(value, off * (1 + _ULPS) if self.off else 0.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """Count, mean, and variance (that of a sample, over n - 1) of numbers; none of one, or fewer."""

    rows: int
    mean: Estimate
    variance: Estimate

    @classmethod
    def of(cls, rows: Between, total: Between, squares: Between, about: int, ends: tuple[int, int]) -> Spread | None:
        """Work them out; `squares` are of distances from `about`, and no number is beyond the ends.

        The numbers' distances from `about` add up to d = total - rows · about. Their squares less d² / rows are what
        the variance is made of.
        """
        least = max(rows.low, 2)
        if rows.value < 2 or rows.high < 2:
            return None
        means = [Fraction(each, many) for each in (total.low, total.high) for many in (least, rows.high)]
        low, high = (min(max(each, Fraction(ends[0])), Fraction(ends[1])) for each in (min(means), max(means)))
        mean = Estimate.within(Fraction(total.value, rows.value), low, high)
        shifts = [about * many for many in (least, rows.high)]
        d = (total.low - max(shifts), total.high - min(shifts))
        nearest = 0 if d[0] <= 0 <= d[1] else min(abs(d[0]), abs(d[1]))
        scatter = (
            max(squares.low - Fraction(max(map(abs, d)) ** 2, least), Fraction(0)),
            max(squares.high - Fraction(nearest**2, rows.high), Fraction(0)),
        )
        own = Fraction(total.value - rows.value * about) ** 2 / rows.value
        variance = Estimate.within(
            (squares.value - own) / (rows.value - 1), scatter[0] / (rows.high - 1), scatter[1] / (least - 1)
        )
        return cls(rows.value, mean, variance)

    @property
    def deviation(self) -> Estimate:
        return self.variance.root()

    def scaled(self, one: int) -> Spread:
        """Return the same of numbers that so many units make one of."""
        return Spread(self.rows, self.mean.scaled(one), self.variance.scaled(one * one))


def moments(analysis: Summed, factor: str, suffix: str = "") -> tuple[Term, Term]:
    """Return the terms by which a factor's mean and variance are known: its sum, and its squares about its middle."""
    total = Term(f"sum{suffix}", (factor,))
    middle = analysis.middle(total)
    return total, Term(f"squares{suffix}", (factor, factor), (middle, middle))


def spreads(analysis: Summed, opened: Opened, factor: str, suffix: str = "") -> list[Spread | None]:
    """Work out the spread of a factor in every cell, in its own unit; None where it is hidden, or has fewer than two.

    Shapes: as the flattened cells.
    """
    total, squares = moments(analysis, factor, suffix)
    one, ends = analysis.scale(total.name), analysis.ends(total)
    arrays = (rows_of(analysis, opened), released(analysis, opened, total), released(analysis, opened, squares))
    found: list[Spread | None] = []
    for safe, rows, added, squared in zip(opened["safe"].ravel(), *arrays, strict=True):
        spread = Spread.of(rows, added, squared, squares.about[0], ends) if safe else None
        found.append(spread and spread.scaled(one))
    return found


def rows_of(analysis: Summed, opened: Opened) -> list[Between]:
    """Return the number of rows of each flattened cell; one that is shown has none, or as many as the rules ask for."""
    off, least = _off(analysis, "count"), analysis.rules.safe_threshold
    found = [Between.of(rows, off) for rows in opened["count"].ravel().tolist()]
    return [Between(each.value, max(each.low, least), max(each.high, least)) if each.high else each for each in found]


def released(analysis: Summed, opened: Opened, term: Term) -> list[Between]:
    """Return the sums of a term, of each flattened cell, in units of one."""
    off, shift = _off(analysis, term.name), analysis.shift(term)
    # Every owner rounds its part down, by less than one unit.
    parts = analysis.limits.owners if shift else 0
    ends = [
        ((each + off.low) << shift, (each + off.high + parts) << shift) for each in opened[term.name].ravel().tolist()
    ]
    return [Between(sum(each) // 2 if shift else value, *each)
            for value, each in zip(opened[term.name].ravel().tolist(), ends, strict=True)]  # fmt: skip


def column_of(found: list[Spread | None], name: str) -> tuple[np.ndarray, float]:
    """Return one estimate of every cell, NaN where there is none, and how far it is off at most."""
    each = [None if spread is None else getattr(spread, name) for spread in found]
    values = np.array([np.nan if one is None else one.value for one in each])
    return values, max((one.off for one in each if one is not None), default=0.0)


def _off(analysis: Summed, array: str) -> Bound:
    return rounded_from(analysis.base_of(array)) if array in analysis.rounded else Bound(0, 0)


def exact_variance(values: Iterable[int]) -> float:
    """Return the variance of whole numbers to the last digit, of any size, for what results are held against."""
    listed = [int(each) for each in values]
    scatter = len(listed) * sum(each * each for each in listed) - sum(listed) ** 2
    return scatter / (len(listed) * (len(listed) - 1)) if len(listed) > 1 else math.nan


def spread_of(values: Iterable[int], one: int) -> Spread | None:
    """Return the spread of numbers in the clear, for what results are held against; None of fewer than two."""
    listed = [int(each) for each in values]
    if len(listed) < 2:
        return None
    mean = Fraction(sum(listed), len(listed))
    return Spread(len(listed), Estimate(float(mean), 0.0), Estimate(exact_variance(listed), 0.0)).scaled(one)
