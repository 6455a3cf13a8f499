"""How many rows of all owners fall between the edges that the agreement fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterfoil.analyses import rules
from counterfoil.analyses.base import (
    Analysis,
    Cells,
    Checked,
    Input,
    Opened,
    Output,
    Result,
    ResultTable,
    total_of,
)
from counterfoil.analyses.crosscheck import Stated
from counterfoil.analyses.noise import Moves
from counterfoil.data.encode import encode
from counterfoil.data.table import Table
from counterfoil.errors import PlanError
from counterfoil.governance.column import Column
from counterfoil.mpc.circuits.bound import Bound
from counterfoil.mpc.protocol import Protocol


class Histogram(Analysis):
    """Counts of `column` in [edge, next edge); the last bin includes its upper edge. Exact, unless noise
    or rounding is asked for.

    Values outside all bins are not counted.
    """

    key = "histogram"
    version = 1
    title = "Histogram"
    reveals = ("the number of rows in each bin",)
    params = frozenset({"column", "edges"})
    statistics = frozenset({"counts"})
    enforces = rules.COUNTS

    def inputs(self) -> tuple[Input, ...]:
        counts = Input("count", (len(self._edges) - 1,), 0, self.limits.rows)
        return (counts, Input("outside", (), 0, self.limits.rows)) if self._open else (counts,)

    def outputs(self) -> tuple[Output, ...]:
        shape = (len(self._edges) - 1,)
        return (Output("safe", shape), Output("count", shape))

    def axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        bins = [f"from {low} to {high}" for low, high in pairwise(self._edges)]
        return ((self._column.name, (*bins, *(["elsewhere"] if self._open else []))),) if self.noise is None else None

    def counted(self) -> Mapping[str, Bound]:
        return {"count": Bound(0, self.limits.total_rows)}

    def moves(self) -> Mapping[str, Moves]:
        return {"count": Moves(2, 2, cells=2, size=len(self._edges) - 1, reach=self.limits.total_rows)}

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        counts = self._counts(encode(table, self._column.name).values)
        elsewhere = {"outside": np.array(table.rows - counts.sum(), np.int64)} if self._open else {}
        return {"count": counts, **elsewhere}

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        counts, wanted = [owner.values["count"] for owner in owners], self.rules
        count = total_of(counts)
        tests = rules.joined(rules.owners_test(p, wanted, counts), rules.line_tests(p, wanted, count))
        outside = total_of([owner.values["outside"] for owner in owners]) if self._open else None
        return Cells(count, {}, tests, outside)

    def sums(self) -> frozenset[str]:
        return frozenset({"rows"}) if self._open or self._covered else frozenset()

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        rows = cells.count.sum()
        return {"rows": Stated(rows if cells.outside is None else rows + cells.outside)} if self.sums() else {}

    def present(self, opened: Opened) -> Result:
        frame = self._frame(pd.array(opened["count"], "Int64"))
        hidden = opened["safe"] == 0
        frame.loc[hidden, "rows"] = pd.NA
        if hidden.all():
            finding = "All bins are hidden."
        else:
            fullest = frame["rows"].fillna(-1).argmax()
            finding = f"Most rows, {frame['rows'][fullest]:,}, have {self._column.name} {frame['bin'][fullest]}."
        title = f"Distribution of {self._column.name}"
        return Result(
            self.planned.name, self.key, self.version, title, (finding,),
            (ResultTable(title, frame, {"rows": self.measure("count")}, chart="bars"),),
            suppressed=int(hidden.sum()), cells=hidden.size,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        return self._frame(self._counts(pd.concat(tables)[self._column.name].to_numpy(np.int64)))

    def _counts(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.histogram(values, self._edges)[0].astype(np.int64)

    def _frame(self, counts: Any) -> pd.DataFrame:
        edges = self._edges
        closing = [")"] * (len(edges) - 2) + ["]"]
        bins = [f"[{low:,} – {high:,}{end}" for low, high, end in zip(edges, edges[1:], closing, strict=False)]
        return pd.DataFrame({"bin": bins, "rows": counts})

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer")

    @property
    def _open(self) -> bool:
        """Whether rows may lie outside all bins, and whether it matters."""
        return not self._covered and self.planned.privacy is None

    @property
    def _covered(self) -> bool:
        bounds = self._column.bounds
        return bounds is not None and self._edges[0] <= bounds[0] and bounds[1] <= self._edges[-1]

    @property
    def _edges(self) -> list[int]:
        edges = self.planned.params.get("edges")
        if not isinstance(edges, list | tuple) or len(edges) < 2 or not all(type(edge) is int for edge in edges):
            raise PlanError(f"{self.planned.name}: `edges` must be a list of at least two whole numbers")
        if list(edges) != sorted(set(edges)):
            raise PlanError(f"{self.planned.name}: `edges` must rise from one to the next")
        return list(edges)
