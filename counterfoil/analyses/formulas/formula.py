"""Read formulas of models, in the part of the language of statsmodels and R that names columns: `y ~ x + C(g) + x:z`.

Nothing is evaluated: a formula is a response and sets of columns. What the language has beyond that is refused by its
name, with what to write in its place. Knows no contract; that it means what others read in it is tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

from counterfoil.errors import PlanError

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*(?:\.\w+)*)|`(?P<quoted>[^`]+)`|(?P<number>\d[\w.]*)|(?P<sign>\*\*|%in%|\S))"
)

_REFUSED: Final = {
    "**": "powers; let the owners have a column of the power, and name that",
    "^": "powers; let the owners have a column of the power, and name that",
    "/": "'/'; for a/b write a + a:b",
    "%in%": "'%in%'; for b %in% a write a:b",
    "|": "'|'; no version here has random effects or instruments",
    ".": "'.'; name each column",
    "(": "parentheses but those of C(); write the terms one by one",
    ")": "parentheses but those of C(); write the terms one by one",
}


@dataclass(frozen=True, slots=True, order=True)
class Factor:
    """A column in a term; one that is `coded` has a column of numbers for each of its values."""

    column: str
    coded: bool = False


Term: TypeAlias = tuple[Factor, ...]
"""A product of columns, in the order in which they were written."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A response, and the terms that it is modelled by: those of fewer columns first, then as they were written."""

    response: str
    terms: tuple[Term, ...]
    intercept: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names, the response first."""
        return tuple(dict.fromkeys((self.response, *(each.column for term in self.terms for each in term))))


def read(text: str) -> Formula:
    """Read a formula. Raises: PlanError, which says what is not read and what to write instead."""
    if text.count("~") != 1:
        raise PlanError("a formula has one '~': the response before it, and what it goes with after it, as y ~ x + z")
    left, right = text.split("~")
    response = list(_tokens(left))
    if len(response) != 1 or not isinstance(response[0], Factor):
        raise PlanError("before '~' a formula names one column, the response, as it is in the table")
    terms, intercept = _Reader(list(_tokens(right))).all()
    if any(each.column == response[0].column for term in terms for each in term):
        raise PlanError(f"the response {response[0].column!r} is among what it goes with; leave it out after '~'")
    kinds = {each.column: each.coded for term in terms for each in term}
    for each in (each for term in terms for each in term):
        if kinds[each.column] != each.coded:
            raise PlanError(f"{each.column!r} is in C() and not in it; write it in one way")
    if not terms:
        raise PlanError("a formula names at least one column after '~'")
    return Formula(response[0].column, tuple(sorted(terms, key=len)), intercept)


def _tokens(text: str) -> Iterator[Factor | str]:
    """Cut a text into columns, and signs and numbers as they are. Raises: PlanError."""
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PlanError(f"formulas have no {text[at:].strip()[:10]!r}")
        at = found.end()
        name = found["quoted"] or found["name"]
        if name is None:
            yield found["number"] or found["sign"]
        elif found["quoted"] or text[at:].lstrip()[:1] != "(":
            yield Factor(name)
        elif name != "C":
            raise PlanError(
                f"formulas here have no {name}(); let the owners have a column of what it makes, and name that"
            )
        else:
            inside, closed, _ = text[at:].lstrip()[1:].partition(")")
            at = text.index("(", at) + len(inside) + 2
            column = _TOKEN.fullmatch(inside.strip())
            if not closed or column is None or not (column["quoted"] or column["name"]):
                raise PlanError(
                    "C() takes one column; what others are compared with is the first of its categories in the contract"
                )
            yield Factor(column["quoted"] or column["name"], coded=True)


class _Reader:
    """Reads terms by the strength of their signs: ':' before '*', and that before '+' and '-'."""

    def __init__(self, tokens: Sequence[Factor | str]) -> None:
        self._tokens = tokens
        self._at = 0

    def all(self) -> tuple[list[Term], bool]:
        """Return all terms, each once, and whether there is an intercept."""
        found: dict[frozenset[Factor], Term] = {}
        intercept, sign = True, "+"
        if self._next in ("+", "-"):
            sign = self._taken()
        while True:
            if self._next in ("0", "1"):
                intercept = (self._taken() == "1") == (sign == "+")
            elif sign == "-":
                raise PlanError("formulas here take nothing away but the intercept, by '- 1'; leave the term out")
            else:
                for term in self._crossed():
                    found.setdefault(frozenset(term), term)
            if self._next is None:
                return list(found.values()), intercept
            sign = self._taken()
            if sign not in ("+", "-"):
                raise self._strange(sign)

    def _crossed(self) -> Iterable[Term]:
        """Read a * b * c: each of them, and all their products."""
        parts = [self._product()]
        while self._next == "*":
            self._taken()
            parts.append(self._product())
        chosen = (each for size in range(1, len(parts) + 1) for each in combinations(parts, size))
        return [tuple(dict.fromkeys(factor for part in each for factor in part)) for each in chosen]

    def _product(self) -> Term:
        """Read a:b:c."""
        factors = [self._factor()]
        while self._next == ":":
            self._taken()
            factors.append(self._factor())
        return tuple(dict.fromkeys(factors))

    def _factor(self) -> Factor:
        token = self._next
        if not isinstance(token, Factor):
            raise self._strange(token)
        self._at += 1
        return token

    @property
    def _next(self) -> Factor | str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _taken(self) -> str:
        token = self._next
        if not isinstance(token, str):
            raise self._strange(token)
        self._at += 1
        return token

    @staticmethod
    def _strange(token: Factor | str | None) -> PlanError:
        if token is None:
            return PlanError("the formula ends where it should name a column")
        if isinstance(token, Factor):
            return PlanError(f"write '+', '*' or ':' before {token.column!r}")
        if token in _REFUSED:
            return PlanError(f"formulas here have no {_REFUSED[token]}")
        return PlanError(f"formulas have no {token!r} here; they are of columns, C(), ':', '*', '+' and '- 1'")
