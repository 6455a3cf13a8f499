"""Say what the columns of tables are, as far as a plan needs it: types, public bounds, and which columns are unique.

Every cell is a whole number on shares: a number in units of its last decimal place, a date in days since 1970-01-01, a
boolean as 0 or 1, a category or a text by its place in a list, a key by its pseudonym.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from counterfoil.mpc.circuits.core.bound import Bound

Kind: TypeAlias = Literal["number", "boolean", "date", "category", "text", "key"]

BIT: Final = Bound(0, 1)


@dataclass(frozen=True, slots=True)
class Type:
    """What a column or an expression holds.

    A number is an integer over 10^scale. A category's codes count `categories`, a public list. A text's codes count a
    dictionary of its owners, in order, that the plan does not know: of which it has the name, as of the kind of a key
    (`domain`).
    """

    kind: Kind
    bound: Bound
    scale: int = 0
    nullable: bool = False
    categories: tuple[str, ...] = ()
    domain: str = ""

    def within(self, bound: Bound) -> Type:
        """Return the type with other bounds."""
        return replace(self, bound=bound)

    def or_null(self, nullable: bool = True) -> Type:
        """Return the type of a column that may be empty as well, or where another one is."""
        return replace(self, nullable=self.nullable or nullable)

    @property
    def kin(self) -> tuple[object, ...]:
        """What two types must have in common for their values to be compared, but for the scale."""
        return self.kind, self.categories, self.domain

    @property
    def described(self) -> str:
        """The type in words."""
        if self.kind == "category":
            return f"category of {len(self.categories)}"
        return f"{self.kind} of {self.domain!r}" if self.domain else self.kind


def boolean(nullable: bool = False) -> Type:
    """Return the type of a truth value."""
    return Type("boolean", BIT, nullable=nullable)


def number(low: int, high: int, scale: int = 0, *, nullable: bool = False) -> Type:
    """Return the type of a number with bounds in units of its last place."""
    return Type("number", Bound(low, high), scale, nullable)


def category(*categories: str, nullable: bool = False) -> Type:
    """Return the type of one of these texts."""
    return Type("category", Bound(0, len(categories) - 1), nullable=nullable, categories=categories)


@dataclass(frozen=True, slots=True)
class Schema:
    """A table under one contract, of all owners together: its columns, its public number of rows, its unique columns.

    `unique` holds the names of columns, each alone or together, that no two rows agree in.
    """

    name: str
    columns: Mapping[str, Type] = field(hash=False)
    rows: int
    unique: tuple[tuple[str, ...], ...] = ()
