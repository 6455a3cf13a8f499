"""What a plan says to an analysis: each parameter with its meaning and its form, and which columns it may name.

From these a plan is checked before anything is built of it, editors complete it, and the reference is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from counterfoil.disclosure.features import MOST_GROUPS, groups
from counterfoil.governance.contracts.column import Column


@dataclass(frozen=True, slots=True)
class Takes:
    """The columns that an analysis takes somewhere: of these types, with public bounds or groups if it needs them."""

    types: tuple[str, ...]
    needs: Literal["", "bounds", "groups"] = ""

    def misfit(self, column: Column, analysis: str, contract: str) -> str | None:
        """Say what keeps the analysis from taking the column, and what to change; None if nothing does."""
        if column.role == "key":
            return (
                f"{column.name!r} tells people apart; {analysis} of it would answer whether somebody is in a table; "
                "take another column"
            )
        if self.types and column.type not in self.types:
            return f"column {column.name!r} is {column.type}; {analysis} takes {' or '.join(self.types)}"
        if self.needs == "bounds" and column.bounds is None:
            return f"give {column.name!r} a minimum and a maximum in {contract}"
        if self.needs == "groups" and groups(column) is None:
            return (
                f"{column.name!r} does not tell few groups apart; give it categories, or bounds of {MOST_GROUPS} whole "
                f"numbers at most, in {contract}, or name it under 'bands'"
            )
        return None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an analysis.

    Attributes:
        means: What it says, as the end of a sentence that begins with its name.
        form: The JSON Schema of what may be written.
        takes: Where it names columns, which; the form is then that of one name, or of a list of names.
        required: Whether a plan gives it in any case.
        example: What a plan of the example contract for loans gives; None where its example leaves it out.
    """

    means: str
    form: Mapping[str, Any]
    takes: Takes | None = None
    required: bool = True
    example: Any = None


NAME: Final[Mapping[str, Any]] = {"type": "string", "minLength": 1}
"""The form of a column's name."""

NUMBERS: Final = Takes(("integer", "number"), needs="bounds")
"""Columns that can be added up."""

ROWS: Final = Parameter(
    "whether owners hand in sums (local, the default) or their rows on shares (shared)",
    {"enum": ["local", "shared"]},
    required=False,
    example="local",
)
"""How rows come in, of an analysis that takes them in either way."""


def column(means: str, takes: Takes, example: str) -> Parameter:
    """Return a parameter that names one column."""
    return Parameter(means, NAME, takes, example=example)


def columns(means: str, takes: Takes, example: list[str], *, required: bool = True) -> Parameter:
    """Return a parameter that lists columns."""
    form = {"type": "array", "items": NAME, "minItems": 1, "maxItems": 20, "uniqueItems": True}
    return Parameter(means, form, takes, required, example)
