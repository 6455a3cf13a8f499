"""Read one CSV or Parquet file in a process of its own, so that a crafted file can at worst stop that process.

Started by `table.load` as a script, with the file already open. Before the first byte is parsed it gives up every means
to do harm: memory, processor time and output are limited, and no descriptor is left for another file or a socket. Cells
become what the contract says, or faults; nothing is inferred. It imports nothing of Counterfoil and knows nothing of
contracts beyond names and types: `number:2` is a number with two decimal places, carried as a count of hundredths.

On standard output, frames of (kind: 1 byte, length: 8 bytes little-endian, payload):

* `B`, a batch: rows (4 bytes); then per column, in the order asked for, one byte a row that is 1 where a value is, and
  the values: an int64 a row (days since 1970 for a date), or for `string` 4 bytes of length a row and the UTF-8 bytes.
* `F`, a fault, `R`, a refusal of the whole file, and `E`, the end: JSON.
"""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

FRAME = struct.Struct("<cQ")
ROWS = struct.Struct("<I")
SHOWN = 10  # bad cells that the owner's page shows, per fault
BATCH_ROWS = 64 * 1024
MAX_HEADER = 64 * 1024
MAX_CELL = 80  # characters of a bad cell that the owner's page shows
MAX_RATIO = 200  # of decoded to stored bytes; tables of people reach 20, one value repeated some thousands
THRIFT = {"thrift_string_size_limit": 4 << 20, "thrift_container_size_limit": 400_000}

Convert: TypeAlias = Callable[[str, Any], tuple[Any, Any]]

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


class UnreadableError(Exception):
    """The file as a whole cannot be read; the text says why, without any content of the file."""

    def __init__(self, problem: str, error: str = "unreadable", column: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.error, self.column = problem, error, column


@dataclass(slots=True)
class Fault:
    """Cells of one column that are not of its type. Rows count from 1, the first below the header."""

    column: str | None
    problem: str
    count: int = 0
    rows: list[int] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may claim before it is opened, and what reading it may cost."""

    max_rows: int
    max_columns: int
    max_bytes: int
    memory: int
    cpu_s: int


def confine(limits: Limits) -> None:
    """From here on: bounded memory and time, no core dump, no file written, no descriptor to be had."""
    for what, limit in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (limit, limit))


# --- cells ------------------------------------------------------------------------------------------------------


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


def note(fault: Fault, bad: Any, cells: Any, first_row: int) -> None:
    """Add the batch's bad cells to the fault."""
    at = pc.indices_nonzero(bad)
    fault.count += len(at)
    for index in at.slice(0, SHOWN - len(fault.rows)).to_pylist():
        fault.rows.append(first_row + index)
        fault.cells.append(str(cells[index].as_py())[:MAX_CELL])


# --- files ------------------------------------------------------------------------------------------------------


def csv_header(source: BinaryIO) -> list[str]:
    """The names in the first line, which must be UTF-8 and of a sane length."""
    line = source.readline(MAX_HEADER + 1)
    if not line:
        raise UnreadableError("it is empty; the first line must name the columns")
    if len(line) > MAX_HEADER:
        raise UnreadableError(f"its first line is longer than {MAX_HEADER} bytes; it must name the columns")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text; save it as CSV in UTF-8") from None
    if not text.rstrip("\r\n").replace("\t", "").isprintable():
        raise UnreadableError("it is neither CSV text nor Parquet")
    return next(csv.reader([text]), [])


def csv_batches(source: BinaryIO, columns: dict[str, str], torn: Fault) -> Iterator[Any]:
    """Record batches of raw bytes; rows with too many or too few cells are counted as torn and left out."""

    def keep_or_skip(row: Any) -> str:
        torn.count += 1
        if len(torn.rows) < SHOWN and row.number is not None:
            torn.rows.append(row.number - 1)
            torn.cells.append(str(row.text)[:MAX_CELL])
        return "skip"

    reader = pcsv.open_csv(
        pa.PythonFile(source, mode="r"),
        read_options=pcsv.ReadOptions(use_threads=False, block_size=4 << 20),
        parse_options=pcsv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep_or_skip),
        convert_options=pcsv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(columns, pa.binary()),
            include_columns=list(columns),
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    )
    yield from reader


def parquet_open(source: BinaryIO, size: int, limits: Limits) -> Any:
    """The file's metadata, within the limits."""
    file = pq.ParquetFile(pa.PythonFile(source, mode="r"), **THRIFT)
    meta = file.metadata
    decoded = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    check_claims(meta.num_rows, meta.num_columns, limits)
    if decoded > limits.max_bytes or decoded > MAX_RATIO * size:
        raise UnreadableError(f"it would unpack to {decoded} bytes from {size}; split it or store it less compressed")
    return file


def check_claims(rows: int, columns: int, limits: Limits) -> None:
    """Raises: UnreadableError when the table is larger than a contract's table may be."""
    if rows > limits.max_rows:
        raise UnreadableError(f"it has more than {limits.max_rows} rows; split it")
    if columns > limits.max_columns:
        raise UnreadableError(f"it has more than {limits.max_columns} columns; export only what the contract names")


def check_names(found: list[str], wanted: dict[str, str]) -> None:
    """Raises: UnreadableError for the first contract column that is not there exactly once."""
    for name in wanted:
        if found.count(name) > 1:
            raise UnreadableError("the header names it twice; keep one", column=name)
        if name not in found:
            hint = "; separate the cells by commas" if len(found) == 1 and ";" in found[0] else ""
            raise UnreadableError(
                f"the file has no such column; add it, or rename the one that holds it{hint}", "missing", name
            )


# --- out --------------------------------------------------------------------------------------------------------


def pack(kind: str, values: Any) -> list[bytes | memoryview]:
    """One column of a batch in the frame's form."""
    valid = pc.is_valid(values).cast(pa.uint8()).to_numpy(zero_copy_only=False)
    if split(kind)[0] == "string":
        filled = pc.fill_null(values, "")
        _, offsets, text = filled.buffers()
        ends = np.frombuffer(offsets, np.int32)[filled.offset : filled.offset + len(filled) + 1]
        cut = memoryview(text or b"")[ends[0] : ends[-1]]
        return [valid.data, np.diff(ends).astype("<i4").data, cut]
    if kind == "date":
        values = values.cast(pa.int32())
    numbers = pc.fill_null(values.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return [valid.data, numbers.astype("<i8", copy=False).data]


def send(kind: bytes, parts: list[bytes | memoryview], out: BinaryIO) -> None:
    out.write(FRAME.pack(kind, sum(memoryview(part).nbytes for part in parts)))
    for part in parts:
        out.write(part)


def convert(
    batches: Iterator[Any],
    to: Convert,
    columns: dict[str, str],
    limits: Limits,
    out: BinaryIO,
) -> tuple[int, list[Fault]]:
    """Send every batch in the contract's types; the number of rows, and the faults found on the way."""
    faults = {name: Fault(name, REMEDIES[split(kind)[0]]) for name, kind in columns.items()}
    rows = 0
    for whole in batches:
        for start in range(0, whole.num_rows, BATCH_ROWS):
            batch = whole.slice(start, BATCH_ROWS)
            check_claims(rows + batch.num_rows, 0, limits)
            parts: list[bytes | memoryview] = [ROWS.pack(batch.num_rows)]
            for name, kind in columns.items():
                raw = batch.column(name)
                if pa.types.is_binary(raw.type):
                    raw = utf8(raw, faults[name], rows + 1)
                values, good = to(kind, raw)
                bad = pc.and_(pc.is_valid(raw), pc.invert(good))
                if pc.any(bad).as_py():
                    note(faults[name], bad, raw, rows + 1)
                parts += pack(kind, pc.if_else(good, values, None))
            send(b"B", parts, out)
            rows += batch.num_rows
    return rows, [fault for fault in faults.values() if fault.count]


def utf8(raw: Any, fault: Fault, first_row: int) -> Any:
    """The bytes as text; cells that are not UTF-8 are noted and become missing."""
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        bad = pa.array([cell is not None and not _is_utf8(cell) for cell in raw.to_pylist()])
        note(fault, bad, raw, first_row)
        return pc.if_else(bad, None, raw).cast(pa.string())


def _is_utf8(cell: bytes) -> bool:
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def read(source: BinaryIO, columns: dict[str, str], limits: Limits, out: BinaryIO) -> None:
    """Send the whole file, or say why not.

    Raises: UnreadableError.
    """
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    magic = source.read(4)
    source.seek(0)
    torn = Fault(None, "give every row as many cells as the header has, and quote cells that hold commas or line ends")
    if magic == b"PAR1":
        file = parquet_open(source, size, limits)
        names = file.schema_arrow.names
        check_names(names, columns)
        for name, kind in columns.items():
            stored = file.schema_arrow.field(name).type
            if not stored_as(kind, stored):
                raise UnreadableError(f"the file stores {stored}; {REMEDIES[split(kind)[0]]}", "type", name)
        batches = file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns), use_threads=False)
        to: Convert = stored_to
    else:
        if size > limits.max_bytes:
            raise UnreadableError(f"it has {size} bytes, more than {limits.max_bytes}; split it")
        names = csv_header(source)
        source.seek(0)
        check_claims(0, len(names), limits)
        check_names(names, columns)
        batches = csv_batches(source, columns, torn)
        to = text_to
    rows, faults = convert(batches, to, columns, limits, out)
    if torn.count:
        faults = [torn]  # the others' row numbers would be off
    for fault in faults:
        send(b"F", [json.dumps(asdict(fault)).encode()], out)
    ignored = [name for name in names if name not in columns]
    send(b"E", [json.dumps({"rows": rows, "ignored": len(ignored)}).encode()], out)


def warm_up() -> None:
    """Everything that reading needs is imported, by reading one table of each format from memory."""
    columns = {kind: kind for kind in TYPES}
    limits = Limits(max_rows=1, max_columns=len(TYPES), max_bytes=1 << 20, memory=0, cpu_s=0)
    stored = io.BytesIO()
    pq.write_table(pa.table({kind: pa.nulls(1, TYPES[kind]) for kind in TYPES}), stored)
    for raw in (b"integer,number,string,date,boolean\n1,1,1,2000-01-01,1\n", stored.getvalue()):
        read(io.BytesIO(raw), columns, limits, io.BytesIO())


def main() -> None:
    """Standard input: {"columns": {name: type}, "limits": {...}} as JSON; the one argument: the file's descriptor."""
    wish = json.load(sys.stdin)
    limits = Limits(**wish["limits"])
    out = sys.stdout.buffer
    warm_up()
    with os.fdopen(int(sys.argv[1]), "rb") as source:
        confine(limits)
        try:
            read(source, wish["columns"], limits, out)
        except UnreadableError as refusal:
            send(b"R", [json.dumps([refusal.problem, refusal.error, refusal.column]).encode()], out)
        except (MemoryError, pa.ArrowMemoryError):
            send(b"R", [json.dumps(["reading it needs too much memory; split it"]).encode()], out)
        except (pa.ArrowException, OSError, ValueError):  # their texts may quote cells
            problem = "it is damaged or cut off, or not CSV or Parquet; export it again"
            send(b"R", [json.dumps([problem]).encode()], out)
        out.flush()


if __name__ == "__main__":
    main()
