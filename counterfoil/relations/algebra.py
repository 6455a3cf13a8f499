"""Describe tables by how they come of others: one immutable dataclass an operator.

Every column has a number of its own in the whole plan, so that tables can be put together in any order. Each relation
knows its columns and its capacity, the public number of its rows; how many of them count is secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from counterfoil.relations.expressions import Expression, Ref


@dataclass(frozen=True, slots=True)
class OwnerColumn:
    """A column as its owner computes it before it is shared, in SQL over the owner's own table."""

    ref: Ref
    sql: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The rows of a table under one contract, all owners' one under the other."""

    table: str
    computed: tuple[OwnerColumn, ...]
    rows: int
    unique: tuple[frozenset[int], ...]

    @property
    def columns(self) -> tuple[Ref, ...]:
        """The columns that are shared."""
        return tuple(each.ref for each in self.computed)


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows for which a condition is true."""

    source: Relation
    condition: Expression

    @property
    def columns(self) -> tuple[Ref, ...]:
        """The source's."""
        return self.source.columns


@dataclass(frozen=True, slots=True)
class Project:
    """Columns that are computed of the source's, row by row."""

    source: Relation
    computed: tuple[tuple[Ref, Expression], ...]

    @property
    def columns(self) -> tuple[Ref, ...]:
        """The computed ones."""
        return tuple(ref for ref, _ in self.computed)


@dataclass(frozen=True, slots=True)
class UnionAll:
    """The rows of all sources; `inner` holds for each source which of its columns is which of the result's."""

    sources: tuple[Relation, ...]
    inner: tuple[tuple[Ref, ...], ...]
    columns: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Rows of `many` beside the row of `one` that has the same keys, which no two valid rows of `one` have.

    * inner: rows of `many` that have a partner; keep many: all of them.
    * keep one: rows of `many` that have a partner, and rows of `one` that have none.
    * semi, anti: rows of `many` with, or without, a partner, and no column of `one`, whose keys need not be unique.

    `checked` says that it is opened, as one bit, whether the keys of `one` are unique; else it follows from the plan.
    `made` are the columns of the side that may be missing, under numbers and types of their own.
    """

    kind: Literal["inner", "keep many", "keep one", "semi", "anti"]
    one: Relation
    many: Relation
    keys: tuple[tuple[Ref, Ref], ...]
    checked: bool
    made: tuple[tuple[Ref, Ref], ...] = ()

    @property
    def columns(self) -> tuple[Ref, ...]:
        """Those of both sides."""
        if self.kind in ("semi", "anti"):
            return self.many.columns
        made = tuple(ref for ref, _ in self.made)
        if self.kind == "inner":
            return (*self.one.columns, *self.many.columns)
        return (*made, *self.many.columns) if self.kind == "keep many" else (*self.one.columns, *made)


@dataclass(frozen=True, slots=True)
class Attach:
    """All rows of `source`, each beside the one row of `single`; without a row there, its columns are empty."""

    source: Relation
    single: Relation
    made: tuple[tuple[Ref, Ref], ...]

    @property
    def columns(self) -> tuple[Ref, ...]:
        """Those of both."""
        return (*self.source.columns, *(ref for ref, _ in self.made))


MeasureName: TypeAlias = Literal["count", "sum", "min", "max", "distinct"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of each group. `count` without an argument counts rows; `distinct` counts different values."""

    ref: Ref
    function: MeasureName
    argument: Ref | None


@dataclass(frozen=True, slots=True)
class Group:
    """One row for each different value of the keys. `carried` columns are the same in all rows of a group.

    Without keys, one row of all rows, also of none. `blocks` says that the keys have so few public values that each has
    a place of its own; else rows are sorted.
    """

    source: Relation
    keys: tuple[Ref, ...]
    carried: tuple[Ref, ...]
    measures: tuple[Measure, ...]
    blocks: bool

    @property
    def columns(self) -> tuple[Ref, ...]:
        """Keys, what is carried, measures."""
        return (*self.keys, *self.carried, *(each.ref for each in self.measures))


@dataclass(frozen=True, slots=True)
class By:
    """One column that rows are ordered by; empty cells come last."""

    ref: Ref
    descending: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """One function over the rows of a partition. `offset` is that of lag; `rows` says that ties count one by one."""

    ref: Ref
    function: Literal["row_number", "rank", "lag", "sum", "count"]
    argument: Ref | None
    offset: int = 1
    rows: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """All rows, with functions over the rows of their partition, in order."""

    source: Relation
    partition: tuple[Ref, ...]
    order: tuple[By, ...]
    functions: tuple[Ranked, ...]

    @property
    def columns(self) -> tuple[Ref, ...]:
        """The source's, and the functions."""
        return (*self.source.columns, *(each.ref for each in self.functions))


@dataclass(frozen=True, slots=True)
class Limit:
    """The first rows in an order; which of ties is open."""

    source: Relation
    order: tuple[By, ...]
    count: int

    @property
    def columns(self) -> tuple[Ref, ...]:
        """The source's."""
        return self.source.columns


Relation: TypeAlias = Scan | Filter | Project | UnionAll | Join | Attach | Group | Window | Limit


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the result: a value, or what is divided by another once it is released."""

    name: str
    value: Ref
    divisor: Ref | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A query, understood. `order` is for who presents the result: positions of outputs, and whether from the top."""

    root: Relation
    outputs: tuple[Output, ...]
    order: tuple[tuple[int, bool], ...]


def sources(relation: Relation) -> tuple[Relation, ...]:
    """Return the relations that one is made of."""
    match relation:
        case Scan():
            return ()
        case UnionAll():
            return relation.sources
        case Join():
            return relation.one, relation.many
        case Attach():
            return relation.source, relation.single
        case _:
            return (relation.source,)


def walk(relation: Relation) -> Iterator[Relation]:
    """Yield the relation and all that it is made of, sources first, each once."""
    seen: set[Relation] = set()

    def visit(each: Relation) -> Iterator[Relation]:
        if each not in seen:
            seen.add(each)
            for source in sources(each):
                yield from visit(source)
            yield each

    return visit(relation)


@cache
def capacity(relation: Relation) -> int:
    """Return the public number of rows of a relation."""
    match relation:
        case Scan():
            return relation.rows
        case UnionAll():
            return sum(map(capacity, relation.sources))
        case Join():
            return capacity(relation.many) + (0 if cuts(relation) else capacity(relation.one))
        case Group(keys=()):
            return 1
        case Group(blocks=True):
            return combinations(relation.keys)
        case Limit():
            return min(relation.count, capacity(relation.source))
        case _:
            return capacity(sources(relation)[0])


def cuts(join: Join) -> bool:
    """Say whether the rows of `one` go once they are joined: that takes a pass over all rows, and saves them later."""
    return join.kind != "keep one" and 4 * capacity(join.one) >= capacity(join.many)


def combinations(keys: tuple[Ref, ...]) -> int:
    """Count the values that keys can have together."""
    counted = 1
    for key in keys:
        counted *= key.type.bound.high - key.type.bound.low + 1 + key.type.nullable
    return counted
