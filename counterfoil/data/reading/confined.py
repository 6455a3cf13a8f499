"""Run the confined reader from its parent: start it with a file, receive what it sends, and trust none of it.

Whatever it sends is checked byte for byte as if a stranger had sent it. Knows kinds of columns and no contract.
"""

from __future__ import annotations

import errno
import json
import os
import re
import select
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import IO, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import counterfoil
from counterfoil.confinement import MEASURES, demanded, tell_lacking, withhold_memory
from counterfoil.data.reading import process, reader
from counterfoil.data.reading.cells import SHOWN, TYPES, split
from counterfoil.data.reading.sources import Limits
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.errors import ConfinementError
from counterfoil.files import open_ordinary
from counterfoil.governance.contracts.forms.days import KNOWN
from counterfoil.governance.contracts.forms.written import ENCODINGS, Written

PATIENCE = 4
"""How many times its time to compute a reader may be waited for in all."""

LIMITS = Limits(max_rows=50_000_000, max_columns=1_000, max_bytes=16 << 30, memory=1 << 30, cpu_s=600)
_STOPPED = "reading it was stopped, by its memory or time limit or by damage in it; split it, or export it again"

_PIPE_BYTES = 1 << 20
_MOST_TEXT = 400
_REASONS = ("unreadable", "missing", "type")
_KIND = re.compile(r"integer|number:[1-9]|date|timestamp:[036]|boolean|string")

_ENVIRONMENT = {  # nothing of ours; one thread of each kind, and no address space set aside: it is limited
    "PYTHONPATH": str(Path(counterfoil.__file__).parents[1]),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}


def frames(
    path: Path,
    columns: Mapping[str, str],
    limits: Limits,
    empty: Mapping[str, Sequence[str]] | None = None,
    written: Written = Written(),  # noqa: B008 (frozen)
) -> Iterator[tuple[bytes, bytes]]:
    """Yield batches and misfits, as the reader finds them; without columns, their kinds.

    `empty` are the cells of a column that count as empty.

    Raises: UnreadableError; ConfinementError where the kernel cannot confine the reader as is demanded here.
    """
    withhold_memory()  # which will hold the table
    asked = {"columns": dict(columns), "limits": asdict(limits), "empty": dict(empty or {}), "needed": demanded()}
    wish = json.dumps({**asked, "written": written.json()}).encode()
    with _open(path) as file:
        child = subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", process.__name__, str(file.fileno())],
            bufsize=0,
            pipesize=_PIPE_BYTES,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback could quote cells
            pass_fds=(file.fileno(),),
            env=_ENVIRONMENT,
        )
    try:
        assert child.stdin and child.stdout  # noqa: S101 (PIPE)
        with suppress(BrokenPipeError), child.stdin:  # it ended: the next read says so
            child.stdin.write(wish)
        size, pipe = 0, _Pipe(child.stdout, limits)
        _check_confined(*_frame(pipe, limits))
        while True:
            kind, payload = _frame(pipe, limits)
            size += len(payload)
            limits.check(size=size)
            if kind == b"E":
                break
            if kind == b"U":
                raise _refusal(payload)
            if kind == b"M":
                _check_misfits(payload, columns)
            if kind == b"T":
                _check_kinds(payload)
            yield kind, payload
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def _frame(pipe: _Pipe, limits: Limits) -> tuple[bytes, bytes]:
    kind, length = reader.FRAME.unpack(pipe.exactly(reader.FRAME.size))
    if length > limits.memory:  # a reader that may hold so much sends no more at once
        raise UnreadableError(_STOPPED)
    return kind, pipe.exactly(length)


def _check_confined(kind: bytes, payload: bytes) -> None:
    """Check what the reader says before it parses anything; from then on the file may have taken it over."""
    match kind, _json(payload):
        case b"U", [str(problem), reader.UNCONFINED, None, *_]:
            raise ConfinementError(problem)
        case b"C", [*lacking] if set(map(str, lacking)) <= set(MEASURES):
            for measure in lacking:
                tell_lacking(measure)
        case _:
            raise UnreadableError(_STOPPED)


def _refusal(payload: bytes) -> UnreadableError:
    match _json(payload):
        case [problem, error, column, [*more]] if all(map(_is_problem, ([problem, error, column], *more))):
            return UnreadableError(problem, error, column, more)
    return UnreadableError(_STOPPED)


def _is_problem(item: object) -> bool:
    match item:
        case [str(problem), str(error), str() | None as column]:
            return error in _REASONS and _is_said(problem) and _is_said(column or "")
    return False


def _check_misfits(payload: bytes, columns: Mapping[str, str]) -> None:
    match _json(payload):
        case {
            "column": str() | None as column,
            "remedy": str(remedy),
            "count": int(count),
            "rows": [*rows],
            "cells": [*cells],
            **rest,
        } if not rest:
            known = (column is None or column in columns) and _is_said(remedy)
            listed = len(rows) == len(cells) <= min(count, SHOWN) and count > 0
            if known and listed and all(type(row) is int for row in rows) and all(type(cell) is str for cell in cells):
                return
    raise UnreadableError(_STOPPED)


def _check_kinds(payload: bytes) -> None:
    match _json(payload):
        case {
            "kinds": {**kinds},
            "empty": {**empty},
            "names": {**names},
            "written": {**written},
            **rest,
        } if kinds and not rest and _is_written(written):
            texts = [*names.values()]
            for spelt in empty.values():
                texts += spelt if isinstance(spelt, list) else [None]
            known = all(isinstance(kind, str) and _KIND.fullmatch(kind) for kind in kinds.values())
            if known and names.keys() == kinds.keys() >= empty.keys() and all(isinstance(each, str) for each in texts):
                return
    raise UnreadableError(_STOPPED)


def _is_written(found: Mapping[Any, Any]) -> bool:
    """Return whether this is how some file may be written."""
    usual = Written().json()
    known = found.keys() == usual.keys() and all(type(found[name]) is type(usual[name]) for name in usual)
    return known and found["encoding"] in ("", *ENCODINGS) and found["date_format"] in ("", *KNOWN)


def _is_said(text: str) -> bool:
    """Return whether others may read a text of a reader that may be hijacked: one short printable line."""
    return len(text) <= _MOST_TEXT and text.isprintable()


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        raise UnreadableError(_STOPPED) from None


def _open(path: Path) -> BinaryIO:
    try:
        return open_ordinary(path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise UnreadableError("it is not an ordinary file; give the path of a table") from None
        raise UnreadableError(
            f"it cannot be opened ({os.strerror(error.errno or 0)}); check its path and mode"
        ) from None


class _Pipe:
    """What the reader writes, read within bounds of time.

    No part may take longer than the reader may compute, nor all of them together longer than PATIENCE times that, which
    leaves room for a busy machine. Time that its parent spends elsewhere does not count.
    """

    def __init__(self, stream: IO[bytes], limits: Limits) -> None:
        self._stream, self._most_s, self._left_s = stream, limits.cpu_s, float(PATIENCE * limits.cpu_s)
        self._waiting = select.poll()
        self._waiting.register(stream, select.POLLIN)

    def exactly(self, length: int) -> bytes:
        """Read so many bytes. Raises: UnreadableError."""
        parts = []
        while length:
            began = monotonic()
            came = self._left_s > 0 and self._waiting.poll(1000 * min(self._most_s, self._left_s))
            self._left_s -= monotonic() - began
            part = os.read(self._stream.fileno(), min(length, _PIPE_BYTES)) if came else b""
            if not part:
                raise UnreadableError(_STOPPED)
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def unpack(payload: bytes, columns: Mapping[str, str]) -> Any:
    """Unpack one batch, checked as if a stranger had sent it.

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
