"""Count, sum and mean of one column in every group of one or more category columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.grouped import BANDS, BY, Grouped
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.summed import Term
from counterfoil.analyses.units import amount, places
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.noise import CONFIDENCE, PlanNoise
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column
from counterfoil.mpc.circuits.core.rounding import rounded_from

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

_TOLD: Final = 5
"""So many groups that are alike are named, at most."""


class MeanByGroup(Grouped):
    """Mean of `value` in each combination of the categories of `by` and the bands of `bands`.

    The groups are public, from the contract; counts and sums are exact, and the mean is their quotient. With noise, all
    three are noised; with a rounding base, counts and sums are rounded, and the mean's bound follows from that.
    """

    key = "mean_by_group"
    version = 1
    title = "Mean by group"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows in each group",
        "sum": "the sum, and so the mean, of the column in each group",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "value": parameters.column("the column whose mean is wanted", parameters.NUMBERS, "balance"),
        "by": BY,
        "bands": BANDS,
    }
    takes_noise = True

    def terms(self) -> tuple[Term, ...]:
        return (Term("sum", (self._value.name,)),)

    def by(self) -> tuple[Grouping, ...]:
        if found := super().by():
            return found
        raise PlanError(f"{self.planned.name}: `by` or `bands` must name at least one column that makes groups")

    def present(self, opened: Opened) -> Result:
        safe, count, total = (opened[name].ravel() for name in ("safe", "count", "sum"))
        frame, value, one = self.groups(), self._value, self.scale("sum")
        frame["rows"] = pd.array(np.where(safe, count, 0), "Int64")
        frame["mean"] = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
        frame.loc[safe == 0, "rows"] = pd.NA
        measures = {"rows": self.measure("count"), "mean": Measure(value.unit, display=value.display)}
        if self.rounded:
            low, high = self.bounds(value)
            frame["mean"] = np.clip(frame["mean"], low, high)
            farthest = self._farthest(frame["mean"].to_numpy(), total, count) / one
            measures["mean"] = Measure(value.unit, farthest, display=value.display)
        if self.noise:
            low, high = self.bounds(value)
            frame["mean"] = np.clip(frame["mean"] + self._middle, low, high)
            frame["from"], frame["to"] = self._interval(self.noise, total, count, safe == 1)
            noised = dict.fromkeys(("from", "to", "mean"), Measure(value.unit, interval=np.nan, display=value.display))
            measures = {"rows": measures["rows"], **noised}  # the last one is drawn
        for name in measures.keys() - {"rows"}:
            frame[name] = frame[name] / one
        title = f"Mean {value.name} by {' and '.join(self.group_names)}"
        findings = tuple(self._findings(frame, measures["mean"].bound))
        return self.result(opened, title, findings, [ResultTable(title, frame, measures, chart="grouped-bars")])

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names, pooled = self.group_names, self.pooled(tables)
        grouped = pooled.groupby(names, observed=True)[self._value.name].agg(["count", "mean"]).reset_index()
        grouped["mean"] = grouped["mean"] / self.scale("sum")
        return self.groups().merge(grouped.rename(columns={"count": "rows"}), on=names, how="left").fillna({"rows": 0})

    def _findings(self, frame: pd.DataFrame, bound: float) -> Iterator[str]:
        """Say which groups have the highest and the lowest mean, as far as rounding and noise let that be told.

        A group is named where no other one can be beyond it, or equal ones together if the means are exact.
        """
        mean = frame["mean"].to_numpy()
        shown = np.flatnonzero(~np.isnan(mean))
        if not shown.size:
            return
        ends = [frame[name].to_numpy() for name in ("from", "to")] if self.noise else [mean - bound, mean + bound]
        among = " of the groups shown" if shown.size < mean.size else ""
        for word, sign, (near, far) in (("highest", 1, ends), ("lowest", -1, ends[::-1])):
            at = shown[np.argmax(sign * mean[shown])]
            rivals = shown[sign * far[shown] >= sign * near[at]]
            exact = not self.noise and not bound
            if len(rivals) == 1 or (exact and len(rivals) <= _TOLD):
                names = [", ".join(str(frame[name].iloc[each]) for name in self.group_names) for each in rivals]
                number = amount(self._value, float(mean[at]), max(places(self._value), 2))
                yield f"The {word} mean {self._value.name}{among}, {number}, is in {' and in '.join(names)}."
            elif exact:
                yield f"{len(rivals)} groups have the {word} mean {self._value.name}."
            else:
                yield (
                    f"Which group has the {word} mean {self._value.name} cannot be told: {len(rivals)} of them are "
                    f"within what {'noise' if self.noise else 'rounding'} leaves open."
                )

    def _interval(
        self, noise: PlanNoise, total: NDArray[np.int64], count: NDArray[np.int64], shown: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound each exact mean with probability CONFIDENCE: by what sums and counts within theirs allow.

        Both at once hold so often because each alone fails half as often.
        """
        confidence = 1 - (1 - CONFIDENCE) / 2
        sums, counts = noise.half_width("sum", confidence), noise.half_width("count", confidence)
        low, high = (bound - self._middle for bound in self.bounds(self._value))
        least, most = np.maximum(count - counts, 1.0), count + counts
        ends = _quotients(total - sums, total + sums, least, most)
        lowest, highest = (np.where(shown, np.clip(end, low, high) + self._middle, np.nan) for end in ends)
        return lowest, highest

    def _farthest(self, mean: NDArray[np.float64], total: NDArray[np.int64], count: NDArray[np.int64]) -> float:
        """Bound how far any exact mean can be from the quotient of the rounded numbers.

        A group that is shown has the minimum count, and its mean is within the column's bounds.
        """
        off, (low, high) = rounded_from(self.base_of("sum")), self.bounds(self._value)
        rows = rounded_from(self.base_of("count"))
        least, most = np.maximum(count + rows.low, self.rules.safe_threshold), count + rows.high
        lowest, highest = _quotients(total + off.low, total + off.high, least, most)
        apart = np.maximum(mean - np.clip(lowest, low, high), np.clip(highest, low, high) - mean)
        return float(np.nanmax(apart, initial=0.0)) * (1 + 1e-12)

    @property
    def _middle(self) -> int:
        return self.middle(self.terms()[0])

    @property
    def _value(self) -> Column:
        return self.column(self.planned.params.get("value"), "integer", "number")


def _quotients(lower: Any, upper: Any, least: Any, most: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound a sum from `lower` to `upper` over `least` to `most` rows, at least one.

    The smallest quotient has the smallest sum, over the fewest rows if it is negative, else over the most.
    """
    return lower / np.where(lower < 0, least, most), upper / np.where(upper < 0, most, least)
