"""Spell cells of text files as this library reads them: a decimal point, nothing between thousands, days by ISO 8601.

How they are written is declared, and a cell that is not written so is no cell of its type. Knows no files.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.reading.cells import split
from counterfoil.governance.contracts.forms.days import ISO, day_pattern
from counterfoil.governance.contracts.forms.written import Written

_BLANKS: Final = " \u00a0\u202f\u2009"
"""What stands between thousands where a blank is declared."""
_NEITHER: Final = "?"  # of no type


def respelt(kind: str, name: str, text: Any, written: Written) -> Any:
    """Spell the cells of a column of this kind as `text_to` reads them; text of other kinds stays as it is."""
    kind, _ = split(kind)
    if kind in ("integer", "number"):
        return _numbers(text, written)
    if kind in ("date", "timestamp"):
        form = written.date_format or written.days.get(name, ISO)
        return text if form == ISO else _days(text, form)
    return text


def _numbers(text: Any, written: Written) -> Any:
    mark, between = written.decimal_mark, written.thousands_mark
    if mark == "." and not between:
        return text
    thousands = "" if not between else f"[{_BLANKS}]" if between == " " else re.escape(between)
    digits = rf"(?:\d+|\d{{1,3}}(?:{thousands}\d{{3}})+)" if thousands else r"\d+"
    good = pc.match_substring_regex(text, rf"\A[+-]?(?:{digits}(?:{re.escape(mark)}\d*)?|{re.escape(mark)}\d+)\z")
    plain = pc.replace_substring_regex(text, thousands, "") if thousands else text
    return pc.if_else(good, pc.replace_substring(plain, mark, "."), _NEITHER)


def _days(text: Any, form: str) -> Any:
    """Spell days in the form, alone or at the head of a time, by ISO 8601; others stay, as some may be so already."""
    parts = pc.extract_regex(text, rf"\A{day_pattern(form)}(?P<rest>[T ].*)?\z")
    year, month, day, rest = (pc.struct_field(parts, name) for name in ("year", "month", "day", "rest"))
    month, day = (pc.utf8_lpad(each, 2, "0") for each in (month, day))
    iso = pc.binary_join_element_wise(pc.binary_join_element_wise(year, month, day, "-"), rest, "")
    return pc.if_else(pc.is_valid(parts), iso, text).cast(pa.string())
