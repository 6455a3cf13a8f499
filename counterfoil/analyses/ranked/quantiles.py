"""In which of the agreed bins the quantiles of a column are, over all owners' rows: places in an order, and no values.

A value at a place of the order is somebody's, so nothing finer than the bin leaves that it is in. Owners count their
rows by bin, as for a histogram; the counts are added up and compared with the places on shares, and none is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.grouped import GROUPS, Grouped
from counterfoil.analyses.groupings import MOST_BANDS, Grouping, by_bands
from counterfoil.analyses.parameters import Parameter, Takes
from counterfoil.analyses.ranked.places import NONE, bins_of, places
from counterfoil.analyses.summed import Term
from counterfoil.analyses.units import own_array, text
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Cells, Limits, Opened, Output
from counterfoil.disclosure.evidence_tests import COUNTS
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import round_to
from counterfoil.mpc.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

else:
    pd = deferred("pandas")

_ORDERED: Final = Takes(("integer", "number", "date", "timestamp"), needs="bounds")
_NAMES: Final = {Fraction(1, 4): "lower quartile", Fraction(1, 2): "median", Fraction(3, 4): "upper quartile"}
_FINEST: Final = 1000
"""Probabilities have at most three decimal places, so that they are compared exactly on shares."""
_LEAST, _MOST = "at least", "at most"


class Quantiles(Grouped):
    """In which bins of `column` its median and other quantiles are, of all rows or of each group of `by`.

    Of n rows in order, the quantile of p is between the rows at the places floor(p (n - 1)) and ceil(p (n - 1)),
    counted from 0; these two are what pandas calls `lower` and `higher`, and every way to interpolate is between them.
    Rows with equal values are in one bin, so in which order they come does not matter. Both bins are told; as a rule
    they are one. Exact for these bins, unless the counts take noise or are rounded first. A group shows its quantiles
    where a histogram of it could show every bin.
    """

    key = "quantiles"
    version = 1
    title = "Quantiles"
    learns: ClassVar[Mapping[str, str]] = {
        "lower": "which bin each quantile is in, of the agreed bins of the column",
        "higher": "the same of the row after it, where a quantile is between two rows",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "column": parameters.column("the column whose quantiles are wanted", _ORDERED, "balance"),
        "bins": Parameter(
            "where bins begin, in rising order and in the column's own unit; the column's minimum, where the first "
            "one begins, is left out",
            {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 1, "maxItems": MOST_BANDS - 1},
            example=[100_000, 1_000_000, 10_000_000],
        ),
        "probabilities": Parameter(
            "which quantiles, each over 0 and under 1, with at most three decimal places; the quartiles by default",
            {
                "type": "array",
                "items": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "minItems": 1,
                "maxItems": 100,
            },
            required=False,
            example=[0.25, 0.5, 0.75],
        ),
        "by": parameters.columns("the columns whose categories make groups", GROUPS, ["region"], required=False),
    }
    statistics = frozenset({"counts"})
    enforces = COUNTS
    takes_noise = True

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        finest = max(each.denominator for each in self._probabilities)
        try:
            Bound(0, limits.total_rows).times(finest) - Bound(0, limits.total_rows).times(finest)
        except RangeError:
            raise RangeError(f"{planned.name}: a place among so many rows could wrap; take rounder quantiles") from None
        if self.step("count") > 1:
            self.check_rounding("count", Bound(0, limits.total_rows))

    def terms(self) -> tuple[Term, ...]:
        return ()

    def by(self) -> tuple[Grouping, ...]:
        return (*self._by, self._bins)

    def counted(self) -> Mapping[str, Bound]:
        return {}

    def outputs(self) -> tuple[Output, ...]:
        marks = (*self.shape, len(self._probabilities))
        return (Output("safe", self.shape), Output("lower", marks), Output("higher", marks))

    @property
    def whole_from(self) -> int:
        return len(self._by)

    def numbers(self) -> int:
        groups = int(np.prod(self.shape[:-1], dtype=np.int64))
        return 0 if self.planned.privacy else 2 * groups * len(self._probabilities)

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        count = cells.count
        if self.noise is None and self.step("count") > 1:
            bound = Bound(0, self.limits.total_rows)
            count = round_to(p, count.reshape(-1), self.base_of("count"), bound).reshape(*count.shape)
        lower, higher = places(p, count, self._probabilities)
        return replace(cells, values={"lower": lower, "higher": higher})

    # --- at a recipient -----------------------------------------------------------------------------------------

    def present(self, opened: Opened) -> Result:
        bins, many = len(self._bins.parts), len(self._probabilities)
        shown: NDArray[np.bool_] = np.all(opened["safe"].reshape(-1, bins) == 1, axis=1)
        at = bins_of(*(opened[name].reshape(-1, bins, many) for name in ("lower", "higher")))
        frame = self._frame(*(np.where(shown[:, np.newaxis], each, NONE) for each in at))
        title = f"Quantiles of {self._column.name}"
        unit = Measure(self._column.unit, interval=np.nan if self.noise else None)
        measures = dict.fromkeys((_LEAST, _MOST), unit) if self._numeric else {}
        return self.result(
            opened, title, [*self._findings(shown, *at)], [ResultTable(title, frame, measures)], [*self._assumptions()]
        )

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        pooled = self.pooled(tables)
        codes = [pd.Categorical(pooled[each.column.name], each.labels).codes.astype(np.int64) for each in self.by()]
        *outer, at = codes
        groups = np.ravel_multi_index(outer, self.shape[:-1]) if outer else np.zeros(len(pooled), np.int64)
        found = np.full((2, int(np.prod(self.shape[:-1], dtype=np.int64)), len(self._probabilities)), NONE)
        for group in np.unique(groups):
            own = pd.Series(at[groups == group])
            for place, wanted in enumerate(self._probabilities):
                found[:, group, place] = [own.quantile(float(wanted), way) for way in ("lower", "higher")]
        return self._frame(*found)

    def _frame(self, lower: NDArray[np.int64], higher: NDArray[np.int64]) -> pd.DataFrame:
        """Make the table from the bins of each group's quantiles; -1 where there is none. Shapes: (groups, places)."""
        names, many = [each.column.name for each in self._by], len(self._probabilities)
        index = pd.MultiIndex.from_product([each.labels for each in self._by], names=names) if names else None
        frame = index.to_frame(index=False).loc[np.repeat(np.arange(len(index)), many)] if index is not None else None
        frame = pd.DataFrame() if frame is None else frame.reset_index(drop=True)
        frame["quantile"] = [self._called(each) for each in self._probabilities] * len(lower)
        low, high = lower.ravel(), higher.ravel()
        frame["bin"] = [self._bin(one, other) for one, other in zip(low.tolist(), high.tolist(), strict=True)]
        edges, none = np.array(self._bins.edges), low < 0
        for name, ends in ((_LEAST, edges[low]), (_MOST, self._last_of[high])):
            if self._numeric:
                frame[name] = own_array(self._column, ends, none)
        return frame

    def _bin(self, lower: int, higher: int) -> str | None:
        if lower < 0:
            return None
        labels = self._bins.labels
        return labels[lower] if lower == higher else f"{labels[lower]}, or {labels[higher]}"

    def _findings(self, shown: NDArray[np.bool_], lower: NDArray[np.int64], higher: NDArray[np.int64]) -> Iterator[str]:
        """Say of each group where its middle is, how wide its middle half is, and which quantiles have an open end."""
        name, last = self._column.name, len(self._bins.parts) - 1
        for group, told in enumerate(shown.tolist()):
            of = self._of_group(group)
            if not told:
                yield (
                    f"No quantile of {name}{of} is told: some bin has too few rows, of too few owners, or of one owner "
                    "alone. Fewer and wider bins, at the ends above all, would have enough."
                )
                continue
            if (lower[group] < 0).any():
                yield f"There are no rows{of}, so {name} has no quantiles."
                continue
            told_at = dict(zip(self._probabilities, zip(lower[group], higher[group], strict=True), strict=True))
            for each, (low, high) in told_at.items():
                if each == Fraction(1, 2) or len(told_at) == 1:
                    yield f"The {self._called(each)} of {name}{of} is {self._between(int(low), int(high))}."
            quartiles = [told_at.get(Fraction(each, 4)) for each in (1, 3)]
            if quartiles[0] is not None and quartiles[1] is not None and self._numeric:
                yield self._middle_half(of, quartiles[0], quartiles[1])
            for end, words in ((0, "first"), (last, "last")):
                open_ends = [self._called(each) for each, at in told_at.items() if end in at]
                if open_ends:
                    yield (
                        f"In the {words} bin{of}, which is bounded by what the contract allows alone: "
                        f"{', '.join(open_ends)}."
                    )

    def _middle_half(self, of: str, first: Sequence[int], third: Sequence[int]) -> str:
        edges, ends = self._bins.edges, self._last_of
        least, most = max(0, edges[third[0]] - int(ends[first[1]])), int(ends[third[1]]) - edges[first[0]]
        column, unit = self._column, self._column.unit
        return (
            f"The interquartile range of {column.name}{of} is between {text(column, least)} and "
            f"{text(column, most)} {unit}".rstrip()
            + "."
        )

    def _assumptions(self) -> Iterator[str]:
        if self.noise:
            half = self.noise.half_width("count")
            yield (
                f"The count of each bin got noise (95 % within ± {half:,.0f}) before places were compared, so a "
                "quantile near the end of a bin may be in the next one."
            )
        elif self.step("count") > 1:
            yield (
                f"The count of each bin was rounded to the nearest {self.step('count'):,} before places were compared, "
                "so a quantile near the end of a bin may be in the next one."
            )

    def _between(self, lower: int, higher: int) -> str:
        unit = f" {self._column.unit}" if self._column.unit and self._numeric else ""
        if lower == higher:
            return f"in the bin {self._bins.labels[lower]}{unit}"
        return f"between two rows, of which one is {self._bins.labels[lower]}{unit} and one {self._bins.labels[higher]}"

    def _called(self, probability: Fraction) -> str:
        return _NAMES.get(probability, f"{float(probability):g} quantile")

    def _of_group(self, group: int) -> str:
        if not self._by:
            return ""
        codes = np.unravel_index(group, self.shape[:-1])
        return " of " + ", ".join(each.labels[int(at)] for each, at in zip(self._by, codes, strict=True))

    # --- from the plan ------------------------------------------------------------------------------------------

    @property
    def _numeric(self) -> bool:
        return self._column.type in ("integer", "number")

    @property
    def _last_of(self) -> NDArray[np.int64]:
        """The largest value that each bin can have."""
        _, high = self.bounds(self._column)
        return np.array([*(edge - 1 for edge in self._bins.edges[1:-1]), high])

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), *_ORDERED.types)

    @property
    def _bins(self) -> Grouping:
        return by_bands(self.planned.name, self._column, self.planned.params.get("bins"))

    @property
    def _by(self) -> tuple[Grouping, ...]:
        found = super().by()
        if any(each.column.name == self._column.name for each in found):
            raise PlanError(f"{self.planned.name}: quantiles of {self._column.name!r} are wanted; take it from `by`")
        return found

    @property
    def _probabilities(self) -> tuple[Fraction, ...]:
        given = self.planned.params.get("probabilities", (0.25, 0.5, 0.75))
        found = [Fraction(str(each)) for each in given] if isinstance(given, list | tuple) else []
        if not found or any(not 0 < each < 1 or _FINEST % each.denominator for each in found):
            raise PlanError(
                f"{self.planned.name}: `probabilities` lists numbers over 0 and under 1, with at most three decimal "
                "places; the smallest and the largest value are somebody's"
            )
        if found != sorted(set(found)):
            raise PlanError(f"{self.planned.name}: `probabilities` must rise from one to the next")
        return tuple(found)
