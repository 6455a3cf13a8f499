"""The sum of one column over all owners' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from counterfoil.analyses.base import Result, ResultTable
from counterfoil.analyses.one_sum import OneSum
from counterfoil.analyses.units import amount, own, own_array
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")


class Total(OneSum):
    """The sum of `column` and the number of rows behind it.

    Exact, unless noise or rounding is asked for; the rows have no noise in any case.
    """

    key = "total"
    version = 1
    title = "Total"
    learns: ClassVar[Mapping[str, str]] = {"count": "the number of rows", "sum": "the sum of the column"}
    takes_noise = True

    def present(self, opened: Opened) -> Result:
        safe, count, total = (opened[name].item() for name in ("safe", "count", "sum"))
        name, column = self._column.name, self._column
        hidden = np.array([not safe])
        frame = pd.DataFrame(
            {
                "rows": pd.array([count if safe else None], "Int64"),
                name: own_array(self._column, np.array([total]), hidden),
            }
        )
        rows, measure = self.measure("count"), self.measure("sum", column.unit, column.display)
        about = f" (noised; 95 % within ± {amount(column, measure.interval)})" if measure.interval else ""
        if self.rounded:
            steps = [self.step("sum"), self.step("count")]
            texts = [amount(column, steps[0]) if column.display else f"{steps[0]:,}", f"{steps[1]:,}"]
            each = [
                f"rounded to the nearest {said}" if step > 1 else "exact"
                for step, said in zip(steps, texts, strict=True)
            ]
            about = f" (both {each[0]})" if each[0] == each[1] else f" (the sum {each[0]}, the rows {each[1]})"
        finding = (
            f"{name} adds up to {amount(column, own(column, total))} over {count:,} rows{about}."
            if safe
            else "Too few rows."
        )
        title = f"Total {name}"
        return self.result(opened, title, [finding], [ResultTable(title, frame, {"rows": rows, name: measure})])

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        values = pd.concat([table[self._column.name] for table in tables])
        total = own_array(self._column, np.array([values.sum()]), np.array([False]))
        return pd.DataFrame({"rows": [len(values)], self._column.name: total})
