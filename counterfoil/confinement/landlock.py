"""Deny by Landlock every path, every TCP port, and signals to processes outside.

A rule binds the calling thread, and the threads and processes that it makes from then on; more can be added, and none
taken away. Descriptors that are open already stay as they were opened.

Source: Documentation/userspace-api/landlock.rst of the kernel.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

from counterfoil.confinement.system import call

_VERSION: Final = 1
_READ: Final = 1 << 2 | 1 << 3  # of a file, and of a folder's entries
# By the version that brought them: execute to make_sym, refer, truncate, ioctl of devices.
_FILES: Final = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_PORTS: Final = {4: 1 << 0 | 1 << 1}  # bind and connect of TCP
_SCOPES: Final = {6: 1 << 0 | 1 << 1}  # abstract sockets and signals


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


def version() -> int:
    """Return the version that the kernel offers. Raises: OSError where it offers none."""
    return call("landlock_create_ruleset", None, 0, _VERSION)


def restrict(*, reading: bool) -> None:
    """Deny the calling thread all that the kernel's version covers, reading only if `reading` is set.

    The thread must have given up gaining privileges before.

    Raises: OSError, where the kernel lacks Landlock, too.
    """
    known = version()
    files, ports, scopes = (_known(known, rights) for rights in (_FILES, _PORTS, _SCOPES))
    attributes = _Ruleset(files if reading else files & ~_READ, ports, scopes)
    ruleset = call("landlock_create_ruleset", ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    try:
        call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _known(version: int, rights: dict[int, int]) -> int:
    return sum(bits for since, bits in rights.items() if since <= version)
