"""Find the letters that no font has, and name each by its number, so that nothing that was written is missing.

Knows no font and no typesetter: whether texts can be set, it asks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from counterfoil.texts import named, visible

MOST_TRIALS: Final = 200
"""So many times the typesetter is asked, at some 10 ms each; what is undecided by then is named."""

_JOINER: Final = "\u200d"
_UNSEEN: Final = frozenset("\u200c\u200d\ufe0e\ufe0f")
"""What changes the letter beside it, and has no shape of its own."""
_MARKUP: Final = frozenset("<>&;\"'")
"""Ends of markup in charts, which are SVG; a mark after them begins a text, and belongs to nothing before it."""

_REGIONAL: Final = range(0x1F1E6, 0x1F200)
_SKINS: Final = range(0x1F3FB, 0x1F400)


def lacking(value: Any, can_set: Callable[[Sequence[str]], bool]) -> frozenset[str]:
    """Find what cannot be typeset of the texts in plain values.

    What is drawn together is reported as one: a letter with its marks, the parts of an emoji.
    """
    found = {part for text in _texts(value) for part in _clusters(visible(text)) if not part.isascii()}
    # A part may pass as a whole although one of its letters has no shape, so each is tried alone as well.
    alone = {letter for part in found for letter in part if not letter.isascii() and letter not in _UNSEEN}
    missing = _missing(sorted(found | alone), can_set)
    return missing | {part for part in found if not missing.isdisjoint(part)}


def show(value: Any, stays: Callable[[str], bool]) -> Any:
    """Replace in the texts of plain values all that does not stay by its number, `[U+1F44D]`, as it is drawn."""
    if isinstance(value, str):
        return _name(visible(value), stays)
    if isinstance(value, Mapping):
        return {key: show(item, stays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [show(item, stays) for item in value]
    return value


def is_simple(part: str) -> bool:
    """Return whether it is a Latin, Greek or Cyrillic letter, or a sign: what no typesetter reshapes or combines."""
    kind = unicodedata.category(part[-1])
    return len(part) == 1 and (ord(part) < 0x0530 or kind[0] in "PSNZ") and kind[0] != "M"


def _missing(parts: Sequence[str], can_set: Callable[[Sequence[str]], bool]) -> frozenset[str]:
    """Find those that cannot be set. Neighbours are tried together, and apart only if they cannot be set together."""
    missing, waiting, trials = set[str](), [list(parts)] if parts else [], 0
    while waiting:
        several = waiting.pop(0)
        trials += 1
        if trials > MOST_TRIALS:
            missing.update(several)
        elif not can_set(several):
            if len(several) == 1:
                missing.update(several)
            else:
                half = len(several) // 2
                waiting += [several[:half], several[half:]]
    return frozenset(missing)


def _name(text: str, stays: Callable[[str], bool]) -> str:
    if text.isascii():
        return text
    places: set[int] = set()
    at = 0
    for part in _clusters(text):
        if not stays(part):
            places.update(range(at, at + len(part)))
        at += len(part)
    return named(text, places)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if not value.isascii():
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _clusters(text: str) -> list[str]:
    """Split the text into parts that are drawn as one: near enough to UAX #29 for telling which letters a font has."""
    parts: list[str] = []
    for letter in text:
        if parts and _continues(parts[-1], letter):
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts


def _continues(part: str, letter: str) -> bool:
    code = ord(letter)
    if code < 0x80 or part in _MARKUP:
        return False
    if part.endswith(_JOINER) or letter == _JOINER or code in _SKINS or unicodedata.category(letter).startswith("M"):
        return not part.isspace()
    return code in _REGIONAL and len(part) == 1 and ord(part) in _REGIONAL
