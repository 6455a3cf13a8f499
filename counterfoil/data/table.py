"""A table of one owner, in the types of its contract, read from a CSV or Parquet file.

Parsing happens in `reader`, a process of its own; what comes back is checked byte for byte as if it came from a
stranger. Knows columns and cells; knows nothing of bounds, categories and quality rules (that is `expectations`).
"""

from __future__ import annotations

import json
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

import counterfoil
from counterfoil.data import reader
from counterfoil.data.cells import TYPES, Misfits, split
from counterfoil.data.faults import Fault, Faults
from counterfoil.data.sources import Limits, UnreadableError
from counterfoil.errors import DataError, MissingColumnError, UnreadableTableError, WrongTypeError
from counterfoil.governance.contract import Column, Contract

LIMITS = Limits(max_rows=50_000_000, max_columns=1_000, max_bytes=16 << 30, memory=1 << 30, cpu_s=600)

_REFUSALS: dict[str, type[DataError]] = {
    "unreadable": UnreadableTableError,
    "missing": MissingColumnError,
    "type": WrongTypeError,
}
_RULES = {
    "unreadable": "a readable CSV or Parquet file",
    "missing": "a column of the contract",
    "type": "the column's type",
}
_STOPPED = "reading it was stopped, by its memory or time limit or by damage in it; split it, or export it again"

_ENVIRONMENT = {  # nothing of ours; one thread of each kind, and no address space set aside: it is limited
    "PYTHONPATH": str(Path(counterfoil.__file__).parents[1]),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one contract at their owner: all of them after `load`, fewer after `minimise`."""

    contract: Contract = field(repr=False)
    source: str
    data: Any = field(repr=False)  # a pyarrow.Table of cells.TYPES; a number counts its last decimal place

    @property
    def rows(self) -> int:
        return int(self.data.num_rows)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.data.column_names)

    def select(self, names: Sequence[str]) -> Table:
        """The same rows with these columns alone."""
        return Table(self.contract, self.source, self.data.select(list(names)))

    def frame(self) -> pd.DataFrame:
        """The table for pandas: int64, str, datetime64 and bool; Int64 and boolean where cells are missing."""
        nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
        columns = {}
        for name in self.names:
            column = self.data[name]
            mapper = nullable.get if column.null_count else None
            columns[name] = column.to_pandas(date_as_object=False, types_mapper=mapper)
        return pd.DataFrame(columns, copy=False)


def load(path: Path, contract: Contract, page: Path, limits: Limits = LIMITS) -> Table:
    """The file's columns that the contract names, each in its declared type. Other columns are never kept.

    Cost: one child process (about half a second); memory for the table, and `limits.memory` at most in the child.
    Raises: UnreadableTableError, MissingColumnError, WrongTypeError or DataError; then `page` lists the cells.
    """
    faults = Faults(path.name, contract, page)
    columns = {column.name: _kind(column) for column in contract.columns}
    batches = []
    try:
        for kind, payload in _frames(path, columns, limits):
            if kind == b"B":
                batches.append(_unpack(payload, columns))
            else:
                faults.found.append(_fault(Misfits(**json.loads(payload)), contract))
    except UnreadableError as refusal:
        faults.found[:] = [Fault(_REFUSALS[refusal.error], refusal.column, _RULES[refusal.error], refusal.problem)]
    if not (batches or faults.found):
        faults.found.append(Fault(DataError, None, "at least one row", "it has none; export it again"))
    faults.refuse()
    return Table(contract, path.name, pa.Table.from_batches(batches))


def _kind(column: Column) -> str:
    return f"number:{column.resolution}" if column.type == "number" else column.type


def _fault(misfits: Misfits, contract: Contract) -> Fault:
    """The owner's view of cells that the reader could not read."""
    name, rows, cells = misfits.column, tuple(misfits.rows), tuple(misfits.cells)
    if name is None:
        rule = "as many cells in every row as in the header"
        return Fault(UnreadableTableError, None, rule, misfits.remedy, misfits.count, rows, cells)
    rule = f"type {contract.column(name).type}"
    return Fault(WrongTypeError, name, rule, misfits.remedy, misfits.count, rows, cells)


# --- the child process ------------------------------------------------------------------------------------------


def _frames(path: Path, columns: dict[str, str], limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    """Batches and misfits, as the reader finds them.

    Raises: UnreadableError.
    """
    wish = json.dumps({"columns": columns, "limits": asdict(limits)}).encode()
    with _open(path) as file:
        child = subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", reader.__name__, str(file.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback could quote cells
            pass_fds=(file.fileno(),),
            env=_ENVIRONMENT,
        )
    with child:
        assert child.stdin and child.stdout  # noqa: S101 (PIPE)
        try:
            child.stdin.write(wish)
            child.stdin.close()
            size = 0
            while True:
                kind, length = reader.FRAME.unpack(_exactly(child.stdout, reader.FRAME.size))
                size += length
                limits.check(size=size)
                payload = _exactly(child.stdout, length)
                if kind == b"E":
                    break
                if kind == b"U":
                    raise UnreadableError(*json.loads(payload))
                yield kind, payload
        finally:
            child.kill()


def _open(path: Path) -> BinaryIO:
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # a pipe must not block us
    except OSError as error:
        raise UnreadableError(
            f"it cannot be opened ({os.strerror(error.errno or 0)}); check its path and mode"
        ) from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnreadableError("it is not an ordinary file; give the path of a CSV or Parquet file")
    return file


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise UnreadableError(_STOPPED)
    return data


def _unpack(payload: bytes, columns: dict[str, str]) -> Any:
    """One batch, checked as if a stranger had sent it.

    Raises: UnreadableError.
    """
    try:
        (rows,) = reader.ROWS.unpack_from(payload)
        at = reader.ROWS.size
        arrays = []
        for kind in columns.values():
            present = np.frombuffer(payload, np.uint8, rows, at)
            at += rows
            if kind == "string":
                ends = np.cumsum(np.frombuffer(payload, "<i4", rows, at), dtype=np.int32)
                at += 4 * rows
                offsets = pa.py_buffer(np.concatenate((np.zeros(1, np.int32), ends)))
                values = pa.StringArray.from_buffers(rows, offsets, pa.py_buffer(payload[at : at + int(ends[-1])]))
                values.validate(full=True)
                at += int(ends[-1])
            else:
                numbers = pa.array(np.frombuffer(payload, "<i8", rows, at))
                values = (numbers.cast(pa.int32()) if kind == "date" else numbers).cast(TYPES[split(kind)[0]])
                at += 8 * rows
            arrays.append(values if present.all() else pc.if_else(pa.array(present == 1), values, None))
    except (ValueError, IndexError, struct.error):
        raise UnreadableError(_STOPPED) from None
    return pa.record_batch(arrays, names=list(columns))
