"""Give up privileges, capabilities, and memory that other processes can read."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from counterfoil.confinement.system import call, prctl

_SET_DUMPABLE, _SET_NO_NEW_PRIVS, _CAP_AMBIENT, _CLEAR_ALL = 4, 38, 47, 4
_CAPABILITIES_3: Final = 0x20080522
CAP_DAC_READ_SEARCH: Final = 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def gain_none() -> None:
    """Keep programs that this process starts from having more rights than it has. Raises: OSError."""
    prctl(_SET_NO_NEW_PRIVS, 1)


def drop(keep: int | None = None) -> None:
    """Drop all capabilities of the calling thread, root's too, except `keep`. Raises: OSError."""
    held = (_Sets * 2)()
    header = _Header(_CAPABILITIES_3, 0)
    if keep is not None:
        call("capget", ctypes.byref(header), held)
    kept = 1 << keep & held[0].permitted if keep is not None else 0
    prctl(_CAP_AMBIENT, _CLEAR_ALL)
    call("capset", ctypes.byref(header), (_Sets * 2)(_Sets(kept, kept, 0), _Sets(0, 0, 0)))


def withhold_memory() -> None:
    """Keep other processes of the same user from reading this one's memory, environment or descriptors, and dumps.

    It holds for forks, and not for programs that this process starts. Does nothing where there is no Linux.
    """
    if sys.platform == "linux":
        prctl(_SET_DUMPABLE, 0)
