"""Number the columns of a plan, and make columns of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from counterfoil.relations.algebra import Project, Relation
from counterfoil.relations.bind.scope import Scope
from counterfoil.relations.expressions import Expression, Quotient, Ref, Value, parts
from counterfoil.relations.types import Type


@dataclass(frozen=True, slots=True)
class Bound:
    """A query that is understood: its rows, its columns by name, and the order of its rows by places of columns."""

    relation: Relation
    fields: tuple[tuple[str, Value], ...]
    order: tuple[tuple[int, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """The tables of a query, joined and filtered, and the conditions that also need columns of the query around it."""

    relation: Relation
    scope: Scope
    correlated: tuple[Expression, ...]


class Columns:
    """Numbers columns, and remembers which are as owners have them."""

    def __init__(self) -> None:
        self._count = count(1)
        self.owned: frozenset[int] = frozenset()

    def fresh(self, name: str, made: Type) -> Ref:
        """Return a new column."""
        return Ref(next(self._count), name, made)

    def column(self, value: Expression) -> tuple[Ref, Expression]:
        """Return the column that holds a value, and the value: the column itself if it is one."""
        if isinstance(value, Ref):
            return value, value
        number = next(self._count)
        return Ref(number, f"computed_{number}", value.type), value

    def computed(self, relation: Relation, values: Sequence[Expression]) -> tuple[Relation, list[Ref]]:
        """Return the relation with each value among its columns, and these."""
        known = {value: self.column(value) for value in dict.fromkeys(values)}
        new = tuple((ref, value) for ref, value in known.values() if ref is not value)
        if new:
            relation = Project(relation, (*((ref, ref) for ref in relation.columns), *new))
        return relation, [known[value][0] for value in values]


def split(fields: Sequence[tuple[str, Value]]) -> list[Expression]:
    """Return the parts of all values one after the other."""
    return [part for _, value in fields for part in parts(value)]


def rejoined(fields: Sequence[tuple[str, Value]], refs: Sequence[Ref]) -> tuple[tuple[str, Value], ...]:
    """Put the columns of `split` values together again."""
    left = iter(refs)
    return tuple(
        (name, Quotient(next(left), next(left)) if isinstance(value, Quotient) else next(left))
        for name, value in fields
    )
