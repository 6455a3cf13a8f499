"""Values of a column as people write them in a contract. Knows types, and no column."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from counterfoil.governance.document import Path, Problems, parse_day

Bound: TypeAlias = "int | Decimal | date"


def read_bound(kind: str, value: Any, path: Path, problems: Problems) -> Bound | None:
    """The number or day in the column's own unit; None where the contract says none."""
    if value is None:
        return None
    if kind == "date":
        return parse_day(value, path, problems)
    return Decimal(str(value)) if kind == "number" else int(value)
