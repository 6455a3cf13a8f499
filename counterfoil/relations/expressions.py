"""Hold values of one row as the binder understood them: with types, bounds, and columns by number instead of name.

A quotient is two of them. It is never computed on shares: it is compared crosswise, and divided once it is released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from counterfoil.relations.types import Type

Operator: TypeAlias = Literal["add", "multiply", "less", "equal", "and", "or", "not", "is null", "case"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A column of a table, by its number in the plan; the name is for people."""

    number: int
    name: str
    type: Type

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Constant:
    """A public value, or None for NULL."""

    value: int | None
    type: Type

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator on values; those of `add`, `less`, `equal` and the results of a `case` are of one scale.

    The arguments of a `case` are a condition and its result by turns, and at last the result of no condition.
    """

    operator: Operator
    arguments: tuple[Expression, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Steps:
    """A public function of a whole number that is constant between steps: `values[i]` from `starts[i]` on.

    The first start is the lowest number that there can be.
    """

    argument: Expression
    starts: tuple[int, ...]
    values: tuple[int, ...]
    type: Type

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """The number."""
        return (self.argument,)


@dataclass(frozen=True, slots=True)
class AtOwner:
    """A function of texts, which only their owner has: `sql` with {} for each argument."""

    sql: str
    arguments: tuple[Expression, ...]
    type: Type


Expression: TypeAlias = Ref | Constant | Operation | Steps | AtOwner


@dataclass(frozen=True, slots=True)
class Quotient:
    """A numerator over a denominator that is never negative; NULL where that is 0."""

    over: Expression
    under: Expression


Value: TypeAlias = Expression | Quotient


def parts(value: Value) -> tuple[Expression, ...]:
    """Return the numbers that a value is made of: one, or those of a quotient."""
    return (value.over, value.under) if isinstance(value, Quotient) else (value,)


def refs(expression: Expression) -> Iterator[Ref]:
    """Yield the columns that an expression needs."""
    if isinstance(expression, Ref):
        yield expression
    for each in expression.arguments:
        yield from refs(each)


def numbers(*expressions: Expression) -> frozenset[int]:
    """Return the numbers of the columns that expressions need."""
    return frozenset(each.number for expression in expressions for each in refs(expression))


def rebuilt(expression: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """Return the expression with the parts for which `change` says something else, from the outside in."""
    if (instead := change(expression)) is not None:
        return instead
    inner = tuple(rebuilt(each, change) for each in expression.arguments)
    if inner == expression.arguments:
        return expression
    match expression:
        case Steps():
            return replace(expression, argument=inner[0])
        case Operation() | AtOwner():
            return replace(expression, arguments=inner)
        case _:
            return expression


def conjuncts(expression: Expression) -> Iterator[Expression]:
    """Yield what must all be true."""
    if isinstance(expression, Operation) and expression.operator == "and":
        for each in expression.arguments:
            yield from conjuncts(each)
    else:
        yield expression


def disjuncts(expression: Expression) -> Iterator[Expression]:
    """Yield of what one must be true."""
    if isinstance(expression, Operation) and expression.operator == "or":
        for each in expression.arguments:
            yield from disjuncts(each)
    else:
        yield expression
