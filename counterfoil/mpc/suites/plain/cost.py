"""Price a program that ran in plain by the descriptor of a real suite (PROTOCOLS 12). Knows no suite's code.

Every interactive operation is a fixed number of rounds and of bytes for each 64-bit word of its result, so the list of
calls of one plain run prices the program.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from counterfoil.mpc.suites.registry import SUITES


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


def price(calls: Iterable[Call], suite: str) -> Cost:
    """Return the rounds and bytes of these calls in the suite of that name."""
    prices, rounds, sent = SUITES[suite].prices, 0, 0
    for call in calls:
        each, per_word = prices[call.op]
        rounds, sent = rounds + each, sent + per_word * call.words
    return Cost(rounds, sent)
