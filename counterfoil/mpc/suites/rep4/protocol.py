"""Implement `Protocol` by this suite's primitives: `Rep4`."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.mpc.protocol import HalfMap, Halves, Permutation, Split
from counterfoil.mpc.ring.shares import Arith, Bits, Words
from counterfoil.mpc.suites.registry import REP4
from counterfoil.mpc.suites.rep4 import halves, multiply, open, shuffle, truncate
from counterfoil.mpc.suites.replicated import Replicated


class Rep4(Replicated):
    """One party of four, right or aborted against one malicious party; costs as in the docstrings of the primitives."""

    suite = REP4.protocol
    parties = REP4.nodes

    def multiply(self, x: Arith, y: Arith) -> Arith:
        return multiply.multiply(self.party, x, y)

    def matmul(self, x: Arith, y: Arith) -> Arith:
        return multiply.matmul(self.party, x, y)

    def dot(self, x: Arith, y: Arith) -> Arith:
        return multiply.dot(self.party, x, y)

    def and_many(self, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
        return multiply.and_many(self.party, pairs)

    def split(
        self, x: Arith, maps: Sequence[HalfMap] = (), bits: range = range(0), *, negate_right: bool = False
    ) -> Split:
        return halves.split(self.party, x, maps, bits, negate_right=negate_right)

    def split_bits(self, x: Bits) -> Halves[Arith]:
        return halves.split_bits(self.party, x)

    def multiply_halves(self, x: Halves[Arith]) -> Arith:
        return multiply.multiply_halves(self.party, x)

    def and_halves(self, x: Halves[Bits]) -> Bits:
        return multiply.and_halves(self.party, x)

    def truncate(self, x: Arith, frac: int) -> Arith:
        return truncate.truncate(self.party, x, frac)

    def multiply_truncate(self, x: Arith, y: Arith, frac: int) -> Arith:
        return truncate.multiply_truncate(self.party, x, y, frac)

    def shuffle(self, columns: Sequence[Arith]) -> tuple[list[Arith], Permutation]:
        return shuffle.shuffle(self.party, columns)

    def unshuffle(self, columns: Sequence[Arith], permutation: Permutation) -> list[Arith]:
        return shuffle.unshuffle(self.party, columns, permutation)

    def _missing(self, parts: tuple[Words, ...]) -> Words:
        return open.missing_component(self.party, parts)
