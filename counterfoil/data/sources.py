"""CSV, Parquet and Arrow files as batches of raw cells, once their claims about themselves are within the limits.

Nothing of a file's content is in a message. Knows no contract beyond the names and types of columns.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.ipc
import pyarrow.parquet as pq

from counterfoil.data.cells import REMEDIES, Misfits, split, stored_as

BATCH_ROWS = 64 * 1024
BLOCK_BYTES = 4 << 20  # of CSV; a row must fit into it
MAX_HEADER = 64 * 1024
MAX_RATIO = 200  # of decoded to stored bytes; tables of people reach 20, one value repeated some thousands
PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
PARQUET = {
    "thrift_string_size_limit": 4 << 20,
    "thrift_container_size_limit": 400_000,
    "buffer_size": 1 << 20,  # column chunks are streamed
    "pre_buffer": False,
}


class UnreadableError(Exception):
    """The file as a whole cannot be read; the text says why, without any content of the file."""

    def __init__(self, problem: str, error: str = "unreadable", column: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.error, self.column = problem, error, column


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may claim before it is parsed, and what parsing it may cost."""

    max_rows: int
    max_columns: int
    max_bytes: int
    memory: int
    cpu_s: int
    arrow: bool = False  # whether Arrow files are read at all: for the first draft of a contract alone

    def check(self, rows: int = 0, columns: int = 0, size: int = 0) -> None:
        """Raises: UnreadableError when the table is larger than a contract's table may be."""
        if rows > self.max_rows:
            raise UnreadableError(f"it has more than {self.max_rows} rows; split it")
        if columns > self.max_columns:
            raise UnreadableError(f"it has more than {self.max_columns} columns; export only what the contract names")
        if size > self.max_bytes:
            raise UnreadableError(f"it unpacks to more than {self.max_bytes} bytes; split it")


def is_stored(source: BinaryIO) -> bool:
    """Whether the file begins as one whose columns have types: Parquet or Arrow."""
    return _magic(source) in (PARQUET_MAGIC, ARROW_MAGIC)


def column_names(source: BinaryIO, limits: Limits) -> list[str]:
    """The names of the columns, as the file has them. Raises: UnreadableError."""
    magic = _magic(source)
    if magic == PARQUET_MAGIC:
        return list(pq.ParquetFile(pa.PythonFile(source, mode="r"), **PARQUET).schema_arrow.names)
    if magic == ARROW_MAGIC:
        return list(_arrow(source, limits).schema.names)
    names = _header(source)
    source.seek(0)
    return names


def open_table(source: BinaryIO, columns: Mapping[str, str | None], limits: Limits, torn: Misfits) -> Iterator[Any]:
    """Record batches of the columns: of bytes from CSV, else of the file's types, each of which may hold the wanted
    kind, where one is wanted. Rows of CSV with too many or too few cells are left out and counted.

    Raises: UnreadableError.
    """
    magic = _magic(source)
    if magic == PARQUET_MAGIC:
        return open_parquet(source, columns, limits)
    return open_arrow(source, columns, limits) if magic == ARROW_MAGIC else open_csv(source, columns, limits, torn)


def _magic(source: BinaryIO) -> bytes:
    source.seek(0)
    magic = source.read(len(ARROW_MAGIC))
    source.seek(0)
    return magic[: len(PARQUET_MAGIC)] if magic.startswith(PARQUET_MAGIC) else magic


def open_arrow(source: BinaryIO, columns: Mapping[str, str | None], limits: Limits) -> Iterator[Any]:
    """Record batches of the columns, every buffer of them checked. Raises: UnreadableError."""
    file = _arrow(source, limits)
    check_names(file.schema.names, columns)
    _check_types(file.schema, columns)

    def batches() -> Iterator[Any]:
        size = 0
        for number in range(file.num_record_batches):
            batch = file.get_batch(number).select(list(columns))
            batch.validate(full=True)
            size += batch.nbytes
            limits.check(size=size)
            yield batch

    return batches()


def _arrow(source: BinaryIO, limits: Limits) -> Any:
    if not limits.arrow:
        raise UnreadableError("it is an Arrow file; export it as Parquet")
    file = pa.ipc.open_file(pa.PythonFile(source, mode="r"))
    limits.check(columns=len(file.schema))
    return file


def _check_types(schema: Any, columns: Mapping[str, str | None]) -> None:
    for name, kind in columns.items():
        found = schema.field(name).type
        if kind and not stored_as(kind, found):
            raise UnreadableError(f"the file stores {str(found)[:40]}; {REMEDIES[split(kind)[0]]}", "type", name)


def open_parquet(source: BinaryIO, columns: Mapping[str, str | None], limits: Limits) -> Iterator[Any]:
    """Record batches of the columns in the file's types, each of which may hold the wanted kind, where one is wanted.

    Raises: UnreadableError.
    """
    file = pq.ParquetFile(pa.PythonFile(source, mode="r"), **PARQUET)
    meta = file.metadata
    stored = os.fstat(source.fileno()).st_size
    decoded = sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
    limits.check(meta.num_rows, meta.num_columns, decoded)
    if decoded > MAX_RATIO * stored:
        raise UnreadableError(f"it unpacks to {decoded} bytes from {stored}; store it less compressed")
    check_names(file.schema_arrow.names, columns)
    _check_types(file.schema_arrow, columns)
    return iter(file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns), use_threads=False))


def open_csv(source: BinaryIO, columns: Mapping[str, str | None], limits: Limits, torn: Misfits) -> Iterator[Any]:
    """Record batches of the columns as bytes, empty cells missing. Rows with too many or too few cells are left out
    and counted as torn.

    Raises: UnreadableError.
    """
    limits.check(size=os.fstat(source.fileno()).st_size)
    names = _header(source)
    source.seek(0)
    limits.check(columns=len(names))
    check_names(names, columns)

    def skip(row: Any) -> str:
        torn.add(row.number - 1, row.text)
        return "skip"

    return iter(
        pcsv.open_csv(
            pa.PythonFile(source, mode="r"),
            read_options=pcsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pcsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            convert_options=pcsv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(columns, pa.binary()),
                include_columns=list(columns),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )
    )


def _header(source: BinaryIO) -> list[str]:
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


def check_names(found: Sequence[str], wanted: Iterable[str]) -> None:
    """Raises: UnreadableError for the first contract column that is not there exactly once."""
    for name in wanted:
        if found.count(name) > 1:
            raise UnreadableError("the header names it twice; keep one", column=name)
        if name not in found:
            hint = "; separate the cells by commas" if len(found) == 1 and ";" in found[0] else ""
            raise UnreadableError(
                f"the file has no such column; add it, or rename the one that holds it{hint}", "missing", name
            )
