"""The rule behind `counterfoil/look_alikes.json`; `python -m tests.unit.look_alike_table confusables.txt` writes it.

The argument is that file of Unicode's security data (UTS 39), of the version that the table names; two lists that say
the same letters to be confusable, in whatever order, give the same table.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

TABLE = Path(__file__).parents[2] / "counterfoil" / "look_alikes.json"

VERSION = "14.0.0"

#: Scripts whose letters are drawn as Latin ones are, by the first word of their letters' names. Not those of symbols
#: that are drawn otherwise (script, black-letter, double-struck, full-width), nor those of which only a ring is.
SCRIPTS = (
    *("ARMENIAN", "CANADIAN", "CARIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "DESERET", "ELBASAN", "GREEK", "LISU"),
    *("LYCIAN", "MATHEMATICAL", "OLD", "OSAGE", "RUNIC", "TIFINAGH", "WARANG"),
)

#: Letters that the list names and readers know as symbols among Latin ones, drawn unlike: TNFα, γGT, ρ, σ.
SYMBOLS = frozenset("αγρϱσ")


def lines(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The codes of the letters that are taken for each letter of ASCII."""
    found: dict[str, set[int]] = defaultdict(set)
    for letter, target in pairs:
        if not is_taken(letter) or not (target.isascii() and len(target) == 1 and target.isalpha()):
            continue
        # The list makes no difference between I and l; readers see the case.
        found["I" if target == "l" and unicodedata.category(letter) == "Lu" else target].add(ord(letter))
    return {latin: " ".join(f"{code:x}" for code in sorted(found[latin])) for latin in sorted(found)}


def is_taken(letter: str) -> bool:
    if len(letter) != 1 or not letter.isalpha() or letter in SYMBOLS:
        return False
    script = unicodedata.name(letter, "-").split()[0]
    return script in SCRIPTS and (script != "MATHEMATICAL" or unicodedata.normalize("NFKC", letter).isascii())


def listed(text: str) -> Iterable[tuple[str, str]]:
    """The letters and what they are confused with, of the lines of confusables.txt that are about one letter each."""
    for line in text.splitlines():
        fields = line.split("#")[0].split(";")
        if len(fields) == 3:
            letter, target = ("".join(chr(int(code, 16)) for code in each.split()) for each in fields[:2])
            yield letter, target


def written(pairs: Iterable[tuple[str, str]]) -> str:
    about = (
        "Letters that are taken for each letter of ASCII, by UTS 39's confusables.txt (ADR 16). Data of Unicode, Inc."
    )
    about += "; see https://www.unicode.org/license.txt"
    return json.dumps({"about": about, "unicode": VERSION, "letters": lines(pairs)}, indent=1) + "\n"


if __name__ == "__main__":
    TABLE.write_text(written(listed(Path(sys.argv[1]).read_text("utf-8-sig"))))
