"""What released numbers are made of: sums over rows, which are judged as if they were released themselves.

Whatever leaves exactly is a function of such sums, so it tells no more than they do. Every analysis declares them;
which cells are hidden, what a change must satisfy, and what an attacker is given, follow from the declaration alone. A
filter is a cut of all rows: what is released of the rows that satisfy it is a cell of its axis, and what it leaves
is a cell, too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from counterfoil.data.encode import IS, LESS, columns_of, level
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract


@dataclass(frozen=True, slots=True, order=True)
class Feature:
    """A sum over the rows of every cell of a grid: of 1, of a column, or of a product of columns.

    `factors` are sorted and may repeat: ("balance", "balance") is the sum of its squares, () the number of rows, and
    ("gross - net",) the sum of what the one is more than the other, ("region is 2",) the number of rows that have the
    third of its categories. `by` are the columns that the grid is cut by, sorted, with the parts that the analysis
    declares; () is all rows.
    """

    factors: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", tuple(sorted(self.factors)))
        object.__setattr__(self, "by", tuple(sorted(self.by)))

    @property
    def columns(self) -> frozenset[str]:
        """The columns that its factors are of."""
        return frozenset(name for factor in self.factors for name in columns_of(factor))

    def __str__(self) -> str:
        what = f"sum of {' · '.join(self.factors)}" if self.factors else "number of rows"
        return f"{what} by {', '.join(self.by)}" if self.by else what


def factor_bounds(contract: Contract, factor: str) -> tuple[int, int]:
    """Return between what a factor is in a row. Raises: PlanError for a column without bounds."""
    if IS in factor:
        return (0, 1)
    ends = []
    for name in columns_of(factor):
        bounds = contract.column(name).bounds
        if bounds is None:
            raise PlanError(f"give {name!r} a minimum and a maximum in {contract.id}: what rows contribute is judged")
        ends.append(bounds)
    low, high = ends[0]
    return (low - ends[1][1], high - ends[1][0]) if len(ends) > 1 else (low, high)


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


def followed(contract: Contract, sums: Iterable[Feature]) -> Iterator[Feature]:
    """List what follows from these sums and those that may leave beside them, of columns of few values.

    With the sum of a column, that of its product with a flag tells of those with the flag and of those without it. The
    number of rows, the sum and that of squares of a column of three values tell how many rows have each.
    """
    wanted = list(sums)
    known = set(wanted)
    while wanted:
        each = wanted.pop()
        for factors in _followed(contract, each.factors):
            found = Feature(factors, each.by)
            if found not in known:
                known.add(found)
                wanted.append(found)
                yield found


def _followed(contract: Contract, factors: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for at, name in enumerate(factors):
        if IS in name or LESS in name or (bounds := contract.column(name).bounds) is None:
            continue
        low, high = bounds
        others = (*factors[:at], *factors[at + 1 :])
        if others == (name,) and high - low == 2:
            yield from ((level(name, value),) for value in range(low, high + 1))
        elif others and name not in others and high - low == 1:
            # Of 0 and 1 the product is of those who have it already.
            yield from ((*others, level(name, value)) for value in ((low,) if bounds == (0, 1) else bounds))


def differences(sums: Iterable[tuple[str, ...]], unit: Callable[[str], Hashable]) -> Iterator[tuple[str, ...]]:
    """List the differences of any two columns of one unit whose sums are among these, in the order of the columns.

    Two sums that leave side by side tell it, and two columns may differ in one row.
    """
    columns = dict.fromkeys(factors[0] for factors in sums if len(factors) == 1 and LESS not in factors[0])
    for one, other in combinations(columns, 2):
        if unit(one) == unit(other):
            yield (f"{one}{LESS}{other}",)


def of_one_unit(contract: Contract, sums: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """List the differences of columns of one unit that follow from these sums; those that state none have one, too."""
    order = {column.name: place for place, column in enumerate(contract.columns)}
    singles = [factors for factors in sums if len(factors) == 1 and factors[0] in order]

    def unit(name: str) -> tuple[str, int]:
        column = contract.column(name)
        return column.unit, column.resolution if column.type == "number" else 0

    return differences(sorted(singles, key=lambda factors: order[factors[0]]), unit)
