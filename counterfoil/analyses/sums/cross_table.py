"""How many rows fall into each combination of several categories, with percentages of all, of rows and of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.grouped import BANDS, BY, Grouped
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.summed import Term
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.evidence_tests import COUNTS
from counterfoil.errors import PlanError

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

_PERCENT = "% of all"


class CrossTable(Grouped):
    """Number of rows in each combination of the categories of `by` and the bands of `bands`, with percentages.

    Percentages are of all rows, and of the rows that are alike in one of the columns. A margin, and what is in percent
    of it, is there where none of its cells is hidden. With noise, counts are noised, and there are no percentages.

    Percentages and margins follow from the counts, and tell no more: a hidden count is protected against what its lines
    and other tables of the same rows would restore of it.
    """

    key = "cross_table"
    version = 1
    title = "Cross-table"
    learns: ClassVar[Mapping[str, str]] = {"count": "the number of rows in each combination of categories"}
    params: ClassVar[Mapping[str, Parameter]] = {
        "by": replace(BY, means="the columns whose categories are combined"),
        "bands": BANDS,
    }
    statistics = frozenset({"counts"})
    enforces = COUNTS
    takes_noise = True

    def terms(self) -> tuple[Term, ...]:
        return ()

    def by(self) -> tuple[Grouping, ...]:
        if found := super().by():
            return found
        raise PlanError(f"{self.planned.name}: `by` or `bands` must name at least one column that makes groups")

    def present(self, opened: Opened) -> Result:
        names, hidden = self.group_names, opened["safe"] == 0
        counts = np.where(hidden, np.nan, opened["count"])
        frame, off = self.groups(), self.measure("count").bound
        frame["rows"] = pd.array(np.where(hidden, 0, opened["count"]).ravel(), "Int64")
        frame.loc[hidden.ravel(), "rows"] = pd.NA
        measures = {"rows": self.measure("count")}
        if not self.noise:
            for name, axes in self._shares():
                frame[name], bound = _percent(counts, axes, off)
                measures[name] = Measure("%", bound)
        title = f"Rows by {' and '.join(names)}"
        tables = [ResultTable(title, frame, measures, chart="grouped-bars")]
        if not self.noise and len(names) > 1:
            tables += [self._margin(counts, at, off) for at in range(len(names))]
        return self.result(opened, title, [self._finding(frame)], tables)

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names, pooled = self.group_names, self.pooled(tables)
        rows = pooled.groupby(names, observed=True).size().rename("rows").reset_index()
        frame = self.groups().merge(rows, on=names, how="left").fillna({"rows": 0})
        for name, axes in self._shares():
            keys = [names[at] for at in range(len(names)) if at not in axes]
            every = frame.groupby(keys, observed=True)["rows"].transform("sum") if keys else frame["rows"].sum()
            frame[name] = 100 * frame["rows"] / every
        return frame

    def _shares(self) -> list[tuple[str, tuple[int, ...]]]:
        """List what percentages are of, and over which axes that is added up."""
        names = self.group_names
        every = tuple(range(len(names)))
        each = [(f"% of {name}", tuple(at for at in every if at != own)) for own, name in enumerate(names)]
        return [*(each if len(names) > 1 else []), (_PERCENT, every)]

    def _margin(self, counts: NDArray[np.float64], at: int, off: float) -> ResultTable:
        own = counts.sum(axis=tuple(axis for axis in range(counts.ndim) if axis != at))
        name, bound = self.group_names[at], off * counts.size / len(own)
        rows = pd.array([None if np.isnan(each) else int(each) for each in own], "Int64")
        frame = pd.DataFrame({name: self.by()[at].labels, "rows": rows})
        frame[_PERCENT], share = _percent(own, (0,), bound)
        return ResultTable(f"Rows by {name}", frame, {"rows": Measure(bound=bound), _PERCENT: Measure("%", share)})

    def _finding(self, frame: pd.DataFrame) -> str:
        """Say in which combination most rows are, as far as noise and rounding let that be told."""
        shown = frame[frame["rows"].notna()]
        if shown.empty:
            return "All combinations are hidden."
        rows, measure = shown["rows"].to_numpy(np.int64), self.measure("count")
        off = 2 * (measure.interval or measure.bound)
        fullest = shown[rows >= rows.max() - off]
        among = " of those shown" if len(shown) < len(frame) else ""
        if len(fullest) > 1:
            return f"Which combination{among} has most rows cannot be told: {len(fullest)} are alike in that."
        row = fullest.iloc[0]
        share = row.get(_PERCENT, np.nan)
        percent = "" if pd.isna(share) else f", {share:.1f} % of all"
        return f"Most rows{among}, {row['rows']:,}{percent}, are in {', '.join(str(row[n]) for n in self.group_names)}."


def _percent(counts: NDArray[np.float64], axes: tuple[int, ...], off: float) -> tuple[NDArray[np.float64], float]:
    """Return the cells in percent of their sum over these axes, and how far off they can be; NaN where there is none.

    Shapes: any; the result is flat.
    """
    every = np.broadcast_to(counts.sum(axis=axes, keepdims=True), counts.shape)
    cells = np.prod([counts.shape[axis] for axis in axes])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(every > 0, 100 * counts / every, np.nan)
        # What a cell is off by, and what its share of the others' is.
        least = np.where(every > off * cells, every - off * cells, np.nan)
        bounds = np.minimum(100.0, (100 * off + share * off * cells) / least)
    bound = float(np.nanmax(bounds, initial=0.0)) if off else 0.0
    return share.ravel(), 100.0 if off and np.isnan(least[~np.isnan(every)]).any() else bound
