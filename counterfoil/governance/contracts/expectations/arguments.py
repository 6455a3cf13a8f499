"""Arguments of expectations: what each kind may be, given the columns that it is about. Knows no expectation."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.pattern import PatternError, anywhere
from counterfoil.governance.contracts.values import read_time
from counterfoil.governance.documents import did_you_mean, shown

_MOST_VALUES: Final = 1000
_EXACT: Final = 1 << 53  # beyond it, neighbouring whole numbers are one 64-bit float
_SCHEMA_CODE: Final = ("pattern", "patternProperties", "$dynamicRef", "$recursiveRef", "$id", "id")
TYPE_NAMES: Final[Mapping[str, str]] = {
    "integer": r"u?int(8|16|32|64|_|eger)?|(small|big|tiny)int|long",
    "number": r"float(16|32|64|_)?|double(_precision)?|real|decimal|numeric",
    "string": r"str|string(_|dtype)?|object|text|n?(var)?char|unicode",
    "date": r"date(32)?|datetime(64(\[\w+\])?)?|timestamp",
    "timestamp": r"timestamp|datetime(64(\[\w+\])?)?",
    "boolean": r"bool(ean|_)?",
}
"""What others call a logical type of the standard, as regular expressions, in any case."""


def problem(kind: str, value: Any, columns: Sequence[Column], names: Sequence[str]) -> str | None:
    """Return what keeps the value from being an argument of this kind, with what to write; None if nothing does.

    `columns` are those that the expectation is about, `names` all of the table's.
    """
    if "|" in kind:
        choices = kind.split("|")
        if value not in choices:
            return f"must be one of {', '.join(choices)}, is {shown(value)}{did_you_mean(str(value), choices)}"
        return None
    return _KINDS[kind](value, columns, names)


def like_regex(pattern: str, escape: str | None) -> str:
    """Return the regular expression of a whole text that SQL's LIKE writes with `%` and `_`."""
    parts, letters = ["(?s:"], iter(pattern)
    for letter in letters:
        if letter == escape:
            parts.append(re.escape(next(letters, "")))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter, re.escape(letter)))
    return "".join([*parts, ")"])


_Columns = Sequence[Column]
_Names = Sequence[str]


def _share(value: Any, _: _Columns, __: _Names) -> str | None:
    return None if _is_number(value) and 0 <= value <= 1 else f"must be a share from 0 to 1, is {shown(value)}"


def _flag(value: Any, _: _Columns, __: _Names) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, is {shown(value)}"


def _number(value: Any, _: _Columns, __: _Names) -> str | None:
    return None if _is_number(value) else f"must be a number, is {shown(value)}"


def _count(value: Any, _: _Columns, __: _Names) -> str | None:
    whole = _is_number(value) and value == int(value) and value >= 0
    return None if whole else f"must be a whole number, 0 or more, is {shown(value)}"


def _text(value: Any, _: _Columns, __: _Names) -> str | None:
    return None if isinstance(value, str) and value else f"must be text, is {shown(value)}"


def _character(value: Any, _: _Columns, __: _Names) -> str | None:
    return None if isinstance(value, str) and len(value) == 1 else f"must be one character, is {shown(value)}"


def _value(value: Any, columns: _Columns, _: _Names) -> str | None:
    for column in columns:
        if not _fits(value, column.type):
            return f"must be {_WRITTEN[column.type]}, as column {column.name} has them, is {shown(value)}"
        if column.bounds and column.type in ("integer", "number") and max(map(abs, column.bounds)) >= _EXACT:
            return f"column {column.name} has more digits than a 64-bit float; use a metric of the contract instead"
    return None


def _list_of(one: Callable[[Any, _Columns, _Names], str | None]) -> Callable[[Any, _Columns, _Names], str | None]:
    def check(value: Any, columns: _Columns, names: _Names) -> str | None:
        if not isinstance(value, list) or not 1 <= len(value) <= _MOST_VALUES:
            return f"must be a list of 1 to {_MOST_VALUES} entries, is {shown(value)}"
        return next((found for each in value if (found := one(each, columns, names))), None)

    return check


def _pair(value: Any, columns: _Columns, names: _Names) -> str | None:
    if not isinstance(value, list) or len(value) != len(columns):
        return f"must be pairs of values, like [[1, 2], [3, 4]], has {shown(value)}"
    found = (_value(each, [column], names) for each, column in zip(value, columns, strict=True))
    return next(filter(None, found), None)


def _name(value: Any, _: _Columns, names: _Names) -> str | None:
    return None if value in names else f"no column {shown(value)}{did_you_mean(str(value), names)}"


def _type(value: Any, columns: _Columns, _: _Names) -> str | None:
    for column in columns:
        if not isinstance(value, str) or not re.fullmatch(TYPE_NAMES[column.type], value, re.IGNORECASE):
            return (
                f"column {column.name} is of type {column.type}, which is not {shown(value)}; change one, or remove it"
            )
    return None


def _types(value: Any, columns: _Columns, names: _Names) -> str | None:
    if not isinstance(value, list) or all(_type(each, columns, names) for each in value):
        return f"names no type of column {columns[0].name}, {columns[0].type}; add it, or remove the rule"
    return None


def _regex(value: Any, _: _Columns, __: _Names) -> str | None:
    if not isinstance(value, str):
        return f"must be a regular expression, is {shown(value)}"
    try:
        anywhere(value)
    except PatternError as error:
        return str(error)
    return None


def _like(value: Any, columns: _Columns, names: _Names) -> str | None:
    return _text(value, columns, names) or _regex(like_regex(value, None), columns, names)


def _schema(value: Any, _: _Columns, __: _Names) -> str | None:
    """Accept what one pass over a text can check, and what names no other document."""
    if not isinstance(value, dict):
        return f"must be a JSON Schema, is {shown(value)}"
    for key, each in _entries(value):
        if key in _SCHEMA_CODE:
            return f"has {key!r}, which could take for ever, or name what is elsewhere; write it without"
        if key == "$ref" and not (isinstance(each, str) and each.startswith("#/")):
            return "has a '$ref' to another document; write what it names here, below '$defs'"
    return None


def _entries(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [*value.items(), *(entry for each in value.values() for entry in _entries(each))]
    return [entry for each in value for entry in _entries(each)] if isinstance(value, list) else []


def _partition(value: Any, columns: _Columns, names: _Names) -> str | None:
    wanted = "must have 'values' or 'bins', and 'weights' that add up to 1"
    if not isinstance(value, dict) or not set(value) <= {"values", "bins", "weights", "tail_weights"}:
        return wanted
    bins, weights = value.get("bins"), [value.get("weights"), value.get("tail_weights", [0, 0])]
    if ("values" in value) == (bins is not None):
        return wanted
    if not all(isinstance(each, list) and all(map(_is_number, each)) for each in weights):
        return wanted
    if not math.isclose(sum(map(math.fsum, weights)), 1, abs_tol=1e-6):
        return wanted
    if bins is not None:
        rising = _list_of(_number)(bins, columns, names) is None and sorted(set(bins)) == bins
        numeric = all(column.type != "string" for column in columns)
        fit = rising and numeric and len(bins) == len(weights[0]) + 1 and len(weights[1]) == 2
        return None if fit else "'bins' are numbers that rise, one more than 'weights', of a column of numbers"
    if len(value["values"]) != len(weights[0]):
        return "has not as many 'weights' as 'values'"
    return _list_of(_value)(value["values"], columns, names)


def _quantiles(value: Any, columns: _Columns, names: _Names) -> str | None:
    wanted = "must have 'quantiles' from 0 to 1 that rise, and 'value_ranges', a pair for each, like [1, null]"
    if not isinstance(value, dict) or set(value) != {"quantiles", "value_ranges"}:
        return wanted
    quantiles, ranges = value["quantiles"], value["value_ranges"]
    if _list_of(_share)(quantiles, columns, names) or not isinstance(ranges, list):
        return wanted
    pairs = all(isinstance(each, list) and len(each) == 2 for each in ranges)
    if not pairs or sorted(quantiles) != quantiles or len(ranges) != len(quantiles):
        return wanted
    return None if all(end is None or _is_number(end) for each in ranges for end in each) else wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _fits(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        return _is_number(value)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "timestamp":
        return read_time(value) is not None
    if kind == "string":
        return isinstance(value, str)
    try:
        return bool(date.fromisoformat(value)) and len(value) == len("2026-11-30")
    except (TypeError, ValueError):
        return False


_WRITTEN: Final = {
    "integer": "a number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "date": 'a day, as "2026-11-30"',
    "timestamp": 'a time with its zone, as "2026-11-30T09:00:00Z"',
}
_KINDS: Final[Mapping[str, Callable[[Any, _Columns, _Names], str | None]]] = {
    "share": _share,
    "flag": _flag,
    "number": _number,
    "count": _count,
    "text": _text,
    "character": _character,
    "value": _value,
    "values": _list_of(_value),
    "pairs": _list_of(_pair),
    "column": _name,
    "columns": _list_of(_name),
    "names": _list_of(_text),
    "type": _type,
    "types": _types,
    "regex": _regex,
    "regexes": _list_of(_regex),
    "like": _like,
    "likes": _list_of(_like),
    "schema": _schema,
    "partition": _partition,
    "quantiles": _quantiles,
}
