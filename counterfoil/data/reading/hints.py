"""Guess what cells that could not be read are, so that the remedy fits them. Never repeats a cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_STAND_IN: Final = re.compile(
    r"[+-]?\.[a-z_]?|na|n/a|#n/a|nan|null|none|nil|nat|-|--|\?|\s+|unknown|missing", re.IGNORECASE
)
_MISSING: Final = (
    "some stand for something missing; leave those cells empty, or write the column's type and 'emptySpellings' into "
    "the contract by hand"
)
_PLAIN: Final = {"date": r"\d{4}-\d{2}-\d{2}", "number": r"[+-]?\d+(?:\.\d+)?"}
_SHAPES: Final = {
    "date": [
        (
            r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}",
            "they look like days with the year last, as DD.MM.YYYY or MM/DD/YYYY; write them as YYYY-MM-DD, or declare "
            "'format: dd.MM.yyyy', or whichever it is, in the column's logicalTypeOptions",
        ),
        (r"\d{8}", "they look like YYYYMMDD; write days as YYYY-MM-DD, or declare 'format: yyyyMMdd' in the column's "
         "logicalTypeOptions"),
        (r"\d{4}[./]\d{1,2}[./]\d{1,2}", "write days with two digits a month and hyphens, as YYYY-MM-DD"),
        (r"\d{5}(?:\.\d+)?", "they look like the day numbers of a spreadsheet; format the column as YYYY-MM-DD"),
        (
            r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*",
            "they have a time of day; write the day alone, as YYYY-MM-DD, or agree on a contract with a timestamp",
        ),
    ],
    "number": [
        (r"[+-]?(?:\d+|\d{1,3}(?:[. \u00a0\u202f']\d{3})+),\d+", "they look like numbers with a decimal comma; "
         "write a decimal point, and nothing between thousands, or declare 'decimalMark' and 'thousandsMark' in the "
         "contract's servers"),
        (r"[+-]?\d+(?:\.\d+)?e[+-]?\d+", "they have an exponent; write plain decimal numbers"),
        (r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", "they have commas between thousands; write the digits alone, "
         "or declare 'thousandsMark' in the contract's servers"),
        (r"[+-]?\d+\.\d+", "they have more decimal places than the contract's resolution; round them, or agree on a "
         "finer resolution"),
    ],
    "integer": [
        (r"[+-]?\d+[.,]\d+", "they have a fraction; round them, or agree on a contract with the type number"),
        (r"[+-]?\d{1,3}(?:[., \u00a0\u202f']\d{3})+", "they have marks between thousands; write the digits alone"),
    ],
}  # fmt: skip


def hint(kind: str, cells: Sequence[str]) -> str:
    """Choose the remedy for cells of one column that all have one shape; "" where they have none that is known."""
    if cells and all(cell == "nan" for cell in cells):
        return (
            "NaN is no number; write null where a value is missing, or declare 'NaN' in the contract's property "
            "'emptySpellings' of the column"
        )
    if kind != "string" and cells and all(_STAND_IN.fullmatch(cell) for cell in cells):
        return (
            "they stand for something missing; leave these cells empty, or declare how that is spelt in the contract's "
            "property 'emptySpellings' of the column"
        )
    for shape, remedy in _SHAPES.get(kind, ()):
        if cells and all(re.fullmatch(shape, cell, re.IGNORECASE) for cell in cells):
            return remedy
    return ""


def hint_of_text(texts: Sequence[str]) -> str:
    """Say what to write in place of text that looks like numbers or days; "" where it looks like neither.

    Cells that stand for something missing may be among them.
    """
    cells = [text for text in texts if not _STAND_IN.fullmatch(text)]
    telling = [cell for cell in cells if not cell.isdecimal()]  # digits alone may name something
    for kind, plain in _PLAIN.items():
        odd = [cell for cell in telling if not re.fullmatch(plain, cell)]
        for shape, remedy in _SHAPES[kind]:
            if odd and all(re.fullmatch(shape, cell, re.IGNORECASE) for cell in odd):
                return remedy if len(cells) == len(texts) else f"{_MISSING}; of the others, {remedy}"
        if cells and not odd and len(cells) < len(texts):
            return f"{_MISSING}; the others are numbers or days"
    return ""
