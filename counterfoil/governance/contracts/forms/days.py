"""Forms of days in text, by the letters that the standard writes them with: d, dd, M, MM and yyyy. Knows no text."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

ISO: Final = "yyyy-MM-dd"
KNOWN: Final = ("dd.MM.yyyy", "d.M.yyyy", "dd/MM/yyyy", "d/M/yyyy", "MM/dd/yyyy", "M/d/yyyy", "dd-MM-yyyy", "yyyyMMdd",
                "yyyy/MM/dd", "yyyy.MM.dd", ISO)  # fmt: skip
"""The forms that are tried on an unknown file, stricter ones first; others may be declared."""

WHAT: Final = (
    "a form of days of yyyy, MM or M, and dd or d, each once, like dd.MM.yyyy; marks between them are . - / or blank"
)
_LETTERS: Final = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})",
}
_FORM: Final = re.compile(r"yyyy|MM?|dd?|[./ -]")


@cache
def day_pattern(form: str) -> str | None:
    """Return a pattern with the groups year, month and day that begins texts of the form; None if it is no form.

    A year has four digits: two leave the century open.
    """
    parts = _FORM.findall(form)
    letters = [part for part in parts if part in _LETTERS]
    if "".join(parts) != form or sorted(part[0] for part in letters) != ["M", "d", "y"]:
        return None
    if any(len(part) == 1 and part in _LETTERS for part in parts) and len(parts) < 5:
        return None  # 1112024 is of two days
    return "".join(_LETTERS.get(part) or re.escape(part) for part in parts)
