"""Filters as cuts of all rows: what is released of the rows that satisfy one is a cell of the axis that it cuts.

So everything that holds of cells holds of filtered results: what they and others leave is a cell, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.contracts.column import Column

MOST_GROUPS: Final = 100
"""Whole numbers that rows are told apart by, at most."""


def groups(column: Column) -> tuple[str, ...] | None:
    """List what the column can tell rows apart by, in the order of its codes: categories, or its few whole values.

    None where it cannot.
    """
    if column.categories:
        return tuple(column.categories)
    if column.type == "boolean":
        return ("false", "true")
    if column.type == "integer" and column.bounds and column.bounds[1] - column.bounds[0] < MOST_GROUPS:
        return tuple(str(value) for value in range(column.bounds[0], column.bounds[1] + 1))
    return None


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition, the parts that it cuts its column into, and which of them its rows are in.

    A single value of a column that tables are cut by is a part of the same axis; else there are the rows within
    `edges`, and all others.
    """

    condition: Condition
    parts: tuple[str, ...]
    chosen: int
    edges: tuple[int, ...] = ()

    @property
    def column(self) -> str:
        return self.condition.column

    @classmethod
    def of(cls, column: Column, condition: Condition) -> Filter:
        """Cut the column as the condition asks."""
        parts, (low, _) = groups(column), column.bounds or (0, 0)
        if parts and condition.low == condition.high:
            return cls(condition, parts, condition.low - low)
        return cls(condition, (condition.text, "elsewhere"), 0, (condition.low, condition.high))
