"""How keys of people are spelt alike before they become pseudonyms, so that one person has one in any format.

Knows texts, and no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KeySpelling:
    """The characters of `drop` do not count; nor does the case, if one is named; nor do leading zeros, unless kept."""

    drop: str = ""
    case: str | None = None
    leading_zeros: bool = True

    def apply(self, text: str) -> str:
        """The key as everybody spells it; what would be left empty stays as it is."""
        spelt = text.translate(dict.fromkeys(map(ord, self.drop)))
        if self.case:
            spelt = spelt.upper() if self.case == "upper" else spelt.lower()
        if not self.leading_zeros:
            spelt = spelt.lstrip("0") or spelt[-1:]
        return spelt or text

    def __str__(self) -> str:
        dropped = [f"without {self.drop!r}"] * bool(self.drop) + [f"in {self.case} case"] * bool(self.case)
        return ", ".join([*dropped, *["without leading zeros"] * (not self.leading_zeros)]) or "as written"


AS_WRITTEN = KeySpelling()


def key_spelling(value: Mapping[str, Any]) -> KeySpelling:
    """What the property `keySpelling` says."""
    return KeySpelling(value.get("drop", ""), value.get("case"), "leadingZeros" not in value)
