"""What a program that ran in plain would have cost in a real suite (PROTOCOLS 12). Knows no suite's code.

Every interactive operation is a fixed number of rounds and of bytes for each 64-bit word of its result, so the list of
calls of one plain run prices the program.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One interactive operation and the number of words it makes; both depend on public sizes only."""

    op: str
    words: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Rounds, and bytes over all links (digests, 32 B a message in rep4, not counted)."""

    rounds: int
    sent_bytes: int


#: op -> suite -> (rounds, bytes per word)
PRICES: dict[str, dict[str, tuple[int, int]]] = {
    "product": {"rep3": (1, 24), "rep4": (1, 48)},
    "halves": {"rep3": (1, 8), "rep4": (1, 16)},
    "product of halves": {"rep3": (1, 24), "rep4": (1, 32)},
    "truncation": {"rep3": (2, 8), "rep4": (2, 16)},
    "truncated product": {"rep3": (2, 24), "rep4": (3, 48)},
    "lanes of a truncation": {"rep3": (0, 24), "rep4": (0, 48)},  # in the rounds of either
    "shuffle": {"rep3": (3, 48), "rep4": (4, 96)},
    "open": {"rep3": (1, 24), "rep4": (1, 32)},
}


def price(calls: Iterable[Call], suite: str) -> Cost:
    """Rounds and bytes of these calls in `rep3` or `rep4`."""
    rounds = sent = 0
    for call in calls:
        each, per_word = PRICES[call.op][suite]
        rounds, sent = rounds + each, sent + per_word * call.words
    return Cost(rounds, sent)
