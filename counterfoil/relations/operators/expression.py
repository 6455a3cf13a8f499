"""Compute expressions on the columns of a table: numbers, truth and emptiness, each once.

Truth values are bits until something counts them. A condition has two of them: that it is true, and that it is false;
with empty cells it may be neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final, TypeVar

import numpy as np

from counterfoil.errors import InternalError
from counterfoil.mpc.circuits.core.compare import is_zero, msb
from counterfoil.mpc.circuits.core.convert import b2a, select, to_bits
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits, concat
from counterfoil.relations.expressions import Constant, Expression, Operation, Ref, Steps
from counterfoil.relations.operators.table import Cell, Table

_MOST_AT_ONCE: Final = 1 << 22
"""Comparisons of a step function in one message; more follow one after the other, for memory."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was computed of one table so far."""

    p: Protocol
    table: Table
    _numbers: dict[tuple[str, Expression], Arith] = field(default_factory=dict)
    _bits: dict[tuple[str, Expression], Bits] = field(default_factory=dict)

    def cell(self, expression: Expression) -> Cell:
        """Compute a column."""
        if isinstance(expression, Ref):
            return self.table.cell(expression)
        if not expression.type.nullable:
            return Cell(self.number(expression))
        return Cell(self.number(expression), b2a(self.p, self.null(expression)))

    # --- numbers -------------------------------------------------------------------------------------------------

    def number(self, expression: Expression) -> Arith:
        """Compute a number, a truth value as 0 or 1.

        Shapes: the result (n,).
        Cost: that of its operations.
        Reveals: nothing.
        """
        return _once(self._numbers, "number", expression, self._number)

    def _number(self, expression: Expression) -> Arith:
        match expression:
            case Ref():
                return self.table.cell(expression).value
            case Constant():
                return self.p.constant(np.full(self.table.rows, expression.value or 0))
            case Steps() if expression.type.kind != "boolean":
                return self._steps(expression)
            case Operation(operator="add"):
                return self._added(expression)
            case Operation(operator="multiply"):
                return self._multiplied(expression)
            case Operation(operator="case") if expression.type.kind != "boolean":
                return self._chosen(expression)
            case _:
                return b2a(self.p, self.truth(expression))

    def _added(self, expression: Operation) -> Arith:
        constants = [each.value or 0 for each in expression.arguments if isinstance(each, Constant)]
        first, *more = [each for each in expression.arguments if not isinstance(each, Constant)]
        total = reduce(lambda a, b: a + b, (self.number(each) for each in more), self.number(first))
        return self.p.add_public(total, sum(constants)) if constants else total

    def _multiplied(self, expression: Operation) -> Arith:
        a, b = expression.arguments
        if isinstance(a, Constant):
            a, b = b, a
        if isinstance(b, Constant):
            return self.number(a) * (b.value or 0)
        return self.p.multiply(self.number(a), self.number(b))

    def _chosen(self, expression: Operation) -> Arith:
        *branches, otherwise = expression.arguments
        found = self.number(otherwise)
        for condition, result in zip(branches[-2::-2], branches[-1::-2], strict=True):
            found = select(self.p, self.number_of_truth(condition), self.number(result), found)
        return found

    def number_of_truth(self, condition: Expression) -> Arith:
        """Compute 1 where a condition is true, else 0."""
        return _once(self._numbers, "truth as number", condition, lambda each: b2a(self.p, self.truth(each)))

    def _steps(self, expression: Steps) -> Arith:
        x, rows = self.number(expression.argument), self.table.rows
        total = self.p.constant(np.full(rows, expression.values[0]))
        changes = np.diff(np.array(expression.values))
        at_once = max(1, _MOST_AT_ONCE // rows)
        for start in range(0, len(changes), at_once):
            reached = self._reached(expression, x, slice(start + 1, start + 1 + at_once))
            weights = changes[start : start + at_once, np.newaxis]
            total = total + (b2a(self.p, reached).reshape(-1, rows) * weights).sum(axis=0)
        return total

    def _reached(self, expression: Steps, x: Arith, which: slice) -> Bits:
        """Compare with the starts of steps, one row of starts after the other."""
        bound, starts = expression.argument.type.bound, expression.starts[which]
        below = concat([self.p.add_public(x, -start) for start in starts])
        width = max(bound.high - min(starts), max(starts) - bound.low).bit_length() + 1
        return self.p.invert(msb(self.p, below, width))

    # --- truth ---------------------------------------------------------------------------------------------------

    def truth(self, expression: Expression) -> Bits:
        """Say where a condition is true.

        Shapes: the result (n,).
        Cost: that of its operations.
        Reveals: nothing.
        """
        return _once(self._bits, "truth", expression, self._truth)

    def falsity(self, expression: Expression) -> Bits:
        """Say where a condition is false: not where it is neither, for an empty cell.

        Shapes, Cost, Reveals: as `truth`.
        """
        if not expression.type.nullable:
            return self.p.invert(self.truth(expression))
        return _once(self._bits, "falsity", expression, self._falsity)

    def _truth(self, expression: Expression) -> Bits:
        p = self.p
        match expression:
            case Constant():
                return p.constant_bits(np.full(self.table.rows, bool(expression.value)))
            case Operation(operator="and"):
                return self._all([self.truth(each) for each in expression.arguments])
            case Operation(operator="or"):
                return p.invert(self._all([p.invert(self.truth(each)) for each in expression.arguments]))
            case Operation(operator="not"):
                return self.falsity(expression.arguments[0])
            case Operation(operator="is null"):
                return self.null(expression.arguments[0])
            case Operation(operator="case"):
                return self._chosen_bits(expression, self.truth)
            case _:
                return self._where_known(expression, self._compared(expression))

    def _falsity(self, expression: Expression) -> Bits:
        p = self.p
        match expression:
            case Operation(operator="and"):
                return p.invert(self._all([p.invert(self.falsity(each)) for each in expression.arguments]))
            case Operation(operator="or"):
                return self._all([self.falsity(each) for each in expression.arguments])
            case Operation(operator="not"):
                return self.truth(expression.arguments[0])
            case Operation(operator="case"):
                return self._chosen_bits(expression, self.falsity)
            case Constant():
                return p.constant_bits(np.full(self.table.rows, expression.value == 0))
            case _:
                return self._where_known(expression, p.invert(self._compared(expression)))

    def _compared(self, expression: Expression) -> Bits:
        """Compare, wherever there is something to compare."""
        match expression:
            case Ref():
                return to_bits(self.p, self.table.cell(expression).value)
            case Steps():
                return self._stepped(expression)
            case Operation(operator="less" | "equal", arguments=(a, b)):
                width = (a.type.bound - b.type.bound).width
                compared = msb if expression.operator == "less" else is_zero
                return _once(
                    self._bits,
                    "compared",
                    expression,
                    lambda _: compared(self.p, self.number(a) - self.number(b), width),
                )
            case _:
                raise InternalError(f"{type(expression).__name__} of type {expression.type.kind} is no condition")

    def _stepped(self, expression: Steps) -> Bits:
        """Compute a condition that changes with each step: so it is the parity of those that are reached."""
        first = self.p.constant_bits(np.full(self.table.rows, bool(expression.values[0])))
        if len(expression.starts) == 1:
            return first
        x = self.number(expression.argument)
        found = [self._reached(expression, x, slice(i, i + 1)) for i in range(1, len(expression.starts))]
        return reduce(lambda a, b: a ^ b, found, first)

    def _where_known(self, expression: Expression, found: Bits) -> Bits:
        return self.p.and_bits(found, self.p.invert(self.null(expression))) if expression.type.nullable else found

    def _all(self, conditions: Sequence[Bits]) -> Bits:
        """AND conditions, by halves."""
        left = list(conditions)
        while len(left) > 1:
            pairs = list(zip(left[::2], left[1::2], strict=False))
            left = [*self.p.and_many(pairs), *left[2 * len(pairs) :]]
        return left[0]

    # --- emptiness -----------------------------------------------------------------------------------------------

    def null(self, expression: Expression) -> Bits:
        """Say where a value is empty.

        Shapes, Cost, Reveals: as `truth`.
        """
        return _once(self._bits, "null", expression, self._null)

    def _null(self, expression: Expression) -> Bits:
        p, rows = self.p, self.table.rows
        if not expression.type.nullable:
            return p.constant_bits(np.zeros(rows, dtype=np.bool_))
        match expression:
            case Ref():
                null = self.table.cell(expression).null
                return p.constant_bits(np.zeros(rows, dtype=np.bool_)) if null is None else to_bits(p, null)
            case Constant():
                return p.constant_bits(np.full(rows, expression.value is None))
            case Operation(operator="and" | "or"):
                return p.invert(self.truth(expression) ^ self.falsity(expression))
            case Operation(operator="case"):
                return self._chosen_bits(expression, self.null)
            case _:
                empty = [self.null(each) for each in expression.arguments if each.type.nullable]
                return p.invert(self._all([p.invert(each) for each in empty]))

    def _chosen_bits(self, expression: Operation, of: Callable[[Expression], Bits]) -> Bits:
        """Choose bits of the results of a CASE: the other one, changed where the condition is true and they differ."""
        *branches, otherwise = expression.arguments
        found = of(otherwise)
        for condition, result in zip(branches[-2::-2], branches[-1::-2], strict=True):
            found = found ^ self.p.and_bits(self.truth(condition), of(result) ^ found)
        return found


def _once(
    known: dict[tuple[str, Expression], T], what: str, expression: Expression, compute: Callable[[Expression], T]
) -> T:
    """Compute what is not known yet, and know it from then on."""
    if (what, expression) not in known:
        known[what, expression] = compute(expression)
    return known[what, expression]
