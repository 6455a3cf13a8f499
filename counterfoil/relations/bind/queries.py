"""Understand a query: find its tables, columns and types, and make relations of it.

A query within another is joined: EXISTS and IN as rows that have a partner or none, a query in the place of a value as
a column beside each row. What a query within takes from the one around it must be equal to a column of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from counterfoil.errors import ViewError, ViewNameError, ViewTypeError
from counterfoil.governance.documents import did_you_mean
from counterfoil.relations.algebra import By, Join, Limit, Output, OwnerColumn, Plan, Project, Relation, Scan, capacity
from counterfoil.relations.algebra import UnionAll as Union
from counterfoil.relations.bind.columns import Bound, Columns, Opened, rejoined, split
from counterfoil.relations.bind.grouping import Grouping, distinct
from counterfoil.relations.bind.scope import Field, Scope
from counterfoil.relations.bind.subqueries import Subqueries
from counterfoil.relations.bind.values import Values
from counterfoil.relations.bind.windows import Windows
from counterfoil.relations.expressions import Expression, Operation, Quotient, Ref, Value, conjuncts, numbers, parts
from counterfoil.relations.facts import unique_within
from counterfoil.relations.operations import Operations
from counterfoil.relations.rewrite import filtered, joined
from counterfoil.relations.syntax import (
    Derived,
    Item,
    Joined,
    Literal,
    Name,
    Named,
    Node,
    Ordered,
    Query,
    Select,
    Source,
    Star,
    UnionAll,
)
from counterfoil.relations.types import Schema


def bind(query: Query, schemas: Mapping[str, Schema]) -> Plan:
    """Understand a query over these tables.

    Raises: ViewError, ViewNameError, ViewTypeError, ViewJoinError, RangeError.
    """
    binder = Binder(schemas)
    bound = binder.query(query, {})
    fields = bound.fields
    names = [name or f"column{i}" for i, (name, _) in enumerate(fields, 1)]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ViewNameError(f"{query.at}: two columns of the result are called {doubled!r}; write AS, and another name")
    relation, refs = binder.columns.computed(bound.relation, split(fields))
    found = zip(names, (value for _, value in rejoined(fields, refs)), strict=True)
    outputs = tuple(Output(name, *(each for each in parts(value) if isinstance(each, Ref))) for name, value in found)
    return Plan(relation, outputs, bound.order)


class Binder:
    """Binds the queries of one plan."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = {name.lower(): schema for name, schema in schemas.items()}
        self.columns = Columns()

    # --- queries -------------------------------------------------------------------------------------------------

    def query(self, query: Query, tables: Mapping[str, Bound]) -> Bound:
        """Bind a query, with the common tables around it."""
        for table in query.tables:
            tables = {**tables, table.alias.lower(): self._renamed(self.query(table.query, tables), table)}
        if isinstance(query, UnionAll):
            return self._union(query, tables)
        return self.selected(query, self.opened(query, tables, None), tables, ())

    def _union(self, query: UnionAll, tables: Mapping[str, Bound]) -> Bound:
        branches = [self.query(each, tables) for each in query.queries]
        width = len(branches[0].fields)
        if any(len(each.fields) != width for each in branches):
            raise ViewTypeError(
                f"{query.at}: the queries of UNION ALL have different numbers of columns; select the same"
            )
        make, sources, inner = Operations(query.at), [], []
        columns: list[Ref] = []
        lists: list[list[Expression]] = [[] for _ in branches]
        for place in range(width):
            values = []
            for each in branches:
                value = each.fields[place][1]
                if isinstance(value, Quotient):
                    raise ViewError(f"{query.at}: UNION ALL does not take quotients; select their parts")
                values.append(value)
            # What CASE makes of several results is the type of their union.
            made = make.case([(make.negation(make.is_null(values[0])), each) for each in values[:-1]], values[-1]).type
            columns.append(self.columns.fresh(branches[0].fields[place][0], made))
            for values_of, value in zip(lists, values, strict=True):
                values_of.append(make.rescaled(value, made.scale) if made.kind == "number" else value)
        for each, values_of in zip(branches, lists, strict=True):
            relation, refs = self.columns.computed(each.relation, values_of)
            sources.append(relation)
            inner.append(tuple(refs))
        union = Union(tuple(sources), tuple(inner), tuple(columns))
        fields = tuple((name, ref) for (name, _), ref in zip(branches[0].fields, columns, strict=True))
        scope = Scope(tuple(Field("", name, value) for name, value in fields))
        return self._ordered(query, union, fields, Values(scope, frozenset()))

    def selected(self, query: Select, opened: Opened, tables: Mapping[str, Bound], keys: tuple[Ref, ...]) -> Bound:
        """Bind what follows WHERE. `keys` are what rows are grouped by in any case."""
        relation, scope = opened.relation, opened.scope
        within = Subqueries(self, scope, tables, self.columns.owned)
        items = self._items(query, scope)
        values = Values(scope, self.columns.owned, within.special)
        grouping = Grouping(self.columns, query, items, values, keys)
        if grouping.needed:
            relation, values = grouping.grouped(relation)
            if query.having is not None:
                conditions = self._conditions(query.having, values, within)
                relation = within.above([relation], conditions, query.having.at)
        windows = Windows(self.columns, values, capacity(relation))
        selecting = replace(values, special=windows.special)
        fields = tuple((item.alias, selecting.value(item.value)) for item in items)
        relation = windows.applied(within.attached(relation))
        if query.distinct:
            relation, fields = distinct(self.columns, relation, fields)
            values = Values(Scope(()), frozenset())
        return self._ordered(query, relation, fields, values)

    def _items(self, query: Select, scope: Scope) -> tuple[Item, ...]:
        items: list[Item] = []
        for item in query.items:
            if isinstance(item.value, Star):
                fields = scope.table(item.value.table, item.at)
                items += [Item(item.at, Name(item.at, each.table, each.column), each.column) for each in fields]
            else:
                items.append(item)
        return tuple(items)

    def _conditions(self, node: Node, values: Values, within: Subqueries) -> list[Expression]:
        found = []
        for each in within.conditions(node):
            found += list(conjuncts(values.condition(each)))
        return [*found, *within.taken()]

    # --- order ---------------------------------------------------------------------------------------------------

    def _ordered(
        self, query: Query, relation: Relation, fields: tuple[tuple[str, Value], ...], values: Values
    ) -> Bound:
        """Cut to the first rows if there is a limit; else leave the order to who presents the result."""
        if query.limit is None:
            return Bound(relation, fields, self._shown(query.order, fields, values))
        by: list[Expression] = []
        for each in query.order:
            place = self._place(each, fields, values)
            value = values.value(each.value) if place is None else fields[place][1]
            if isinstance(value, Quotient):
                raise ViewError(f"{each.at}: rows are not ordered by a quotient and cut; order by its numerator")
            if value.type.kind == "key":
                raise ViewTypeError(f"{each.at}: pseudonyms have no order; order by something else")
            by.append(value)
        flat = split(fields)
        relation, refs = self.columns.computed(relation, [*flat, *by])
        cut = rejoined(fields, refs)
        order = tuple(By(ref, each.descending) for ref, each in zip(refs[len(flat) :], query.order, strict=True))
        return Bound(Limit(relation, order, query.limit), cut, self._shown(query.order, fields, values))

    def _shown(
        self, order: Sequence[Ordered], fields: tuple[tuple[str, Value], ...], values: Values
    ) -> tuple[tuple[int, bool], ...]:
        """Return by which columns of the result, and whether from the top, its rows are presented."""
        places = ((self._place(each, fields, values), each.descending) for each in order)
        return tuple((place, down) for place, down in places if place is not None)

    def _place(self, ordered: Ordered, fields: tuple[tuple[str, Value], ...], values: Values) -> int | None:
        """Return which column of the result rows are ordered by, if it is one."""
        node = ordered.value
        if isinstance(node, Literal):
            if not isinstance(node.value, int) or not 1 <= node.value <= len(fields):
                raise ViewNameError(f"{node.at}: there is no such column to order by; count from 1 to {len(fields)}")
            return node.value - 1
        if isinstance(node, Name) and not node.table:
            for place, (name, _) in enumerate(fields):
                if name.lower() == node.column.lower():
                    return place
        found = values.value(node)
        return next((place for place, (_, value) in enumerate(fields) if value == found), None)

    # --- tables --------------------------------------------------------------------------------------------------

    def opened(self, query: Select, tables: Mapping[str, Bound], outer: Scope | None) -> Opened:
        """Join the tables of a query, and apply its WHERE."""
        if query.source is None:
            raise ViewError(f"{query.at}: a query selects from a table; write FROM")
        relation, fields = self.source(query.source, tables)
        group, conditions = [relation], []
        aliases = [query.source.alias]
        for join in query.joins:
            if join.source.alias in aliases and join.kind not in ("semi", "anti"):
                raise ViewNameError(
                    f"{join.at}: two tables are called {join.source.alias!r}; write AS, and another name"
                )
            aliases.append(join.source.alias)
            relation, more = self.source(join.source, tables)
            merged = tuple(each for each in more if each.column not in join.using)
            scope = Scope((*fields, *more), outer)
            given = self._on(join, fields, more, scope)
            if join.kind == "inner":
                group.append(relation)
                conditions += given
                fields = (*fields, *merged)
                continue
            left = joined(group, conditions, join.at)
            group, conditions = [self._outer_join(join, left, relation, given)], []
            if join.kind == "left":
                made = {inner.number: ref for ref, inner in group[0].made} if isinstance(group[0], Join) else {}
                fields = (*fields, *(replace(each, value=_renumbered(each.value, made)) for each in merged))
        scope = Scope(fields, outer)
        within = Subqueries(self, scope, tables, self.columns.owned)
        correlated: list[Expression] = []
        if query.where is not None:
            values = Values(scope, self.columns.owned, within.special)
            found = self._conditions(query.where, values, within)
            correlated = [each for each in found if numbers(each) & scope.outside]
            conditions += [each for each in found if each not in correlated]
        relation = within.above(within.below(group), conditions, query.at)
        return Opened(relation, scope, tuple(correlated))

    def source(self, source: Source, tables: Mapping[str, Bound]) -> tuple[Relation, tuple[Field, ...]]:
        """Bind a table, or a query in its place."""
        if isinstance(source, Derived):
            bound = self._renamed(self.query(source.query, tables), source)
        elif (common := tables.get(source.table.lower())) is not None:
            bound = self._again(common)
        else:
            bound = self._scan(source)
        return bound.relation, tuple(Field(source.alias, name, value) for name, value in bound.fields)

    def _scan(self, source: Named) -> Bound:
        schema = self._schemas.get(source.table.lower())
        if schema is None:
            hint = did_you_mean(source.table.lower(), self._schemas)
            raise ViewNameError(f"{source.at}: there is no table {source.table!r}{hint}")
        refs = {name: self.columns.fresh(name, made) for name, made in schema.columns.items()}
        self.columns.owned |= {ref.number for ref in refs.values()}
        unique = tuple(frozenset(refs[name].number for name in names) for names in schema.unique)
        computed = tuple(OwnerColumn(ref, f'"{name}"') for name, ref in refs.items())
        return Bound(Scan(schema.name, computed, schema.rows, unique), tuple(refs.items()))

    def _again(self, bound: Bound) -> Bound:
        """Return the same rows under new numbers, so that a common table can be there twice."""
        made = {ref.number: self.columns.fresh(ref.name, ref.type) for ref in bound.relation.columns}
        fields = tuple((name, _renumbered(value, made)) for name, value in bound.fields)
        return Bound(Project(bound.relation, tuple((made[ref.number], ref) for ref in bound.relation.columns)), fields)

    def _renamed(self, bound: Bound, table: Derived) -> Bound:
        """Make columns of what a query selects, under the names that a list behind its alias gives them."""
        if table.columns and len(table.columns) != len(bound.fields):
            raise ViewTypeError(
                f"{table.at}: {table.alias!r} names {len(table.columns)} columns of {len(bound.fields)}; name all"
            )
        names = table.columns or tuple(name for name, _ in bound.fields)
        relation, refs = self.columns.computed(bound.relation, split(bound.fields))
        values = (value for _, value in rejoined(bound.fields, refs))
        return Bound(relation, tuple(zip(names, values, strict=True)))

    def _on(self, join: Joined, left: Sequence[Field], right: Sequence[Field], scope: Scope) -> list[Expression]:
        """Return the conditions of a join."""
        found: list[Expression] = []
        for name in join.using:
            sides = [Scope(tuple(side)).find(Name(join.at, "", name)) for side in (left, right)]
            found.append(Operations(join.at).compare("=", *sides))
        if join.on is not None:
            found += conjuncts(Values(scope, self.columns.owned).condition(join.on))
        if not found and join.kind != "inner":
            raise ViewError(f"{join.at}: a join says by what; write ON a.key = b.key")
        return found

    def _outer_join(self, join: Joined, left: Relation, right: Relation, given: list[Expression]) -> Relation:
        """Join rows of which those on the left may stay alone, or are kept or dropped by whether they do."""
        make, own = Operations(join.at), {ref.number for ref in right.columns}
        right = filtered(right, [each for each in given if numbers(each) <= own], make)
        given = [each for each in given if not numbers(each) <= own]
        pairs = equalities(given, left, right)
        if len(pairs) != len(given) or not pairs:
            raise ViewError(
                f"{join.at}: the two sides of this join are compared by = and nothing else; move other conditions to "
                "WHERE"
            )
        if join.kind in ("semi", "anti"):
            return Join(join.kind, right, left, tuple((b, a) for a, b in pairs), checked=False)
        made = tuple((self.columns.fresh(ref.name, ref.type.or_null()), ref) for ref in right.columns)
        if (proved := unique_within(right, (b.number for _, b in pairs))) is not None:
            keys = tuple((b, a) for a, b in pairs)
            return Join("keep many", right, left, keys, not proved, made)
        if (proved := unique_within(left, (a.number for a, _ in pairs))) is not None:
            if any(a.type.nullable for a, _ in pairs):
                raise ViewError(f"{join.at}: rows stay on the left of this join whose key may be empty; have it filled")
            return Join("keep one", left, right, tuple(pairs), not proved, made)
        return joined([left, right], given, join.at)  # says why it cannot be


def equalities(conditions: Sequence[Expression], left: Relation, right: Relation) -> list[tuple[Ref, Ref]]:
    """Return the columns of both sides that conditions say are equal."""
    found = []
    for each in conditions:
        if isinstance(each, Operation) and each.operator == "equal":
            a, b = each.arguments
            for x, y in ((a, b), (b, a)):
                if isinstance(x, Ref) and isinstance(y, Ref) and x in left.columns and y in right.columns:
                    found.append((x, y))
    return found


def _renumbered(value: Value, made: Mapping[int, Ref]) -> Value:
    new = [made.get(part.number, part) if isinstance(part, Ref) else part for part in parts(value)]
    return Quotient(*new) if isinstance(value, Quotient) else new[0]
