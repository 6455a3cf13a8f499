"""The standard's options of a logical type as the few that bound a column here, with both ends counted in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from counterfoil.governance.contracts.forms.days import ISO, day_pattern

_KEPT = {
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "date": ("minimum", "maximum", "format"),
    "string": ("pattern",),
    "boolean": (),
}
_LEFT = (
    *("minimum", "maximum", "format", "pattern", "multipleOf", "minLength", "maxLength", "timezone", "defaultTimezone"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "required"),
)
_ENDS = {"exclusiveMinimum": ("minimum", 1), "exclusiveMaximum": ("maximum", -1)}


def inclusive(options: Any, kind: str, foreign: bool) -> tuple[Any, list[tuple[str, str]]]:
    """Return the options that count for a column of this kind, and notes on the others, by their names.

    v3.0 says by `exclusiveMaximum: true` that `maximum` is not among the values, v3.1 by a second bound. Options that
    nobody knows stay; so does what is wrong in a contract of ours (not `foreign`), for the rules to refuse.
    """
    if not isinstance(options, Mapping) or kind not in _KEPT:  # a type whose options the rules know better
        return options, []
    kept: dict[str, Any] = {}
    notes: list[tuple[str, str]] = []
    for name, value in options.items():
        if name in _ENDS:
            continue
        if name in _LEFT and name not in _KEPT[kind]:
            notes.append((name, f"the option {name!r} is checked by nothing here"))
        elif name not in _KEPT[kind] or not foreign:
            kept[name] = value
        elif name == "format":
            if isinstance(value, str) and day_pattern(value):
                kept[name] = value
            else:
                notes.append((name, f"days are read as {ISO}, whatever the format says"))
        elif (bound := _bound(value, kind)) is not None:
            kept[name] = bound
        else:
            notes.append((name, f"is no bound of a column of type {kind}; say it in the column's type"))
    for name, (end, step) in _ENDS.items():
        if (value := options.get(name)) not in (None, False):
            notes.append((name, _exclude(kept, kind, value, end, step)))
    return kept, notes


def instants(options: Any, takes: Callable[[str, Any], bool]) -> tuple[Any, list[tuple[str, str]]]:
    """Keep the options of a timestamp that `takes` accepts, with bounds written as the standard's time with a zone."""
    if not isinstance(options, Mapping):
        return options, []
    kept: dict[str, Any] = {}
    notes: list[tuple[str, str]] = []
    for name, value in options.items():
        told = _instant(value) if name in ("minimum", "maximum") else value
        if takes(name, told):
            kept[name] = told
        else:
            notes.append(
                (name, f"the option {name!r} of a timestamp is not read as it is; say it as the contract asks")
            )
    return kept, notes


def _instant(value: Any) -> Any:
    """`2020-01-01 00:00:00` as `2020-01-01T00:00:00Z`; what is no time stays."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return value
    zone = moment.tzinfo or UTC
    return moment.replace(tzinfo=zone).isoformat().replace("+00:00", "Z")


def _exclude(kept: dict[str, Any], kind: str, value: Any, end: str, step: int) -> str:
    """Count the excluded end in, among the bounds that are kept. Returns the note."""
    found = _stepped(kept.get(end) if value is True else _bound(value, kind), kind, step)
    if found is None:
        return f"ends are counted in here; say the {end} that a cell may have"
    if end in kept and value is not True and (kept[end] >= found if step > 0 else kept[end] <= found):
        return f"is no narrower than the {end}"
    kept[end] = found
    return f"is read as '{end}: {found}'"


def _bound(value: Any, kind: str) -> Any:
    """Return the value as a bound of that type, or None."""
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return int(value) if kind == "integer" and value == int(value) else value if kind == "number" else None
    if kind == "date":
        try:
            return date.fromisoformat(str(value)[:10]).isoformat()
        except ValueError:
            return None
    return value if isinstance(value, str) else None


def _stepped(value: Any, kind: str, step: int) -> Any:
    if value is None:
        return None
    if kind == "date":
        day = date.fromisoformat(value)
        return None if day in (date.min, date.max) else (day + timedelta(days=step)).isoformat()
    return value + step if kind == "integer" else None
