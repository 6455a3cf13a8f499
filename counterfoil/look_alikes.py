"""Find letters of one script that are taken for letters of another: a Cyrillic or Greek letter in a Latin word.

Knows no documents. The table beside this module is of one version of Unicode, as that of `counterfoil.texts` is: two
parties whose software is of different years must agree on what a text is (ADR 0016). A script is told by the first word
of a letter's name, which Unicode never changes.

Source: Unicode Technical Standard 39, sections 4 (confusables) and 5.2 (restriction levels). It refuses all mixtures of
scripts in a word; here Greek letters that look like no Latin one, or are written among them as symbols, may be mixed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final

_LATIN: Final = "LATIN"
_UNMIXED: Final = frozenset(
    {"CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
)  # no language writes them with Latin
_WITHOUT_BLANKS: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "HALFWIDTH"})


def mixed(text: str) -> set[int]:
    """Return where a letter is taken for one of another script of its own word.

    Of a word that mixes Latin letters with those of a script that is never mixed with them, all of the rarer.
    """
    found: set[int] = set()
    for start, word in _words(text):
        scripts = {_script(letter) for letter in word} - {""}
        if len(scripts) > 1:
            found |= {start + at for at in _strangers(word, scripts)}
    return found


def disguised(text: str) -> set[int]:
    """Return the places of words that are read as Latin among Latin words and are not.

    All letters of such a word are taken for Latin ones, and no other letter of the text tells which script it is. A
    single small letter of Greek, or of mathematics, is a symbol.
    """
    if not any(_script(letter) == _LATIN for letter in text):
        return set()
    telling = {_script(letter) for letter in text if not taken_for(letter)}
    found: set[int] = set()
    for start, word in _words(text):
        letters = [letter for letter in word if letter.isalpha()]
        if all(map(taken_for, letters)) and _script(word[0]) not in telling and not _is_symbol(word):
            found |= set(range(start, start + len(word)))
    return found


def skeleton(text: str) -> str:
    """Replace each letter that is taken for a Latin one by that; marks on it stay."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(_table().get(letter, letter) for letter in parts))


def taken_for(letter: str) -> str:
    """Return the Latin letter for which this one of another script is taken, or nothing; marks on it do not count."""
    return "" if letter.isascii() else _table().get(unicodedata.normalize("NFD", letter)[0], "")


def _strangers(word: str, scripts: set[str]) -> Iterator[int]:
    unmixed = scripts & _UNMIXED
    if unmixed and _LATIN in scripts:
        latin = sum(_script(letter) == _LATIN for letter in word)
        rarer = {_LATIN} if 2 * latin < len(word) else unmixed
        return (at for at, letter in enumerate(word) if _script(letter) in rarer)
    return (at for at, letter in enumerate(word) if taken_for(letter))


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Yield runs of letters with the marks on them, each with the index of its first letter."""
    start = None
    for index, letter in enumerate(f"{text} "):
        inside = letter.isalpha() or (start is not None and unicodedata.category(letter) in ("Mn", "Mc"))
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            yield start, text[start:index]
            start = None


def _is_symbol(word: str) -> bool:
    return len(word) == 1 and _script(word) in ("GREEK", "MATHEMATICAL") and not word.isupper()


def _script(letter: str) -> str:
    """Return the script of a letter; nothing for marks, and for the scripts of East Asia, which part no words."""
    if letter.isascii():
        return _LATIN if letter.isalpha() else ""
    script = re.split("[ -]", unicodedata.name(letter, ""), maxsplit=1)[0] if letter.isalpha() else ""
    return "" if script in _WITHOUT_BLANKS else script


@cache
def _table() -> dict[str, str]:
    raw = resources.files(__package__).joinpath("look_alikes.json").read_bytes()
    lines: dict[str, str] = json.loads(raw)["letters"]
    return {chr(int(code, 16)): latin for latin, codes in lines.items() for code in codes.split()}
