"""Convert cells of a file to the contract's types, exactly or not at all, inferring nothing. Knows no files or bounds.

`number:2` is a number with two decimal places; it is carried as a count of hundredths. `timestamp:3:60` is a time to
the millisecond, of which one without a zone is an hour ahead of UTC; it is carried as milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.reading import times

SHOWN = 100  # cells of one kind of mistake that the owner's page shows
MAX_SHOWN = 80  # characters of each
DIGITS = 18  # of an integer, or of a number with its decimal places: below 2^61, the widest bound of a ring value
PATTERNS = {
    "integer": rf"\A[+-]?0*\d{{1,{DIGITS}}}(?:\.0*)?\z",
    "number": r"\A[+-]?(?:0*\d{{1,{whole}}}(?:\.\d{{0,{places}}}0*)?|\.{after})\z",
    "boolean": r"\A(?i:true|false|0|1)\z",
    "date": r"\A\d{4}-\d{2}-\d{2}(?:[T ]00:00(?::00(?:\.0+)?)?)?\z",
}
TYPES = {
    "integer": pa.int64(),
    "number": pa.int64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.int64(),
    "boolean": pa.bool_(),
}
REMEDIES = {
    "integer": f"write whole numbers of up to {DIGITS} digits, without separators, in Parquet as int64",
    "number": "write plain decimal numbers with a point, without thousands separators or an exponent, "
    "and no more decimal places than the contract's resolution, in Parquet as decimal128 or float64",
    "string": "write UTF-8 text, in Parquet as string",
    "date": "write days of the calendar from 0001-01-01 to 9999-12-31 as YYYY-MM-DD, in Parquet as date32, and leave "
    "cells empty where the day is not known",
    "timestamp": "write times as YYYY-MM-DDTHH:MM:SS with their zone (Z or +01:00), unless the contract declares one, "
    "and no finer than its resolution, in Parquet as timestamp with a time zone",
    "boolean": "write true or false",
}

NOT_UTF8 = (
    "these cells are not UTF-8 text, most likely Latin-1 or Windows-1252; save the file as CSV UTF-8, or declare "
    "'encoding: windows-1252' in the contract's servers"
)


@dataclass(slots=True)
class Misfits:
    """The cells that could not be read. Rows count from 1, the first below the header; the first SHOWN are kept."""

    column: str | None
    remedy: str
    count: int = 0
    rows: list[int] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)

    def add(self, row: int, cell: object) -> None:
        """Record one more."""
        self.count += 1
        if len(self.rows) < SHOWN:
            self.rows.append(row)
            self.cells.append(str(cell)[:MAX_SHOWN])

    def add_batch(self, bad: Any, cells: Any, first_row: int) -> None:
        """Record those of a batch that the mask marks."""
        at = pc.indices_nonzero(bad)
        if pa.types.is_timestamp(cells.type):  # its zone is not looked up, and Python's own times have microseconds
            cells = cells.cast(pa.timestamp(cells.type.unit)).cast(pa.timestamp("us"), safe=False)
        for index in at.slice(0, SHOWN).to_pylist():
            self.add(first_row + index, cells[index].as_py())
        self.count += max(len(at) - SHOWN, 0)


def split(kind: str) -> tuple[str, int]:
    """Split `number:2` into its name and its decimal places; what follows for times (`zone`) is left out."""
    name, places, *_ = [*kind.split(":"), "0"]
    return name, int(places)


def zone(kind: str) -> int | None:
    """Parse how far a time without a zone is ahead of UTC, by `timestamp:PLACES:MINUTES`; None if each says its own."""
    parts = kind.split(":")
    return None if parts[2:] == ["own"] else int(parts[2] if len(parts) > 2 else 0)


def text_to(kind: str, text: Any) -> tuple[Any, Any]:
    """Convert CSV text to its type, with a mask of what is of that type."""
    name, places = split(kind)
    if name == "string":
        return text, pc.is_valid(text)
    if name == "timestamp":
        return times.parse(text, places, zone(kind))
    pattern = PATTERNS[name]
    if name == "number":
        after = rf"(?:\d{{1,{places}}}0*|0+)" if places else "0+"  # a point alone is no number
        pattern = pattern.format(whole=DIGITS - places, places=places, after=after)
    good = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    kept = pc.if_else(good, text, None)
    if name == "date":
        return times.parse_days(kept)
    if name == "boolean":
        return pc.utf8_lower(kept).cast(pa.bool_()), good
    kept = pc.replace_substring_regex(kept, r"^\+", "")
    if name == "integer":
        if pc.any(pc.match_substring(kept, ".")).as_py():
            kept = pc.replace_substring_regex(kept, r"\.0*$", "")
        return kept.cast(pa.int64()), good
    kept = pc.replace_substring_regex(kept, rf"(\.\d{{{places}}})0+$", r"\1")
    return units(kept.cast(pa.decimal128(DIGITS + 1, places)), places), good


def stored_to(kind: str, values: Any) -> tuple[Any, Any]:
    """Convert Parquet values to their type, with a mask of what fits it. `stored_as` holds for the file's type."""
    name, places = split(kind)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), TYPES[name]), pc.is_valid(values)
    if name == "string":
        text = values.cast(pa.string())
        return pc.if_else(pc.equal(text, ""), None, text), pc.is_valid(text)
    if name == "boolean":
        return values, pc.is_valid(values)
    if name == "date":
        return times.stored_days(values)
    if name == "timestamp":
        return times.stored(values, places, zone(kind) or 0)
    if pa.types.is_decimal(values.type):
        exact = values.cast(pa.decimal128(38, values.type.scale))
        limit = pa.scalar(Decimal(10 ** (DIGITS - places)), exact.type)
        good = pc.and_(pc.equal(pc.round(exact, places), exact), pc.less(pc.abs(exact), limit))
        kept = pc.if_else(pc.fill_null(good, False), exact, None)
        return units(kept.cast(pa.decimal128(DIGITS + 1, places)), places), pc.is_valid(kept)
    if pa.types.is_floating(values.type):
        return _of_floats(values, places)
    limit = 10 ** (DIGITS - places)
    good = pc.is_valid(values)
    if limit < 1 << values.type.bit_width:
        good = pc.fill_null(pc.less(values, pa.scalar(limit, values.type)), False)
        if pa.types.is_signed_integer(values.type):
            good = pc.and_(good, pc.fill_null(pc.greater(values, -limit), False))
    return pc.multiply(pc.if_else(good, values, None).cast(pa.int64()), 10**places), good


def _of_floats(values: Any, places: int) -> tuple[Any, Any]:
    """Convert those on the grid: the float nearest to a multiple of 10^-places, of the file's own width."""
    real = values.cast(pa.float64())
    whole = pc.round(pc.multiply(real, 10.0**places))
    nearest = pc.divide(whole, 10.0**places)
    if values.type != pa.float64():
        nearest = nearest.cast(values.type, safe=False).cast(pa.float64())
    good = pc.and_(pc.less(pc.abs(whole), 2.0**53), pc.equal(nearest, real))
    good = pc.fill_null(good, False)
    return pc.if_else(good, whole, None).cast(pa.int64()), good


def units(values: Any, places: int) -> Any:
    """Convert decimals to a count of 10^-places."""
    return pc.multiply(values, pa.scalar(Decimal(10**places))).cast(pa.int64())


def decimals(counts: Any, places: int) -> Any:
    """Convert what `units` counted back to decimals."""
    return pc.multiply(counts.cast(pa.decimal128(DIGITS + 1, 0)), pa.scalar(Decimal(1).scaleb(-places)))


def stored_as(kind: str, stored: Any) -> bool:
    """Return whether a Parquet column of this Arrow type may hold the contract's type without a guess."""
    is_, (name, _) = pa.types, split(kind)
    if is_.is_dictionary(stored):
        stored = stored.value_type
    narrow = is_.is_decimal(stored) and stored.precision <= 38 and 0 <= stored.scale <= 38
    real = is_.is_floating(stored) or narrow
    return is_.is_null(stored) or bool(
        {
            "integer": is_.is_integer(stored) or real,
            "number": is_.is_integer(stored) or real,
            "string": is_.is_string(stored) or is_.is_large_string(stored) or is_.is_string_view(stored),
            "date": is_.is_date(stored) or (is_.is_timestamp(stored) and stored.tz in (None, "UTC")),
            "timestamp": is_.is_timestamp(stored) and (stored.tz is not None or zone(kind) is not None),
            "boolean": is_.is_boolean(stored),
        }[name]
    )


def utf8(raw: Any, misfits: Misfits, first_row: int) -> Any:
    """Decode the bytes as text; cells that are not UTF-8 are added to the misfits and become missing."""
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        bad = pa.array([cell is not None and not _is_utf8(cell) for cell in raw.to_pylist()])
        misfits.remedy = NOT_UTF8
        misfits.add_batch(bad, raw, first_row)
        return pc.if_else(bad, None, raw).cast(pa.string())


def as_bytes(cells: Any) -> Any:
    """Convert stored text to bytes, which nobody has looked at yet; of other cells only dictionaries are decoded."""
    if pa.types.is_dictionary(cells.type):
        if pa.types.is_string_view(cells.type.value_type):  # such dictionaries are not cast
            cells = cells.dictionary.cast(pa.binary_view()).cast(pa.binary()).take(cells.indices)
        else:
            cells = cells.cast(cells.type.value_type)
    if pa.types.is_string_view(cells.type):
        cells = cells.cast(pa.binary_view())
    large = pa.types.is_large_string(cells.type) or pa.types.is_binary_view(cells.type)
    return cells.cast(pa.binary()) if large or pa.types.is_string(cells.type) else cells


def _is_utf8(cell: bytes) -> bool:
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def without(cells: Any, empty: Sequence[str]) -> Any:
    """Empty the cells that hold these texts; NaN, too, where it is among them."""
    if pa.types.is_floating(cells.type) and any(text.lower() == "nan" for text in empty):
        return pc.if_else(pc.is_nan(cells), None, cells)
    if not empty or not pa.types.is_string(cells.type):
        return cells
    return pc.if_else(pc.is_in(cells, value_set=pa.array(empty, cells.type)), None, cells)
