"""Bind values as they are written: to columns, types and bounds.

What a query means by a name is asked of its scope, and what an aggregate is of who binds the query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from typing import Final

from counterfoil.errors import ViewError, ViewTypeError
from counterfoil.governance.documents import did_you_mean
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.relations.bind.days import EPOCH, beginnings, months_later, part_of
from counterfoil.relations.bind.scope import Scope
from counterfoil.relations.expressions import AtOwner, Constant, Expression, Operation, Quotient, Ref, Value
from counterfoil.relations.operations import Operations
from counterfoil.relations.syntax import Aggregate, Call, Case, Interval, Literal, Name, Node, Over, Place, Star
from counterfoil.relations.types import Type, boolean

MOST_STEPS: Final = 512
"""Of a public function of a column, each of which is a comparison a row."""

_COMPARISONS: Final = ("=", "<>", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Values:
    """Binds values in one scope.

    `special` may say what a part of a value means; `owned` are the columns that are as their owners have them.
    """

    scope: Scope
    owned: frozenset[int]
    special: Callable[[Node], Value | None] = field(default=lambda _: None)

    def value(self, node: Node) -> Value:
        """Bind a value, which may be a quotient.

        Raises: ViewError, ViewTypeError, RangeError.
        """
        if (found := self.special(node)) is not None:
            return found
        match node:
            case Name():
                return self.scope.find(node)
            case Literal():
                return self._literal(node)
            case Case():
                return self._case(node)
            case Call():
                return self._call(node)
            case Aggregate():
                raise ViewError(f"{node.at}: {node.function}() is of many rows; write it after SELECT or HAVING")
            case Over():
                raise ViewError(f"{node.at}: a window function is a column of its own; write it after SELECT")
            case Interval():
                raise ViewTypeError(f"{node.at}: an interval is added to a date, or taken from one")
            case Star():
                raise ViewError(f"{node.at}: * is no value; name the column")
            case _:
                raise ViewError(
                    f"{node.at}: a query is no value here; write it as a condition of WHERE that must be true, by AND"
                )

    def expression(self, node: Node) -> Expression:
        """Bind a value that is computed on shares, so no quotient."""
        return whole(self.value(node), node.at)

    def condition(self, node: Node) -> Expression:
        """Bind a condition."""
        found = self.expression(node)
        Operations(node.at).condition(found)
        return found

    # --- literals ------------------------------------------------------------------------------------------------

    def _literal(self, node: Literal) -> Constant:
        value = node.value
        match value:
            case None:
                return Constant(None, Type("number", Bound(0, 0), nullable=True))
            case bool():
                return Constant(int(value), boolean())
            case date():
                days = (value - EPOCH).days
                return Constant(days, Type("date", Bound(days, days)))
            case str():
                raise ViewTypeError(f"{node.at}: a text is no value of its own; compare it with a column of texts")
            case _:
                number = Decimal(value)
                scale = max(0, -int(number.as_tuple().exponent))
                units = int(number.scaleb(scale))
                return Constant(units, Type("number", Bound(units, units), scale))

    def _beside(self, node: Node, other: Expression) -> Expression:
        """Bind what is compared with another value, or is another result beside it: a text as what that is."""
        make = Operations(node.at)
        if not isinstance(node, Literal) or not isinstance(node.value, str):
            found = self.expression(node)
            if isinstance(found, Constant) and found.value is None:
                return Constant(None, other.type.or_null())
            return found
        kind = other.type
        if kind.kind == "date":
            try:
                return self._literal(Literal(node.at, date.fromisoformat(node.value)))
            except ValueError:
                raise ViewTypeError(f"{node.at}: a date is written as '2026-01-31'") from None
        if kind.kind == "category":
            if node.value not in kind.categories:
                hint = did_you_mean(node.value, kind.categories)
                raise ViewTypeError(
                    f"{node.at}: {node.value!r} is no category of {named(other)}{hint or '; see its contract'}"
                )
            code = kind.categories.index(node.value)
            return Constant(code, replace(kind, bound=Bound(code, code), nullable=False))
        raise ViewTypeError(f"{make.at}: a {kind.described} is not compared with a text; compare like with like")

    # --- calls ---------------------------------------------------------------------------------------------------

    def _call(self, node: Call) -> Value:
        make, name, given = Operations(node.at), node.function, node.arguments
        if name in _COMPARISONS:
            return self._compare(node)
        if name in _WRITTEN_OUT:
            return self.value(_WRITTEN_OUT[name](node))
        if name in ("+", "-") and isinstance(given[1], Interval):
            return self._shifted(node, given[1])
        match name:
            case "and":
                return make.both(*(self.condition(each) for each in given))
            case "or":
                return make.either(*(self.condition(each) for each in given))
            case "not":
                return make.negation(self.condition(given[0]))
            case "is null":
                return make.is_null(self.expression(given[0]))
            case "like" | "substring":
                return self._text(node)
            case "coalesce":
                return self._coalesce(node)
            case "greatest" | "least":
                return self._extreme(node)
            case "year" | "month" | "quarter":
                return self._part_of_date(node)
            case _:
                return self._arithmetic(node, name, *(self.value(each) for each in given))

    def _arithmetic(self, node: Call, sign: str, a: Value, b: Value) -> Value:
        make = Operations(node.at)
        if sign == "/":
            return make.divide(a, b)
        if sign == "*" and isinstance(a, Quotient):
            return make.scale_quotient(a, whole(b, node.at))
        if sign == "*" and isinstance(b, Quotient):
            return make.scale_quotient(b, whole(a, node.at))
        x, y = (whole(each, node.at) for each in (a, b))
        match sign:
            case "+":
                return make.add(x, y)
            case "*":
                return make.multiply(x, y)
            case _:
                return make.subtract(x, y)

    def _compare(self, node: Call) -> Expression:
        left, right = node.arguments
        if _is_text(left) and not _is_text(right):
            turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
            return self._compare(Call(node.at, turned.get(node.function, node.function), (right, left)))
        a = self.value(left)
        if isinstance(a, Quotient):
            return Operations(node.at).compare(node.function, a, self.value(right))
        if _is_text(right) and a.type.kind == "text":
            return self._text(node)
        b = self._beside(right, a) if _is_text(right) else self.value(right)
        if isinstance(a, Constant) and a.value is None and not isinstance(b, Quotient):
            a = Constant(None, b.type.or_null())
        elif isinstance(b, Constant) and b.value is None:
            b = Constant(None, a.type.or_null())
        return Operations(node.at).compare(node.function, a, b)

    def _case(self, node: Case) -> Expression:
        results = [*(result for _, result in node.branches), node.otherwise]
        first = next((each for each in results if not _is_text(each) and not _is_null(each)), None)
        if first is None:
            raise ViewTypeError(
                f"{node.at}: a CASE has one result at least that is a column or a number; write 1 and 0"
            )
        like = self.expression(first)
        branches = [(self.condition(condition), self._beside(result, like)) for condition, result in node.branches]
        return Operations(node.at).case(branches, self._beside(node.otherwise, like))

    def _coalesce(self, node: Call) -> Expression:
        *first, last = node.arguments
        branches = tuple((Call(each.at, "not", (Call(each.at, "is null", (each,)),)), each) for each in first)
        found = self._case(Case(node.at, branches, last))
        empty = any(each.type.nullable for each in [self._beside(last, found)])
        return replace(found, type=replace(found.type, nullable=empty)) if isinstance(found, Operation) else found

    def _extreme(self, node: Call) -> Expression:
        if any(self.expression(each).type.nullable for each in node.arguments):
            raise ViewTypeError(f"{node.at}: {node.function} of what may be empty; write coalesce(...) within it")
        found, sign = node.arguments[0], "<" if node.function == "greatest" else ">"
        for each in node.arguments[1:]:
            found = Case(node.at, ((Call(node.at, sign, (found, each)), each),), found)
        return self.expression(found)

    # --- dates ---------------------------------------------------------------------------------------------------

    def _shifted(self, node: Call, interval: Interval) -> Expression:
        make, a = Operations(node.at), self._beside(node.arguments[0], Constant(0, Type("date", Bound(0, 0))))
        count = interval.count if node.function == "+" else -interval.count
        if a.type.kind != "date":
            raise ViewTypeError(f"{node.at}: an interval is added to a date, not to a {a.type.described}")
        if interval.unit == "day":
            return make.add(a, Constant(count, Type("number", Bound(count, count))))
        months = count * (12 if interval.unit == "year" else 1)
        if not isinstance(a, Constant) or a.value is None:
            raise ViewTypeError(f"{node.at}: months differ in length; add days to a column, or months to a date")
        return self._literal(Literal(node.at, months_later(EPOCH + timedelta(days=a.value), months)))

    def _part_of_date(self, node: Call) -> Expression:
        make, a = Operations(node.at), self.expression(node.arguments[0])
        if a.type.kind != "date":
            raise ViewTypeError(f"{node.at}: {node.function} is of a date, not of a {a.type.described}")
        bound, part = a.type.bound, node.function
        later = list(islice(beginnings(bound.low, bound.high, part), MOST_STEPS))
        if len(later) == MOST_STEPS:
            raise ViewError(f"{node.at}: {part} of dates so far apart takes too long; narrow the column's bounds")
        return make.steps(a, lambda days: part_of(days, part), Type("number", Bound(0, 0)), (bound.low, *later))

    # --- texts ---------------------------------------------------------------------------------------------------

    def _text(self, node: Call) -> Expression:
        """Bind a function of a text: of a category by its public list, else at the owner."""
        a, constants = self.expression(node.arguments[0]), []
        for each in node.arguments[1:]:
            if not isinstance(each, Literal) or each.value is None:
                raise ViewError(f"{each.at}: {node.function} takes a constant here; write it out")
            constants.append(each.value)
        if a.type.kind == "category":
            return self._of_category(node, a, constants)
        if a.type.kind != "text":
            raise ViewTypeError(f"{node.at}: {node.function} is of a text, not of a {a.type.described}")
        if not isinstance(a, Ref | AtOwner) or (isinstance(a, Ref) and a.number not in self.owned):
            raise ViewError(
                f"{node.at}: only its owner has this text; write {node.function} in the query that selects from the "
                "table"
            )
        quoted = [_quoted(each) for each in constants]
        if node.function == "substring":
            made = replace(a.type, domain=f"{a.type.domain} {' '.join(quoted)}")
            return AtOwner(f"substring({{}}, {', '.join(quoted)})", (a,), made)
        return AtOwner(f"({{}} {node.function} {quoted[0]})", (a,), boolean(a.type.nullable))

    def _of_category(self, node: Call, a: Expression, constants: Sequence[object]) -> Expression:
        make, categories = Operations(node.at), a.type.categories
        starts = tuple(range(len(categories)))
        if node.function == "like":
            matches = _pattern(str(constants[0])).fullmatch
            found = make.steps(a, lambda code: int(matches(categories[code]) is not None), boolean(), starts)
        else:
            start, length = (int(str(each)) for each in (*constants, len(max(categories, key=len)))[:2])
            cut = [each[max(0, start - 1) : start - 1 + length] for each in categories]
            made = tuple(sorted(set(cut)))
            kind = Type("category", Bound(0, 0), nullable=a.type.nullable, categories=made)
            found = make.steps(a, lambda code: made.index(cut[code]), kind, starts)
        return found


def _between(node: Call) -> Node:
    value, low, high = node.arguments
    return Call(node.at, "and", (Call(node.at, ">=", (value, low)), Call(node.at, "<=", (value, high))))


def _among(node: Call) -> Node:
    value, *others = node.arguments
    return Call(node.at, "or", tuple(Call(node.at, "=", (value, each)) for each in others))


def _null_if(node: Call) -> Node:
    return Case(node.at, ((Call(node.at, "=", node.arguments), Literal(node.at, None)),), node.arguments[0])


def _negated(node: Call) -> Node:
    return Call(node.at, "-", (Literal(node.at, 0), *node.arguments))


def _absolute(node: Call) -> Node:
    (value,) = node.arguments
    return Case(node.at, ((Call(node.at, "<", (value, Literal(node.at, 0))), _negated(node)),), value)


_WRITTEN_OUT: Final[Mapping[str, Callable[[Call], Node]]] = {
    "between": _between,
    "in": _among,
    "nullif": _null_if,
    "negate": _negated,
    "abs": _absolute,
}
"""Functions that are short for others."""


def whole(value: Value, at: Place) -> Expression:
    """Return a value that is computed on shares. Raises: ViewError for a quotient."""
    if isinstance(value, Quotient):
        raise ViewError(
            f"{at}: a quotient is compared, multiplied, divided or selected, and nothing else; write it with its parts"
        )
    return value


def named(expression: Expression) -> str:
    """Return what an expression is called for people."""
    return repr(expression.name) if isinstance(expression, Ref) else "this value"


def _is_text(node: Node) -> bool:
    return isinstance(node, Literal) and isinstance(node.value, str)


def _is_null(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _pattern(like: str) -> re.Pattern[str]:
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(each, re.escape(each)) for each in like), re.DOTALL)
