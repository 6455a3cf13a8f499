"""Check and tune the memory of a process that computes on long vectors."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from counterfoil.errors import LimitError

_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
_WORD_BYTES: Final = 8
#: bytes at the peak for each byte of shares that come in: comparisons and sorts of ten million rows need five to eight
_WORKING: Final = 8


def check_room(values: int, components: int) -> None:
    """Check that a computation on so many shared values, with so many components each here, fits into memory.

    Raises: LimitError with what it may need and what there is, before anything is sent.
    """
    needed, free = values * components * _WORD_BYTES * _WORKING, _available()
    if free is not None and needed > free:
        raise LimitError(
            f"{values:,} input values need up to {needed / 2**30:,.1f} GiB of memory on this node, and "
            f"{free / 2**30:,.1f} GiB are free; hand in fewer rows, or run the node where there is more"
        )


def _available() -> int | None:
    """Return the bytes that the system and the control group leave to this process; None if unknown."""
    found = []
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        found.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return min(found, default=None)


def keep_freed_memory() -> None:
    """Keep freed memory for reuse instead of returning it to the system, page by page, and getting it back zeroed.

    A joint computation makes and drops vectors of one size all the time; with ten million rows the system's pages cost
    as much as all the rest. The process then stays as large as it once was. Does nothing where the C library is not
    GNU's.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt") and hasattr(libc, "gnu_get_libc_version"):
            libc.mallopt(_TRIM_THRESHOLD, -1)
            libc.mallopt(_MMAP_MAX, 0)
