"""The columns of numbers that a formula means: which values of coded columns get one, as R and statsmodels do it.

Of a coded column every value but the first has a column of ones and zeros, or every value where nothing else in the
model stands for the first. Knows columns' values by their number in the contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from counterfoil.analyses.formulas.formula import Formula


@dataclass(frozen=True, slots=True)
class Made:
    """A column of a model: the product of columns of numbers, in rows in which coded columns have these values.

    One of neither is the intercept.
    """

    numbers: tuple[str, ...] = ()
    values: tuple[tuple[str, int], ...] = ()


def coded(formula: Formula, values: Mapping[str, Sequence[int]]) -> list[Made]:
    """List the columns of the model, without the intercept; `values` are those of each coded column.

    Source: the rule of R and patsy: a term gets as many columns as it adds to what earlier ones span.
    """
    made: list[Made] = []
    spanned = {(frozenset[str](), frozenset[str]())} if formula.intercept else set()
    for term in formula.terms:
        numbers = tuple(each.column for each in term if not each.coded)
        columns = [each.column for each in term if each.coded]
        parts = [frozenset(each) for size in range(len(columns) + 1) for each in combinations(columns, size)]
        new = [each for each in parts if (frozenset(numbers), each) not in spanned]
        spanned |= {(frozenset(numbers), each) for each in parts}
        for kept in _joined(new):
            names = {name for name, _ in kept}
            made += _columns(numbers, [each for each in columns if each in names], kept, values)
    return made


def every(formula: Formula, values: Mapping[str, Sequence[int]]) -> list[Made]:
    """List the columns that the terms would have if every value had one: what the model's are made of, and no less."""
    found: dict[Made, None] = {}
    for term in formula.terms:
        numbers = tuple(each.column for each in term if not each.coded)
        columns = [each.column for each in term if each.coded]
        found |= dict.fromkeys(_columns(numbers, columns, frozenset((name, True) for name in columns), values))
    return list(found)


def _joined(parts: Sequence[frozenset[str]]) -> list[frozenset[tuple[str, bool]]]:
    """Join parts into as few as possible: a part, and the same with one more column, are the column with all values."""
    found = [frozenset((name, False) for name in part) for part in parts]
    while True:
        pair = next(
            (
                (short, long)
                for short, long in combinations(found, 2)
                if short < long and len(long) == len(short) + 1 and not next(iter(long - short))[1]
            ),
            None,
        )
        if pair is None:
            return found
        short, long = pair
        ((name, _),) = long - short
        found[found.index(long)] = short | {(name, True)}
        found.remove(short)


def _columns(
    numbers: tuple[str, ...],
    columns: Sequence[str],
    kept: frozenset[tuple[str, bool]],
    values: Mapping[str, Sequence[int]],
) -> Iterator[Made]:
    each = [values[name] if (name, True) in kept else values[name][1:] for name in columns]
    for chosen in product(*each):
        yield Made(numbers, tuple(zip(columns, chosen, strict=True)))
