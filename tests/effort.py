"""What a piece of work took of this machine, whoever else is at work on it: processor time and memory, of this process
and of those that it waited for.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass, field

_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _seconds() -> float:
    used = [resource.getrusage(who) for who in _WHO]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peaks() -> list[int]:
    return [resource.getrusage(who).ru_maxrss * 1024 for who in _WHO]


@dataclass(frozen=True)
class Effort:
    """Since it was made."""

    _from_s: float = field(default_factory=_seconds)
    _from: list[int] = field(default_factory=_peaks)

    @property
    def seconds(self) -> float:
        """Processor time."""
        return _seconds() - self._from_s

    @property
    def bytes(self) -> int:
        """How much more this process held at most, or how much the largest child held, whichever is more."""
        (own, children), (before, _) = _peaks(), self._from
        return max(own - before, children)
