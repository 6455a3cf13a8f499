"""Columns that rows are grouped by: their categories or few whole values, bands of numbers, or periods of days.

Groups are public, from the contract and the plan. Bands cover all values that a column may have, so that no row is left
out; two plans that cut a column in the same bands share an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.units import counted, shown, text, wanted
from counterfoil.disclosure.features import groups
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.values import written

MOST_BANDS: Final = 120
"""Of one column: ten years of months."""

PERIODS: Final = ("week", "month", "quarter", "year")
BANDS_FORM: Final[Mapping[str, Any]] = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 3,
    "additionalProperties": {
        "anyOf": [
            {"enum": list(PERIODS)},
            {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 1, "maxItems": MOST_BANDS - 1},
        ]
    },
}
"""The form of the parameter: by column, where one band ends and the next begins, or a period of the calendar."""

_DAY: Final = np.timedelta64(1, "D")
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Grouping:
    """A column, the parts that its values are cut into, what people call these, and the `edges` of bands, if any.

    `elsewhere` says whether values may be beyond all edges: they are in a part of their own, after the others.
    """

    column: Column
    parts: tuple[str, ...]
    labels: tuple[str, ...]
    edges: tuple[int, ...] = ()
    elsewhere: bool = False

    @property
    def all_parts(self) -> tuple[str, ...]:
        """The parts, and the one of what is in none of them where there may be any."""
        return (*self.parts, "elsewhere") if self.elsewhere else self.parts

    def codes(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the part that each encoded value is in."""
        if not self.edges:
            return values - (self.column.bounds or (0, 0))[0]
        part = np.searchsorted(np.array(self.edges[1:-1], np.int64), values, side="right").astype(np.int64)
        beyond = (values < self.edges[0]) | (values > self.edges[-1])
        return np.where(beyond, len(self.parts), part) if self.elsewhere else part


def by_groups(column: Column) -> Grouping | None:
    """Group by the column's categories or few whole values; None where it has neither."""
    found = groups(column)
    return None if found is None else Grouping(column, found, found)


def by_bins(column: Column, edges: tuple[int, ...]) -> Grouping:
    """Group by the bins between these edges, of which the last has both of its ends."""
    low, high = column.bounds or (edges[0] - 1, edges[-1] + 1)
    parts = tuple(
        f"from {written(column.value(one))} to {written(column.value(other))}" for one, other in pairwise(edges)
    )
    names, closing = [shown(column, edge) for edge in edges], [*[")"] * (len(edges) - 2), "]"]
    labels = tuple(f"[{one} – {other}{end}" for (one, other), end in zip(pairwise(names), closing, strict=True))
    return Grouping(column, parts, labels, edges, elsewhere=low < edges[0] or edges[-1] < high)


def by_bands(plan: str, column: Column, given: object, most: int = MOST_BANDS) -> Grouping:
    """Group by bands of the column's values, so many at most. Raises: PlanError, which says of which plan."""
    low, high = column.bounds or (0, 0)
    if isinstance(given, str):
        inner, labels = _periods(plan, column, given, low, high)
    else:
        inner = _ends(plan, column, given)
        names = [shown(column, each) for each in inner]
        labels = [
            f"below {names[0]}",
            *(f"{one} to below {other}" for one, other in pairwise(names)),
            f"{names[-1]} on",
        ]
    if inner and not low < inner[0] <= inner[-1] <= high:
        raise PlanError(
            f"{plan}: {column.name!r} is cut above its minimum, {text(column, low)}, and at its maximum, "
            f"{text(column, high)}, at most; leave other values out, or have the contract widen its bounds"
        )
    if len(labels) > most or not inner:
        raise PlanError(
            f"{plan}: {column.name!r} is cut into {len(labels)} bands, of 2 to {most}; take longer or shorter "
            "ones, or narrow its bounds in the contract"
        )
    edges = (low, *inner, max(high, inner[-1] + 1))  # the last band has both of its ends
    values = [written(column.value(each)) for each in edges]
    return Grouping(column, tuple(f"from {one} to {other}" for one, other in pairwise(values)), tuple(labels), edges)


def _ends(plan: str, column: Column, given: object) -> list[int]:
    listed = list(given) if isinstance(given, list | tuple) else []
    found = [counted(column, each) for each in listed]
    ends = [each for each in found if each is not None]
    if not ends or len(ends) < len(found):
        raise PlanError(f"{plan}: bands of {column.name!r} must list where they begin, each {wanted(column)}")
    if ends != sorted(set(ends)):
        raise PlanError(f"{plan}: bands of {column.name!r} must rise from one to the next")
    return ends


def _periods(plan: str, column: Column, period: str, low: int, high: int) -> tuple[list[int], list[str]]:
    """Cut where a period of the calendar begins, in UTC, and call each as ISO 8601 does."""
    if column.type not in ("date", "timestamp") or period not in PERIODS:
        raise PlanError(f"{plan}: {column.name!r} is {column.type}; {period} is no band of it, list where bands begin")
    in_day = 1 if column.type == "date" else 86_400 * 10**column.resolution
    first, last = (np.datetime64(each // in_day, "D") for each in (low, high))
    if period == "week":
        monday = first - (first - np.datetime64("1970-01-05")).astype(np.int64) % 7 * _DAY
        starts = np.arange(monday, last + _DAY, 7 * _DAY)
        name: Callable[[Any], str] = lambda day: "{}-W{:02d}".format(*day.item().isocalendar()[:2])  # noqa: E731
    else:
        step = _MONTHS[period]
        months = np.arange(first.astype("datetime64[M]").astype(np.int64) // step * step,
                           last.astype("datetime64[M]").astype(np.int64) + 1, step)  # fmt: skip
        starts = months.astype("datetime64[M]").astype("datetime64[D]")
        name = {
            "month": lambda day: f"{day.item():%Y-%m}",
            "quarter": lambda day: f"{day.item().year}-Q{(day.item().month + 2) // 3}",
            "year": lambda day: f"{day.item().year}",
        }[period]
    inner = [int(each) * in_day for each in starts.astype(np.int64)[1:]]
    return inner, [name(each) for each in starts]
