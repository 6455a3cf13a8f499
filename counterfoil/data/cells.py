"""Cells of a file as the contract's types, exactly or not at all. Nothing is inferred; knows neither files nor bounds.

`number:2` is a number with two decimal places; it is carried as a count of hundredths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

SHOWN = 100  # cells of one kind of mistake that the owner's page shows
MAX_SHOWN = 80  # characters of each
DIGITS = 18  # of an integer, or of a number with its decimal places: below 2^61, the widest bound of a ring value
PATTERNS = {
    "integer": rf"^[+-]?0*\d{{1,{DIGITS}}}$",
    "number": r"^[+-]?(?:0*\d{{1,{whole}}}(?:\.\d{{0,{places}}}0*)?|\.\d{{0,{places}}}0*)$",
    "boolean": r"^(?i:true|false|0|1)$",
    "date": r"^\d{4}-\d{2}-\d{2}$",
}
TYPES = {
    "integer": pa.int64(),
    "number": pa.int64(),
    "string": pa.string(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}
REMEDIES = {
    "integer": f"write whole numbers of up to {DIGITS} digits, without separators or a decimal point",
    "number": "write plain decimal numbers with a point, without thousands separators or an exponent, "
    "and no more decimal places than the contract's resolution",
    "string": "write UTF-8 text",
    "date": "write days of the calendar as YYYY-MM-DD",
    "boolean": "write true or false",
}


@dataclass(slots=True)
class Misfits:
    """Cells that could not be read. Rows count from 1, the first below the header; the first SHOWN are kept."""

    column: str | None
    remedy: str
    count: int = 0
    rows: list[int] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)

    def add(self, row: int, cell: object) -> None:
        """One more."""
        self.count += 1
        if len(self.rows) < SHOWN:
            self.rows.append(row)
            self.cells.append(str(cell)[:MAX_SHOWN])

    def add_batch(self, bad: Any, cells: Any, first_row: int) -> None:
        """Those of a batch that the mask marks."""
        at = pc.indices_nonzero(bad)
        for index in at.slice(0, SHOWN).to_pylist():
            self.add(first_row + index, cells[index].as_py())
        self.count += max(len(at) - SHOWN, 0)


def split(kind: str) -> tuple[str, int]:
    """`number:2` as its name and its decimal places."""
    name, _, places = kind.partition(":")
    return name, int(places or 0)


def text_to(kind: str, text: Any) -> tuple[Any, Any]:
    """CSV text as its type, and a mask of what is of that type."""
    name, places = split(kind)
    if name == "string":
        return text, pc.is_valid(text)
    pattern = PATTERNS[name]
    if name == "number":
        pattern = pattern.format(whole=DIGITS - places, places=places)
    good = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    kept = pc.if_else(good, text, None)
    if name == "date":
        stamp = pc.strptime(kept, format="%Y-%m-%d", unit="s", error_is_null=True)
        good = pc.fill_null(pc.equal(pc.strftime(stamp, format="%Y-%m-%d"), kept), False)  # no 30th of February
        return pc.if_else(good, stamp, None).cast(pa.date32()), good
    if name == "boolean":
        return pc.utf8_lower(kept).cast(pa.bool_()), good
    kept = pc.replace_substring_regex(kept, r"^\+", "")
    if name == "integer":
        return kept.cast(pa.int64()), good
    kept = pc.replace_substring_regex(kept, rf"(\.\d{{{places}}})0+$", r"\1")
    return units(kept.cast(pa.decimal128(DIGITS + 1, places)), places), good


def stored_to(kind: str, values: Any) -> tuple[Any, Any]:
    """Parquet values as their type, and a mask of what fits it. `stored_as` holds for the file's type."""
    name, places = split(kind)
    if name == "string":
        text = values.cast(pa.string())
        return pc.if_else(pc.equal(text, ""), None, text), pc.is_valid(text)
    if name in ("date", "boolean"):
        return values.cast(TYPES[name]), pc.is_valid(values)
    if pa.types.is_decimal(values.type):
        exact = values.cast(pa.decimal128(38, values.type.scale))
        limit = pa.scalar(Decimal(10 ** (DIGITS - places)), exact.type)
        good = pc.and_(pc.equal(pc.round(exact, places), exact), pc.less(pc.abs(exact), limit))
        kept = pc.if_else(pc.fill_null(good, False), exact, None)
        return units(kept.cast(pa.decimal128(DIGITS + 1, places)), places), pc.is_valid(kept)
    if pa.types.is_floating(values.type):  # on the grid: the double nearest to a multiple of 10^-places
        real = values.cast(pa.float64())
        whole = pc.round(pc.multiply(real, 10.0**places))
        good = pc.and_(pc.less(pc.abs(whole), 2.0**53), pc.equal(pc.divide(whole, 10.0**places), real))
        good = pc.fill_null(good, False)
        return pc.if_else(good, whole, None).cast(pa.int64()), good
    limit = 10 ** (DIGITS - places)
    good = pc.is_valid(values)
    if limit < 1 << values.type.bit_width:
        good = pc.fill_null(pc.less(values, pa.scalar(limit, values.type)), False)
        if pa.types.is_signed_integer(values.type):
            good = pc.and_(good, pc.fill_null(pc.greater(values, -limit), False))
    return pc.multiply(pc.if_else(good, values, None).cast(pa.int64()), 10**places), good


def units(values: Any, places: int) -> Any:
    """Decimals as a count of 10^-places."""
    return pc.multiply(values, pa.scalar(Decimal(10**places))).cast(pa.int64())


def decimals(counts: Any, places: int) -> Any:
    """The decimals that `units` counted."""
    return pc.multiply(counts.cast(pa.decimal128(DIGITS + 1, 0)), pa.scalar(Decimal(1).scaleb(-places)))


def stored_as(kind: str, stored: Any) -> bool:
    """Whether a Parquet column of this Arrow type may hold the contract's type without a guess."""
    is_, (name, _) = pa.types, split(kind)
    if name == "string" and is_.is_dictionary(stored):
        stored = stored.value_type
    narrow = is_.is_decimal(stored) and stored.precision <= 38 and 0 <= stored.scale <= DIGITS
    return bool(
        {
            "integer": is_.is_integer(stored),
            "number": is_.is_integer(stored) or is_.is_floating(stored) or narrow,
            "string": is_.is_string(stored) or is_.is_large_string(stored),
            "date": is_.is_date(stored),
            "boolean": is_.is_boolean(stored),
        }[name]
    )


def utf8(raw: Any, misfits: Misfits, first_row: int) -> Any:
    """The bytes as text; cells that are not UTF-8 are added to the misfits and become missing."""
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        bad = pa.array([cell is not None and not _is_utf8(cell) for cell in raw.to_pylist()])
        misfits.add_batch(bad, raw, first_row)
        return pc.if_else(bad, None, raw).cast(pa.string())


def _is_utf8(cell: bytes) -> bool:
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
