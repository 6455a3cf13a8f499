"""The confined reader as its parent sees it: started with a file, listened to, and not believed.

Whatever it sends is checked byte for byte as if a stranger had sent it. Knows kinds of columns and no contract.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import counterfoil
from counterfoil.data import reader
from counterfoil.data.cells import TYPES, split
from counterfoil.data.sources import Limits, UnreadableError

LIMITS = Limits(max_rows=50_000_000, max_columns=1_000, max_bytes=16 << 30, memory=1 << 30, cpu_s=600)
_STOPPED = "reading it was stopped, by its memory or time limit or by damage in it; split it, or export it again"

_ENVIRONMENT = {  # nothing of ours; one thread of each kind, and no address space set aside: it is limited
    "PYTHONPATH": str(Path(counterfoil.__file__).parents[1]),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}


def frames(path: Path, columns: Mapping[str, str], limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    """Batches and misfits, as the reader finds them; without columns, their kinds.

    Raises: UnreadableError.
    """
    wish = json.dumps({"columns": dict(columns), "limits": asdict(limits)}).encode()
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
                if length > limits.memory:  # a reader that may hold so much sends no more at once
                    raise UnreadableError(_STOPPED)
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


def unpack(payload: bytes, columns: Mapping[str, str]) -> Any:
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
        return pa.record_batch(arrays, names=list(columns))
    except (ValueError, IndexError, struct.error):
        raise UnreadableError(_STOPPED) from None
