"""Whether the means of several groups differ: one-way analysis of variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.distributions import f_above, p_text
from counterfoil.analyses.grouped import GROUPS, Grouped
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.parameters import NAME, Parameter
from counterfoil.analyses.summed import Term
from counterfoil.analyses.sums.spread import Estimate, Spread, column_of, moments, spread_of, spreads
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.evidence_tests import EXACT_SUMS
from counterfoil.governance.contracts.column import Column

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")


@dataclass(frozen=True, slots=True)
class Variances:
    """What of the squares is between groups, and within them, with the degrees of freedom of both."""

    between: float
    within: Estimate
    groups: int
    free: int

    @classmethod
    def of(cls, found: Sequence[Spread]) -> Variances | None:
        """Split the squares; None of a single group, or where nothing varies within any."""
        rows = sum(each.rows for each in found)
        mean = sum(each.rows * each.mean.value for each in found) / max(rows, 1)
        between = sum(each.rows * (each.mean.value - mean) ** 2 for each in found)
        within, off = (
            sum((each.rows - 1) * part for each, part in zip(found, parts, strict=True))
            for parts in ([each.variance.value for each in found], [each.variance.off for each in found])
        )
        if len(found) < 2 or within <= off:
            return None
        return cls(between, Estimate(within, off), len(found) - 1, rows - len(found))

    def f(self, sign: int = 0) -> float:
        """Return the statistic; the smallest and the largest that it can be for the signs 1 and -1."""
        return self.between / self.groups / ((self.within.value + sign * self.within.off) / self.free)

    def p(self, sign: int = 0) -> float:
        return f_above(self.f(sign), self.groups, self.free)

    def eta(self, sign: int = 0) -> float:
        """Return which share of all squares is between groups."""
        return self.between / (self.between + self.within.value + sign * self.within.off)

    def off(self, name: str) -> float:
        own = getattr(self, name)
        return max(abs(own(sign) - own()) for sign in (1, -1)) if self.within.off else 0.0


class Anova(Grouped):
    """One-way analysis of variance: whether the mean of `value` is the same in all groups of `by`.

    The recipient works out F, its degrees of freedom, p and eta squared from counts, sums and squares of each group,
    which leave. Where a group is hidden there is no test. A policy that rounds is refused.

    F with all means and counts tells what varies within all groups together; squares of each tell more, and are judged.
    """

    key = "anova"
    version = 1
    title = "Analysis of variance"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows in each group",
        "sum": "the sum, and so the mean, of the column in each group",
        "squares": "the sum of squares, and so the variance, of the column in each group",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "value": parameters.column("the column whose means are compared", parameters.NUMBERS, "balance"),
        "by": Parameter("the column whose groups are compared", NAME, GROUPS, example="region"),
    }
    enforces = EXACT_SUMS

    def terms(self) -> tuple[Term, ...]:
        return moments(self, self._value.name)

    def by(self) -> tuple[Grouping, ...]:
        return (self.grouping(self.planned.params.get("by")),)

    def present(self, opened: Opened) -> Result:
        found, safe = spreads(self, opened, self._value.name), opened["safe"] == 1
        (by,), value = self.by(), self._value
        groups = pd.DataFrame({by.column.name: by.labels})
        groups["rows"] = pd.array(np.where(safe, opened["count"], 0), "Int64")
        groups.loc[~safe, "rows"] = pd.NA
        measures = {"rows": self.measure("count")}
        for name, of in (("standard deviation", "deviation"), ("mean", "mean")):
            groups[name], off = column_of(found, of)
            measures[name] = Measure(value.unit, off, display=value.display)
        test = Variances.of([each for each in found if each is not None]) if safe.all() else None
        if not safe.all():
            words = (
                f"No test: {int((~safe).sum())} of {safe.size} groups are hidden; merge categories of {by.column.name}."
            )
        elif test is None:
            words = (
                f"No test: fewer than two groups have rows, or {value.name} varies in none by more than can be told."
            )
        else:
            told = "differs between" if test.p() < 0.05 else "may well be the same in all"
            words = (
                f"The mean of {value.name} {told} groups of {by.column.name} (F = {test.f():,.2f}, {test.groups} and "
                f"{test.free:,} degrees of freedom, {p_text(test.p())}); {100 * test.eta():.1f} % of how it varies is "
                "between them."
            )
        empty = [label for label, rows in zip(by.labels, opened["count"], strict=True) if rows == 0]
        left_out = [f"Nobody is in {', '.join(empty)}, so that is left out."] if safe.all() and empty else []
        title = f"{value.name} by {by.column.name}"
        return self.result(
            opened, f"Analysis of variance: {title}", [words],
            [self._table(test), ResultTable(title, groups, measures, chart="grouped-bars")],
            ["Rows are independent of one another, and vary alike in all groups.", *left_out],
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        pooled, (by,) = self.pooled(tables), self.by()
        parts = (pooled[self._value.name][pooled[by.column.name] == label] for label in by.labels)
        found = [spread_of(part, self.scale("sum")) for part in parts]
        return self._table(Variances.of([each for each in found if each is not None])).frame

    def _table(self, test: Variances | None) -> ResultTable:
        free = (None, None) if test is None else (test.groups, test.free)
        numbers = {name: (np.nan if test is None else getattr(test, of)()) for name, of in _NUMBERS.items()}
        frame = pd.DataFrame({"compared": [f"{self._value.name} by {self.by()[0].column.name}"], "F": [numbers["F"]]})
        for name, each in zip(("between", "within"), free, strict=True):
            frame[f"degrees of freedom {name}"] = pd.array([each], "Int64")
        frame["p"], frame["eta²"] = numbers["p"], numbers["eta²"]
        measures = {name: Measure() for name in frame.columns if name != "compared"}
        if test is not None:
            measures |= {name: Measure(bound=test.off(of)) for name, of in _NUMBERS.items()}
        return ResultTable("Test", frame, measures)

    @property
    def _value(self) -> Column:
        return self.column(self.planned.params.get("value"), "integer", "number")


_NUMBERS: Mapping[str, str] = {"F": "f", "p": "p", "eta²": "eta"}
