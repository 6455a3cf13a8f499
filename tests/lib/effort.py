"""What a piece of work took of this machine, whoever else is at work on it: processor time and memory, of this process
and of those that it waited for.
"""

from __future__ import annotations

import ctypes
import resource
from dataclasses import dataclass, field
from pathlib import Path

_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
_SET_DUMPABLE = 4
_RESET_PEAK = "5"  # see proc_pid_clear_refs(5)


def _seconds() -> float:
    used = [resource.getrusage(who) for who in _WHO]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _held(field: str) -> int:
    """VmRSS, what this process holds now, or VmHWM, the most it held since the peak was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) * 1024


def _reset_peak() -> int:
    ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # else only root may write there once keys were loaded
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    return _held("VmRSS")


def _largest_child() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


@dataclass(frozen=True)
class Effort:
    """Since it was made; one at a time."""

    _from_s: float = field(default_factory=_seconds)
    _held: int = field(default_factory=_reset_peak)
    _child: int = field(default_factory=_largest_child)

    @property
    def seconds(self) -> float:
        """Processor time."""
        return _seconds() - self._from_s

    @property
    def bytes(self) -> int:
        """How much more this process held at most, or how much the largest child held, whichever is more.

        Linux counts what its parent held at the fork as a child's, too. So a child is seen only if it held more than
        that, and more than every child before.
        """
        peak, child = _held("VmHWM"), _largest_child()
        return max(peak - self._held, child if child > max(peak, self._child) else 0)
