"""Bind queries within a query, by joining them away.

EXISTS and IN keep rows that have a partner; a query in the place of a value becomes a column beside each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal as OneOf
from typing import Protocol as Interface

from counterfoil.errors import ViewError, ViewTypeError
from counterfoil.mpc.circuits.core.bound import Bound as Range
from counterfoil.relations.algebra import Attach, Group, Join, Measure, Relation
from counterfoil.relations.bind.columns import Bound, Columns, Opened, rejoined, split
from counterfoil.relations.bind.scope import Scope
from counterfoil.relations.bind.values import Values
from counterfoil.relations.expressions import Constant, Expression, Operation, Quotient, Ref, Value, numbers
from counterfoil.relations.facts import one_row, unique_within
from counterfoil.relations.operations import Operations
from counterfoil.relations.rewrite import joined
from counterfoil.relations.syntax import Aggregate, Call, Exists, InQuery, Node, Place, Query, Scalar, Select, Star
from counterfoil.relations.syntax import parts as parts_of
from counterfoil.relations.types import Type


class Queries(Interface):
    """What binds queries."""

    columns: Columns

    def query(self, query: Query, tables: Mapping[str, Bound]) -> Bound:
        """Bind a query that takes nothing from one around it."""

    def opened(self, query: Select, tables: Mapping[str, Bound], outer: Scope | None) -> Opened:
        """Join the tables of a query, and apply its WHERE."""

    def selected(self, query: Select, opened: Opened, tables: Mapping[str, Bound], keys: tuple[Ref, ...]) -> Bound:
        """Bind what follows WHERE."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A query within that is still to be joined to a relation which has the columns that it needs."""

    needs: frozenset[int]
    gives: frozenset[int]
    apply: Callable[[Relation], Relation]


@dataclass(slots=True)
class Subqueries:
    """The queries within one query."""

    queries: Queries
    scope: Scope
    tables: Mapping[str, Bound]
    owned: frozenset[int]
    waiting: list[Waiting] = field(default_factory=list)
    made: list[Expression] = field(default_factory=list)
    """Conditions that take the place of some."""

    def special(self, node: Node) -> Value | None:
        """Bind a query in the place of a value."""
        return self._scalar(node) if isinstance(node, Scalar) else None

    def conditions(self, node: Node) -> Iterator[Node]:
        """Bind the conditions that must be true and are EXISTS or IN, and yield the others."""
        if isinstance(node, Call) and node.function == "and":
            for each in node.arguments:
                yield from self.conditions(each)
            return
        negated = isinstance(node, Call) and node.function == "not"
        inner = node.arguments[0] if isinstance(node, Call) and negated else node
        if isinstance(inner, Exists):
            self._exists(inner, negated)
        elif isinstance(inner, InQuery):
            self._among(inner, negated)
        else:
            yield node

    def taken(self) -> list[Expression]:
        """Return the conditions that took the place of some, once."""
        made, self.made = self.made, []
        return made

    # --- putting together ----------------------------------------------------------------------------------------

    def below(self, group: Sequence[Relation]) -> list[Relation]:
        """Join each query within to the one relation that has all columns which it needs, if there is one."""
        parts, left = list(group), []
        for each in self.waiting:
            fits = [i for i, relation in enumerate(parts) if each.needs and each.needs <= _numbers(relation)]
            if fits:
                parts[fits[0]] = each.apply(parts[fits[0]])
            else:
                left.append(each)
        self.waiting = left
        return parts

    def above(self, group: Sequence[Relation], conditions: Sequence[Expression], at: Place) -> Relation:
        """Join relations by conditions, then the queries within; what needs these applies at last."""
        given = frozenset().union(*(each.gives for each in self.waiting))
        late = [each for each in conditions if numbers(each) & given]
        relation = joined(group, [each for each in conditions if each not in late], at)
        return joined([self.attached(relation)], late, at)

    def attached(self, relation: Relation) -> Relation:
        """Join all queries within that still wait to a relation."""
        for each in self.waiting:
            relation = each.apply(relation)
        self.waiting.clear()
        return relation

    # --- kinds ---------------------------------------------------------------------------------------------------

    def _exists(self, node: Exists, negated: bool) -> None:
        query = _plain(node.query)
        if query is None:
            raise ViewError(f"{node.at}: EXISTS takes a SELECT without groups or a limit; write IN, or a join")
        opened = self.queries.opened(query, self.tables, self.scope)
        pairs, others = self._pairs(opened)
        if not pairs:
            raise ViewError(f"{node.at}: this EXISTS has no equality with the query around it; compare a count(*)")
        if others:
            self._exists_another(node, opened, pairs, others, negated)
        else:
            self._half_join("anti" if negated else "semi", opened.relation, pairs)

    def _exists_another(
        self,
        node: Exists,
        opened: Opened,
        pairs: Sequence[tuple[Expression, Expression]],
        others: Sequence[Expression],
        negated: bool,
    ) -> None:
        """Bind EXISTS with one inequality: another value is there iff the least or the greatest is another."""
        make = Operations(node.at)
        different = others[0].arguments[0] if isinstance(others[0], Operation) and others[0].operator == "not" else None
        if len(others) > 1 or not isinstance(different, Operation) or different.operator != "equal":
            raise ViewError(
                f"{node.at}: this EXISTS compares with the query around it by something else than =, or one <>; "
                "group it by its key, and join that"
            )
        inner, outer = self._sides(different.arguments, opened.scope)
        if inner is None or outer is None or inner.type.kind == "key":
            raise ViewError(f"{node.at}: <> in EXISTS is between numbers of both queries; group and join instead")
        relation, refs = self.queries.columns.computed(opened.relation, [*(key for key, _ in pairs), inner])
        *keys, value = refs
        low, high = (self.queries.columns.fresh(name, inner.type) for name in ("min", "max"))
        measures = (Measure(low, "min", value), Measure(high, "max", value))
        group = Group(relation, tuple(keys), (), measures, blocks=False)
        least, most = self._beside(group, [(key, of) for key, (_, of) in zip(keys, pairs, strict=True)], [low, high])
        if negated:
            same = make.both(make.compare("=", least, outer), make.compare("=", most, outer))
            self.made.append(make.either(make.is_null(least), same))
        else:
            self.made.append(make.either(make.compare("<>", least, outer), make.compare("<>", most, outer)))

    def _among(self, node: InQuery, negated: bool) -> None:
        outer = Values(self.scope, self.owned, self.special).expression(node.value)
        query = _plain(node.query)
        pairs: list[tuple[Expression, Expression]] = []
        if query is not None and len(query.items) == 1 and not isinstance(query.items[0].value, Star):
            opened = self.queries.opened(query, self.tables, self.scope)
            pairs, others = self._pairs(opened)
            if others:
                raise ViewError(f"{node.at}: the query of IN compares with the one around it by =, and nothing else")
            relation = opened.relation
            value: Value = Values(opened.scope, self.queries.columns.owned).value(query.items[0].value)
        else:
            bound = self.queries.query(node.query, self.tables)
            relation, value = bound.relation, bound.fields[0][1]
            if len(bound.fields) != 1:
                raise ViewTypeError(f"{node.at}: the query of IN selects one column, and this one {len(bound.fields)}")
        if isinstance(value, Quotient):
            raise ViewError(f"{node.at}: the query of IN selects a quotient; compare its parts")
        pairs.append(self._equal(node.at, value, outer))
        if negated and any(side.type.nullable for pair in pairs for side in pair):
            raise ViewError(f"{node.at}: NOT IN of what may be empty is hardly ever meant; write NOT EXISTS")
        self._half_join("anti" if negated else "semi", relation, pairs)

    def _scalar(self, node: Scalar) -> Value:
        query, pairs = node.query, list[tuple[Ref, Expression]]()
        if not isinstance(query, Select) or query.limit is not None or query.distinct or query.group:
            bound = self.queries.query(query, self.tables)
        else:
            opened = self.queries.opened(query, self.tables, self.scope)
            found, others = self._pairs(opened)
            if others:
                raise ViewError(f"{node.at}: this query compares with the one around it by =, and nothing else")
            relation, keys = self.queries.columns.computed(opened.relation, [key for key, _ in found])
            pairs = [(key, outer) for key, (_, outer) in zip(keys, found, strict=True)]
            bound = self.queries.selected(query, replace(opened, relation=relation), self.tables, tuple(keys))
        if len(bound.fields) != 1:
            raise ViewTypeError(
                f"{node.at}: a query in the place of a value selects one column, not {len(bound.fields)}"
            )
        relation, refs = self.queries.columns.computed(bound.relation, split(bound.fields))
        if pairs and isinstance(query, Select):
            beside = rejoined(bound.fields, self._beside(relation, pairs, refs))
            return self._counted(query, beside[0][1], node.at)
        if unique_within(relation, ()) is None:
            raise ViewError(f"{node.at}: a query in the place of a value has one row; aggregate it without GROUP BY")
        empty = not one_row(relation)
        made = tuple((self.queries.columns.fresh(ref.name, ref.type.or_null(empty)), ref) for ref in refs)
        gives = frozenset(ref.number for ref, _ in made)
        self.waiting.append(Waiting(frozenset(), gives, lambda source: Attach(source, relation, made)))
        return rejoined(bound.fields, [ref for ref, _ in made])[0][1]

    def _counted(self, query: Select, found: Value, at: Place) -> Value:
        """Return a count of no rows as 0, not as an empty cell."""
        counts = [
            each for each in parts_of(query.items[0].value) if isinstance(each, Aggregate) and each.function == "count"
        ]
        if not counts:
            return found
        if query.items[0].value is not counts[0] or not isinstance(found, Ref):
            raise ViewError(f"{at}: a count within a value of a query in its place; join the grouped query instead")
        make = Operations(at)
        zero = Constant(0, Type("number", Range(0, 0)))
        counted = make.case([(make.is_null(found), zero)], found)
        return replace(counted, type=replace(counted.type, nullable=False))

    # --- joins ---------------------------------------------------------------------------------------------------

    def _half_join(
        self, kind: OneOf["semi", "anti"], inner: Relation, pairs: Sequence[tuple[Expression, Expression]]
    ) -> None:
        one, keys = self.queries.columns.computed(inner, [key for key, _ in pairs])

        def apply(source: Relation) -> Relation:
            many, refs = self.queries.columns.computed(source, [outer for _, outer in pairs])
            return Join(kind, one, many, tuple(zip(keys, refs, strict=True)), checked=False)

        self.waiting.append(Waiting(numbers(*(outer for _, outer in pairs)), frozenset(), apply))

    def _beside(self, group: Relation, pairs: Sequence[tuple[Ref, Expression]], columns: Sequence[Ref]) -> list[Ref]:
        """Put columns of groups beside the rows whose keys they have; they are empty where there is no group."""
        made = tuple((self.queries.columns.fresh(ref.name, ref.type.or_null()), ref) for ref in columns)

        def apply(source: Relation) -> Relation:
            many, refs = self.queries.columns.computed(source, [outer for _, outer in pairs])
            keys = tuple((key, ref) for (key, _), ref in zip(pairs, refs, strict=True))
            return Join("keep many", group, many, keys, checked=False, made=made)

        gives = frozenset(ref.number for ref, _ in made)
        self.waiting.append(Waiting(numbers(*(outer for _, outer in pairs)), gives, apply))
        return [ref for ref, _ in made]

    def _pairs(self, opened: Opened) -> tuple[list[tuple[Expression, Expression]], list[Expression]]:
        """Split conditions across two queries into equalities, as the inner and the outer side, and others."""
        pairs, others = [], []
        for each in opened.correlated:
            inner, outer = (
                self._sides(each.arguments, opened.scope)
                if isinstance(each, Operation) and each.operator == "equal"
                else (None, None)
            )
            if inner is None or outer is None:
                others.append(each)
            else:
                pairs.append((inner, outer))
        return pairs, others

    def _sides(self, sides: Sequence[Expression], scope: Scope) -> tuple[Expression | None, Expression | None]:
        """Tell which of two expressions is of the inner query alone, and which of the outer one."""
        for inner, outer in (sides, reversed(sides)):
            if not numbers(inner) & scope.outside and numbers(outer) <= scope.outside:
                return inner, outer
        return None, None

    def _equal(self, at: Place, inner: Expression, outer: Expression) -> tuple[Expression, Expression]:
        """Check that two values compare, and bring them to one scale."""
        found = Operations(at).compare("=", inner, outer)
        if not isinstance(found, Operation):
            raise ViewError(f"{at}: IN compares two constants; leave it out")
        a, b = found.arguments
        return a, b


def _plain(query: Query) -> Select | None:
    """Return a query without groups, aggregates and limits, if it is one."""
    if not isinstance(query, Select) or query.group or query.having is not None or query.limit is not None:
        return None
    aggregates = (each for item in query.items for each in parts_of(item.value) if isinstance(each, Aggregate))
    return None if any(aggregates) else query


def _numbers(relation: Relation) -> frozenset[int]:
    return frozenset(ref.number for ref in relation.columns)
