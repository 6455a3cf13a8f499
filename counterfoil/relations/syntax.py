"""Name the parts of a query as it is written, each with its place, before any name in it means anything.

The parser makes these of SQL; the binder finds out what they mean. Knows no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Literal as OneOf
from typing import TypeAlias

SpanUnit: TypeAlias = OneOf["day", "month", "year"]
JoinKind: TypeAlias = OneOf["inner", "left", "semi", "anti"]
AggregateName: TypeAlias = OneOf["count", "sum", "avg", "min", "max"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is in the text of a query, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a query."""

    at: Place


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A column, perhaps with its table before it."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Star(Node):
    """All columns, perhaps of one table."""

    table: str = ""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value as it is written; None for NULL."""

    value: int | Decimal | str | bool | date | None


@dataclass(frozen=True, slots=True)
class Interval(Node):
    """A span of days, months or years."""

    count: int
    unit: SpanUnit


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An operator or a function of values in one row."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Case(Node):
    """The value of the first branch whose condition is true."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """A function of many rows: count, sum, avg, min, max. Without an argument, count(*)."""

    function: AggregateName
    argument: Node | None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Ordered(Node):
    """What rows are ordered by."""

    value: Node
    descending: bool


@dataclass(frozen=True, slots=True)
class Over(Node):
    """A function over the rows of a partition, in order; `rows` counts rows where ties would come together."""

    function: Call | Aggregate
    partition: tuple[Node, ...]
    order: tuple[Ordered, ...]
    rows: bool


@dataclass(frozen=True, slots=True)
class Scalar(Node):
    """A query of one row and one column, as a value."""

    query: Query


@dataclass(frozen=True, slots=True)
class Exists(Node):
    """Whether a query has rows."""

    query: Query


@dataclass(frozen=True, slots=True)
class InQuery(Node):
    """Whether a value is among the rows of a query."""

    value: Node
    query: Query


@dataclass(frozen=True, slots=True)
class Named(Node):
    """A table, a view or a common table expression, under an alias."""

    table: str
    alias: str


@dataclass(frozen=True, slots=True)
class Derived(Node):
    """A query in the place of a table."""

    query: Query
    alias: str
    columns: tuple[str, ...] = ()


Source: TypeAlias = Named | Derived


@dataclass(frozen=True, slots=True)
class Joined(Node):
    """One more source, and how it is joined to those before it."""

    kind: JoinKind
    source: Source
    on: Node | None
    using: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item(Node):
    """A column of the result, under an alias unless it is empty."""

    value: Node
    alias: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """One SELECT."""

    items: tuple[Item, ...]
    distinct: bool
    source: Source | None
    joins: tuple[Joined, ...]
    where: Node | None
    group: tuple[Node, ...]
    having: Node | None
    order: tuple[Ordered, ...]
    limit: int | None
    tables: tuple[Derived, ...]
    """Common table expressions."""


@dataclass(frozen=True, slots=True)
class UnionAll(Node):
    """The rows of several queries."""

    queries: tuple[Query, ...]
    order: tuple[Ordered, ...]
    limit: int | None
    tables: tuple[Derived, ...]


Query: TypeAlias = Select | UnionAll


def parts(node: Node) -> Iterator[Node]:
    """Yield the node and all parts of it in the same query; not those of queries in it."""
    yield node
    for child in children(node):
        yield from parts(child)


def children(node: Node) -> Iterator[Node]:
    """Yield what a node is directly made of, in the same query."""
    for field in fields(node):
        yield from _nodes(getattr(node, field.name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for each in value:
            yield from _nodes(each)
    elif isinstance(value, Node) and not isinstance(value, Select | UnionAll):
        yield value
