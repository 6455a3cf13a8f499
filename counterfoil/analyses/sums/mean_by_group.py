"""Count, sum and mean of one column in every group of one or more category columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Analysis, Checked, Measure, Result, ResultTable
from counterfoil.analyses.cell_sums import sums_cells, sums_inputs, sums_of
from counterfoil.analyses.groupings import BANDS_FORM, Grouping, by_bands, by_groups
from counterfoil.analyses.parameters import Parameter, Takes
from counterfoil.analyses.units import places
from counterfoil.data.encode import encode
from counterfoil.deferred import deferred
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Input, Opened, Output
from counterfoil.disclosure.evidence_tests import SUMS
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.noise import CONFIDENCE, Moves, PlanNoise
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import rounded_from
from counterfoil.mpc.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table
else:
    pd = deferred("pandas")

_GROUPS: Final = Takes(("string", "integer", "boolean"), needs="groups")

_TOLD: Final = 5
"""So many groups that are alike are named, at most."""


class MeanByGroup(Analysis):
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
        "by": parameters.columns(
            "the columns whose categories make the groups",
            _GROUPS,
            ["region", "product"],
            required=False,
        ),
        "bands": Parameter(
            "by column of numbers, days or times, where bands begin (the first at the column's minimum), or week, "
            "month, quarter or year",
            BANDS_FORM,
            required=False,
        ),
    }
    statistics = frozenset({"counts", "sums"})
    enforces = SUMS

    def inputs(self) -> tuple[Input, ...]:
        return sums_inputs(self._shape, self._bound, self.limits)

    def outputs(self) -> tuple[Output, ...]:
        return (Output("safe", self._shape), Output("count", self._shape), Output("sum", self._shape))

    def own_axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        return tuple((each.column.name, each.parts) for each in self._by) if self.noise is None else None

    def own_features(self) -> tuple[Feature, ...]:
        by = tuple(self._names)
        return (Feature((), by), Feature((self._value.name,), by)) if self.noise is None else ()

    def own_edges(self) -> Mapping[str, tuple[int, ...]]:
        return {each.column.name: each.edges for each in self._by if each.edges}

    def counted(self) -> Mapping[str, Bound]:
        rows = self.limits.total_rows
        return {"count": Bound(0, rows), "sum": self._bound.joined(Bound(0, 0)).summed(rows)}

    def moves(self) -> Mapping[str, Moves]:
        size, rows = int(np.prod(self._shape)), self.limits.total_rows
        low, high = self.bounds(self._value)
        # A row leaves one group for another, or changes its value in the same group. The sum is of distances from the
        # middle (see `secure`), which are at most `half`.
        half = max(high - self._middle, self._middle - low)
        return {
            "count": Moves(2, 2, cells=2, size=size, reach=rows),
            "sum": Moves(2 * half, 4 * half * half, cells=2, size=size, reach=half * rows),
        }

    def scale(self, array: str) -> int:
        return int(10 ** places(self._value)) if array == "sum" else 1

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        codes = [each.codes(encode(table, each.column.name).values) for each in self._by]
        cell = np.ravel_multi_index(codes, self._shape)
        return sums_of(encode(table, self._value.name).values, cell, self._shape)

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        cells = sums_cells(owners)
        if self.planned.privacy:
            # Noise is as wide as one row's part in a sum, which is smallest around the middle of the column's bounds.
            return Cells(cells.count, {"sum": cells.values["sum"] - cells.count * self._middle})
        return cells

    def sums(self) -> frozenset[str]:
        return frozenset({"rows", f"sum of {self._value.name}"})

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        rows, total = cells.count.reshape(-1).sum(), cells.values["sum"].reshape(-1).sum()
        total = total + rows * self._middle if self.planned.privacy else total
        return {"rows": Stated(rows), f"sum of {self._value.name}": Stated(total)}

    def present(self, opened: Opened) -> Result:
        safe, count, total = (opened[name].ravel() for name in ("safe", "count", "sum"))
        frame, value, one = self._groups(), self._value, self.scale("sum")
        frame["rows"] = pd.array(np.where(safe, count, 0), "Int64")
        frame["mean"] = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
        frame.loc[safe == 0, "rows"] = pd.NA
        measures = {"rows": self.measure("count"), "mean": Measure(value.unit)}
        if self.rounded:
            low, high = self.bounds(value)
            frame["mean"] = np.clip(frame["mean"], low, high)
            measures["mean"] = Measure(value.unit, self._farthest(frame["mean"].to_numpy(), total, count) / one)
        if self.noise:
            low, high = self.bounds(value)
            frame["mean"] = np.clip(frame["mean"] + self._middle, low, high)
            frame["from"], frame["to"] = self._interval(self.noise, total, count, safe == 1)
            noised = dict.fromkeys(("from", "to", "mean"), Measure(value.unit, interval=np.nan))
            measures = {"rows": measures["rows"], **noised}  # the last one is drawn
        for name in measures.keys() - {"rows"}:
            frame[name] = frame[name] / one
        title = f"Mean {value.name} by {' and '.join(self._names)}"
        return Result(
            self.planned.name, self.key, self.version, title, tuple(self._findings(frame, measures["mean"].bound)),
            (ResultTable(title, frame, measures, chart="grouped-bars"),),
            suppressed=int((safe == 0).sum()), cells=safe.size,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names, pooled = self._names, pd.concat(tables)
        for each in self._by:
            if not each.column.categories:
                cells = pooled[each.column.name]
                days = cells.to_numpy("datetime64[D]") if each.column.type == "date" else cells.to_numpy()
                pooled[each.column.name] = np.array(each.labels)[each.codes(days.astype(np.int64))]
        grouped = pooled.groupby(names, observed=True)[self._value.name].agg(["count", "mean"]).reset_index()
        grouped["mean"] = grouped["mean"] / self.scale("sum")
        return self._groups().merge(grouped.rename(columns={"count": "rows"}), on=names, how="left").fillna({"rows": 0})

    def _groups(self) -> pd.DataFrame:
        return pd.DataFrame(itertools.product(*(each.labels for each in self._by)), columns=self._names)

    def _findings(self, frame: pd.DataFrame, bound: float) -> Iterator[str]:
        """Say which groups have the highest and the lowest mean, as far as rounding and noise let that be told.

        A group is named where no other one can be beyond it, or equal ones together if the means are exact.
        """
        mean, unit = frame["mean"].to_numpy(), self._value.unit
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
                names = [", ".join(str(frame[name].iloc[each]) for name in self._names) for each in rivals]
                number = f"{mean[at]:,.{max(places(self._value), 2)}f} {unit}".rstrip()
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
        return sum(self.bounds(self._value)) // 2

    @property
    def _value(self) -> Column:
        return self.column(self.planned.params.get("value"), "integer", "number")

    @property
    def _bound(self) -> Bound:
        return Bound(*self.bounds(self._value))

    @property
    def _names(self) -> list[str]:
        return [each.column.name for each in self._by]

    @property
    def _by(self) -> list[Grouping]:
        by, bands = self.planned.params.get("by", ()), self.planned.params.get("bands", {})
        if not isinstance(by, list | tuple) or not isinstance(bands, Mapping) or not (by or bands):
            raise PlanError(f"{self.planned.name}: `by` or `bands` must name at least one column that makes groups")
        if twice := [name for name in bands if name in by]:
            raise PlanError(f"{self.planned.name}: {twice[0]!r} is in `by` and in `bands`; keep one")
        banded = (self.column(name, "integer", "number", "date", "timestamp") for name in bands)
        return [
            *(self._grouped(self.column(name, "string", "integer", "boolean")) for name in by),
            *(by_bands(self.planned.name, column, bands[column.name]) for column in banded),
        ]

    def _grouped(self, column: Column) -> Grouping:
        found = by_groups(column)
        if found is None:
            raise PlanError(f"{self.planned.name}: {_GROUPS.misfit(column, self.key, self.contract.id)}")
        return found

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(len(each.parts) for each in self._by)


def _quotients(lower: Any, upper: Any, least: Any, most: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound a sum from `lower` to `upper` over `least` to `most` rows, at least one.

    The smallest quotient has the smallest sum, over the fewest rows if it is negative, else over the most.
    """
    return lower / np.where(lower < 0, least, most), upper / np.where(upper < 0, most, least)
