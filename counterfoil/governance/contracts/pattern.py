r"""Regular expressions of contracts, written for an engine whose time grows with the text alone (RE2).

A pattern is read by Python's own parser and written anew from its tree, so that both mean the same, and describes a
whole cell. As in ECMA-262, which the standard for contracts names, `\\d`, `\\w` and `\\s` are ASCII. Knows no engine.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final

MOST_REPEATS: Final = 1000  # what RE2 repeats at most, also of a repeat
MOST_PLACES: Final = 2000  # of characters, repeats counted out: RE2's memory for one pattern

CLASSES: Final = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
}
_PLACES: Final = {
    op.AT_BEGINNING: r"\A",
    op.AT_BEGINNING_STRING: r"\A",
    op.AT_END: r"\z",
    op.AT_END_STRING: r"\z",
    op.AT_BOUNDARY: r"\b",
    op.AT_NON_BOUNDARY: r"\B",
}
_LINES: Final = {op.AT_BEGINNING: "(?m:^)", op.AT_END: "(?m:$)"}
_UNSUPPORTED: Final = {
    op.ASSERT: "look-around",
    op.ASSERT_NOT: "look-around",
    op.GROUPREF: "a back-reference",
    op.GROUPREF_IGNORE: "a back-reference",
    op.GROUPREF_EXISTS: "a condition",
    op.POSSESSIVE_REPEAT: "a possessive repeat",
    op.ATOMIC_GROUP: "an atomic group",
}


class PatternError(ValueError):
    """The text is no regular expression, or asks for what takes more than one pass; the text says what to change."""


def whole_cell(pattern: str) -> str:
    """Return the pattern in RE2's syntax, for the whole of a text: `$` is its very end, never a line end before it.

    Raises: PatternError.
    """
    return rf"\A(?:{anywhere(pattern)})\z"


def anywhere(pattern: str) -> str:
    """Return the pattern in RE2's syntax, for any part of a text.

    Raises: PatternError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = _parser.parse(pattern)
            return _Writer().write(tree, tree.state.flags)
    except Warning:
        raise PatternError(
            "has a '[' or a doubled '-', '&', '~' or '|' inside [ ]; put a backslash before it"
        ) from None
    except (re.error, OverflowError, RecursionError) as error:
        reason = getattr(error, "msg", "it repeats or nests too much")
        raise PatternError(f"not a regular expression: {reason}") from None


class _Writer:
    """Writes a parsed pattern, and counts the places of characters that it has."""

    def __init__(self) -> None:
        self._places = 0

    def write(self, tree: Iterable[tuple[Any, Any]], flags: int, times: int = 1) -> str:
        return "".join(self._node(kind, value, flags, times) for kind, value in tree)

    def _node(self, kind: Any, value: Any, flags: int, times: int) -> str:
        if kind in _UNSUPPORTED:
            raise PatternError(
                f"has {_UNSUPPORTED[kind]}, which no single pass over a cell can check; write it without"
            )
        if kind is op.AT:
            return (_LINES if flags & re.MULTILINE else {}).get(value) or _PLACES[value]
        if kind is op.BRANCH:
            return f"(?:{'|'.join(self.write(each, flags, times) for each in value[1])})"
        if kind is op.SUBPATTERN:
            _, more, less, inner = value
            return f"(?:{self.write(inner, (flags | more) & ~less, times)})"
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            low, high, inner = value
            return self._repeat(int(low), None if high is op.MAXREPEAT else int(high), inner, flags, times)
        self._places += times
        if self._places > MOST_PLACES:
            raise PatternError(f"describes more than {MOST_PLACES} characters, repeats counted out; shorten it")
        return self._character(kind, value, flags)

    def _repeat(self, low: int, high: int | None, inner: Any, flags: int, times: int) -> str:
        counted = max(low, high or 1, 1)
        if times * counted > MOST_REPEATS:
            raise PatternError(f"repeats something more than {MOST_REPEATS} times; use + or *")
        most = "" if high is None else high
        return f"(?:{self.write(inner, flags, times * counted)}){{{low},{most}}}"

    def _character(self, kind: Any, value: Any, flags: int) -> str:
        if kind is op.LITERAL:
            found = _letter(value)
        elif kind is op.NOT_LITERAL:
            found = f"[^{_letter(value)}]"
        elif kind is op.ANY:
            found = r"(?s:.)" if flags & re.DOTALL else r"[^\n]"
        elif kind is op.IN:
            found = f"[{''.join(map(_member, value))}]"
        else:
            raise PatternError("has something that is not known here; write it in a simpler way")
        return f"(?i:{found})" if flags & re.IGNORECASE else found


def _member(item: tuple[Any, Any]) -> str:
    kind, value = item
    if kind is op.NEGATE:
        return "^"
    if kind is op.LITERAL:
        return _letter(value)
    if kind is op.RANGE:
        return f"{_letter(value[0])}-{_letter(value[1])}"
    return CLASSES[value]


def _letter(point: int) -> str:
    return rf"\x{{{point:x}}}"
