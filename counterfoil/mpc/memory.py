"""How this process keeps its memory: for the processes that compute on long vectors, and nobody else."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4


def keep_freed_memory() -> None:
    """What is freed is used again instead of going back to the system, page by page, and coming back zeroed.

    A joint computation makes and drops vectors of one size all the time; with ten million rows the system's pages cost
    as much as all the rest. The process then stays as large as it once was. Does nothing where the C library is not
    GNU's.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt") and hasattr(libc, "gnu_get_libc_version"):
            libc.mallopt(_TRIM_THRESHOLD, -1)
            libc.mallopt(_MMAP_MAX, 0)
