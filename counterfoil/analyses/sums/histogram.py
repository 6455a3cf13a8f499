"""How many rows of all owners fall between the edges that the agreement fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Result, ResultTable
from counterfoil.analyses.groupings import Grouping, by_bins
from counterfoil.analyses.parameters import Parameter, Takes
from counterfoil.analyses.summed import Summed, Term
from counterfoil.analyses.units import counted, heading, wanted
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.evidence_tests import COUNTS
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")


class Histogram(Summed):
    """Counts of `column` in [edge, next edge); the last bin includes its upper edge.

    Exact, unless noise or rounding is asked for. Values outside all bins are not counted.
    """

    key = "histogram"
    version = 1
    title = "Histogram"
    learns: ClassVar[Mapping[str, str]] = {"count": "the number of rows in each bin"}
    params: ClassVar[Mapping[str, Parameter]] = {
        "column": parameters.column(
            "the column whose values are counted", Takes(("integer", "number", "date", "timestamp")), "balance"
        ),
        "edges": Parameter(
            "where bins begin, in rising order and in the column's own unit, and where the last one ends",
            {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 2, "maxItems": 1000},
            example=[0, 1_000_000, 10_000_000, 100_000_000],
        ),
    }
    statistics = frozenset({"counts"})
    enforces = COUNTS
    takes_noise = True

    def terms(self) -> tuple[Term, ...]:
        return ()

    def by(self) -> tuple[Grouping, ...]:
        return (by_bins(self._column, self._edges),)

    def present(self, opened: Opened) -> Result:
        frame = self._frame(pd.array(opened["count"], "Int64"))
        hidden = opened["safe"] == 0
        frame.loc[hidden, "rows"] = pd.NA
        finding = "All bins are hidden." if hidden.all() else self._finding(frame, bool(hidden.any()))
        title = f"Distribution of {self._column.name}"
        measures = {"rows": self.measure("count")}
        return self.result(opened, title, [finding], [ResultTable(title, frame, measures, "bars", self._headings)])

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        values = pd.concat(tables)[self._column.name]
        days = values.to_numpy("datetime64[D]") if self._column.type == "date" else values.to_numpy()
        return self._frame(np.histogram(days.astype(np.int64), self._edges)[0].astype(np.int64))

    def _finding(self, frame: pd.DataFrame, some_hidden: bool) -> str:
        """Say which bin that is shown is the fullest, if noise or rounding lets it be told."""
        shown, name, measure = frame[frame["rows"].notna()], self._column.name, self.measure("count")
        rows = shown["rows"].to_numpy(np.int64)
        off, among = 2 * (measure.interval or measure.bound), "of the bins shown" if some_hidden else "of all bins"
        fullest = shown.index[rows >= rows.max() - off]
        if len(fullest) == 1:
            return f"Most rows {among}, {rows.max():,}, have {name} {frame['bin'][fullest[0]]}."
        if not off:
            return f"{len(fullest)} {among} have {rows.max():,} rows each, and none has more."
        leaves = "noise" if self.noise else "rounding"
        return f"Which {among} has most rows cannot be told: {len(fullest)} are within what {leaves} leaves open."

    def _frame(self, counts: Any) -> pd.DataFrame:
        return pd.DataFrame({"bin": self.by()[0].labels, "rows": counts})

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer", "number", "date", "timestamp")

    @property
    def _headings(self) -> Mapping[str, str]:
        called = heading(self._column, with_unit=True)
        return {"bin": called} if called else {}

    @property
    def _edges(self) -> tuple[int, ...]:
        given = self.planned.params.get("edges")
        edges = [counted(self._column, edge) for edge in given] if isinstance(given, list | tuple) else []
        counts = [edge for edge in edges if edge is not None]
        if len(counts) < 2 or len(counts) < len(edges):
            raise PlanError(f"{self.planned.name}: `edges` must list at least two, each {wanted(self._column)}")
        if counts != sorted(set(counts)):
            raise PlanError(f"{self.planned.name}: `edges` must rise from one to the next")
        return tuple(counts)
