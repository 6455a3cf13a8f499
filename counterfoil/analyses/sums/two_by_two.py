"""Risks and odds of a table of two by two, of one or of several strata, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.distributions import normal_quantile, normal_two_sided
from counterfoil.analyses.groupings import Grouping
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned

WHICH: Final[Mapping[str, Any]] = {"type": ["string", "integer", "boolean"]}
"""The form of a parameter that names one value of a column."""


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

    @classmethod
    def of(cls, counts: NDArray[np.int64], exposed: int, happened: int) -> TwoByTwo:
        """Compare one row of a table with all others, by one of its columns and all others."""
        a, row, column = counts[exposed, happened], counts[exposed].sum(), counts[:, happened].sum()
        return cls(*(int(each) for each in (a, row - a, column - a, counts.sum() - row - column + a)))

    @property
    def rows(self) -> int:
        return self.a + self.b + self.c + self.d

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


@dataclass(frozen=True, slots=True)
class Strata:
    """Tables of several strata, each with somebody in it. Source: Mantel & Haenszel (1959)."""

    tables: Sequence[TwoByTwo]

    def odds_ratio(self) -> Effect | None:
        """Return the common ratio of odds; None where it has no bounds. Source: Robins, Breslow & Greenland (1986)."""
        parts = [
            (each.a * each.d / each.rows, each.b * each.c / each.rows,
             (each.a + each.d) / each.rows, (each.b + each.c) / each.rows)
            for each in self.tables
        ]  # fmt: skip
        r, s = sum(part[0] for part in parts), sum(part[1] for part in parts)
        if not r or not s:
            return None
        square = (
            sum(p * own for own, _, p, _ in parts) / (2 * r * r)
            + sum(p * other + q * own for own, other, p, q in parts) / (2 * r * s)
            + sum(q * other for _, other, _, q in parts) / (2 * s * s)
        )
        return Effect.of(math.log(r / s), math.sqrt(square), log=True)

    def relative_risk(self) -> Effect | None:
        """Return the common ratio of risks; None where it has no bounds. Source: Greenland & Robins (1985)."""
        r = sum(each.a * (each.c + each.d) / each.rows for each in self.tables)
        s = sum(each.c * (each.a + each.b) / each.rows for each in self.tables)
        if not r or not s:
            return None
        square = sum(
            ((each.a + each.b) * (each.c + each.d) * (each.a + each.c) - each.a * each.c * each.rows) / each.rows**2
            for each in self.tables
        ) / (r * s)
        return Effect.of(math.log(r / s), math.sqrt(square), log=True)

    def chi_square(self) -> float | None:
        """Return the test of no association in any stratum, with one degree of freedom and no continuity correction."""
        apart = variance = 0.0
        for each in self.tables:
            exposed, others, events = each.a + each.b, each.c + each.d, each.a + each.c
            apart += each.a - exposed * events / each.rows
            if each.rows > 1:
                variance += exposed * others * events * (each.b + each.d) / (each.rows**2 * (each.rows - 1))
        return apart**2 / variance if variance else None


def place(planned: Planned, grouping: Grouping, name: str) -> int:
    """Return which group of a column a parameter names; the last of two by default. Raises: PlanError."""
    given, labels = planned.params.get(name), grouping.labels
    if given is None and len(labels) == 2:
        return 1
    wanted = str(given).lower() if isinstance(given, bool) else str(given)
    if wanted not in labels:
        said = f"has no {wanted!r}" if given is not None else f"has {len(labels)} values"
        raise PlanError(f"{planned.name}: {grouping.column.name!r} {said}; let `{name}` be one of {', '.join(labels)}")
    return labels.index(wanted)


def check_distinct(planned: Planned, groupings: Sequence[Grouping]) -> None:
    """Check that no column is compared with itself. Raises: PlanError."""
    names = [each.column.name for each in groupings]
    if twice := [name for name in names if names.count(name) > 1]:
        raise PlanError(f"{planned.name}: {twice[0]!r} is named twice; compare it with another column")
