"""Connect threads of one process, for tests and for design runs; a hook can change frames on their way."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import TypeAlias

from counterfoil.errors import PeerLostError, PeerTimeoutError
from counterfoil.mpc.transport.base import HEADER_BYTES, Attempt, Header, Link, Pipe

Tamper: TypeAlias = Callable[[Header, bytes], Iterable[bytes]]
"""What arrives instead of a frame: any byte strings, none for silence."""


class _Way:
    """Bytes from one party to another."""

    def __init__(self, sender: int, tamper: Tamper | None) -> None:
        self._sender, self._tamper = sender, tamper
        self._queue: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._rest = memoryview(b"")
        self._frame = bytearray()

    def put(self, data: memoryview) -> None:
        if self._tamper is None:
            self._queue.put(data)
            return
        self._frame += data
        if len(self._frame) >= HEADER_BYTES:
            header = Header.unpack(self._frame[:HEADER_BYTES])
            if len(self._frame) == HEADER_BYTES + header.payload:
                for piece in self._tamper(header, bytes(self._frame[HEADER_BYTES:])):
                    self._queue.put(memoryview(piece))
                self._frame = bytearray()

    def end(self) -> None:
        self._queue.put(None)

    def get_into(self, buffer: memoryview, timeout_s: float) -> None:
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                self._rest = self._next(timeout_s)
            piece = self._rest[: len(buffer) - filled]
            buffer[filled : filled + len(piece)] = piece
            self._rest = self._rest[len(piece) :]
            filled += len(piece)

    def _next(self, timeout_s: float) -> memoryview:
        try:
            data = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            raise PeerTimeoutError(f"party {self._sender} sent nothing for {timeout_s:g} s") from None
        if data is None:
            self._queue.put(None)
            raise PeerLostError(f"party {self._sender} closed its link")
        return data


class _MemoryPipe(Pipe):
    def __init__(self, out: _Way, back: _Way, timeout_s: float) -> None:
        self._out, self._back, self._timeout_s = out, back, timeout_s

    def write(self, data: memoryview) -> None:
        self._out.put(data)

    def read_into(self, buffer: memoryview) -> None:
        self._back.get_into(buffer, self._timeout_s)

    def close(self, linger_s: float) -> None:
        self._out.end()


def connect_all(
    n: int,
    attempt: Attempt,
    *,
    timeout_s: float = 60.0,
    tamper: Tamper | None = None,
) -> list[dict[int, Link]]:
    """Connect n parties and return, for each, its links by peer."""
    links: list[dict[int, Link]] = [{} for _ in range(n)]
    for i, j in combinations(range(n), 2):
        there, back = _Way(i, tamper), _Way(j, tamper)
        links[i][j] = Link(_MemoryPipe(there, back, timeout_s), attempt, i, j)
        links[j][i] = Link(_MemoryPipe(back, there, timeout_s), attempt, j, i)
    return links
