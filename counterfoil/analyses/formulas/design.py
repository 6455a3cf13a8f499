"""A formula over the columns of a contract: the columns of its model, their bounds and names, and what it is made of.

Follows from what was signed alone, but for the matrix that the pooled answer of tests is made with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.flags import flags_of
from counterfoil.analyses.formulas.coding import Made, coded, every
from counterfoil.analyses.formulas.formula import Formula
from counterfoil.analyses.formulas.moments import BLOCK
from counterfoil.analyses.units import places
from counterfoil.data.encode import IS, encode, exact_product, factor_of, level
from counterfoil.disclosure.features import Feature, factor_bounds, groups
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table

Factors = tuple[str, ...]
"""The factors of a product, as features name them."""


@dataclass(frozen=True)
class Design:
    """A formula of which all columns are in the contract, with bounds, or values that are few where they are coded."""

    contract: Contract
    formula: Formula

    @cached_property
    def made(self) -> list[Made]:
        """The columns of the model, without its intercept."""
        return coded(self.formula, self._values)

    @property
    def parameters(self) -> int:
        """How many coefficients the model has, its intercept among them."""
        return len(self.made) + self.formula.intercept

    @property
    def factors(self) -> list[Factors]:
        """What each column of the model is a product of, and the response last."""
        return [*map(_factors, self.made), (self.formula.response,)]

    @property
    def labels(self) -> list[str]:
        """What people call the columns of the model; and the response."""
        return [*map(self._label, self.made), self.formula.response]

    @property
    def places(self) -> list[int]:
        """The decimal places of the columns of the model, and of the response."""
        found = [*(each.numbers for each in self.made), (self.formula.response,)]
        return [sum(places(self._column(name)) for name in numbers) for numbers in found]

    @cached_property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Between which whole numbers the columns of the model are, and the response."""
        return tuple(self._ends(factors) for factors in self.factors)

    @property
    def firsts(self) -> dict[str, str]:
        """What others are compared with: of each coded column the first value, unless it has a column, too."""
        shown = {value for each in self.made for value in each.values}
        firsts = {name: values[0] for name, values in self._values.items()}
        return {name: self._category(name, first) for name, first in firsts.items() if (name, first) not in shown}

    @property
    def told_apart(self) -> frozenset[str]:
        """The columns that tell rows apart: those that are coded, and flags."""
        return frozenset(self._cuts)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The sums that a model is made of: of all columns and products, as if every value had a column.

        And how many rows are in each cell of all that tells rows apart: two columns that differ in one row tell of it.
        """
        single = [(), (self.formula.response,), *map(_factors, every(self.formula, self._values))]
        found = [self._merged((*one, *other)) for one, other in combinations_with_replacement(single, 2)]
        cuts = self._cuts
        found += [(level(name, each),) for name, values in cuts.items() for each in values]
        if len(cuts) > 1:
            for cell in product(*cuts.values()):
                found.append(tuple(level(name, each) for name, each in zip(cuts, cell, strict=True)))
        return tuple(dict.fromkeys(Feature(each) for each in found if each is not None))

    def blocks(self, table: Table) -> Iterator[list[NDArray[Any]]]:
        """Make the columns of the model, and the response, of a table, so many rows at a time."""
        known = {name: encode(table, name).values for name in self.formula.columns}
        for start in range(0, table.rows, BLOCK):
            own = {name: values[start : start + BLOCK] for name, values in known.items()}
            yield [exact_product([factor_of(each, own.__getitem__) for each in factors]) for factors in self.factors]

    def matrix(self, pooled: pd.DataFrame) -> NDArray[np.float64]:
        """Make the model's columns, in their own units and the intercept last, of rows in the clear."""
        one = np.ones(len(pooled))
        made = [self._in_the_clear(pooled, each) / 10**at for each, at in zip(self.made, self.places, strict=False)]
        return np.column_stack([*made, *([one] if self.formula.intercept else [])])

    def _in_the_clear(self, pooled: pd.DataFrame, made: Made) -> NDArray[np.float64]:
        found = np.ones(len(pooled))
        for name in made.numbers:
            found *= pooled[name].to_numpy(float)
        for name, value in made.values:
            found *= (pooled[name].astype(str).str.lower() == self._category(name, value).lower()).to_numpy(float)
        return found

    @property
    def _values(self) -> dict[str, range]:
        """The encoded values of each coded column."""
        names = dict.fromkeys(each.column for term in self.formula.terms for each in term if each.coded)
        return {name: _range(self._column(name)) for name in names}

    @property
    def _cuts(self) -> dict[str, range]:
        """The values of each column that tells rows apart: those that are coded, and flags."""
        flags = flags_of([self._column(name) for name in self.formula.columns])
        return {name: _range(self._column(name)) for name in (*self._values, *(each.name for each in flags))}

    def _merged(self, factors: Sequence[str]) -> Factors | None:
        """Return the factors of a product, each value and flag once; None where no row has two of its values."""
        once: list[str] = []
        of: dict[str, str] = {}
        for each in factors:
            name, known, _ = each.partition(IS)
            if known and of.setdefault(name, each) != each:
                return None
            if each not in once or not (known or self._column(each).bounds == (0, 1)):
                once.append(each)
        return tuple(once)

    def _column(self, name: str) -> Column:
        return self.contract.column(name)

    def _category(self, column: str, value: int) -> str:
        """Write a value of a coded column as people know it."""
        found = self._column(column)
        return (groups(found) or ())[value - (found.bounds or (0, 0))[0]]

    def _label(self, made: Made) -> str:
        return " : ".join([*made.numbers, *(f"{name} = {self._category(name, value)}" for name, value in made.values)])

    def _ends(self, factors: Factors) -> tuple[int, int]:
        low, high = 1, 1
        for each in factors:
            corners = [one * other for one in (low, high) for other in factor_bounds(self.contract, each)]
            low, high = min(corners), max(corners)
        return low, high


def _factors(made: Made) -> Factors:
    return (*made.numbers, *(level(name, value) for name, value in made.values))


def _range(column: Column) -> range:
    low, high = column.bounds or (0, 0)
    return range(low, high + 1)
