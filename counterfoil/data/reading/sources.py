"""Read files of all kinds as batches of raw cells, if their claims about themselves are within the limits.

Nothing of a file's content is in a message. Knows no contract beyond the names and types of columns.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.ipc
import pyarrow.parquet as pq

from counterfoil.data.reading.cells import REMEDIES, Misfits, split, stored_as
from counterfoil.data.reading.foreign.recode import recoded
from counterfoil.data.reading.foreign.workbook import MAGICS, Workbook
from counterfoil.data.reading.headers import check_magic, layout, places_of
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.governance.contracts.forms.written import Written
from counterfoil.governance.contracts.standard.plain_name import plain_name

BATCH_ROWS = 64 * 1024
BLOCK_BYTES = 4 << 20  # of CSV; a row must fit into it
MAX_RATIO = 200  # of decoded to stored bytes; tables of people reach 20, one value repeated some thousands
PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
PARQUET = {
    "thrift_string_size_limit": 4 << 20,
    "thrift_container_size_limit": 400_000,
    "buffer_size": 1 << 20,  # column chunks are streamed
    "pre_buffer": False,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of what a file may claim before it is parsed, and of what parsing it may cost."""

    max_rows: int
    max_columns: int
    max_bytes: int
    memory: int
    cpu_s: int

    def check(self, rows: int = 0, columns: int = 0, size: int = 0) -> None:
        """Check sizes. Raises: UnreadableError when the table is larger than a contract's table may be."""
        if rows > self.max_rows:
            raise UnreadableError(f"it has more than {self.max_rows} rows; split it")
        if columns > self.max_columns:
            raise UnreadableError(f"it has more than {self.max_columns} columns; export only what the contract names")
        if size > self.max_bytes:
            raise UnreadableError(f"it unpacks to more than {self.max_bytes} bytes; split it")


def is_stored(source: BinaryIO, written: Written) -> bool:
    """Return whether the file begins as one whose columns have types: Parquet or Arrow."""
    return _magic(source, written) in (PARQUET_MAGIC, ARROW_MAGIC)


def is_workbook(source: BinaryIO) -> bool:
    """Return whether the file begins as a workbook of a spreadsheet."""
    return _magic(source, Written(encoding="utf-16")).startswith(MAGICS)


def column_names(source: BinaryIO, written: Written, limits: Limits) -> dict[str, str]:
    """Read the names of the columns as a contract writes them, and as the file has them. Raises: UnreadableError."""
    magic = _magic(source, written)
    if magic == PARQUET_MAGIC:
        found = list(pq.ParquetFile(pa.PythonFile(source, mode="r"), **PARQUET).schema_arrow.names)
    else:
        found = _names(source, magic, written, limits)
    names: dict[str, str] = {}
    for each in found:
        if (first := names.setdefault(plain_name(each), each)) != each or found.count(each) > 1:
            raise _alike(found, first, each)
    return names


def _names(source: BinaryIO, magic: bytes, written: Written, limits: Limits) -> list[str]:
    if magic == ARROW_MAGIC:
        return list(_arrow(source, limits).schema.names)
    if magic.startswith(MAGICS):
        return Workbook(source, written.sheet).names
    return layout(recoded(source, written.encoding), (), written).names


def _alike(found: Sequence[str], first: str, second: str) -> UnreadableError:
    """Make the error about two names that a contract writes alike."""
    if first == second and first.strip():
        return UnreadableError("the header names it twice; keep one", column=plain_name(first))
    one, other = [at for at, each in enumerate(found, 1) if each in (first, second)][:2]
    if first.strip() or second.strip():
        return UnreadableError(
            f"in the header, the names of columns {one} and {other} differ in nothing but case, marks, and letters "
            "other than a to z; rename one, with other letters a to z"
        )
    return UnreadableError(f"in the header, columns {one} and {other} have no names; its first line must name each")


def open_table(
    source: BinaryIO, columns: Mapping[str, str | None], written: Written, limits: Limits, torn: Misfits
) -> Iterator[Any]:
    """Open the file as record batches of the columns: of bytes from CSV, else of the file's types.

    Each type may hold the wanted kind, where one is wanted. Rows of CSV with too many or too few cells are left out and
    counted. Raises: UnreadableError.
    """
    magic = _magic(source, written)
    if magic == PARQUET_MAGIC:
        return open_parquet(source, columns, written, limits)
    if magic == ARROW_MAGIC:
        return open_arrow(source, columns, written, limits)
    if magic.startswith(MAGICS):
        return open_workbook(source, columns, written, limits)
    return open_csv(source, columns, written, limits, torn)


def open_workbook(
    source: BinaryIO, columns: Mapping[str, str | None], written: Written, limits: Limits
) -> Iterator[Any]:
    """Open the columns of a sheet as record batches of bytes, with empty cells missing. Raises: UnreadableError."""
    limits.check(size=_size(source))
    book = Workbook(source, written.sheet)
    limits.check(columns=len(book.names))
    return book.batches(places_of(book.names, columns, written), BATCH_ROWS)


def _magic(source: BinaryIO, written: Written) -> bytes:
    source.seek(0)
    magic = source.read(len(ARROW_MAGIC))
    source.seek(0)
    check_magic(magic, written.encoding)
    return magic[: len(PARQUET_MAGIC)] if magic.startswith(PARQUET_MAGIC) else magic


def _size(source: BinaryIO) -> int:
    """Measure the file by a call that takes no path: `fstat` of some C libraries takes one."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    return size


def open_arrow(source: BinaryIO, columns: Mapping[str, str | None], written: Written, limits: Limits) -> Iterator[Any]:
    """Open the columns as record batches, every buffer of them checked. Raises: UnreadableError."""
    file = _arrow(source, limits)
    at = places_of(file.schema.names, columns, written)
    _check_types(file.schema, columns, at)

    def batches() -> Iterator[Any]:
        size = 0
        for number in range(file.num_record_batches):
            batch = _named(file.get_batch(number), [file.schema.names[at[name]] for name in columns], columns)
            batch.validate(full=True)
            size += batch.nbytes
            limits.check(size=size)
            yield batch

    return batches()


def _arrow(source: BinaryIO, limits: Limits) -> Any:
    file = pa.ipc.open_file(pa.PythonFile(source, mode="r"))
    limits.check(columns=len(file.schema))
    return file


def _named(batch: Any, names: Sequence[str], columns: Iterable[str]) -> Any:
    """Select the columns of these names in the file, under the names that the contract gives them."""
    return pa.record_batch([batch.column(name) for name in names], names=list(columns))


def _check_types(schema: Any, columns: Mapping[str, str | None], at: Mapping[str, int]) -> None:
    """Check the stored types. Raises: UnreadableError for the columns whose type cannot hold the wanted kind."""
    wrong = []
    for name, kind in columns.items():
        found = schema.field(at[name]).type
        if kind and not stored_as(kind, found):
            wrong.append((f"the file stores {str(found)[:40]}; {REMEDIES[split(kind)[0]]}", "type", name))
    if wrong:
        raise UnreadableError.of(wrong)


def open_parquet(
    source: BinaryIO, columns: Mapping[str, str | None], written: Written, limits: Limits
) -> Iterator[Any]:
    """Open the columns as record batches of the file's types, each of which may hold the wanted kind, if any.

    Raises: UnreadableError.
    """
    file = pq.ParquetFile(pa.PythonFile(source, mode="r"), **PARQUET)
    meta = file.metadata
    stored = _size(source)
    decoded = sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
    limits.check(meta.num_rows, meta.num_columns, decoded)
    if decoded > MAX_RATIO * stored:
        raise UnreadableError(f"it unpacks to {decoded} bytes from {stored}; store it less compressed")
    schema = file.schema_arrow
    at = places_of(schema.names, columns, written)
    _check_types(schema, columns, at)
    names = [schema.names[at[name]] for name in columns]
    batches = file.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False)
    return (_named(batch, names, columns) for batch in batches)


def open_csv(
    source: BinaryIO, columns: Mapping[str, str | None], written: Written, limits: Limits, torn: Misfits
) -> Iterator[Any]:
    """Open the columns as record batches of bytes, with empty cells missing.

    Rows with too many or too few cells are left out and counted as torn. Raises: UnreadableError.
    """
    limits.check(size=_size(source))
    source = recoded(source, written.encoding)
    found = layout(source, columns, written)
    limits.check(columns=len(found.names))
    at = places_of(found.names, columns, written, found.delimiter)
    if not found.rows:
        return iter(())

    def skip(row: Any) -> str:
        torn.add(row.number, row.text)
        return "skip"

    source.seek(found.start)
    numbers = {name: str(at[name]) for name in columns}  # names of a file may repeat, places do not
    batches = pcsv.open_csv(
        pa.PythonFile(source, mode="r"),
        read_options=pcsv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, column_names=[str(n) for n in range(len(found.names))]
        ),
        parse_options=pcsv.ParseOptions(
            delimiter=found.delimiter, quote_char=written.quote, newlines_in_values=True, invalid_row_handler=skip
        ),
        convert_options=pcsv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(numbers.values(), pa.binary()),
            include_columns=list(numbers.values()),
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    )
    return (batch.rename_columns(list(columns)) for batch in batches)
