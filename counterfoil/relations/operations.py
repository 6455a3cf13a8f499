"""Put expressions together: find the type and the bounds of each, and refuse what does not fit or could wrap.

Bounds travel through every operation, so that a value that could pass 2^62 is refused with its place in the query.
Three-valued logic is SQL's: what is compared with an empty cell is neither true nor false.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from counterfoil.errors import RangeError, ViewTypeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.relations.expressions import Constant, Expression, Operation, Quotient, Ref, Steps, Value, refs
from counterfoil.relations.syntax import Place
from counterfoil.relations.types import BIT, Type, boolean

TRUE, FALSE = Constant(1, boolean()), Constant(0, boolean())


@dataclass(frozen=True, slots=True)
class Operations:
    """Operations at one place of a query, which errors name."""

    at: Place

    # --- arithmetic ----------------------------------------------------------------------------------------------

    def add(self, a: Expression, b: Expression) -> Expression:
        """Add, in the finer scale of the two; a number of days to a date."""
        if {a.type.kind, b.type.kind} == {"date", "number"} and a.type.scale == b.type.scale == 0:
            kind = a.type if a.type.kind == "date" else b.type
        else:
            self._numbers("added", a, b)
            a, b = self.aligned(a, b)
            kind = a.type
        bound = self._bound("this sum", lambda: a.type.bound + b.type.bound, a, b)
        made = replace(kind, bound=bound, nullable=a.type.nullable or b.type.nullable)
        return _folded(Operation("add", (a, b), made), lambda x, y: x + y)

    def subtract(self, a: Expression, b: Expression) -> Expression:
        """Subtract; of two dates, days."""
        if a.type.kind == b.type.kind == "date":
            a, b = (self.as_number(each) for each in (a, b))
        return self.add(a, self.negate(b))

    def negate(self, a: Expression) -> Expression:
        """Negate a number."""
        self._numbers("negated", a)
        return self.times_public(a, -1)

    def multiply(self, a: Expression, b: Expression) -> Expression:
        """Multiply, with the decimal places of both."""
        self._numbers("multiplied", a, b)
        bound = self._bound("this product", lambda: a.type.bound * b.type.bound, a, b)
        made = Type("number", bound, a.type.scale + b.type.scale, a.type.nullable or b.type.nullable)
        return _folded(Operation("multiply", (a, b), made), lambda x, y: x * y)

    def times_public(self, a: Expression, factor: int) -> Expression:
        """Multiply by a public number without decimal places."""
        return self.multiply(a, Constant(factor, Type("number", Bound(factor, factor))))

    def divide(self, a: Value, b: Value) -> Quotient:
        """Divide once it is released; the divisor must not be negative."""
        over, under = _fraction(a)
        b_over, b_under = _fraction(b)
        for each in (over, under, b_over, b_under):
            if each is not None:
                self._numbers("divided", each)
        over = over if b_under is None else self.multiply(over, b_under)
        under = b_over if under is None else self.multiply(under, b_over)
        if under.type.bound.low < 0:
            raise ViewTypeError(
                f"{self.at}: the divisor could be negative by its bounds; divide by a count, or narrow its bounds"
            )
        return self._scaled(Quotient(over, under))

    def scale_quotient(self, a: Quotient, b: Expression) -> Quotient:
        """Multiply a quotient by a number."""
        return self._scaled(Quotient(self.multiply(a.over, b), a.under))

    def _scaled(self, a: Quotient) -> Quotient:
        """Bring both to one scale, so that their units cancel."""
        return Quotient(*self.aligned(a.over, a.under))

    def aligned(self, a: Expression, b: Expression) -> tuple[Expression, Expression]:
        """Bring two numbers to the finer scale of the two."""
        scale = max(a.type.scale, b.type.scale)
        return self.rescaled(a, scale), self.rescaled(b, scale)

    def rescaled(self, a: Expression, scale: int) -> Expression:
        """Write a number with more decimal places."""
        if a.type.scale == scale:
            return a
        finer = self.times_public(a, 10 ** (scale - a.type.scale))
        return replace(finer, type=replace(finer.type, scale=scale))

    def as_number(self, a: Expression) -> Expression:
        """Count a date in days, a truth value as 0 or 1."""
        made = Type("number", a.type.bound, nullable=a.type.nullable)
        if isinstance(a, Constant):
            return Constant(a.value, made)
        one = Constant(1, Type("number", BIT.joined(Bound(1, 1))))
        return Operation("multiply", (a, one), made)

    def steps(self, a: Expression, of: Callable[[int], int], made: Type, starts: Sequence[int]) -> Expression:
        """Apply a public function that is constant between these starts, of which the first is the lowest number."""
        values = tuple(of(start) for start in starts)
        if isinstance(a, Constant):
            return Constant(None if a.value is None else of(a.value), made)
        kept = [i for i in range(len(starts)) if i == 0 or values[i] != values[i - 1]]
        made = made.within(Bound(min(values), max(values))) if made.kind != "boolean" else made
        return Steps(a, tuple(starts[i] for i in kept), tuple(values[i] for i in kept), made.or_null(a.type.nullable))

    # --- comparison ----------------------------------------------------------------------------------------------

    def compare(self, sign: str, a: Value, b: Value) -> Expression:
        """Compare two values by =, <>, <, <=, > or >=; quotients crosswise, so that nothing is rounded."""
        if isinstance(a, Quotient) or isinstance(b, Quotient):
            return self._crosswise(sign, a, b)
        self._comparable(a, b, ordered=sign not in ("=", "<>"))
        if a.type.kind == "number":
            a, b = self.aligned(a, b)
        _ = self._bound("this comparison", lambda: a.type.bound - b.type.bound, a, b)
        match sign:
            case "=":
                return self._compared("equal", a, b)
            case "<>":
                return self.negation(self._compared("equal", a, b))
            case "<":
                return self._compared("less", a, b)
            case ">":
                return self._compared("less", b, a)
            case "<=":
                return self.negation(self._compared("less", b, a))
            case _:
                return self.negation(self._compared("less", a, b))

    def _compared(self, operator: Literal["less", "equal"], a: Expression, b: Expression) -> Expression:
        made = boolean(a.type.nullable or b.type.nullable)
        return _folded(Operation(operator, (a, b), made), lambda x, y: int(x < y if operator == "less" else x == y))

    def _crosswise(self, sign: str, a: Value, b: Value) -> Expression:
        over, under = _fraction(a)
        b_over, b_under = _fraction(b)
        left = over if b_under is None else self.multiply(over, b_under)
        right = b_over if under is None else self.multiply(under, b_over)
        found = self.compare(sign, left, right)
        for each in (under, b_under):
            if each is not None and each.type.bound.low <= 0:
                zero = Constant(0, Type("number", Bound(0, 0), each.type.scale))
                found = self.case([(self.compare("=", each, zero), Constant(None, boolean(True)))], found)
        return found

    # --- logic ---------------------------------------------------------------------------------------------------

    def both(self, *conditions: Expression) -> Expression:
        """Say whether all conditions are true."""
        return self._logic("and", TRUE, FALSE, conditions)

    def either(self, *conditions: Expression) -> Expression:
        """Say whether one condition is true."""
        return self._logic("or", FALSE, TRUE, conditions)

    def _logic(
        self, operator: Literal["and", "or"], neutral: Constant, final: Constant, conditions: Sequence[Expression]
    ) -> Expression:
        for each in conditions:
            self.condition(each)
        left = [each for each in conditions if each != neutral]
        if final in left:
            return final
        if len(left) < 2:
            return left[0] if left else neutral
        return Operation(operator, tuple(left), boolean(any(each.type.nullable for each in left)))

    def negation(self, a: Expression) -> Expression:
        """Negate a truth value."""
        self.condition(a)
        if isinstance(a, Constant):
            return Constant(None if a.value is None else 1 - a.value, a.type)
        if isinstance(a, Operation) and a.operator == "not":
            return a.arguments[0]
        return Operation("not", (a,), a.type)

    def is_null(self, a: Expression) -> Expression:
        """Say whether a cell is empty."""
        if isinstance(a, Constant):
            return TRUE if a.value is None else FALSE
        return Operation("is null", (a,), boolean()) if a.type.nullable else FALSE

    def case(self, branches: Sequence[tuple[Expression, Expression]], otherwise: Expression) -> Expression:
        """Choose the result of the first condition that is true."""
        results = [*(result for _, result in branches), otherwise]
        known = [each for each in results if not (isinstance(each, Constant) and each.value is None)]
        if not known:
            return otherwise
        for each in known[1:]:
            self._comparable(known[0], each, ordered=False)
        scale = max(each.type.scale for each in known)
        bound = reduce(Bound.joined, (self.rescaled(each, scale).type.bound for each in known))
        made = replace(
            known[0].type,
            bound=bound,
            scale=scale,
            nullable=len(known) < len(results) or any(each.type.nullable for each in known),
        )
        arguments: list[Expression] = []
        for condition, result in branches:
            self.condition(condition)
            arguments += [condition, self._as(result, made)]
        return Operation("case", (*arguments, self._as(otherwise, made)), made)

    def _as(self, a: Expression, made: Type) -> Expression:
        if isinstance(a, Constant) and a.value is None:
            return Constant(None, made.or_null())
        return self.rescaled(a, made.scale) if made.kind == "number" else a

    # --- what fits -----------------------------------------------------------------------------------------------

    def condition(self, a: Expression) -> None:
        """Refuse what is no truth value."""
        if a.type.kind != "boolean":
            raise ViewTypeError(
                f"{self.at}: a condition is true or false, and this is a {a.type.described}; compare it"
            )

    def _numbers(self, verb: str, *values: Expression) -> None:
        for each in values:
            if each.type.kind != "number":
                raise ViewTypeError(f"{self.at}: a {each.type.described} is not {verb}; use a number")

    def _comparable(self, a: Expression, b: Expression, *, ordered: bool) -> None:
        if a.type.kin != b.type.kin:
            raise ViewTypeError(
                f"{self.at}: a {a.type.described} and a {b.type.described} do not compare; compare like with like"
            )
        if ordered and a.type.kind == "key":
            raise ViewTypeError(f"{self.at}: pseudonyms have no order; compare keys with = or <>")

    def _bound(self, what: str, made: Callable[[], Bound], *of: Expression) -> Bound:
        """Find bounds, and name the widest part of what could wrap."""
        try:
            return made()
        except RangeError:
            widest = max(of, key=lambda each: each.type.bound.magnitude)
            named = ", ".join(dict.fromkeys(repr(each.name) for each in refs(widest))) or "a constant"
            raise RangeError(
                f"{self.at}: {what} could pass 2^62; its widest part, of {named}, is from {widest.type.bound.low} to "
                f"{widest.type.bound.high} in units of its last place: narrow its bounds in the contract, or use fewer "
                "decimal places"
            ) from None


def named(value: Expression) -> str:
    """Return what a column of this value is called for people."""
    return value.name if isinstance(value, Ref) else "computed"


def _fraction(a: Value) -> tuple[Expression, Expression | None]:
    return (a.over, a.under) if isinstance(a, Quotient) else (a, None)


def _folded(made: Operation, of: Callable[[int, int], int]) -> Expression:
    """Compute what is of constants alone, at once."""
    a, b = made.arguments
    if isinstance(a, Constant) and isinstance(b, Constant):
        if a.value is None or b.value is None:
            return Constant(None, made.type.or_null())
        return Constant(of(a.value, b.value), made.type)
    return made
