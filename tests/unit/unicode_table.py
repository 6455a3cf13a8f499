"""The rule behind `counterfoil/unprintable.json`; `python tests/unit/unicode_table.py` writes the table anew.

It must be written by a Python whose `unicodedata` is of the version that the table names.
"""

from __future__ import annotations

import json
import sys
import textwrap
import unicodedata
from pathlib import Path

TABLE = Path(__file__).parents[2] / "counterfoil" / "unprintable.json"

VERSION = "14.0.0"

#: Format, line and paragraph separators, surrogates, private use, what Unicode has not assigned, and controls.
CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})

#: Other characters that have the property Default_Ignorable_Code_Point (DerivedCoreProperties.txt): invisible letters
#: and marks. The last one, the empty pattern of Braille, has not, and is as empty.
IGNORABLE = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors and vowel separator
    (0x2065, 0x2065),
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),  # tags, and the variation selectors of ideographs
    (0x2800, 0x2800),
)


def is_refused(code: int) -> bool:
    if chr(code) in "\t\n":
        return False
    return unicodedata.category(chr(code)) in CATEGORIES or any(low <= code <= high for low, high in IGNORABLE)


def edges() -> list[int]:
    """The first character of each range that is refused, and the first after it, in turn."""
    found, inside = [], False
    for code in range(sys.maxunicode + 1):
        if is_refused(code) is not inside:
            found.append(code)
            inside = not inside
    return found


if __name__ == "__main__":
    assert unicodedata.unidata_version == VERSION
    lines = textwrap.wrap(" ".join(f"{edge:x}" for edge in edges()), 110)
    about = "Characters that no text may hold: the first of each range, and the first after it, in turn (ADR 0016)."
    table = {"about": about, "unicode": VERSION, "edges": lines}
    TABLE.write_text(json.dumps(table, indent=1) + "\n")
