"""Bind what a query says of groups of rows: its keys, and its aggregates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil.errors import RangeError, ViewError, ViewNameError, ViewTypeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.relations.algebra import Group, Measure, MeasureName, Relation, capacity, combinations
from counterfoil.relations.bind.columns import Columns, rejoined, split
from counterfoil.relations.bind.values import Values
from counterfoil.relations.expressions import Expression, Quotient, Ref, Value, numbers
from counterfoil.relations.facts import fewest
from counterfoil.relations.operations import Operations
from counterfoil.relations.syntax import (
    Aggregate,
    Call,
    Exists,
    InQuery,
    Item,
    Literal,
    Name,
    Node,
    Over,
    Scalar,
    Select,
    children,
)
from counterfoil.relations.syntax import parts as parts_of
from counterfoil.relations.types import Type

MOST_BLOCKS: Final = 128
"""With at most so many different keys, which are public, each group has a place of its own, and nothing is sorted."""


@dataclass(slots=True)
class Grouping:
    """The groups of one query; `given` are keys that it is grouped by in any case."""

    columns: Columns
    query: Select
    items: Sequence[Item]
    values: Values
    given: tuple[Ref, ...]
    _keys: dict[Expression, Ref] = field(default_factory=dict)
    _measures: dict[tuple[MeasureName, Expression | None], Measure] = field(default_factory=dict)

    @property
    def needed(self) -> bool:
        """Say whether the query is of groups at all."""
        return bool(self.query.group or self.given or self.query.having is not None or any(self._aggregates()))

    def grouped(self, relation: Relation) -> tuple[Relation, Values]:
        """Return the groups, and how values of them are bound.

        Raises: ViewError, ViewNameError, ViewTypeError, RangeError.
        """
        keys = [*self.given, *(self._key(node) for node in self.query.group)]
        for key, node in zip(keys[len(self.given) :], self.query.group, strict=True):
            if not numbers(key):
                raise ViewError(f"{node.at}: rows are not grouped by a constant; leave it out")
        relation, refs = self.columns.computed(relation, keys)
        self._keys = dict(zip(keys, refs, strict=True))
        wanted = [(each, self._argument(each)) for each in self._aggregates()]
        relation, arguments = self.columns.computed(relation, [value for _, value in wanted if value is not None])
        found = iter(arguments)
        rows = capacity(relation)
        for node, value in wanted:
            self._measure(node, value, None if value is None else next(found), rows)
        measures = tuple(self._measures.values())
        made = _group(relation, tuple(dict.fromkeys(refs)), measures)
        return made, Values(self.values.scope, frozenset(), self._special)

    def _key(self, node: Node) -> Expression:
        """Bind a key: a place in the list of columns, the alias of one, or an expression."""
        if isinstance(node, Literal) and isinstance(node.value, int):
            if not 1 <= node.value <= len(self.items):
                raise ViewNameError(
                    f"{node.at}: there is no such column to group by; count from 1 to {len(self.items)}"
                )
            node = self.items[node.value - 1].value
        elif isinstance(node, Name) and not node.table and not self.values.scope.has(node):
            named = [item for item in self.items if item.alias.lower() == node.column.lower()]
            node = named[0].value if named else node
        return self.values.expression(node)

    # --- aggregates ----------------------------------------------------------------------------------------------

    def _aggregates(self) -> Iterator[Aggregate]:
        having = [self.query.having] if self.query.having is not None else []
        for node in (*(item.value for item in self.items), *having, *(each.value for each in self.query.order)):
            yield from _aggregates(node)

    def _argument(self, node: Aggregate) -> Expression | None:
        if node.argument is None:
            return None
        for inner in parts_of(node.argument):
            if isinstance(inner, Aggregate):
                raise ViewError(f"{inner.at}: an aggregate of an aggregate; aggregate a grouped query in FROM")
        value = self.values.expression(node.argument)
        if node.function in ("sum", "avg") and value.type.kind != "number":
            raise ViewTypeError(f"{node.at}: {node.function} is of numbers, not of a {value.type.described}")
        if node.function in ("min", "max") and value.type.kind == "key":
            raise ViewTypeError(f"{node.at}: pseudonyms have no order; count them")
        return value

    def _measure(self, node: Aggregate, value: Expression | None, argument: Ref | None, rows: int) -> None:
        """Note the measures that an aggregate is made of."""
        alone = not self._keys
        nullable = alone or (value is not None and value.type.nullable)
        if node.function in ("count", "avg"):
            counted = value if value is not None and value.type.nullable else None
            distinct = node.distinct and node.function == "count"
            low = 0 if nullable else 1
            made = Type("number", Bound(low, rows))
            if distinct:
                self._note("distinct", value, argument, made)
            else:
                self._note("count", counted, argument if counted is not None else None, made)
        if node.function in ("sum", "avg") and value is not None:
            try:
                bound = value.type.bound.summed(rows).joined(Bound(0, 0) if nullable else value.type.bound)
            except RangeError:
                raise RangeError(
                    f"{node.at}: a sum over {rows} rows could pass 2^62; its terms are from {value.type.bound.low} to "
                    f"{value.type.bound.high} in units of their last place: narrow the bounds of what is multiplied in "
                    "it, or use fewer decimal places"
                ) from None
            self._note("sum", value, argument, Type("number", bound, value.type.scale, nullable))
        if node.function in ("min", "max") and value is not None:
            self._note(node.function, value, argument, value.type.or_null(nullable))

    def _note(self, function: MeasureName, value: Expression | None, argument: Ref | None, made: Type) -> None:
        if (function, value) not in self._measures:
            ref = self.columns.fresh(function, made)
            self._measures[function, value] = Measure(ref, function, argument)

    def _found(self, node: Aggregate) -> Value:
        value = self._argument(node)
        counted = value if value is not None and value.type.nullable else None
        match node.function:
            case "count" if node.distinct:
                return self._measures["distinct", value].ref
            case "count":
                return self._measures["count", counted].ref
            case "avg":
                return Operations(node.at).divide(
                    self._measures["sum", value].ref, self._measures["count", counted].ref
                )
            case _:
                return self._measures[node.function, value].ref

    # --- values of groups ----------------------------------------------------------------------------------------

    def _special(self, node: Node) -> Value | None:
        """Say what a part of a value is in the group."""
        if isinstance(node, Aggregate):
            return self._found(node)
        if isinstance(node, Scalar | Exists | InQuery):
            return self.values.special(node)
        inner = list(parts_of(node))
        if isinstance(node, Literal) or any(isinstance(each, Aggregate | Scalar | Over) for each in inner):
            return None
        found = self.values.value(node)
        if not isinstance(found, Quotient) and found in self._keys:
            return self._keys[found]
        if isinstance(node, Name):
            raise ViewNameError(
                f"{node.at}: {node.column!r} is not the same in all rows of a group; group by it, or aggregate it"
            )
        return None


def distinct(
    columns: Columns, relation: Relation, fields: Sequence[tuple[str, Value]]
) -> tuple[Relation, tuple[tuple[str, Value], ...]]:
    """Keep one of rows that agree in all columns."""
    relation, refs = columns.computed(relation, split(fields))
    return _group(relation, tuple(dict.fromkeys(refs)), ()), rejoined(fields, refs)


def _group(relation: Relation, keys: tuple[Ref, ...], measures: tuple[Measure, ...]) -> Group:
    """Choose how to group: in blocks where the keys have few public values, else by the fewest keys that tell all."""
    counts = all(each.function in ("count", "sum") for each in measures)
    if keys and counts and combinations(keys) <= min(MOST_BLOCKS, 2 * capacity(relation)):
        return Group(relation, keys, (), measures, blocks=True)
    fewer = fewest(relation, keys)
    return Group(relation, fewer, tuple(key for key in keys if key not in fewer), measures, blocks=False)


def _aggregates(node: Node) -> Iterator[Aggregate]:
    """Yield the aggregates in a value, without those over a window, but with those in what they are over."""
    if isinstance(node, Over):
        inside = node.function.arguments if isinstance(node.function, Call) else (node.function.argument,)
        for each in (*inside, *node.partition, *(by.value for by in node.order)):
            if each is not None:
                yield from _aggregates(each)
    elif isinstance(node, Aggregate):
        yield node
    else:
        for each in children(node):
            yield from _aggregates(each)
