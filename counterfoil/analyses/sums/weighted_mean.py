"""The mean of a column in which each row counts by its weight, over all rows or in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.grouped import BANDS, BY, Grouped
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.summed import Term
from counterfoil.analyses.sums.spread import Between, Estimate, released
from counterfoil.analyses.units import estimate, own_array
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.disclosure.declaration import Limits
else:
    pd = deferred("pandas")


class WeightedMean(Grouped):
    """Mean of `value` in which each row counts by its `weight`: the sum of their products over the sum of weights.

    Weights are not negative. Where all of them are zero there is no mean, and the report says so.

    Whose weight is most of a group's is nearly alone in it: weights and products are judged as sums, so that no row,
    and no few of them, make up most of either.
    """

    key = "weighted_mean"
    version = 1
    title = "Weighted mean"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows in each group",
        "weights": "the sum of the weights in each group",
        "weighted": "the sum of the weighted values, and so their weighted mean, in each group",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "value": parameters.column("the column whose mean is wanted", parameters.NUMBERS, "balance"),
        "weight": parameters.column("the column of weights, none of which is negative", parameters.NUMBERS, "income"),
        "by": BY,
        "bands": BANDS,
    }

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        if self.bounds(self._weight)[0] < 0:
            raise PlanError(
                f"{planned.name}: weights may be negative; give {self._weight.name!r} a minimum of 0 in {contract.id}"
            )

    def terms(self) -> tuple[Term, ...]:
        value, weight = self._value.name, self._weight.name
        return Term("weights", (weight,)), Term("weighted", (value, weight))

    def present(self, opened: Opened) -> Result:
        weights, weighted = (released(self, opened, term) for term in self.terms())
        low, high = self.bounds(self._value)
        safe = opened["safe"].ravel() == 1
        found = [
            _mean(one, other, low, high) if shown else None
            for shown, one, other in zip(safe, weights, weighted, strict=True)
        ]
        one = self.scale("weighted") // self.scale("weights")
        value, frame = self._value.name, self.groups()
        frame["rows"] = pd.array(np.where(safe, opened["count"].ravel(), 0), "Int64")
        frame.loc[~safe, "rows"] = pd.NA
        frame["sum of weights"] = own_array(self._weight, opened["weights"].ravel(), ~safe)
        frame["weighted mean"] = [np.nan if each is None else each.value / one for each in found]
        off = max((each.off / one for each in found if each is not None), default=0.0)
        measures = {
            "rows": self.measure("count"),
            "sum of weights": self.measure("weights", self._weight.unit, self._weight.display),
            "weighted mean": Measure(self._value.unit, off, display=self._value.display),
        }
        by = f" by {' and '.join(self.group_names)}" if self.by() else ""
        title = f"Mean {value} weighted by {self._weight.name}{by}"
        labels = [", ".join(map(str, row)) or "all rows" for row in self.groups().itertuples(index=False)]
        told = [(labels[at], each.value / one) for at, each in enumerate(found) if each is not None]
        nothing = [labels[at] for at, each in enumerate(found) if safe[at] and each is None]
        findings = ["Too few rows."] if not safe.any() else []
        if told:
            (least, lowest), (most, highest) = (pick(told, key=lambda each: each[1]) for pick in (min, max))
            words = estimate(self._value, lowest)
            findings = [f"The weighted mean of {value} is {words} over {least}."]
            if len(told) > 1:
                findings = [
                    f"The weighted mean of {value} is from {words} in {least} to {estimate(self._value, highest)} "
                    f"in {most}."
                ]
        findings += [f"All weights of {each} are zero, or may be, so it has no weighted mean." for each in nothing]
        return self.result(
            opened, title, findings, [ResultTable(title, frame, measures, chart="grouped-bars" if self.by() else "")],
            ["Weights say how much a row counts; no standard error follows from them."],
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names, pooled = self.group_names, self.pooled(tables)
        value, weight = (pooled[column.name].astype(float) for column in (self._value, self._weight))
        pooled = pooled.assign(all=0, weights=pooled[self._weight.name], weighted=value * weight, rows=1)
        own = pooled.groupby(names or ["all"], observed=True)[["rows", "weights", "weighted"]].sum().reset_index()
        one = self.scale("weighted") // self.scale("weights")
        with np.errstate(invalid="ignore", divide="ignore"):
            own["weighted mean"] = own["weighted"] / own["weights"] / one
        own["sum of weights"] = own_array(self._weight, own["weights"].to_numpy(), np.zeros(len(own), np.bool_))
        own = own[[*names, "rows", "sum of weights", "weighted mean"]]
        return self.groups().merge(own, on=names, how="left").fillna({"rows": 0}) if names else own

    @property
    def _value(self) -> Column:
        return self.column(self.planned.params.get("value"), "integer", "number")

    @property
    def _weight(self) -> Column:
        return self.column(self.planned.params.get("weight"), "integer", "number")


def _mean(weights: Between, weighted: Between, low: int, high: int) -> Estimate | None:
    """Return the quotient; None where weights may add up to nothing."""
    if weights.low <= 0 or weights.value <= 0:
        return None
    ends = [Fraction(one, other) for one in (weighted.low, weighted.high) for other in (weights.low, weights.high)]
    least, most = (min(max(end, Fraction(low)), Fraction(high)) for end in (min(ends), max(ends)))
    return Estimate.within(Fraction(weighted.value, weights.value), least, most)
