"""Whether the sum of one column over all owners' rows passes a threshold: one bit, and not the sum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from counterfoil.analyses.base import SAFE, Measure, Result, ResultTable
from counterfoil.analyses.one_sum import OneSum
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.units import amount, counted, own, wanted
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Cells, Limits, Opened, Output
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import round_to
from counterfoil.mpc.circuits.core.suppress import at_least
from counterfoil.mpc.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

ASKS: Final = {"above": "more than", "at_least": "at least"}
"""The parameters of which a plan gives one, and what each asks."""


class Threshold(OneSum):
    """Whether `column` adds up to more than `above`, or to `at_least` so much. Exact; the sum is never opened.

    With noise the noised sum is compared, with a rounding base the rounded one; the answer may then be wrong where the
    sum is near the threshold.
    """

    key = "threshold"
    version = 1
    title = "Threshold"
    learns: ClassVar[Mapping[str, str]] = {
        "passed": "whether the sum of the column passes the threshold, and no more of it"
    }
    tabled = False
    takes_noise = True
    params: ClassVar[Mapping[str, Parameter]] = {
        **OneSum.params,
        "above": Parameter(
            "what the sum is to be more than, in the column's own unit; give this or `at_least`",
            {"type": "number"},
            required=False,
            example=1_000_000_000,
        ),
        "at_least": Parameter(
            "what the sum is to reach, in the column's own unit; give this or `above`",
            {"type": "number"},
            required=False,
        ),
    }

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        asked = [(name, value) for name, value in planned.params.items() if name in ASKS]
        value = counted(self._column, asked[0][1]) if len(asked) == 1 else None
        if value is None:
            raise PlanError(
                f"{planned.name}: give one of `above` and `at_least`, {wanted(self._column)} in the unit of "
                f"{self._column.name}"
            )
        self._asks, self._value = asked[0][0], value
        if abs(self._value) >= SAFE:
            raise RangeError(
                f"{planned.name}: no sum reaches 2^62, so {self._value} cannot be compared with one; take a threshold "
                "that the sum can pass"
            )
        if self.step("sum") > 1:
            self.check_rounding("sum", self._total)

    def outputs(self) -> tuple[Output, ...]:
        return (Output("safe", ()), Output("passed", ()))

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        total = cells.values["sum"].reshape(1)
        if self.step("sum") > 1:
            total = round_to(p, total, self.base_of("sum"), self._total)
        passed = at_least(p, total, self.compared)
        return replace(cells, values={"passed": passed.reshape()})

    def present(self, opened: Opened) -> Result:
        safe, passed = bool(opened["safe"].item()), bool(opened["passed"].item())
        frame = pd.DataFrame({self._question: pd.array([passed if safe else None], "boolean")})
        finding, measure = f"{self._question}: {'yes' if passed else 'no'}.", Measure()
        if self.noise:
            within = amount(self._column, self.measure("sum").interval or 0)
            finding += f" The sum was noised before it was compared; 95 % within ± {within}."
            measure = Measure(interval=math.nan)
        elif self.step("sum") > 1:
            finding += (
                f" The sum was rounded to the nearest {amount(self._column, self.step('sum'))} before it was compared."
            )
        return Result(
            self.planned.name, self.key, self.version, self._question, (finding if safe else "Too few rows.",),
            (ResultTable(self._question, frame, {self._question: measure}),), suppressed=int(not safe), cells=1,
            assumptions=("Whoever may ask about many thresholds on the same rows learns the sum.",),
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        total = sum(int(table[self._column.name].sum()) for table in tables)
        return pd.DataFrame({self._question: [total > self._value if self._asks == "above" else total >= self._value]})

    @property
    def compared(self) -> int:
        # Both sides are whole numbers, so more than the value is at least the next one.
        return self._value + (self._asks == "above")

    @property
    def _total(self) -> Bound:
        return self.reach(self.terms()[0], self.limits.total_rows)

    @property
    def _question(self) -> str:
        column = self._column
        return f"{column.name} adds up to {ASKS[self._asks]} {amount(column, own(column, self._value))}"
