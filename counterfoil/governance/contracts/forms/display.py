"""The unit that a column's numbers are shown in to people, who read euros where files count cents.

It is one of the column's own units with the decimal point moved, so that every number keeps all of its digits. Nothing
is computed in it. Knows no column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Display:
    """A unit for people: so many decimal `places` larger than the column's own one."""

    unit: str
    places: int

    @property
    def divisor(self) -> int:
        """How many of the column's own units it is."""
        return int(10**self.places)

    def of(self, value: float | Decimal) -> float | Decimal:
        """Return a number of the column's own unit in this one: exactly, unless it is a float."""
        return value / self.divisor if isinstance(value, float) else Decimal(value).scaleb(-self.places)


def read_display(value: Mapping[str, Any]) -> Display:
    """Read it as a contract or a report writes it."""
    return Display(value["unit"], len(str(value["divideBy"])) - 1)
