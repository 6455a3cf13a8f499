"""Read the SQL of a view; the one module that knows the library that parses it.

What the language of views does not have is refused here with line and column, and with what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, NoReturn

import sqlglot
from sqlglot import errors as sqlglot_errors
from sqlglot import exp

from counterfoil.errors import ViewError
from counterfoil.relations.language import AGGREGATES, CALLS, DATE_PARTS, INSTEAD, RANKS
from counterfoil.relations.syntax import (
    Aggregate,
    Call,
    Case,
    Derived,
    Exists,
    InQuery,
    Interval,
    Item,
    Joined,
    JoinKind,
    Literal,
    Name,
    Named,
    Node,
    Ordered,
    Over,
    Place,
    Query,
    Scalar,
    Select,
    Source,
    SpanUnit,
    Star,
    UnionAll,
)

MOST_CHARACTERS: Final = 100_000
"""Of the text of one view."""

_ONE_SIDED: Final[Mapping[str, JoinKind]] = {"semi": "semi", "anti": "anti"}
_UNITS: Final[Mapping[str, SpanUnit]] = {"day": "day", "month": "month", "year": "year"}
_OPERANDS: Final = ("this", "expression", "low", "high", "start", "length", "expressions")
_HARMLESS: Final = ("negate", "safe", "typed", "ignore_nulls")
"""What operators have beside their operands: a NOT of LIKE, and notes of the library."""


def parse(text: str) -> Query:
    """Read one query.

    Raises: ViewError.
    """
    if len(text) > MOST_CHARACTERS:
        raise ViewError(f"a view's SQL has at most {MOST_CHARACTERS} characters, and this one {len(text)}; split it")
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
    except sqlglot_errors.ParseError as error:
        first = error.errors[0]
        found = f"line {first['line']}, column {first['col']}: {str(first['description']).rstrip('.')}"
        raise ViewError(f"{found}; write one SELECT of standard SQL") from None
    except (sqlglot_errors.SqlglotError, RecursionError):
        raise ViewError("the SQL ends in a text or a comment that is open, or is nested too deep; close it") from None
    if len(trees) != 1 or trees[0] is None:
        raise ViewError(f"a view is one query, and here are {len(trees)}; write one SELECT")
    return _Reader(text).query(trees[0])


class _Reader:
    """Turns the library's tree into ours."""

    def __init__(self, text: str) -> None:
        self._text = text

    # --- queries -------------------------------------------------------------------------------------------------

    def query(self, tree: Any) -> Query:
        if isinstance(tree, exp.Subquery) and not tree.args.get("alias"):
            return self.query(tree.this)
        if isinstance(tree, exp.Union):
            if tree.args.get("distinct"):
                self._refuse(tree, "UNION", "write UNION ALL, and SELECT DISTINCT from it")
            branches = (self.query(tree.this), self.query(tree.expression))
            flat = tuple(
                query
                for each in branches
                for query in (
                    each.queries
                    if isinstance(each, UnionAll) and not (each.order or each.limit is not None or each.tables)
                    else (each,)
                )
            )
            return UnionAll(self._at(tree), flat, self._order(tree), self._limit(tree), self._tables(tree))
        if not isinstance(tree, exp.Select):
            self._refuse(tree, type(tree).__name__.upper(), "write a SELECT")
        self._only(
            tree,
            "expressions", "distinct", "from_", "joins", "where", "group", "having", "order", "limit", "with_", "kind",
        )  # fmt: skip
        distinct = tree.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            self._refuse(distinct, "DISTINCT ON", "write row_number() over (...), and where it is 1")
        source = tree.args.get("from_")
        where, having, group = (tree.args.get(name) for name in ("where", "having", "group"))
        if group is not None:
            self._only(group, "expressions")
        return Select(
            self._at(tree),
            tuple(self._item(each) for each in tree.expressions),
            distinct is not None,
            self._source(source.this) if source else None,
            tuple(self._join(each) for each in tree.args.get("joins") or ()),
            self.value(where.this) if where else None,
            tuple(self.value(each) for each in group.expressions) if group else (),
            self.value(having.this) if having else None,
            self._order(tree),
            self._limit(tree),
            self._tables(tree),
        )

    def _tables(self, tree: Any) -> tuple[Derived, ...]:
        if (found := tree.args.get("with_")) is None:
            return ()
        if found.args.get("recursive"):
            self._refuse(found, "WITH RECURSIVE", "write out as many steps as you need")
        return tuple(self._derived(each, each.this) for each in found.expressions)

    def _derived(self, tree: Any, inner: Any) -> Derived:
        alias = tree.args.get("alias")
        if alias is None:
            self._refuse(tree, "a query in FROM without a name", "write a name behind it")
        columns = tuple(each.name for each in alias.args.get("columns") or ())
        return Derived(self._at(tree), self.query(inner), alias.name, columns)

    def _source(self, tree: Any) -> Source:
        if isinstance(tree, exp.Subquery):
            return self._derived(tree, tree.this)
        if not isinstance(tree, exp.Table) or not isinstance(tree.this, exp.Identifier) or tree.args.get("db"):
            self._refuse(
                tree, "this source", INSTEAD.get(type(tree).__name__, "write the name of a contract or a view")
            )
        self._only(tree, "this", "alias")
        return Named(self._at(tree), tree.name, tree.alias or tree.name)

    def _join(self, tree: Any) -> Joined:
        self._only(tree, "this", "side", "kind", "on", "using")
        kind, side = (str(tree.args.get(name) or "").lower() for name in ("kind", "side"))
        if side in ("right", "full"):
            self._refuse(tree, f"{side.upper()} JOIN", "put the table whose rows all stay on the left of a LEFT JOIN")
        asked: JoinKind = "left" if side == "left" else _ONE_SIDED.get(kind, "inner")
        on = tree.args.get("on")
        return Joined(
            self._at(tree),
            asked,
            self._source(tree.this),
            self.value(on) if on is not None else None,
            tuple(each.name for each in tree.args.get("using") or ()),
        )

    def _item(self, tree: Any) -> Item:
        if isinstance(tree, exp.Alias):
            return Item(self._at(tree), self.value(tree.this), tree.alias)
        named = tree.name if isinstance(tree, exp.Column) else tree.sql(dialect="duckdb").lower()
        return Item(self._at(tree), self.value(tree), named)

    def _order(self, tree: Any) -> tuple[Ordered, ...]:
        found = tree.args.get("order")
        return tuple(self._ordered(each) for each in found.expressions) if found else ()

    def _ordered(self, tree: Any) -> Ordered:
        if tree.args.get("nulls_first") and not tree.args.get("desc"):
            self._refuse(tree, "NULLS FIRST", "leave it out; empty cells come last")
        return Ordered(self._at(tree), self.value(tree.this), bool(tree.args.get("desc")))

    def _limit(self, tree: Any) -> int | None:
        if (found := tree.args.get("limit")) is None:
            return None
        count = found.args.get("expression")
        if not isinstance(count, exp.Literal) or count.is_string or not count.name.isdigit() or count.name == "0":
            self._refuse(found, "this LIMIT", "write a whole number from 1 on")
        return int(count.name)

    # --- values --------------------------------------------------------------------------------------------------

    def value(self, tree: Any) -> Node:
        at, kind = self._at(tree), type(tree).__name__
        if kind in AGGREGATES:
            return self._aggregate(tree, at)
        if kind in CALLS:
            return self._call(tree, at)
        if type(tree) in _READERS:
            return _READERS[type(tree)](self, tree, at)
        what = tree.sql(dialect="duckdb").split("(")[0].split("\n")[0][:40].strip()
        return self._refuse(tree, what, INSTEAD.get(kind, "compute it in the owner's table"))

    def _call(self, tree: Any, at: Place) -> Node:
        self._only(tree, *_OPERANDS, *_HARMLESS)
        operands = [each for name in _OPERANDS for each in _listed(tree.args.get(name))]
        call = Call(at, CALLS[type(tree).__name__], tuple(self.value(each) for each in operands))
        return Call(at, "not", (call,)) if tree.args.get("negate") else call

    def _column(self, tree: Any, at: Place) -> Node:
        if isinstance(tree.this, exp.Star):
            return Star(at, tree.table)
        if tree.args.get("db"):
            self._refuse(tree, "a column with a database before it", "write the table and the column")
        return Name(at, tree.table, tree.name)

    def _cast(self, tree: Any, at: Place) -> Node:
        if tree.to.this == exp.DType.DATE and isinstance(tree.this, exp.Literal):
            return Literal(at, self._date(tree.this))
        return self._refuse(tree, "CAST", INSTEAD["Cast"])

    def _is(self, tree: Any, at: Place) -> Node:
        if isinstance(tree.expression, exp.Null):
            return Call(at, "is null", (self.value(tree.this),))
        if isinstance(tree.expression, exp.Boolean):
            same = Call(at, "=", (self.value(tree.this), Literal(at, bool(tree.expression.this))))
            return Call(at, "coalesce", (same, Literal(at, False)))
        return self._refuse(tree, "this IS", "write IS NULL")

    def _extract(self, tree: Any, at: Place) -> Node:
        part = tree.this.name.lower()
        if part not in DATE_PARTS:
            self._refuse(tree, f"EXTRACT({part})", "extract year, quarter or month")
        return Call(at, part, (self.value(tree.expression),))

    def _if(self, tree: Any, at: Place) -> Node:
        return Case(at, ((self.value(tree.this), self.value(tree.args["true"])),), self._otherwise(tree, "false"))

    def _literal(self, tree: Any, at: Place) -> Literal:
        if isinstance(tree, exp.Null):
            return Literal(at, None)
        if isinstance(tree, exp.Boolean):
            return Literal(at, bool(tree.this))
        if tree.is_string:
            return Literal(at, str(tree.this))
        try:
            number = Decimal(tree.this)
        except ArithmeticError:
            self._refuse(tree, "this number", "write digits and a point")
        return Literal(at, int(number) if number == number.to_integral_value() and "." not in tree.this else number)

    def _date(self, tree: Any) -> date:
        try:
            return date.fromisoformat(tree.name)
        except ValueError:
            self._refuse(tree, "this date", "write it as '2026-01-31'")

    def _interval(self, tree: Any, at: Place) -> Interval:
        unit, count = _UNITS.get(str(tree.args.get("unit") or "").lower().removesuffix("s")), tree.this.name
        if unit is None or not count.isdigit():
            self._refuse(
                tree, "this interval", "write interval '3' month, with a whole number of days, months or years"
            )
        return Interval(at, int(count), unit)

    def _case(self, tree: Any, at: Place) -> Case:
        subject = tree.this
        branches = []
        for branch in tree.args["ifs"]:
            condition = self.value(branch.this)
            if subject is not None:
                condition = Call(condition.at, "=", (self.value(subject), condition))
            branches.append((condition, self.value(branch.args["true"])))
        return Case(at, tuple(branches), self._otherwise(tree, "default"))

    def _otherwise(self, tree: Any, name: str) -> Node:
        found = tree.args.get(name)
        return Literal(self._at(tree), None) if found is None else self.value(found)

    def _aggregate(self, tree: Any, at: Place) -> Aggregate:
        self._only(tree, "this", "big_int")
        inner, function = tree.this, AGGREGATES[type(tree).__name__]
        distinct = isinstance(inner, exp.Distinct)
        if distinct:
            if len(inner.expressions) != 1 or function not in ("count", "min", "max"):
                self._refuse(tree, f"{function}(DISTINCT ...)", "SELECT DISTINCT first, and aggregate that")
            inner = inner.expressions[0]
        return Aggregate(at, function, None if isinstance(inner, exp.Star) else self.value(inner), distinct)

    def _over(self, tree: Any, at: Place) -> Over:
        self._only(tree, "this", "partition_by", "order", "spec", "over")
        spec, inner = tree.args.get("spec"), tree.this
        frame = [str(spec.args.get(name) or "").upper() for name in ("start", "start_side", "end")] if spec else []
        if frame not in ([], ["UNBOUNDED", "PRECEDING", ""], ["UNBOUNDED", "PRECEDING", "CURRENT ROW"]):
            self._refuse(tree, "this frame", "write ROWS UNBOUNDED PRECEDING, or no frame")
        kind = type(inner).__name__
        if kind in RANKS:
            self._only(inner, "this", "offset")
            given = [inner.this, inner.args.get("offset")] if isinstance(inner, exp.Lag) else []
            arguments = tuple(self.value(each) for each in given if each is not None)
            function: Call | Aggregate = Call(self._at(inner), RANKS[kind], arguments)
        elif kind in AGGREGATES:
            function = self._aggregate(inner, self._at(inner))
        else:
            self._refuse(tree, "this window function", "write row_number, rank, lag, sum, count or avg")
        partition = tuple(self.value(each) for each in tree.args.get("partition_by") or ())
        rows = spec is not None and str(spec.args.get("kind")).upper() == "ROWS"
        return Over(at, function, partition, self._order(tree), rows)

    def _among(self, tree: Any, at: Place) -> Node:
        if (inner := tree.args.get("query")) is not None:
            return InQuery(at, self.value(tree.this), self.query(inner))
        return Call(at, "in", (self.value(tree.this), *(self.value(each) for each in tree.expressions)))

    # --- refusals ------------------------------------------------------------------------------------------------

    def _only(self, tree: Any, *known: str) -> None:
        """Refuse what a node has beside the parts that are known here."""
        for name, value in tree.args.items():
            if name not in known and value:
                part = value[0] if isinstance(value, list) else value
                where = part if isinstance(part, exp.Expr) else tree
                what = name.strip("_").replace("_", " ").upper()
                self._refuse(where, what, INSTEAD.get(type(part).__name__, "leave it out"), tree)

    def _refuse(self, tree: Any, what: str, instead: str, within: Any = None) -> NoReturn:
        at = self._at(tree)
        raise ViewError(f"{at if at.line else self._at(within)}: views do not have {what}; {instead}")

    def _at(self, tree: Any) -> Place:
        """Find where a node begins: the library notes it for names, literals and functions alone."""
        starts = [node.meta["start"] for node in tree.walk() if "start" in node.meta] if tree is not None else []
        before = self._text[: min(starts, default=0)]
        return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


_READERS: Final[dict[type[exp.Expr], Callable[[_Reader, Any, Place], Node]]] = {
    exp.Paren: lambda reader, tree, _: reader.value(tree.this),
    exp.Column: _Reader._column,
    exp.Star: lambda _, __, at: Star(at),
    exp.Literal: _Reader._literal,
    exp.Boolean: _Reader._literal,
    exp.Null: _Reader._literal,
    exp.Interval: _Reader._interval,
    exp.Cast: _Reader._cast,
    exp.Case: _Reader._case,
    exp.If: _Reader._if,
    exp.Window: _Reader._over,
    exp.Subquery: lambda reader, tree, at: Scalar(at, reader.query(tree.this)),
    exp.Exists: lambda reader, tree, at: Exists(at, reader.query(tree.this)),
    exp.In: _Reader._among,
    exp.Is: _Reader._is,
    exp.Extract: _Reader._extract,
}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
