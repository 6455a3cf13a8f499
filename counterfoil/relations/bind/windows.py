"""Bind functions over the rows of a partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from counterfoil.errors import RangeError, ViewError, ViewTypeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.relations.algebra import By, Ranked, Relation, Window
from counterfoil.relations.bind.columns import Columns
from counterfoil.relations.bind.values import Values
from counterfoil.relations.expressions import Constant, Expression, Ref, Value
from counterfoil.relations.operations import Operations
from counterfoil.relations.syntax import Aggregate, Call, Node, Over
from counterfoil.relations.syntax import Literal as Written
from counterfoil.relations.types import Type

Ordering: TypeAlias = tuple[tuple[Expression, ...], tuple[tuple[Expression, bool], ...]]
"""What rows are partitioned by, and ordered by, and whether from the top."""


@dataclass(frozen=True, slots=True)
class _Function:
    """A window function before its argument is a column."""

    ref: Ref
    name: Literal["row_number", "rank", "lag", "sum", "count"]
    argument: Expression | None = None
    offset: int = 1
    rows: bool = True


@dataclass(slots=True)
class Windows:
    """The window functions of one query over `rows` rows, whose values are bound by `values`."""

    columns: Columns
    values: Values
    rows: int
    _functions: dict[Ordering, list[_Function]] = field(default_factory=dict)

    def special(self, node: Node) -> Value | None:
        """Say what a window function is, and whatever the query itself has to say of a part of a value."""
        if not isinstance(node, Over):
            return self.values.special(node)
        partition = tuple(self.values.expression(each) for each in node.partition)
        order = tuple((self.values.expression(each.value), each.descending) for each in node.order)
        for by, (value, _) in zip(node.order, order, strict=True):
            if value.type.kind == "key":
                raise ViewTypeError(f"{by.at}: pseudonyms have no order; order by something else")
        found = self._functions.setdefault((partition, order), [])
        function = node.function
        if isinstance(function, Call):
            return self._rank(node, function, found)
        return self._running(node, function, found)

    def applied(self, relation: Relation) -> Relation:
        """Return the relation with the functions among its columns."""
        for (partition, order), functions in self._functions.items():
            arguments = [each.argument for each in functions if each.argument is not None]
            wanted = [*partition, *(value for value, _ in order), *arguments]
            relation, refs = self.columns.computed(relation, wanted)
            made = dict(zip(wanted, refs, strict=True))
            relation = Window(
                relation,
                tuple(made[value] for value in partition),
                tuple(By(made[value], descending) for value, descending in order),
                tuple(
                    Ranked(
                        each.ref,
                        each.name,
                        None if each.argument is None else made[each.argument],
                        each.offset,
                        each.rows,
                    )
                    for each in functions
                ),
            )
        return relation

    def _rank(self, node: Over, function: Call, found: list[_Function]) -> Value:
        if not node.order:
            raise ViewError(f"{node.at}: {function.function} is of rows in an order; write OVER (... ORDER BY ...)")
        if function.function != "lag":
            ref = self.columns.fresh(function.function, Type("number", Bound(1, self.rows)))
            found.append(_Function(ref, "rank" if function.function == "rank" else "row_number"))
            return ref
        value, offset = self.values.expression(function.arguments[0]), 1
        if len(function.arguments) > 1:
            given = function.arguments[1]
            if not isinstance(given, Written) or not isinstance(given.value, int) or given.value < 1:
                raise ViewError(f"{given.at}: lag looks back a whole number of rows from 1 on; write it out")
            offset = given.value
        ref = self.columns.fresh("lag", value.type.or_null())
        found.append(_Function(ref, "lag", value, offset))
        return ref

    def _running(self, node: Over, function: Aggregate, found: list[_Function]) -> Value:
        if function.function in ("min", "max") or function.distinct:
            raise ViewError(
                f"{node.at}: {function.function} over a window is not there; group by the partition, and join that"
            )
        value = None if function.argument is None else self.values.expression(function.argument)
        rows = node.rows or not node.order
        counted = value if value is not None and value.type.nullable else None
        nullable = counted is not None
        count = self.columns.fresh("count", Type("number", Bound(0 if nullable else 1, self.rows)))
        if function.function in ("count", "avg") or nullable:
            found.append(_Function(count, "count", counted, rows=rows))
        if function.function == "count" or value is None:
            return count
        if value.type.kind != "number":
            raise ViewTypeError(f"{node.at}: {function.function} is of numbers, not of a {value.type.described}")
        try:
            bound = value.type.bound.summed(self.rows).joined(value.type.bound).joined(Bound(0, 0))
        except RangeError:
            raise RangeError(
                f"{node.at}: a sum over {self.rows} rows could pass 2^62; narrow the bounds of what is added up"
            ) from None
        total = self.columns.fresh("sum", Type("number", bound, value.type.scale))
        found.append(_Function(total, "sum", value, rows=rows))
        make = Operations(node.at)
        if function.function == "avg":
            return make.divide(total, count)
        if not nullable:
            return total
        empty = make.compare("=", count, Constant(0, Type("number", Bound(0, 0))))
        return make.case([(empty, Constant(None, total.type.or_null()))], total)
