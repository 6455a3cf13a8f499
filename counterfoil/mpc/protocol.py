"""Declare what circuits and analyses may ask of a suite. They know this module and `shares`, and no suite.

Every party runs the same program on its own `Protocol`. Interactive methods are collective: all parties call them in
the same order with the same public arguments. Shapes, branches and loops depend on public values only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.ring.shares import Arith, Bits, Words

S = TypeVar("S", Arith, Bits)

HalfMap: TypeAlias = Callable[[Words], Words]
"""A public elementwise map on plain words: a shift, a mask, one bit."""


@dataclass(frozen=True, slots=True)
class Halves(Generic[S]):
    """Two sharings whose sum (XOR for bits) is the value, and each of which some party knew in plain.

    `left` came from components 0 and 1, `right` from the rest (PROTOCOLS 7). Only such a pair may go through
    `multiply_halves`.
    """

    left: S
    right: S


@dataclass(frozen=True, slots=True)
class Split:
    """The halves of one split x = L + R: mapped words, one for each map, and bit slices."""

    mapped: tuple[Halves[Arith], ...]
    slices: Halves[Bits]


@dataclass(frozen=True, slots=True)
class Permutation:
    """A secret permutation of `size` rows, drawn by the shuffle that made it; `ops` name its passes."""

    size: int
    ops: tuple[int, ...]


class Protocol(ABC):
    """One party's end of a joint computation.

    Costs are rounds, and bytes over all links per element, for rep3 and rep4 (PROTOCOLS 12); `plain` sends nothing.
    All interactive methods raise TransportError, and in rep4 CheatingDetected, and are over for good then.
    """

    suite: str
    #: how many components this party holds
    held: int

    # --- local -------------------------------------------------------------------------------------------------

    @abstractmethod
    def constant(self, value: Any) -> Arith:
        """Share a public integer array: component 0 is the value, the others are zero."""

    @abstractmethod
    def constant_bits(self, value: NDArray[np.bool_]) -> Bits:
        """Share a public boolean array, packed along its last axis."""

    @abstractmethod
    def add_public(self, x: Arith, value: Any) -> Arith:
        """Add a public integer, or an integer array that broadcasts to x's shape."""

    @abstractmethod
    def linear(self, terms: Sequence[tuple[int, Arith]], constant: int = 0) -> Arith:
        """Add up public multiples of shares of one shape and a public integer, in one pass over memory."""

    @abstractmethod
    def xor_public(self, x: Bits, value: Words) -> Bits:
        """XOR public packed words that broadcast to x's parts; tail bits stay zero."""

    @abstractmethod
    def invert(self, x: Bits) -> Bits:
        """Negate every bit."""

    @abstractmethod
    def random_bits(self, *shape: int) -> Bits:
        """Draw uniform secret bits that nobody knows, shape (*lead, length). No message."""

    @abstractmethod
    def noise_bits(self, output: str, *shape: int) -> Bits:
        """Draw uniform secret bits for the noise of one output, shape (*lead, length). No message.

        The same again in every attempt of the same program on the same inputs of a job, and for nothing else.
        Raises: IntegrityError if this output's noise was drawn before.
        """

    @abstractmethod
    def random_words(self, *shape: int) -> Arith:
        """Draw uniform secret ring elements that nobody knows. No message."""

    # --- products ----------------------------------------------------------------------------------------------

    @abstractmethod
    def multiply(self, x: Arith, y: Arith) -> Arith:
        """Multiply elementwise, equal shapes. Cost: 1 round; rep3 24 B, rep4 48 B."""

    @abstractmethod
    def matmul(self, x: Arith, y: Arith) -> Arith:
        """Multiply matrices, (a, k) by (k, b); contracts first, then one message per OUTPUT element. Cost: as multiply.

        Raises: ShapeError.
        """

    @abstractmethod
    def dot(self, x: Arith, y: Arith) -> Arith:
        """Sum the products of x and y over the last axis, equal shapes. Cost: as multiply, per output element."""

    @abstractmethod
    def and_many(self, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
        """AND every pair (x, y), in one message; the two of a pair agree in shape, all pairs in length.

        Cost: 1 round; rep3 24 B, rep4 48 B per packed word.
        """

    def and_bits(self, x: Bits, y: Bits) -> Bits:
        """AND two sharings of equal shapes. Cost: as and_many."""
        return self.and_many([(x, y)])[0]

    # --- the two-operand split (PROTOCOLS 7) -------------------------------------------------------------------

    @abstractmethod
    def split(
        self, x: Arith, maps: Sequence[HalfMap] = (), bits: range = range(0), *, negate_right: bool = False
    ) -> Split:
        """Split x = L + R mod 2^64, and share maps and bit slices of both halves, in one round.

        For each map f, sharings of f(L) and f(R) in the shape of x; and the asked bit slices of L and of R (of -R if
        asked), each Bits of shape (len(bits), n), x flat.

        Cost: 1 round; rep3 8 B, rep4 16 B per element and map, and again per element for 64 bits.
        """

    @abstractmethod
    def split_bits(self, x: Bits) -> Halves[Arith]:
        """Share L and R in {0, 1} arithmetically, where bit x = L XOR R; shape of x.

        Cost: 1 round; rep3 8 B, rep4 16 B per bit.
        """

    @abstractmethod
    def multiply_halves(self, x: Halves[Arith]) -> Arith:
        """Multiply left and right, elementwise. Cost: 1 round; rep3 24 B, rep4 32 B."""

    @abstractmethod
    def and_halves(self, x: Halves[Bits]) -> Bits:
        """AND left and right. Cost: 1 round; rep3 24 B, rep4 32 B per packed word."""

    @abstractmethod
    def truncate(self, x: Arith, frac: int) -> Arith:
        """Divide by 2^frac: floor(x / 2^frac) or one more, for |x| < 2^62 and 1 <= frac <= 62 (PROTOCOLS 7.1).

        It is ceil(x / 2^frac), less one where the low `frac` bits of the halves of x + 2^62 - 1 = L + R carry. So if it
        were opened, it would say something about digits below its last one.

        Cost: 2 rounds; rep3 8 B and 3 lanes, rep4 16 B and 6 lanes of 8, 16, 32 or 64 bits, the least that hold `frac`.
        """

    @abstractmethod
    def multiply_truncate(self, x: Arith, y: Arith, frac: int) -> Arith:
        """Multiply and truncate, elementwise, equal shapes, for |x·y| < 2^62; cheaper than one after the other.

        Cost: rep3 2 rounds, 24 B and 3 lanes; rep4 3 rounds, 48 B and 6 lanes.
        """

    # --- shuffle (PROTOCOLS 8) ---------------------------------------------------------------------------------

    @abstractmethod
    def shuffle(self, columns: Sequence[Arith]) -> tuple[list[Arith], Permutation]:
        """Shuffle all columns' rows into one fresh secret order.

        Cost: 3 rounds 48 B (rep3), 4 rounds 96 B (rep4) a column.
        """

    @abstractmethod
    def unshuffle(self, columns: Sequence[Arith], permutation: Permutation) -> list[Arith]:
        """Undo `shuffle` on other columns of the same rows, with fresh masks. Cost: as shuffle."""

    # --- opening -----------------------------------------------------------------------------------------------

    @abstractmethod
    def open(self, x: Arith, label: str) -> Words:
        """Reveal the value to every node, verified, and record it in the ledger under `label`.

        The ledger refuses a label that the leakage statement does not declare, before anything is sent.
        Cost: 1 round; rep3 24 B, rep4 32 B. Raises: LedgerError.
        """

    @abstractmethod
    def open_bits(self, x: Bits, label: str) -> NDArray[np.bool_]:
        """Open packed bits, as `open` does; shape of x."""

    @abstractmethod
    def open_permutation(self, x: Arith, label: str) -> NDArray[np.int64]:
        """Open a shuffled permutation of 0..n-1, as `open` does. Raises: also IntegrityError, for anything else."""

    @abstractmethod
    def limited_to(self, labels: Collection[str]) -> AbstractContextManager[None]:
        """Refuse to open anything under other labels, declared or not, until the block ends. No message."""

    # --- end of a computation ----------------------------------------------------------------------------------

    @abstractmethod
    def barrier(self, label: str) -> None:
        """Wait until every party has checked everything up to here, before any release. One message to every peer."""

    @abstractmethod
    def rerandomise(self, x: Arith) -> Arith:
        """Refresh the components, so that an outsider may see them (PROTOCOLS 6.4). The value stays. No message."""
