"""Find out which column a name means: those of a query's own tables first, then those of the query around it."""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.errors import ViewNameError
from counterfoil.governance.documents import did_you_mean
from counterfoil.relations.expressions import Value, numbers, parts
from counterfoil.relations.syntax import Name, Place


@dataclass(frozen=True, slots=True)
class Field:
    """A column that a name may mean."""

    table: str
    column: str
    value: Value


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns of a query's tables; `outer` is what a query within another sees of that."""

    fields: tuple[Field, ...]
    outer: Scope | None = None

    def find(self, name: Name) -> Value:
        """Return what a name means. Names are compared without regard to case, as SQL does.

        Raises: ViewNameError.
        """
        scope: Scope | None = self
        while scope is not None:
            found = [each for each in scope.fields if _means(name, each)]
            if len(found) > 1:
                tables = " or ".join(f"{each.table}.{each.column}" for each in found)
                raise ViewNameError(f"{name.at}: {name.column!r} could be {tables}; write the table before it")
            if found:
                return found[0].value
            scope = scope.outer
        raise ViewNameError(self._unknown(name))

    def has(self, name: Name) -> bool:
        """Say whether a table of the query itself has such a column."""
        return any(_means(name, each) for each in self.fields)

    def table(self, name: str, at: Place) -> tuple[Field, ...]:
        """Return the columns of one table, or of all for an empty name.

        Raises: ViewNameError.
        """
        found = tuple(each for each in self.fields if not name or each.table.lower() == name.lower())
        if not found:
            raise ViewNameError(f"{at}: there is no table {name!r} here{did_you_mean(name, self._tables())}")
        return found

    @property
    def outside(self) -> frozenset[int]:
        """The numbers of the columns of all queries around."""
        if self.outer is None:
            return frozenset()
        own = (each.value for each in self.outer.fields)
        return self.outer.outside.union(*(numbers(*parts(value)) for value in own))

    def _tables(self) -> list[str]:
        return list(dict.fromkeys(each.table for each in self.fields))

    def _unknown(self, name: Name) -> str:
        if name.table and name.table.lower() not in (each.lower() for each in self._tables()):
            return f"{name.at}: there is no table {name.table!r} here{did_you_mean(name.table, self._tables())}"
        columns = [each.column for each in self.fields if not name.table or each.table.lower() == name.table.lower()]
        where = f" in {name.table!r}" if name.table else ""
        return f"{name.at}: there is no column {name.column!r}{where}{did_you_mean(name.column, columns)}"


def _means(name: Name, field: Field) -> bool:
    same = field.column.lower() == name.column.lower()
    return same and (not name.table or field.table.lower() == name.table.lower())
