"""How texts are told apart, and how keys of people are spelt alike, so that one person is one in any format.

Two cells that look alike are the same text, whatever composes them; what of a key counts beyond that its contract says.
Knows texts, and no table.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from counterfoil.canonical import Json
from counterfoil.look_alikes import skeleton

Form: TypeAlias = Literal["NFC", "NFKC"]

RULES: Final = 2
"""The version of the rules in this module. Keys that were spelt by other rules are of another domain (ADR 19)."""

_BLANK: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85")
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""What Unicode counts as letters, marks or signs, and nobody sees."""
_MINUS: Final = "\u2212"


def visible(text: str) -> str:
    """Return what of the text people see.

    That is composed (NFC), without characters that nobody sees, one blank for white space within, and none around it.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if " " in text else text
    kept = []
    for letter in unicodedata.normalize("NFC", text):
        category = unicodedata.category(letter)
        if letter in _BLANK or category in ("Zs", "Zl", "Zp"):
            kept.append(" ")
        elif category not in ("Cc", "Cf") and letter not in _FILLERS and not _selects(letter):
            kept.append(letter)
    # What was taken out may have kept two letters from being composed.
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def look(text: str) -> str:
    """Fold a text to what it looks like at a glance: two that are equal by it are taken for each other."""
    return KeySpelling(case="lower").apply(skeleton(KeySpelling().apply(text)))


@dataclass(frozen=True, slots=True)
class KeySpelling:
    """The characters of `drop` do not count; nor does the case, if one is named; nor do leading zeros, unless kept.

    By the form NFKC full-width letters and digits are the plain ones, as are digits of any script and all dashes.
    """

    drop: str = ""
    case: str | None = None
    leading_zeros: bool = True
    form: Form = "NFKC"

    def apply(self, text: str) -> str:
        """Return the key as everybody spells it; what would be left empty stays as people see it."""
        seen = self._cased(self._formed(visible(text)))
        spelt = seen.translate(dict.fromkeys(map(ord, self._dropped()))) if self.drop else seen
        if not self.leading_zeros:
            spelt = spelt.strip().lstrip("0 ") or spelt.strip()[-1:]
        return self._formed(visible(spelt)) or seen

    def json(self) -> dict[str, Json]:
        """Return the rules as plain values: a key domain is named by them."""
        dropped = "".join(sorted(set(self.drop)))
        return {"drop": dropped, "case": self.case or "", "leading-zeros": self.leading_zeros, "form": self.form}

    def _dropped(self) -> str:
        """Return all that does not count, in the form that the rest of the key has by then."""
        return "".join(" " if each.isspace() else each + self._cased(self._formed(each)) for each in self.drop)

    def _formed(self, text: str) -> str:
        if self.form == "NFC" or text.isascii():
            return text
        return visible("".join(map(_plain, unicodedata.normalize("NFKC", text))))

    def _cased(self, text: str) -> str:
        if self.case is None:
            return text
        if text.isascii():
            return text.upper() if self.case == "upper" else text.lower()
        folded = text
        for _ in range(4):  # settles after three at most: folding may decompose, and composing may unfold
            folded = self._formed(unicodedata.normalize("NFC", folded.casefold()))
        return self._formed(unicodedata.normalize("NFC", folded.upper())) if self.case == "upper" else folded

    def __str__(self) -> str:
        dropped = [f"without {self.drop!r}"] * bool(self.drop) + [f"in {self.case} case"] * bool(self.case)
        told = ", ".join([*dropped, *["without leading zeros"] * (not self.leading_zeros)])
        if self.form == "NFC":
            return f"{told}, full-width letters apart" if told else "as written"
        return told or "by Unicode's form NFKC"


AS_WRITTEN: Final = KeySpelling(form="NFC")
Spellings: TypeAlias = Mapping[str, KeySpelling]
"""By the names of columns."""


def key_spelling(value: Mapping[str, Any]) -> KeySpelling:
    """Return what the property `keySpelling` says."""
    return KeySpelling(value.get("drop", ""), value.get("case"), "leadingZeros" not in value, value.get("form", "NFKC"))


def _plain(letter: str) -> str:
    digit = unicodedata.decimal(letter, None)
    if digit is not None:
        return str(digit)
    return "-" if letter == _MINUS or unicodedata.category(letter) == "Pd" else letter


def _selects(letter: str) -> bool:
    """Tell whether it is a variation selector: a mark that picks a glyph."""
    return "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef" or "\u180b" <= letter <= "\u180f"
