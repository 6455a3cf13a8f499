"""Check which characters a document's texts hold, and show a text so that its readers see all of it.

A text of one party is read by others before they sign or open something: on a terminal, on a page of Prefect, in a
report. `check_text` is the one door through which every text of a document comes. What does not come through it (the
names of files, messages of the machine) is shown by `visible`, which names every character that has no shape.

Knows nothing of documents, and asks no library which characters there are: two parties whose software is of different
years must agree on what a text is, so the table beside this module is of one version of Unicode (ADR 0016).
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from counterfoil import look_alikes
from counterfoil.errors import TextError

MOST_MARKS: Final = 8
"""How many combining marks may stand on one letter; with more, they are drawn over the lines around it."""

_PLAIN: Final = re.compile(r"[\t\n -~]*\Z")
_BREAKS: Final = re.compile(r"\s*[\n\t]\s*")
_GAPS: Final = re.compile(r"(?<=\S)\s{20,}")  # what is pushed out of sight by blanks comes back
_MARKS: Final = frozenset({"Mn", "Me"})
_SYMBOLS: Final = frozenset({"So", "Sm", "Sk"})
_PICTURES: Final = frozenset({0x203C, 0x2049, 0x3030, 0x303D})  # emoji of other categories
_TEXT, _EMOJI, _KEYCAP = 0xFE0E, 0xFE0F, 0x20E3
_JOINER, _NON_JOINER = 0x200D, 0x200C
_NAMES: Final = {
    0x7: "BELL", 0x8: "BACKSPACE", 0xD: "CARRIAGE RETURN", 0x1B: "ESCAPE", 0x7F: "DELETE", 0x85: "NEXT LINE",
    0x9B: "CONTROL SEQUENCE INTRODUCER",
}  # fmt: skip


def check_text(text: str, what: str = "") -> None:
    """Check that every character of the text is one that its readers see and know; `what` says where it is.

    Line breaks and tabs are let through, and so are joiners and variation selectors where a script or an emoji needs
    them: between letters of Arabic or after a virama, and within a sequence of emoji. Letters that are taken for those
    of another script are refused in a word of that, and where they alone make a word that is read as Latin.

    Raises: TextError, with the number of the character, its place, and never the text around it.
    """
    if not _PLAIN.match(text):
        _refuse_first(text, what, _unseen(text))
        _refuse_first(text, what, _unknown(text, whole=True))


def check_seen(text: str, what: str = "") -> None:
    """Check that every character is one that readers see, of a line that has syntax in it, too. Raises: TextError."""
    if not _PLAIN.match(text):
        _refuse_first(text, what, _unseen(text))


def check_texts(value: Any, what: str = "") -> None:
    """Check every text of plain values, keys included, as `check_text` does. Raises: TextError."""
    for path, text in _texts(value, ()):
        if not _PLAIN.match(text):
            where = ".".join(visible(str(part))[:60] for part in path)
            check_text(text, ": ".join(filter(None, (what, where))))


def visible(text: str) -> str:
    """Name the characters that no reader would see or know, as `[U+202E]`; line breaks and tabs stay."""
    while not _PLAIN.match(text):
        places = {index for index, _ in (*_unseen(text), *_unknown(text))} or look_alikes.disguised(text)
        if not places:
            break
        text = named(text, places)
    return text


def one_line(text: str) -> str:
    """Make the text visible on one line: every run of blanks and line breaks is one blank."""
    return " ".join(visible(text).split())


def line(text: str) -> str:
    """Make a line of ours, with texts of others in it, visible on one line, keeping its indentation and columns."""
    shown = _BREAKS.sub(" ", visible(text.rstrip("\n")))
    return _GAPS.sub(" ", shown)


def named(text: str, places: set[int]) -> str:
    """Replace the characters at these places by their numbers, neighbours in one pair of brackets."""
    shown: list[str] = []
    for index, letter in enumerate(text):
        if index not in places:
            shown.append(letter)
        elif index - 1 in places:
            shown[-1] = f"{shown[-1][:-1]} U+{ord(letter):04X}]"
        else:
            shown.append(f"[U+{ord(letter):04X}]")
    return "".join(shown)


# --- Markdown ---------------------------------------------------------------------------------------------------


class Markdown(str):
    """Markdown in which every text that is not ours was escaped. Only `escape` and `markdown` make it."""

    __slots__ = ()


_MARKUP: Final = re.compile(r"[\\`*_{}\[\]|~#!$^]|^[-+=]")
_NUMBERED: Final = re.compile(r"^(\d+)([.)])")
_HTML: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_LINK: Final = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.|(?<=\S)@(?=\S)", re.IGNORECASE)


def escape(text: str) -> Markdown:
    """Escape the text, on one line, so that Markdown and HTML show it literally: no link, image, list or table.

    What renderers take for an address although it is escaped is written as one that is not to be followed,
    `https[:]//`.
    """
    defused = _LINK.sub(lambda found: f"[{found[0]}]", one_line(text))
    marked = _NUMBERED.sub(r"\1\\\2", _MARKUP.sub(lambda found: f"\\{found[0]}", defused))
    return Markdown("".join(_HTML.get(letter, letter) for letter in marked))


def markdown(template: str, **values: object) -> Markdown:
    """Fill the values into the template, which is ours: all are escaped but those that are Markdown already.

    A list of Markdown is filled in line by line.
    """
    return Markdown(template.format(**{name: _filled(value) for name, value in values.items()}))


def _filled(value: object) -> Markdown:
    if isinstance(value, Markdown):
        return value
    if isinstance(value, list):
        return Markdown("\n".join(map(_filled, value)))
    return escape(str(value))


def shown_in_html(value: object) -> object:
    """Make a value of an HTML template visible before it is escaped; what is HTML already stays."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else visible(value)


# --- which characters -------------------------------------------------------------------------------------------


def _texts(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield (*path, key), key
            yield from _texts(item, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _refuse_first(text: str, what: str, faults: Iterator[tuple[int, str]]) -> None:
    for index, reason in faults:
        letter = ord(text[index])
        name = unicodedata.name(text[index], _NAMES.get(letter, ""))
        called = f" ({name})" if name else ""
        where = f"{what}: " if what else ""
        raise TextError(f"{where}character {index + 1} is U+{letter:04X}{called}, {reason}")


def _unseen(text: str) -> Iterator[tuple[int, str]]:
    """Yield the index of every character that is invisible or spoils what is around it, and the reason."""
    marks = 0
    for index, letter in enumerate(text):
        code = ord(letter)
        if code < 0x7F:
            marks = 0
            if code < 0x20 and letter not in "\t\n":
                yield index, "a control character; write the text without it"
            continue
        if unicodedata.category(letter) in _MARKS and not 0xFE00 <= code <= 0xFE0F:
            marks += 1
            if marks > MOST_MARKS:
                yield index, f"one of more than {MOST_MARKS} marks on one letter; write {MOST_MARKS} at most"
                continue
        else:
            marks = 0
        if _refused(code) and not _joined(text, index, code):
            yield index, "which readers of the text would not see; write the text without it"


def _unknown(text: str, *, whole: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the index of every letter that is taken for one of another script, in a word of that, and the reason.

    With `whole`, also of those whose whole word is read as Latin.
    """
    for index in sorted(look_alikes.mixed(text)):
        yield index, f"{_like(text[index])}in a word with letters of another script; write each word in one script"
    if whole:
        for index in sorted(look_alikes.disguised(text)):
            yield index, f"{_like(text[index])}as are all letters of its word; write the word in Latin letters"


def _like(letter: str) -> str:
    taken = look_alikes.taken_for(letter)
    return f"taken for {taken}, " if taken else ""


def _joined(text: str, index: int, code: int) -> bool:
    """Return whether a joiner or a variation selector is where a script or an emoji needs it."""
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    match code:
        case 0xFE0E | 0xFE0F:
            return bool(before) and (_is_picture(before) or (before in "0123456789#*" and after == chr(_KEYCAP)))
        case 0x200D | 0x200C:
            if not (before and after):
                return False
            if unicodedata.combining(before) == 9:  # a virama, after which both choose a form (RFC 5892, A.1 and A.2)
                return unicodedata.category(after) == "Lo"
            if code == _NON_JOINER:
                return _is_arabic(before) and _is_arabic(after)
            return (_is_picture(before) or ord(before) == _EMOJI) and _is_picture(after)
    return False


def _is_picture(letter: str) -> bool:
    """Return whether the character may be an emoji, or its skin tone."""
    return ord(letter) > 0x7F and (unicodedata.category(letter) in _SYMBOLS or ord(letter) in _PICTURES)


def _is_arabic(letter: str) -> bool:
    return unicodedata.category(letter) == "Lo" and unicodedata.name(letter, "").startswith("ARABIC LETTER")


def _refused(code: int) -> bool:
    """Return whether the table holds the character: in a range that begins at an even index of the edges."""
    return bisect_right(_edges(), code) % 2 == 1


@cache
def _edges() -> tuple[int, ...]:
    """Load the first character of each range that is refused, and the first after it, in turn."""
    raw = resources.files(__package__).joinpath("unprintable.json").read_bytes()
    table = json.loads(raw)
    return tuple(int(edge, 16) for line in table["edges"] for edge in line.split())
