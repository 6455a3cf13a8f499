"""How a grid is cut along a column, at its own edges and at those that earlier releases were cut at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """How a grid is cut along one column: at each integer from `low` on, or from each of `starts` to the next.

    Where there is a part for what is beyond all of `starts`, it comes after the others. `reach` is between what values
    are, so that no part is made in which none can be.
    """

    column: str
    low: int
    parts: int
    starts: tuple[int, ...] = ()
    reach: tuple[int, int] | None = None

    @classmethod
    def at(cls, column: str, edges: Sequence[int], *, beyond: bool = True, reach: tuple[int, int] | None = None) -> Cut:
        """Cut at these edges; the last part has both of its ends."""
        starts = _starts(edges)
        return cls(column, 0, len(starts) - 1 + beyond, starts, reach)

    def of(self, values: Integers) -> Integers:
        """Return the part that each value is in."""
        if not self.starts:
            return np.clip(values - self.low, 0, self.parts - 1)
        last = len(self.starts) - 1
        part = np.searchsorted(np.array(self.starts, np.int64), values, side="right").astype(np.int64) - 1
        return np.minimum(np.where((part < 0) | (part >= last), last, part), self.parts - 1)

    def finer(self, remembered: Sequence[int]) -> Cut:
        """Cut at the edges of an earlier release as well."""
        if not self.starts:
            return self
        beyond = self.parts == len(self.starts)
        also = {start for start in _starts(remembered) if beyond or self.starts[0] < start < self.starts[-1]}
        if also <= set(self.starts):
            return self
        starts = tuple(sorted({*self.starts, *also}))
        if self.reach and starts[0] <= self.reach[0] and starts[-1] > self.reach[1]:
            beyond = False
        return replace(self, parts=len(starts) - 1 + beyond, starts=starts)

    def within(self, coarse: Cut) -> Integers:
        """Say which part of the coarser cut each part of this one is in."""
        return coarse.of(np.array(self.starts[: self.parts], np.int64))


def _starts(edges: Sequence[int]) -> tuple[int, ...]:
    """Return where parts between edges start, and where the last one has ended."""
    return (*edges[:-1], edges[-1] + 1) if edges else ()
