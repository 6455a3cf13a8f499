"""How many rows of all owners fall between the edges that the agreement fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Analysis, Checked, Result, ResultTable, total_of
from counterfoil.analyses.parameters import Parameter, Takes
from counterfoil.analyses.units import counted, text, wanted
from counterfoil.data.encode import encode
from counterfoil.deferred import deferred
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Input, Opened, Output
from counterfoil.disclosure.evidence_tests import COUNTS
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.noise import Moves
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.values import written
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table
else:
    pd = deferred("pandas")


class Histogram(Analysis):
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

    def inputs(self) -> tuple[Input, ...]:
        counts = Input("count", (len(self._edges) - 1,), 0, self.limits.rows)
        return (counts, Input("outside", (), 0, self.limits.rows)) if self._open else (counts,)

    def outputs(self) -> tuple[Output, ...]:
        shape = (len(self._edges) - 1,)
        return (Output("safe", shape), Output("count", shape))

    def own_axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        bins = [f"from {self._value(low)} to {self._value(high)}" for low, high in pairwise(self._edges)]
        return ((self._column.name, (*bins, *(["elsewhere"] if self._open else []))),) if self.noise is None else None

    def own_features(self) -> tuple[Feature, ...]:
        return (Feature((), (self._column.name,)),) if self.noise is None else ()

    def own_edges(self) -> Mapping[str, tuple[int, ...]]:
        return {self._column.name: tuple(self._edges)}

    def counted(self) -> Mapping[str, Bound]:
        return {"count": Bound(0, self.limits.total_rows)}

    def moves(self) -> Mapping[str, Moves]:
        return {"count": Moves(2, 2, cells=2, size=len(self._edges) - 1, reach=self.limits.total_rows)}

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        counts = self._counts(encode(table, self._column.name).values)
        elsewhere = {"outside": np.array(table.rows - counts.sum(), np.int64)} if self._open else {}
        return {"count": counts, **elsewhere}

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        count = total_of([owner.values["count"] for owner in owners])
        outside = total_of([owner.values["outside"] for owner in owners]) if self._open else None
        return Cells(count, {}, outside=outside)

    def sums(self) -> frozenset[str]:
        return frozenset({"rows"}) if self._open or self._covered else frozenset()

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        rows = cells.count.sum()
        return {"rows": Stated(rows if cells.outside is None else rows + cells.outside)} if self.sums() else {}

    def present(self, opened: Opened) -> Result:
        frame = self._frame(pd.array(opened["count"], "Int64"))
        hidden = opened["safe"] == 0
        frame.loc[hidden, "rows"] = pd.NA
        finding = "All bins are hidden." if hidden.all() else self._finding(frame, bool(hidden.any()))
        title = f"Distribution of {self._column.name}"
        return Result(
            self.planned.name, self.key, self.version, title, (finding,),
            (ResultTable(title, frame, {"rows": self.measure("count")}, chart="bars"),),
            suppressed=int(hidden.sum()), cells=hidden.size,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        values = pd.concat(tables)[self._column.name]
        days = values.to_numpy("datetime64[D]") if self._column.type == "date" else values.to_numpy()
        return self._frame(self._counts(days.astype(np.int64)))

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

    def _counts(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.histogram(values, self._edges)[0].astype(np.int64)

    def _frame(self, counts: Any) -> pd.DataFrame:
        edges = self._edges
        closing = [")"] * (len(edges) - 2) + ["]"]
        bins = [
            f"[{self._text(low)} – {self._text(high)}{end}"
            for low, high, end in zip(edges, edges[1:], closing, strict=False)
        ]
        return pd.DataFrame({"bin": bins, "rows": counts})

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer", "number", "date", "timestamp")

    def _value(self, edge: int) -> str:
        return written(self._column.value(edge))

    def _text(self, edge: int) -> str:
        return text(self._column, edge)

    @property
    def _open(self) -> bool:
        """Whether rows may be outside all bins, and whether it matters."""
        return not self._covered and self.planned.privacy is None

    @property
    def _covered(self) -> bool:
        bounds = self._column.bounds
        return bounds is not None and self._edges[0] <= bounds[0] and bounds[1] <= self._edges[-1]

    @property
    def _edges(self) -> list[int]:
        given = self.planned.params.get("edges")
        edges = [counted(self._column, edge) for edge in given] if isinstance(given, list | tuple) else []
        counts = [edge for edge in edges if edge is not None]
        if len(counts) < 2 or len(counts) < len(edges):
            raise PlanError(f"{self.planned.name}: `edges` must list at least two, each {wanted(self._column)}")
        if counts != sorted(set(counts)):
            raise PlanError(f"{self.planned.name}: `edges` must rise from one to the next")
        return counts
