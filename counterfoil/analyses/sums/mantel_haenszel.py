"""How much likelier an event is among the exposed, held apart by strata: the ratios of Mantel and Haenszel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.distributions import chi_square_above, p_text
from counterfoil.analyses.grouped import GROUPS, Grouped
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.parameters import NAME, Parameter
from counterfoil.analyses.summed import Term
from counterfoil.analyses.sums.two_by_two import WHICH, Effect, Strata, TwoByTwo, check_distinct, place
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.evidence_tests import EXACT_COUNTS

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

_NUMBERS = {"estimate": "value", "from": "low", "to": "high", "p": "p"}


class MantelHaenszel(Grouped):
    """Relative risk and odds ratio of `event` for the exposed against all others, held apart by the groups of `strata`.

    Who is exposed, and what the event is, are the last of a column's two values, or what `exposed` and `happened` say.
    The recipient works all out from the counts of every stratum, which leave. A stratum of which a count is hidden is
    left out, and the report says so. A policy that rounds counts is refused.

    A ratio over strata hides no single one's: all counts of all strata are judged, and leave beside it.
    """

    key = "mantel_haenszel"
    version = 1
    title = "Relative risk and odds ratio over strata"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "how many rows have the event, and have not, in either group of each stratum"
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "exposure": Parameter("the column that says who is exposed", NAME, GROUPS, example="product"),
        "exposed": Parameter(
            "which of its groups is; the last of two by default", WHICH, required=False, example="card"
        ),
        "event": Parameter("the column that says whether the event happened", NAME, GROUPS, example="default_flag"),
        "happened": Parameter("by which of its values; the last of two by default", WHICH, required=False),
        "strata": Parameter("the column whose groups are held apart", NAME, GROUPS, example="region"),
    }
    statistics = frozenset({"counts"})
    enforces = EXACT_COUNTS

    def terms(self) -> tuple[Term, ...]:
        return ()

    def by(self) -> tuple[Grouping, ...]:
        found = tuple(self.grouping(self.planned.params.get(name)) for name in ("strata", "exposure", "event"))
        check_distinct(self.planned, found)
        place(self.planned, found[1], "exposed"), place(self.planned, found[2], "happened")
        return found

    def present(self, opened: Opened) -> Result:
        strata, exposure, event = self.by()
        safe = (opened["safe"] == 1).all(axis=(1, 2))
        tables = self._tables(np.asarray(opened["count"]))
        kept = [each if shown and each.rows else None for each, shown in zip(tables, safe, strict=True)]
        pooled = Strata([each for each in kept if each is not None])
        exposed, happened = self._label(exposure, "exposed"), self._label(event, "happened")
        odds, test = pooled.odds_ratio(), pooled.chi_square()
        if odds is None or test is None:
            words = "No ratio: no stratum that is shown has the event, and has it not, in both groups."
        else:
            p = chi_square_above(test, 1)
            told = "" if p < 0.05 else " A ratio of this size may well be chance."
            words = (
                f"Held apart by {strata.column.name}, the odds of {event.column.name} {happened} are {odds.value:,.2f} "
                f"times as high with {exposure.column.name} {exposed} (95 % {odds.low:,.2f} to {odds.high:,.2f}; "
                f"chi-square = {test:,.2f}, 1 degree of freedom, {p_text(p)}), over "
                f"{sum(each.rows for each in pooled.tables):,} rows.{told}"
            )
        frame = self._by_strata([each if shown else None for each, shown in zip(tables, safe, strict=True)])
        measures = {"rows": self.measure("count"), **{name: Measure() for name in ("estimate", "from", "to")}}
        hidden = [label for label, shown in zip(strata.labels, safe, strict=True) if not shown]
        left_out = [f"A count of {', '.join(hidden)} is hidden, so that is left out."] if hidden else []
        return self.result(
            opened, f"{event.column.name} by {exposure.column.name}, held apart by {strata.column.name}", [words],
            [ResultTable(f"Odds ratio by {strata.column.name}", frame, measures), _estimates(pooled)],
            ["One ratio holds in all strata. Intervals are of Robins, Breslow and Greenland.", *left_out],
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names, pooled = self.group_names, self.pooled(tables)
        rows = pooled.groupby(names, observed=True).size().rename("rows").reset_index()
        counts = self.groups().merge(rows, on=names, how="left").fillna({"rows": 0})["rows"].to_numpy(np.int64)
        return self._by_strata(self._tables(counts.reshape(self.shape)))

    def _by_strata(self, tables: Sequence[TwoByTwo | None]) -> pd.DataFrame:
        """Make a row for each stratum; a hidden one has no numbers."""
        strata, own = self.by()[0], [each.odds_ratio() if each and each.rows else None for each in tables]
        frame = pd.DataFrame({strata.column.name: strata.labels})
        frame["rows"] = pd.array([each.rows if each else None for each in tables], "Int64")
        for name in ("estimate", "from", "to"):
            frame[name] = [np.nan if each is None else getattr(each, _NUMBERS[name]) for each in own]
        return frame

    def _tables(self, counts: NDArray[np.int64]) -> list[TwoByTwo]:
        _, exposure, event = self.by()
        at = place(self.planned, exposure, "exposed"), place(self.planned, event, "happened")
        return [TwoByTwo.of(each, *at) for each in counts]

    def _label(self, grouping: Grouping, name: str) -> str:
        return grouping.labels[place(self.planned, grouping, name)]


def _estimates(strata: Strata) -> ResultTable:
    found: dict[str, Effect | None] = {
        "relative risk": strata.relative_risk(),
        "odds ratio": strata.odds_ratio(),
    }
    numbers = {
        name: [np.nan if each is None else getattr(each, of) for each in found.values()]
        for name, of in _NUMBERS.items()
    }
    frame = pd.DataFrame({"over all strata": list(found), **numbers})
    return ResultTable("Estimates, with intervals of 95 %", frame, {name: Measure() for name in _NUMBERS})
