"""Coarse row counts: the order of magnitude of a table, between edges that nobody but its owner could foretell.

Round edges would tell, of a table with 999 or 1000 rows, whether one row is in it, to whoever knows all the others.
So each edge is somewhere within a fifth of a power of ten, drawn once from the owner's own key and kept for good: for
all tables under a contract, so that offering again and again draws nothing anew. Two tables that differ in one row have
another band only where an edge is between them: to whoever lacks the key that has a probability of 1 / 40 near 100
rows, 1 / 400 near 1,000, and so on, and of 0 elsewhere, which is (0, 2.5 / 10^k)-differential privacy near 10^k for one
row more or less. A table that grows past an edge says that it did, on that day.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from counterfoil.errors import RefusedError

_SMALLEST: Final = 2
"""The power of ten of the lowest edge: below about a hundred rows nothing is offered."""

_LARGEST: Final = 12
_FIFTH: Final = 5


@dataclass(frozen=True, slots=True)
class Band:
    """So many rows at least, and fewer than so many."""

    at_least: int
    below: int

    def __str__(self) -> str:
        return f"{self.at_least:,} to {self.below:,}"


def band(rows: int, contract: str, minimum_count: int, key: bytes) -> Band:
    """Return the band that the number of rows is in; its lower edge is never below the minimum count.

    Raises: RefusedError, without the number, when there are fewer rows than the lowest edge.
    """
    least = _SMALLEST
    while _span(least)[0] < minimum_count:
        least += 1
    edges = [_edge(power, contract, key) for power in range(least, max(least, _LARGEST) + 2)]
    if rows < edges[0]:
        raise RefusedError(
            f"the table has too few rows to be offered; about {10**least:,} are needed, so that it says little of "
            "any one of them"
        )
    for low, high in pairwise(edges):
        if rows < high:
            return Band(low, high)
    raise RefusedError(f"the table has more rows than a catalogue tells apart; offer at most {edges[-1]:,}")


def _span(power: int) -> tuple[int, int]:
    """Return where the edge near 10^power may be: from, and before."""
    fifth = 10**power // _FIFTH
    return 10**power - fifth, 10**power + fifth


def _edge(power: int, contract: str, key: bytes) -> int:
    """Uniform to whoever lacks the key, but for a bias below 2^-190; the same each time."""
    low, high = _span(power)
    drawn = hmac.digest(key, f"counterfoil/catalogue-edge/1 {contract} {power}".encode(), "sha256")
    return low + int.from_bytes(drawn) % (high - low)
