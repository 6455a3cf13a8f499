"""The sum of one column over all owners' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterfoil.analyses.base import (
    Analysis,
    Cells,
    Checked,
    Input,
    Measure,
    Opened,
    Output,
    Result,
    ResultTable,
    total_of,
)
from counterfoil.analyses.noise import Moves
from counterfoil.data.encode import encode
from counterfoil.data.table import Table
from counterfoil.governance.contract import Column
from counterfoil.mpc.protocol import Protocol


class Total(Analysis):
    """The sum of `column` and the number of rows behind it. Exact, unless noise is asked for; the rows always are."""

    key = "total"
    version = 1
    title = "Total"
    reveals: ClassVar[tuple[str, ...]] = ("the number of rows", "the sum of the column")
    params: ClassVar[frozenset[str]] = frozenset({"column"})

    def inputs(self) -> tuple[Input, ...]:
        low, high = self.bounds(self._column)
        rows = self.limits.rows
        return (
            Input("count", (), 0, rows),
            Input("sum", (), min(0, low) * rows, max(0, high) * rows),
        )

    def outputs(self) -> tuple[Output, ...]:
        return (Output("safe", ()), Output("count", ()), Output("sum", ()))

    def moves(self) -> Mapping[str, Moves]:
        low, high = self.bounds(self._column)
        width, reach = high - low, max(abs(low), abs(high)) * self.limits.total_rows
        # The number of rows is public, and the same for neighbours.
        return {"sum": Moves(width, width * width, cells=1, size=1, reach=reach)}

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        values = encode(table, self._column.name).values
        return {"count": np.array(values.size, np.int64), "sum": np.array(values.sum(), np.int64)}

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        return Cells(
            count=total_of([owner.values["count"] for owner in owners]),
            values={"sum": total_of([owner.values["sum"] for owner in owners])},
        )

    def present(self, opened: Opened) -> Result:
        safe, count, total = (opened[name].item() for name in ("safe", "count", "sum"))
        name, unit = self._column.name, self._column.unit
        frame = pd.DataFrame(
            {"rows": pd.array([count if safe else None], "Int64"), name: pd.array([total if safe else None], "Int64")}
        )
        about = (
            f" (noised; 95 % within ± {measure.interval:,})" if (measure := self.measure("sum", unit)).interval else ""
        )
        finding = (
            f"{name} adds up to {total:,} {unit}".rstrip() + f" over {count:,} rows{about}."
            if safe
            else "Too few rows."
        )
        return Result(
            self.planned.name, self.key, self.version, f"Total {name}", (finding,),
            (ResultTable(f"Total {name}", frame, {"rows": Measure(), name: measure}),),
            suppressed=1 - safe, cells=1,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        values = pd.concat([table[self._column.name] for table in tables])
        return pd.DataFrame({"rows": [len(values)], self._column.name: [int(values.sum())]})

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer")
