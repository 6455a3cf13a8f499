"""The same sum, computed twice: analyses of one contract that state it are compared while all of it is shared.

A sum of a column comes out of a total, of means by group, of moments made by owners and of moments made on shared rows,
each by another way through the code and the protocol. Only whether they agree is opened, one bit a comparison. That
finds a wrong analysis, and an owner who hands in one thing to one analysis and another to the next. Knows no analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from counterfoil.mpc.circuits.core.range_check import in_range
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat


@dataclass(frozen=True, slots=True)
class Stated:
    """A shared sum, scaled by 2^frac_bits, that may be off by `slack` in units of 2^-frac_bits. Shape ()."""

    value: Arith
    frac_bits: int = 0
    slack: int = 0

    def scaled(self, frac_bits: int) -> Stated:
        """Return the same in smaller units."""
        factor = 1 << (frac_bits - self.frac_bits)
        return Stated(self.value * factor, frac_bits, self.slack * factor)


@dataclass(frozen=True, slots=True, order=True)
class Comparison:
    """Two analyses that both state one sum of the rows of one contract."""

    contract: str
    sum: str
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.one} and {self.other} on the {self.sum}"


def comparisons(stated: Mapping[str, tuple[str, frozenset[str]]]) -> list[Comparison]:
    """Pair each analysis with the next that states the same sum; `stated` is by analysis: its contract, its sums."""
    every = sorted({(contract, each) for contract, sums in stated.values() for each in sums})
    return [
        Comparison(contract, each, one, other)
        for contract, each in every
        for one, other in pairwise(sorted(name for name, (c, sums) in stated.items() if c == contract and each in sums))
    ]


def agreements(p: Protocol, pairs: Sequence[tuple[Stated, Stated]]) -> Arith:
    """Return 1 for each pair that agrees within what both may be off by, else 0.

    Shapes: the result is (len(pairs),).
    Cost: `in_range` once a pair.
    Reveals: nothing; the caller opens the bits.
    """
    differences, slacks = [], []
    for one, other in pairs:
        bits = max(one.frac_bits, other.frac_bits)
        left, right = one.scaled(bits), other.scaled(bits)
        differences.append((left.value - right.value).reshape(1))
        slacks.append(left.slack + right.slack)
    slack = np.array(slacks, np.int64)
    return in_range(p, concat(differences), -slack, slack)
