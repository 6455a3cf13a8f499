"""Filters on the rows of an analysis: ranges of columns' encoded values, read from the agreement and public.

A condition is typed against its column as it leaves its owner, and is evaluated there. Knows no table and no analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.values import Bound, read_bound, written
from counterfoil.governance.documents import Path, Problems, did_you_mean

_ENDS: Final = ("from", "to", "below")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that rows satisfy whose cell of the column is encoded as `low` to `high`, both included."""

    column: str
    low: int
    high: int
    text: str

    def __str__(self) -> str:
        return self.text


def in_words(conditions: Sequence[Condition]) -> str:
    """Say which rows satisfy the conditions: "rows where sex is female and age is from 18 to 64"."""
    return f"rows where {' and '.join(map(str, conditions))}" if conditions else "all rows"


def read_where(given: Mapping[str, Any], contract: Contract, path: Path, problems: Problems) -> tuple[Condition, ...]:
    """Return the conditions by their columns' names; what is wrong with them joins the problems."""
    columns = {column.name: column for column in contract.columns}
    found = []
    for name in sorted(given):
        column, at = columns.get(name), (*path, name)
        if column is None:
            problems.add(at, f"contract {contract.id} has no column {name!r}{did_you_mean(name, columns)}")
        elif column.bounds is None:
            problems.add(at, f"{name} has no public bounds or categories, which a filter needs; take another column")
        else:
            column = column.shared() if column.categories else column
            ends = _ends(given[name], column, at, problems)
            leaving = _as_shared(ends, column, at, problems) if ends else None
            if ends and leaving:
                found.append(Condition(name, *leaving, _said(column, *ends)))
    return tuple(found)


def _ends(value: Any, column: Column, at: Path, problems: Problems) -> tuple[int, int] | None:
    """Return the lowest and highest encoded value that the condition lets in."""
    low, high = column.bounds or (0, 0)
    if isinstance(value, Mapping):
        if column.categories or column.type == "boolean":
            problems.add(at, f"{column.name} has no order; list values that it may have")
            return None
        ends = {name: _units(value[name], column, (*at, name), problems) for name in _ENDS if name in value}
        if any(each is None for each in ends.values()):
            return None
        if "below" in ends:
            ends["to"] = (ends.pop("below") or 0) - 1
        lowest, highest = ends.get("from"), ends.get("to")
        return (low if lowest is None else lowest, high if highest is None else highest)
    listed = value if isinstance(value, list | tuple) else [value]
    units = [
        _units(each, column, (*at, index) if listed is value else at, problems) for index, each in enumerate(listed)
    ]
    if not units or any(each is None for each in units):
        return None
    chosen = sorted({each for each in units if each is not None})
    if chosen[-1] - chosen[0] >= len(chosen):
        problems.add(
            at,
            "lists values with others between them; list those that follow one another in the contract, "
            "or have an analysis for each",
        )
        return None
    return chosen[0], chosen[-1]


def _units(value: Any, column: Column, at: Path, problems: Problems) -> int | None:
    """Return the encoded value; None, and a problem, where the column cannot have it."""
    if column.categories:
        if value in column.categories:
            return column.categories.index(value)
        problems.add(at, f"{value!r} is no category of {column.name}{did_you_mean(str(value), column.categories)}")
        return None
    if isinstance(value, bool) != (column.type == "boolean"):
        problems.add(at, f"is not of the column's type, {column.type}; write one that is")
        return None
    if isinstance(value, bool):
        return int(value)
    numeric = column.type in ("integer", "number")
    if isinstance(value, str) == numeric or (column.type == "integer" and not isinstance(value, int)):
        problems.add(at, f"is not of the column's type, {column.type}; write one that is")
        return None
    bound: Bound | None = read_bound(column.type, value, at, problems)
    if bound is None:
        return None
    units = column.units(bound)
    if column.value(units) != bound:
        problems.add(at, f"has more than {column.resolution} decimal places")
        return None
    return units


def _as_shared(ends: tuple[int, int], column: Column, at: Path, problems: Problems) -> tuple[int, int] | None:
    """Return the ends as the column leaves its owner; None, and a problem, where the filter is none there."""
    low, high = column.bounds or (0, 0)
    first, last = max(ends[0], low), min(ends[1], high)
    if first > last:
        problems.add(at, "lets no row in; correct its ends")
    elif (first, last) == (low, high):
        problems.add(at, "lets every row in; remove it")
    elif column.generalise is None:
        return first, last
    else:
        around = np.array([max(first - 1, low), first, last, min(last + 1, high)], np.int64)
        before, begin, end, after = column.generalise.coarsen(around).tolist()
        if (before < begin or first == low) and (end < after or last == high):
            return int(begin), int(end)
        coarse = column.generalise.describe(column.resolution)
        problems.add(at, f"{column.name} leaves its owner coarser ({coarse}); begin and end where its steps do")
    return None


def _said(column: Column, low: int, high: int) -> str:
    """Say the condition in the column's own unit."""
    least, most = column.bounds or (low, high)
    if column.categories:
        return f"{column.name} is {' or '.join(column.categories[low : high + 1])}"
    if column.type == "boolean":
        return f"{column.name} is {'true' if low else 'false'}"
    first, last = (written(column.value(each)) for each in (low, high))
    if low == high:
        return f"{column.name} is {first}"
    if low <= least:
        return f"{column.name} is at most {last}"
    return f"{column.name} is at least {first}" if high >= most else f"{column.name} is from {first} to {last}"
