"""How much likelier an event is among those who are exposed: relative risk, odds ratio, risk difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.distributions import p_text
from counterfoil.analyses.grouped import GROUPS, Grouped
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.parameters import NAME, Parameter
from counterfoil.analyses.summed import Term
from counterfoil.analyses.sums.two_by_two import WHICH, Effect, TwoByTwo, check_distinct, place
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.evidence_tests import EXACT_COUNTS

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")


class RiskRatio(Grouped):
    """Relative risk, odds ratio and risk difference of `event` for the exposed against all others, with 95 % intervals.

    Who is exposed, and what the event is, are the last of a column's two values, or what `exposed` and `happened` say.
    The recipient works all out from the counts, which leave; none is corrected where it is zero. A policy that rounds
    counts is refused.

    A risk with its denominator is a count, and a ratio of two risks with one of them is the other: so all counts are
    judged, and without all of them there is no ratio.
    """

    key = "risk_ratio"
    version = 1
    title = "Relative risk and odds ratio"
    learns: ClassVar[Mapping[str, str]] = {"count": "how many rows have the event, and have not, in either group"}
    params: ClassVar[Mapping[str, Parameter]] = {
        "exposure": Parameter("the column that says who is exposed", NAME, GROUPS, example="product"),
        "exposed": Parameter(
            "which of its groups is; the last of two by default", WHICH, required=False, example="card"
        ),
        "event": Parameter("the column that says whether the event happened", NAME, GROUPS, example="default_flag"),
        "happened": Parameter("by which of its values; the last of two by default", WHICH, required=False),
    }
    statistics = frozenset({"counts"})
    enforces = EXACT_COUNTS

    def terms(self) -> tuple[Term, ...]:
        return ()

    def by(self) -> tuple[Grouping, ...]:
        found = tuple(self.grouping(self.planned.params.get(name)) for name in ("exposure", "event"))
        check_distinct(self.planned, found)
        self._place(found[0], "exposed"), self._place(found[1], "happened")
        return found

    def present(self, opened: Opened) -> Result:
        exposure, event = self.by()
        exposed, happened = self._names()
        other = " or ".join(label for label in exposure.labels if label != exposed)
        safe = opened["safe"] == 1
        counts = np.where(safe, opened["count"], -1)
        table = None if (counts < 0).any() else self._table_of(counts)
        frame = self.groups()
        frame["rows"] = pd.array(np.where(safe, counts, 0).ravel(), "Int64")
        frame.loc[~safe.ravel(), "rows"] = pd.NA
        title = f"{event.column.name} by {exposure.column.name}"
        found = _effects(table)
        assumptions = [
            f"Exposed is {exposed}, and the event {happened}. Nothing is adjusted for. Intervals are of logarithms "
            "(Katz, Woolf), the difference's by Wald; they hold where no count is very small."
        ]
        return self.result(
            opened, title, self._findings(table, found, exposed, other, happened),
            [_estimates(found), ResultTable(f"Rows by {title}", frame, {"rows": self.measure("count")})],
            assumptions,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names, pooled = self.group_names, self.pooled(tables)
        rows = pooled.groupby(names, observed=True).size().rename("rows").reset_index()
        counts = self.groups().merge(rows, on=names, how="left").fillna({"rows": 0})["rows"].to_numpy(np.int64)
        return _estimates(_effects(self._table_of(counts.reshape(self.shape)))).frame

    def _table_of(self, counts: NDArray[np.int64]) -> TwoByTwo:
        exposure, event = self.by()
        row, column = self._place(exposure, "exposed"), self._place(event, "happened")
        return TwoByTwo.of(counts, row, column)

    def _names(self) -> tuple[str, str]:
        exposure, event = self.by()
        return exposure.labels[self._place(exposure, "exposed")], event.labels[self._place(event, "happened")]

    def _place(self, grouping: Grouping, name: str) -> int:
        return place(self.planned, grouping, name)

    def _findings(
        self, table: TwoByTwo | None, found: Mapping[str, Effect | None], exposed: str, other: str, happened: str
    ) -> list[str]:
        event, exposure = self.by()[1].column.name, self.by()[0].column.name
        if table is None:
            return ["A count is hidden, so there is no ratio."]
        words = []
        if risk := found["relative risk"]:
            told = "" if risk.p < 0.05 else " A ratio of this size may well be chance."
            words.append(
                f"{event} {happened} is {risk.value:,.2f} times as likely with {exposure} {exposed} as with {other} "
                f"(95 % {risk.low:,.2f} to {risk.high:,.2f}, {p_text(risk.p)}), over "
                f"{table.rows:,} rows.{told}"
            )
        for group, (having, lacking) in {exposed: (table.a, table.b), other: (table.c, table.d)}.items():
            if having + lacking == 0:
                words.append(f"Nobody has {exposure} {group}, so nothing is compared.")
            elif having == 0:
                words.append(f"Nobody with {exposure} {group} has {event} {happened}, so there is no ratio of risks.")
            elif lacking == 0:
                words.append(f"Everybody with {exposure} {group} has {event} {happened}, so there is no ratio of odds.")
        return words


def _effects(table: TwoByTwo | None) -> dict[str, Effect | None]:
    return {
        "relative risk": table.relative_risk() if table else None,
        "odds ratio": table.odds_ratio() if table else None,
        "risk difference": table.risk_difference() if table else None,
    }


def _estimates(found: Mapping[str, Effect | None]) -> ResultTable:
    columns = {"estimate": "value", "from": "low", "to": "high", "p": "p"}
    numbers = {
        name: [np.nan if each is None else getattr(each, field) for each in found.values()]
        for name, field in columns.items()
    }
    frame = pd.DataFrame({"measure": list(found), **numbers})
    return ResultTable("Estimates, with intervals of 95 %", frame, {name: Measure() for name in columns})
