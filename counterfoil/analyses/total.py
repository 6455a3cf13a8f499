"""The sum of one column over all owners' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

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
)
from counterfoil.analyses.crosscheck import Stated
from counterfoil.analyses.noise import Moves
from counterfoil.analyses.sums import sums_cells, sums_inputs, sums_of
from counterfoil.data.encode import encode
from counterfoil.data.table import Table
from counterfoil.governance.column import Column
from counterfoil.mpc.circuits.bound import Bound
from counterfoil.mpc.protocol import Protocol


class Total(Analysis):
    """The sum of `column` and the number of rows behind it. Exact, unless noise or rounding is asked for;
    the rows have no noise in any case.
    """

    key = "total"
    version = 1
    title = "Total"
    reveals: ClassVar[tuple[str, ...]] = ("the number of rows", "the sum of the column")
    params: ClassVar[frozenset[str]] = frozenset({"column"})
    statistics = frozenset({"counts", "sums"})
    enforces: ClassVar[frozenset[str]] = rules.SUMS

    def inputs(self) -> tuple[Input, ...]:
        return sums_inputs(self.planned.name, (), self._bound, self.limits, self.rules)

    def outputs(self) -> tuple[Output, ...]:
        return (Output("safe", ()), Output("count", ()), Output("sum", ()))

    def axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        return () if self.noise is None else None

    def summed(self) -> tuple[str, ...]:
        return (self._column.name,) if self.noise is None else ()

    def counted(self) -> Mapping[str, Bound]:
        rows = self.limits.total_rows
        return {"count": Bound(0, rows), "sum": self._bound.joined(Bound(0, 0)).summed(rows)}

    def moves(self) -> Mapping[str, Moves]:
        low, high = self.bounds(self._column)
        width, reach = high - low, max(abs(low), abs(high)) * self.limits.total_rows
        # The number of rows is public, and the same for neighbours.
        return {"sum": Moves(width, width * width, cells=1, size=1, reach=reach)}

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        values = encode(table, self._column.name).values
        return sums_of(values, np.zeros(values.size, np.int64), (), rules.depth(self.rules))

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        return sums_cells(p, self.rules, self._bound, owners)

    def sums(self) -> frozenset[str]:
        return frozenset({"rows", f"sum of {self._column.name}"})

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        return {"rows": Stated(cells.count), f"sum of {self._column.name}": Stated(cells.values["sum"])}

    def present(self, opened: Opened) -> Result:
        safe, count, total = (opened[name].item() for name in ("safe", "count", "sum"))
        name, unit = self._column.name, self._column.unit
        frame = pd.DataFrame(
            {"rows": pd.array([count if safe else None], "Int64"), name: pd.array([total if safe else None], "Int64")}
        )
        rows, measure = self.measure("count"), self.measure("sum", unit)
        about = f" (noised; 95 % within ± {measure.interval:,})" if measure.interval else ""
        about = f" (both rounded to the nearest {self.base:,})" if self.rounded else about
        finding = (
            f"{name} adds up to {total:,} {unit}".rstrip() + f" over {count:,} rows{about}."
            if safe
            else "Too few rows."
        )
        return Result(
            self.planned.name, self.key, self.version, f"Total {name}", (finding,),
            (ResultTable(f"Total {name}", frame, {"rows": rows, name: measure}),),
            suppressed=1 - safe, cells=1,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        values = pd.concat([table[self._column.name] for table in tables])
        return pd.DataFrame({"rows": [len(values)], self._column.name: [int(values.sum())]})

    @property
    def _bound(self) -> Bound:
        return Bound(*self.bounds(self._column))

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer")
