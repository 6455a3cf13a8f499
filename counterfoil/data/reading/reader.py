"""Read one CSV, Parquet or Arrow file in a process of its own, so that a crafted file can at worst stop that process.

Started by `reading`, with the file already open. Before the first byte is parsed the process gives up every means to
do harm (`counterfoil.confinement`): it keeps its memory, its threads, the file and standard output, and no path, other
process or socket. It needs no folder of its own. Cells become what the contract says, or misfits.

On standard output, frames of (kind: 1 byte, length: 8 bytes little-endian, payload):

* `B`, a batch: rows (4 bytes); then per column, in the order asked for, one byte a row that is 1 where a value is, and
  the values: an int64 a row (days since 1970 for a date), or for `string` 4 bytes of length a row and the UTF-8 bytes;
* `T`, the kinds of all columns, and which of their cells count as empty, instead of batches when no column is asked
  for: JSON;
* `C`, first of all: the measures of confinement that the kernel lacks and nobody demands: JSON;
* `M`, misfits, and `U`, an unreadable file: JSON;
* `E`, the end: nothing.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterfoil import confinement
from counterfoil.confinement import DEMANDS
from counterfoil.data.reading.cells import REMEDIES, TYPES, Misfits, as_bytes, split, stored_to, text_to, utf8, without
from counterfoil.data.reading.foreign.recode import load_codecs
from counterfoil.data.reading.foreign.spelling import respelt
from counterfoil.data.reading.foreign.workbook import load_calamine
from counterfoil.data.reading.infer import infer
from counterfoil.data.reading.sources import BATCH_ROWS, Limits, is_stored, open_table
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.errors import ConfinementError
from counterfoil.governance.contracts.forms.written import Written

UNCONFINED = "unconfined"  # why a file was refused
FRAME = struct.Struct("<cQ")
ROWS = struct.Struct("<I")

Send: TypeAlias = Callable[[bytes, Sequence[bytes | memoryview]], None]


def confine(limits: Limits, needed: Collection[str] = DEMANDS[""]) -> tuple[str, ...]:
    """Confine this process to bounded memory and time, and what it has open; return what the kernel lacks for that.

    Raises: ConfinementError where it lacks a measure that is needed; OSError.
    """
    return confinement.confine(
        {
            resource.RLIMIT_AS: limits.memory,
            resource.RLIMIT_CPU: limits.cpu_s,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_NOFILE: 0,
        },
        needed,
    )


def read(
    source: BinaryIO,
    columns: Mapping[str, str],
    limits: Limits,
    send: Send,
    empty: Mapping[str, Sequence[str]],
    written: Written,
) -> None:
    """Read the whole file and send it: batches, then misfits. `empty` are the cells of a column that count as empty.

    Raises: UnreadableError.
    """
    torn = Misfits(None, "give every row as many cells as the header has, and quote cells with commas or line ends")
    misfits = {name: Misfits(name, REMEDIES[split(kind)[0]]) for name, kind in columns.items()}
    stored = is_stored(source, written)
    batches = open_table(source, columns, written, limits, torn)
    rows = 0
    for batch in _slices(batches):
        limits.check(rows + batch.num_rows)
        parts: list[bytes | memoryview] = [ROWS.pack(batch.num_rows)]
        for name, kind in columns.items():
            raw = batch.column(name)
            raw = as_bytes(raw) if stored else raw
            if pa.types.is_binary(raw.type):
                raw = utf8(raw, misfits[name], rows + 1)
            raw = without(raw, empty.get(name, ()))
            values, good = stored_to(kind, raw) if stored else text_to(kind, respelt(kind, name, raw, written))
            bad = pc.and_(pc.is_valid(raw), pc.invert(good))
            misfits[name].add_batch(bad, raw, rows + 1)
            parts += pack(kind, pc.if_else(good, values, None))
        send(b"B", parts)
        rows += batch.num_rows
    for found in [torn] if torn.count else misfits.values():  # behind a torn row the others' row numbers are off
        if found.count:
            send(b"M", [json.dumps(asdict(found)).encode()])


def _slices(batches: Iterator[Any]) -> Iterator[Any]:
    for batch in batches:
        yield from (batch.slice(start, BATCH_ROWS) for start in range(0, batch.num_rows, BATCH_ROWS))


def pack(kind: str, values: Any) -> list[bytes | memoryview]:
    """Encode one column of a batch in the frame's form."""
    valid = pc.is_valid(values).cast(pa.uint8()).to_numpy(zero_copy_only=False)
    if kind == "string":
        filled = pc.fill_null(values, "")
        _, offsets, text = filled.buffers()
        ends = np.frombuffer(offsets, np.int32)[filled.offset : filled.offset + len(filled) + 1]
        return [valid.data, np.diff(ends).astype("<i4").data, memoryview(text or b"")[ends[0] : ends[-1]]]
    if kind == "date":
        values = values.cast(pa.int32())
    numbers = pc.fill_null(values.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return [valid.data, numbers.astype("<i8", copy=False).data]


def warm_up() -> None:
    """Import everything that reading needs, by reading a small table of each format."""
    load_calamine()
    load_codecs()
    columns, types = {kind: kind for kind in TYPES}, {**TYPES, "timestamp": pa.timestamp("s")}
    limits = Limits(max_rows=1, max_columns=len(TYPES), max_bytes=1 << 20, memory=0, cpu_s=0)
    for stored in (False, True):
        with os.fdopen(os.memfd_create("warm-up"), "w+b") as file:
            if stored:
                pq.write_table(pa.table({kind: pa.nulls(1, types[kind]) for kind in TYPES}), file)
            else:
                file.write(b"integer,number,string,date,timestamp,boolean\n1,1,1,2000-01-01,2000-01-01T00:00:00Z,1\n")
            file.seek(0)
            read(file, columns, limits, lambda *_: None, {}, Written())


def main() -> None:
    """Read the file whose descriptor is the one argument.

    Standard input: {"columns": {name: kind}, "limits": {...}, "needed": [measure], "written": {...}} as JSON.
    """
    wish = json.load(sys.stdin)
    limits, written = Limits(**wish["limits"]), Written(**wish["written"])

    def send(kind: bytes, parts: Sequence[bytes | memoryview]) -> None:
        sys.stdout.buffer.write(FRAME.pack(kind, sum(memoryview(part).nbytes for part in parts)))
        for part in parts:
            sys.stdout.buffer.write(part)

    def refuse(
        problem: str, error: str = "unreadable", column: str | None = None, more: Sequence[Sequence[str]] = ()
    ) -> None:
        send(b"U", [json.dumps((problem, error, column, more)).encode()])

    warm_up()
    with os.fdopen(int(sys.argv[1]), "rb") as source:
        try:
            send(b"C", [json.dumps(confine(limits, wish["needed"])).encode()])
            if wish["columns"]:
                read(source, wish["columns"], limits, send, wish["empty"], written)
            else:
                send(b"T", [json.dumps(infer(source, limits)).encode()])
        except UnreadableError as error:
            refuse(error.problem, error.error, error.column, error.more)
        except ConfinementError as error:
            refuse(str(error), UNCONFINED)
        except (MemoryError, pa.ArrowMemoryError):
            refuse("reading it needs too much memory; split it")
        except (pa.ArrowException, OSError, ValueError):  # their texts may quote cells
            refuse("it is damaged or cut off, or no CSV, TSV, Parquet or Arrow file, nor a workbook; export it again")
        else:
            send(b"E", [])
        sys.stdout.buffer.flush()
