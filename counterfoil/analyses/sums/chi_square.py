"""Whether two categories are independent: Pearson's chi-square test, with Cramér's V."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.distributions import chi_square_above, p_text
from counterfoil.analyses.grouped import BY, Grouped
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.summed import Term
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.evidence_tests import EXACT_COUNTS
from counterfoil.errors import PlanError

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

_ENOUGH = 5.0
"""So many are expected in each cell, at least, for the distribution of chi-square to be near."""


@dataclass(frozen=True, slots=True)
class Independence:
    """The test of a table whose rows and columns all have somebody. Shapes: `expected` that of the table."""

    statistic: float
    dof: int
    expected: NDArray[np.float64]
    v: float

    @property
    def p(self) -> float:
        return chi_square_above(self.statistic, self.dof)

    @classmethod
    def of(cls, counts: NDArray[np.float64]) -> Independence | None:
        """Test without a correction of continuity; lines of nobody are left out. None where one line is left."""
        some = np.ix_(counts.sum(axis=1) > 0, counts.sum(axis=0) > 0)
        own, expected = counts[some], np.zeros(counts.shape)
        if min(own.shape) < 2:
            return None
        rows = own.sum()
        expected[some] = np.outer(own.sum(axis=1), own.sum(axis=0)) / rows
        statistic = float(((own - expected[some]) ** 2 / expected[some]).sum())
        least = min(own.shape) - 1
        return cls(statistic, (own.shape[0] - 1) * (own.shape[1] - 1), expected, (statistic / rows / least) ** 0.5)


class ChiSquare(Grouped):
    """Pearson's chi-square test of whether the two columns of `by` are independent, with Cramér's V.

    The recipient works it out from the counts of the table, which leave; without a correction of continuity. Where one
    of them is hidden there is no test. A policy that rounds counts is refused.

    The statistic with the margins tells every count of a table of two by two, but for which of two tables it is, so
    nothing is won by holding the counts back: they are judged one by one, and leave beside it.
    """

    key = "chi_square"
    version = 1
    title = "Chi-square test"
    learns: ClassVar[Mapping[str, str]] = {"count": "the number of rows in each combination of the two categories"}
    params: ClassVar[Mapping[str, Parameter]] = {
        "by": replace(BY, means="the two columns whose categories are tested against one another", required=True)
    }
    statistics = frozenset({"counts"})
    enforces = EXACT_COUNTS

    def terms(self) -> tuple[Term, ...]:
        return ()

    def by(self) -> tuple[Grouping, ...]:
        if len(found := super().by()) == 2:
            return found
        raise PlanError(f"{self.planned.name}: `by` names the two columns that are tested against one another")

    def present(self, opened: Opened) -> Result:
        names, safe = self.group_names, opened["safe"] == 1
        counts = opened["count"].astype(float)
        test = Independence.of(counts) if safe.all() else None
        frame = self.groups()
        frame["rows"] = pd.array(np.where(safe, opened["count"], 0).ravel(), "Int64")
        frame.loc[~safe.ravel(), "rows"] = pd.NA
        frame["expected"] = np.nan if test is None else test.expected.ravel()
        measures = {"rows": self.measure("count"), "expected": Measure()}
        between = " and ".join(names)
        if not safe.all():
            hidden = int((~safe).sum())
            words = f"No test: {hidden} of {safe.size} counts are hidden; merge categories of {between}."
        elif test is None:
            words = f"No test: all rows are alike in {names[0]} or in {names[1]}."
        else:
            words = self._finding(test, counts)
        assumptions = ["Rows are independent of one another. There is no correction of continuity."]
        if test is not None and (few := int(((test.expected > 0) & (test.expected < _ENOUGH)).sum())):
            assumptions.append(f"{few} expected counts are below {_ENOUGH:g}, so p is rough.")
        for axis, each in enumerate(self.by()):
            empty = [label for label, n in zip(each.labels, counts.sum(axis=1 - axis), strict=True) if n == 0]
            if test is not None and empty:
                assumptions.append(f"Nobody has {each.column.name} {', '.join(empty)}, so that is left out.")
        return self.result(
            opened, f"Independence of {between}", [words],
            [self._table(test), ResultTable(f"Rows by {between}", frame, measures)], assumptions,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names, pooled = self.group_names, self.pooled(tables)
        rows = pooled.groupby(names, observed=True).size().rename("rows").reset_index()
        counts = self.groups().merge(rows, on=names, how="left").fillna({"rows": 0})["rows"].to_numpy(float)
        return self._table(Independence.of(counts.reshape(self.shape))).frame

    def _finding(self, test: Independence, counts: NDArray[np.float64]) -> str:
        one, other = self.group_names
        size = f"Cramér's V = {test.v:.3f}, over {int(counts.sum()):,} rows"
        shown = f"chi-square = {test.statistic:,.2f}, {test.dof} degrees of freedom, {p_text(test.p)}"
        told = "are not independent" if test.p < 0.05 else "may well be independent"
        return f"{one} and {other} {told} ({shown}; {size})."

    def _table(self, test: Independence | None) -> ResultTable:
        names = ("chi-square", "degrees of freedom", "p", "Cramér's V")
        values = (np.nan,) * 4 if test is None else (test.statistic, test.dof, test.p, test.v)
        numbers = {name: [value] for name, value in zip(names, values, strict=True)}
        frame = pd.DataFrame({"independent": [" and ".join(self.group_names)], **numbers})
        frame["degrees of freedom"] = frame["degrees of freedom"].astype("Int64")
        return ResultTable("Test", frame, {name: Measure() for name in names})
