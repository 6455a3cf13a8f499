"""Implement what the replicated suites share: all that is local, and the frame of every opening (PROTOCOLS 1).

A suite says which components a party holds; `parts` follow that order. Knows no message of its own.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import reduce
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import IntegrityError, ShapeError
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.chunks import linear
from counterfoil.mpc.ring.packing import pack, unpack
from counterfoil.mpc.ring.shares import U64, Arith, Bits, Words, as_ring, packed_length, tail_mask
from counterfoil.mpc.runtime.barrier import barrier
from counterfoil.mpc.runtime.party import COMMON, Party


def components(n: int, party: int) -> tuple[int, ...]:
    """List the components that a party holds, in the order of its parts: i and i+1 of three, all but i of four."""
    if n == 3:
        return party, (party + 1) % 3
    return tuple(j for j in range(n) if j != party)


def by_component(party: Party, parts: Iterable[Words]) -> dict[int, Words]:
    """Map each component that the party holds to its part.

    Shapes: as they are.
    Cost: local.
    Reveals: nothing.
    """
    return dict(zip(components(party.n, party.index), parts, strict=True))


def rows_of(columns: Sequence[Arith], size: int | None = None) -> int:
    """Count the rows of the columns of a shuffle. Raises: ShapeError unless all have as many, or `size`."""
    shapes = {column.shape for column in columns}
    if len(shapes) != 1 or len(columns[0].shape) != 1 or (size is not None and columns[0].size != size):
        raise ShapeError(f"columns of {sorted(shapes)} do not shuffle together{f' as {size} rows' if size else ''}")
    return columns[0].size


def check_same_shapes(pairs: Sequence[tuple[Arith | Bits, Arith | Bits]]) -> None:
    """Check that there are pairs, and that the two of each agree in shape. Raises: ShapeError."""
    wrong = [(x.shape, y.shape) for x, y in pairs if x.shape != y.shape]
    if wrong or not pairs:
        raise ShapeError(f"operands of shapes {wrong} do not multiply")


def check_pairs(pairs: Sequence[tuple[Bits, Bits]]) -> int:
    """Check the pairs and return the length of all their bit vectors. Raises: ShapeError."""
    check_same_shapes(pairs)
    if len({x.length for x, _ in pairs}) != 1:
        raise ShapeError(f"bit vectors of {sorted({x.length for x, _ in pairs})} rows do not go in one message")
    return pairs[0][0].length


def split_pairs(parts: Iterable[Words], pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
    """Split the words of all results of `and_many`, one after the other, into the results."""
    shapes = [x.parts[0].shape for x, _ in pairs]
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    split = zip(*(np.split(part, ends) for part in parts), strict=True)
    return [
        Bits(tuple(part.reshape(shape) for part in own), x.length)
        for own, shape, (x, _) in zip(split, shapes, pairs, strict=True)
    ]


def _bits(drawn: Iterable[Words], length: int) -> Bits:
    return Bits(tuple(part & tail_mask(length) for part in drawn), length)


class Replicated(Protocol):
    """What rep3 and rep4 have in common."""

    #: how many parties compute
    parties: ClassVar[int]

    def __init__(self, party: Party) -> None:
        self.party = party
        self.components = components(party.n, party.index)
        self.held = len(self.components)

    # --- public values ---------------------------------------------------------------------------------------

    def constant(self, value: Any) -> Arith:
        ring = as_ring(value)
        return self._place({0: ring}, ring.shape)

    def constant_bits(self, value: NDArray[np.bool_]) -> Bits:
        packed = pack(value)
        return Bits(self._place({0: packed}, packed.shape).parts, value.shape[-1])

    def add_public(self, x: Arith, value: Any) -> Arith:
        ring = as_ring(value)
        return Arith(self._on_first(x.parts, lambda part: part + ring))

    def linear(self, terms: Sequence[tuple[int, Arith]], constant: int = 0) -> Arith:
        return Arith(
            tuple(
                linear([(factor, x.parts[place]) for factor, x in terms], constant if j == 0 else 0)
                for place, j in enumerate(self.components)
            )
        )

    def xor_public(self, x: Bits, value: Words) -> Bits:
        used = value & tail_mask(x.length)
        return Bits(self._on_first(x.parts, lambda part: part ^ used), x.length)

    def invert(self, x: Bits) -> Bits:
        return self.xor_public(x, tail_mask(x.length))

    def _place(self, values: Mapping[int, Words], shape: tuple[int, ...]) -> Arith:
        """Share these components where this party holds them, with zeros elsewhere."""
        return Arith(tuple(values[j] if j in values else np.zeros(shape, np.uint64) for j in self.components))

    def _on_first(self, parts: Sequence[Words], f: Any) -> tuple[Words, ...]:
        return tuple(f(part) if j == 0 else part for j, part in zip(self.components, parts, strict=True))

    # --- secret random values --------------------------------------------------------------------------------

    def random_words(self, *shape: int) -> Arith:
        op, size = self.party.next_op(), int(np.prod(shape))
        return Arith(tuple(self.party.keys[j].rand.words(op, size).reshape(shape) for j in self.components))

    def random_bits(self, *shape: int) -> Bits:
        *lead, length = shape
        return _bits(self.random_words(*lead, packed_length(length)).parts, length)

    def noise_bits(self, output: str, *shape: int) -> Bits:
        *lead, length = shape
        packed = (*lead, packed_length(length))
        drawn = (self.party.noise[j].words(output, math.prod(packed)).reshape(packed) for j in self.components)
        return _bits(drawn, length)

    # --- opening ---------------------------------------------------------------------------------------------

    @abstractmethod
    def _missing(self, parts: tuple[Words, ...]) -> Words:
        """Receive and check the component that this party lacks, in the shape of the parts."""

    def open(self, x: Arith, label: str) -> Words:
        return self._open(x.parts, label, np.add)

    def open_bits(self, x: Bits, label: str) -> NDArray[np.bool_]:
        return unpack(self._open(x.parts, label, np.bitwise_xor), x.length)

    def open_permutation(self, x: Arith, label: str) -> NDArray[np.int64]:
        opened = self.open(x, label)
        if not np.array_equal(np.sort(opened), np.arange(x.size, dtype=U64)):
            raise IntegrityError(f"what was opened as {label!r} is not a permutation of {x.size} rows")
        return opened.astype(np.int64)

    def _open(self, parts: tuple[Words, ...], label: str, add: Callable[[Words, Words], Words]) -> Words:
        self.party.ledger.charge(label)
        value = reduce(add, parts, self._missing(parts))
        self.party.ledger.note(label, self.party.op, value)
        return value

    def limited_to(self, labels: Collection[str]) -> AbstractContextManager[None]:
        return self.party.ledger.limited_to(labels)

    def barrier(self, label: str) -> None:
        barrier(self.party, label)

    # --- in and out ------------------------------------------------------------------------------------------

    def share_input(self, parts: Sequence[Words]) -> Arith:
        """Share an owner's vector, from the components that its envelope gave this node. Raises: ShapeError."""
        if len(parts) != self.held or len({part.shape for part in parts}) != 1:
            raise ShapeError(f"an input needs {self.held} components of one shape")
        return Arith(tuple(parts))

    def rerandomise(self, x: Arith) -> Arith:
        draw = self.party.keys[COMMON].rand.draw(self.party.next_op(), (self.party.n - 1) * x.size)
        masks = [draw.into(np.empty(x.size, np.uint64)).reshape(x.shape) for _ in range(self.party.n - 1)]
        masks.append(np.negative(reduce(np.add, masks)))
        return Arith(tuple(np.add(part, masks[j]) for j, part in zip(self.components, x.parts, strict=True)))

    def release(self, x: Arith) -> dict[int, Words]:
        """Return this node's copies for a recipient, by component: fresh components, never those computed with."""
        return dict(zip(self.components, self.rerandomise(x).parts, strict=True))
