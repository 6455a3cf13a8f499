"""Measure what a party's process uses: time, memory, bytes on TCP sockets. The same for every engine; Linux only."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RECEIVED: Final = struct.Struct("<128xQ")
"""`tcpi_bytes_received` in the kernel's `struct tcp_info`."""


@dataclass(frozen=True)
class Span:
    """One run at one party. `began` and `ended` are of a clock that all processes of the machine share."""

    began: float
    ended: float
    cpu_s: float
    received_bytes: int
    peak_bytes: int
    rounds: int | None
    payload_bytes: int | None


def span(wait: Callable[[], object], run: Callable[[], None], meter: Callable[[], tuple[int, int] | None]) -> Span:
    """Measure a run from the moment `wait` lets all parties go until it is over here.

    `meter` says (rounds, bytes sent).
    """
    received, before, cpu = received_bytes(), meter(), time.process_time()
    wait()
    began = time.perf_counter()
    run()
    ended = time.perf_counter()
    after = meter()
    rounds, sent = (None, None) if after is None or before is None else (after[0] - before[0], after[1] - before[1])
    return Span(
        began, ended, time.process_time() - cpu, received_bytes() - received, _status("VmHWM"), rounds, sent
    )  # fmt: skip


def received_bytes() -> int:
    """Count all bytes that have arrived on the open TCP sockets of this process, however they are framed."""
    return sum(_received(int(entry.name)) for entry in Path("/proc/self/fd").iterdir() if entry.is_socket())


def _received(fd: int) -> int:
    with socket.socket(fileno=os.dup(fd)) as found:
        if found.type != socket.SOCK_STREAM or found.family not in (socket.AF_INET, socket.AF_INET6):
            return 0
        return int(_RECEIVED.unpack(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size))[0])


def forget_peak() -> None:
    """Reset the peak of memory, after giving back what was freed until now."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0
