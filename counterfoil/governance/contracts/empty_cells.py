"""What becomes of rows whose cell is empty in a column that somebody needs. Knows no table."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias

from counterfoil.governance.contracts.values import Bound, read_bound
from counterfoil.governance.documents import Path, Problems

MissingRule: TypeAlias = Literal["refuse", "leave-out", "replace"]


@dataclass(frozen=True, slots=True)
class Missing:
    """The table is refused, the row stays at its owner, or the cell is taken for `replacement`."""

    rule: MissingRule
    replacement: Bound | str | bool | None = None

    def __str__(self) -> str:
        return f"replaced by {self.replacement}" if self.rule == "replace" else self.rule


REFUSED = Missing("refuse")


class _Described(Protocol):
    """What of a column decides over its empty cells."""

    @property
    def type(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def resolution(self) -> int: ...
    @property
    def categories(self) -> tuple[str, ...]: ...
    @property
    def minimum(self) -> Bound | None: ...
    @property
    def maximum(self) -> Bound | None: ...


def missing(column: _Described, own: Mapping[str, Any], at: Callable[[str], Path], problems: Problems) -> Missing:
    """Read the properties `missing` and `replacement` of a column; problems are noted.

    `at` is the path of a property.
    """
    rule: MissingRule = own.get("missing", "refuse")
    if column.required or column.role == "identifier":
        problems.add(at("missing"), "a column that is required, or never shared, leaves nothing to decide; remove it")
    if ("replacement" in own) != (rule == "replace"):
        problems.add(at("missing"), "'missing: replace' and 'replacement' come together; add the other, or remove it")
    if "replacement" not in own:
        return Missing(rule)
    value, path = _read(column.type, own["replacement"], at("replacement"), problems), at("replacement")
    if value is None:
        problems.add(path, f"is not of the column's type, {column.type}; write one that is")
    elif not _fits(column, value):
        problems.add(path, "is no value that the column may have; choose one of its categories, or within its bounds")
    elif isinstance(value, Decimal) and value != round(value, column.resolution):
        problems.add(path, f"has more than {column.resolution} decimal places")
    return Missing(rule, value)


def _read(kind: str, value: Any, path: Path, problems: Problems) -> Bound | str | bool | None:
    wanted = {"integer": int, "number": int | float, "boolean": bool}.get(kind, str)
    if not isinstance(value, wanted) or isinstance(value, bool) != (kind == "boolean"):
        return None
    if isinstance(value, str) and kind == "string":
        return unicodedata.normalize("NFC", value)
    return value if isinstance(value, bool) else read_bound(kind, value, path, problems)


def _fits(column: _Described, value: Any) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, str):
        return value in column.categories
    return column.minimum is None or column.maximum is None or bool(column.minimum <= value <= column.maximum)
