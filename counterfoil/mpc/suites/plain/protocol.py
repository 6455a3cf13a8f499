"""Implement every operation of `Protocol` by its plain meaning, at one party with one component: `Plain`.

It protects nothing. It is what the other suites are tested against and what design mode runs on synthetic data. The
two-operand split is real (L is random), so that circuits see the carries they will see in a replicated suite; shuffles
are real permutations. Knows no circuit and no other suite.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import IntegrityError, ShapeError
from counterfoil.mpc.protocol import HalfMap, Halves, Permutation, Protocol, Split
from counterfoil.mpc.ring.chunks import linear
from counterfoil.mpc.ring.lanes import lane_words
from counterfoil.mpc.ring.packing import pack, slices, unpack
from counterfoil.mpc.ring.shares import U64, Arith, Bits, Words, as_ring, packed_length, tail_mask
from counterfoil.mpc.runtime.ledger import Ledger
from counterfoil.mpc.runtime.noise_keys import Noise
from counterfoil.mpc.suites.plain.cost import Call
from counterfoil.mpc.suites.two_operand_split import RAISED
from counterfoil.secret import Secret


class Plain(Secret, Protocol):
    """One party that computes on the values themselves."""

    suite = "plain"
    held = 1

    def __init__(self, ledger: Ledger | None = None, noise: Noise | None = None, seed: bytes | None = None) -> None:
        """Start a computation; without a ledger anything may be opened, without a job's noise it has its own.

        With a `seed`, all that is drawn is the same in every run.
        """
        self._ledger = ledger
        self._key = hashlib.sha256(seed).digest() if seed else secrets.token_bytes(32)
        self._noise = noise or Noise(hashlib.sha256(self._key).digest() if seed else secrets.token_bytes(32), b"")
        self._op = 0
        #: what a real suite would have had to send, in order
        self.calls: list[Call] = []

    # --- local -------------------------------------------------------------------------------------------------

    def constant(self, value: Any) -> Arith:
        return Arith((as_ring(value),))

    def constant_bits(self, value: NDArray[np.bool_]) -> Bits:
        return Bits((pack(value),), value.shape[-1])

    def add_public(self, x: Arith, value: Any) -> Arith:
        return x.map(lambda part: part + as_ring(value))

    def linear(self, terms: Sequence[tuple[int, Arith]], constant: int = 0) -> Arith:
        return Arith((linear([(factor, x.parts[0]) for factor, x in terms], constant),))

    def xor_public(self, x: Bits, value: Words) -> Bits:
        return x.map(lambda part: part ^ (value & tail_mask(x.length)))

    def invert(self, x: Bits) -> Bits:
        return x.map(lambda part: part ^ tail_mask(x.length))

    def random_bits(self, *shape: int) -> Bits:
        *lead, length = shape
        words = self._random(self._next_op(), *lead, packed_length(length))
        return Bits((words & tail_mask(length),), length)

    def noise_bits(self, output: str, *shape: int) -> Bits:
        *lead, length = shape
        packed = (*lead, packed_length(length))
        words = self._noise.words(output, math.prod(packed)).reshape(packed)
        return Bits((words & tail_mask(length),), length)

    def random_words(self, *shape: int) -> Arith:
        return Arith((self._random(self._next_op(), *shape),))

    # --- products ----------------------------------------------------------------------------------------------

    def multiply(self, x: Arith, y: Arith) -> Arith:
        _same_shape(x, y)
        return self._product(x._zip(y, np.multiply))

    def matmul(self, x: Arith, y: Arith) -> Arith:
        if x.shape[-1] != y.shape[0]:
            raise ShapeError(f"matrices of {x.shape} and {y.shape} do not multiply")
        return self._product(x._zip(y, np.matmul))

    def dot(self, x: Arith, y: Arith) -> Arith:
        _same_shape(x, y)
        return self._product(x._zip(y, np.multiply).sum(axis=-1))

    def and_many(self, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
        for x, y in pairs:
            _same_shape(x, y)
        self._call("product", sum(int(x.parts[0].size) for x, _ in pairs))
        return [x._zip(y, np.bitwise_and) for x, y in pairs]

    # --- the two-operand split ---------------------------------------------------------------------------------

    def split(
        self, x: Arith, maps: Sequence[HalfMap] = (), bits: range = range(0), *, negate_right: bool = False
    ) -> Split:
        left = self._left(x).reshape(x.shape)
        right = x.parts[0] - left
        sliced = (half.ravel() for half in (left, np.negative(right) if negate_right else right))
        self._call("halves", len(maps) * x.size + len(bits) * packed_length(x.size))
        return Split(
            tuple(Halves(Arith((each(left),)), Arith((each(right),))) for each in maps),
            Halves(*(Bits((slices(half, bits),), x.size) for half in sliced)),
        )

    def split_bits(self, x: Bits) -> Halves[Arith]:
        left = self.random_bits(*x.shape)
        right = x ^ left
        self._call("halves", int(np.prod(x.shape)))
        return Halves(*(Arith((unpack(half.parts[0], x.length).astype(U64),)) for half in (left, right)))

    def multiply_halves(self, x: Halves[Arith]) -> Arith:
        self._call("product of halves", x.left.size)
        return x.left._zip(x.right, np.multiply)

    def and_halves(self, x: Halves[Bits]) -> Bits:
        self._call("product of halves", int(x.left.parts[0].size))
        return x.left._zip(x.right, np.bitwise_and)

    def truncate(self, x: Arith, frac: int) -> Arith:
        self._call("truncation", x.size)
        return self._shift(x, frac)

    def multiply_truncate(self, x: Arith, y: Arith, frac: int) -> Arith:
        _same_shape(x, y)
        self._call("truncated product", x.size)
        return self._shift(x._zip(y, np.multiply), frac)

    def _shift(self, x: Arith, frac: int) -> Arith:
        self._call("lanes of a truncation", lane_words(x.size, frac))
        left = self._left(x).reshape(x.shape)
        right = x.parts[0] + RAISED - left
        wraps = (left | right) >> U64(63)
        return Arith(((left >> U64(frac)) + (right >> U64(frac)) - (wraps << U64(64 - frac)) - (RAISED >> U64(frac)),))

    # --- shuffle -----------------------------------------------------------------------------------------------

    def shuffle(self, columns: Sequence[Arith]) -> tuple[list[Arith], Permutation]:
        permutation = Permutation(len(columns[0]), (self._next_op(),))
        return self._gather(columns, permutation, self._order(permutation)), permutation

    def unshuffle(self, columns: Sequence[Arith], permutation: Permutation) -> list[Arith]:
        return self._gather(columns, permutation, np.argsort(self._order(permutation)))

    def _gather(self, columns: Sequence[Arith], permutation: Permutation, order: NDArray[np.int64]) -> list[Arith]:
        if any(column.shape != (permutation.size,) for column in columns):
            raise ShapeError(f"columns of {[c.shape for c in columns]} are not all of {permutation.size} rows")
        self._call("shuffle", len(columns) * permutation.size)
        return [column[order] for column in columns]

    def _order(self, permutation: Permutation) -> NDArray[np.int64]:
        """Compute the uniform permutation that `permutation` names: the order of as many distinct random words."""
        for attempt in range(1 << 8):
            words = self._random(permutation.ops[0], permutation.size, attempt=attempt)
            if np.unique(words).size == words.size:
                return np.argsort(words)
        raise IntegrityError(f"no {permutation.size} distinct random words in 256 draws")

    # --- opening -----------------------------------------------------------------------------------------------

    def open(self, x: Arith, label: str) -> Words:
        return self._open(x.parts[0], label)

    def open_bits(self, x: Bits, label: str) -> NDArray[np.bool_]:
        return unpack(self._open(x.parts[0], label), x.length)

    def open_permutation(self, x: Arith, label: str) -> NDArray[np.int64]:
        opened = self.open(x, label)
        if not np.array_equal(np.sort(opened), np.arange(x.size, dtype=U64)):
            raise IntegrityError(f"what was opened as {label!r} is not a permutation of {x.size} rows")
        return opened.astype(np.int64)

    def limited_to(self, labels: Collection[str]) -> AbstractContextManager[None]:
        return nullcontext() if self._ledger is None else self._ledger.limited_to(labels)

    def _open(self, value: Words, label: str) -> Words:
        op = self._next_op()
        if self._ledger is not None:
            self._ledger.charge(label)
        self._call("open", value.size)
        if self._ledger is not None:
            self._ledger.note(label, op, value)
        return value.copy()

    # --- end of a computation ----------------------------------------------------------------------------------

    def barrier(self, label: str) -> None:
        """Do nothing: there is no other party to wait for."""

    def rerandomise(self, x: Arith) -> Arith:
        return x

    # --- helpers -----------------------------------------------------------------------------------------------

    def _left(self, x: Arith) -> Words:
        """Draw L of a split x = L + R: random, and the same each time the same x is split."""
        return self._random(0, x.size)

    def _next_op(self) -> int:
        self._op += 1
        return self._op

    def _random(self, op: int, *shape: int, attempt: int = 0) -> Words:
        """Draw random words, the same again for the same op and attempt."""
        label = self._key + op.to_bytes(8, "big") + attempt.to_bytes(8, "big")
        size = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(hashlib.shake_256(label).digest(8 * size), dtype=U64).reshape(shape).copy()

    def _call(self, op: str, words: int) -> None:
        self.calls.append(Call(op, words))

    def _product(self, z: Arith) -> Arith:
        self._call("product", z.size)
        return z


def _same_shape(x: Arith | Bits, y: Arith | Bits) -> None:
    if x.shape != y.shape:
        raise ShapeError(f"operands of {x.shape} and {y.shape} do not combine")
