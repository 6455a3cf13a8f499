"""Hold one party's part of shared arrays, and compute on it whatever takes no message.

A sharing of a value is a list of components that add up (arithmetic, mod 2^64) or XOR (boolean) to it. `parts` are the
components this party holds, in the order of its suite: plain 1, rep3 2, rep4 3. Every method here is the same map on
each component, so it is right in every suite; what touches one component alone (adding a public constant) or needs a
message is a method of `Protocol`. Knows nothing of parties, keys or links.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import ShapeError
from counterfoil.secret import Secret

U64 = np.uint64
_SHORT: Final = 64
Words: TypeAlias = NDArray[np.uint64]
Index: TypeAlias = Any  # whatever numpy takes between brackets: public positions


def as_ring(value: Any) -> Words:
    """Convert a public integer or integer array to ring elements (two's complement).

    Raises: ShapeError for anything else.
    """
    array = np.asarray(value)
    if array.dtype == object:
        array = np.array([int(v) % (1 << 64) for v in array.ravel()], dtype=U64).reshape(array.shape)
    if array.dtype.kind not in "iub":
        raise ShapeError(f"ring elements are integers, not {array.dtype}")
    return array.astype(U64)


def as_signed(value: Words) -> NDArray[np.int64]:
    """View ring elements as signed 64-bit integers."""
    return value.view(np.int64)


@dataclass(frozen=True, slots=True)
class Share(Secret):
    """This party's components of one shared array; all parts have one shape and dtype uint64, and never change.

    They may still be on their way to a peer when a method returns, so they are made read-only here.
    """

    parts: tuple[Words, ...] = field(repr=False)

    def __post_init__(self) -> None:
        for part in self.parts:
            part.setflags(write=False)  # numpy makes scalars of arrays without axes, which never change anyway

    def map(self, f: Callable[[Words], Words]) -> Self:
        """Apply the same local map to every component; it must be linear over the sharing's group."""
        return self._with(tuple([f(part) for part in self.parts]))

    def _with(self, parts: tuple[Words, ...]) -> Self:
        raise ShapeError("a bare Share has no group")

    def _zip(self, other: Self, f: Callable[[Words, Words], Words]) -> Self:
        if type(self) is not type(other) or len(self.parts) != len(other.parts):
            raise ShapeError(f"{type(self).__name__} and {type(other).__name__} do not combine")
        return self._with(tuple([f(a, b) for a, b in zip(self.parts, other.parts, strict=True)]))


@dataclass(frozen=True, slots=True)
class Arith(Share):
    """A sharing mod 2^64: value = sum of all components. `shape` is that of the shared array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the shared array."""
        return self.parts[0].shape

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self.parts[0].size)

    def __len__(self) -> int:
        return len(self.parts[0])

    def _with(self, parts: tuple[Words, ...]) -> Arith:
        return Arith(parts)

    def __add__(self, other: Arith) -> Arith:
        return self._zip(other, np.add)

    def __sub__(self, other: Arith) -> Arith:
        return self._zip(other, np.subtract)

    def __neg__(self) -> Arith:
        return self.map(np.negative)

    def __mul__(self, public: Any) -> Arith:
        """Multiply by a PUBLIC integer or integer array."""
        factor = as_ring(public)
        return self.map(lambda part: part * factor)

    __rmul__ = __mul__

    def __getitem__(self, index: Index) -> Arith:
        return self.map(lambda part: part[index])

    def reshape(self, *shape: int) -> Arith:
        """Give the same elements another shape."""
        return self.map(lambda part: part.reshape(shape))

    @property
    def T(self) -> Arith:  # noqa: N802 (numpy's name)
        """The array with its axes reversed."""
        return self.map(lambda part: part.T)

    def sum(self, axis: int | None = None) -> Arith:
        """Add up over one axis, or all elements."""
        return self.map(lambda part: _sum(part, axis))

    def cumsum(self, axis: int = -1) -> Arith:
        """Compute the running sums along an axis."""
        return self.map(lambda part: part.cumsum(axis=axis, dtype=U64))

    def broadcast_to(self, shape: tuple[int, ...]) -> Arith:
        """Repeat along axes of length 1, and along new ones in front."""
        return self.map(lambda part: np.broadcast_to(part, shape))


@dataclass(frozen=True, slots=True)
class Bits(Share):
    """A boolean sharing, packed: value = XOR of all components.

    The last axis runs over rows, 64 to a word, row r in bit r % 64 of word r // 64; the axes before it are whole words
    apart. A sharing of n 64-bit words is `Bits` of shape (64, n), least significant bit first ("bit slices"). The
    unused bits of the last word are zero in every component, always.

    Shapes: `shape` is (*lead, length); every part is (*lead, ceil(length / 64)).
    """

    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the shared array, rows last."""
        return (*self.parts[0].shape[:-1], self.length)

    def _with(self, parts: tuple[Words, ...]) -> Bits:
        return Bits(parts, self.length)

    def __xor__(self, other: Bits) -> Bits:
        if self.length != other.length:
            raise ShapeError(f"bit vectors of {self.length} and {other.length} rows do not combine")
        return self._zip(other, np.bitwise_xor)

    def __and__(self, public: Words) -> Bits:
        """AND with PUBLIC packed words that broadcast over the parts."""
        return self.map(lambda part: part & public)

    def __getitem__(self, index: Index) -> Bits:
        """Index the leading axes; rows stay together."""
        return self.map(lambda part: part[index])

    def put(self, index: Index, rows: Bits) -> Bits:
        """Copy, with these rows at these places of the leading axes."""

        def placed(part: Words, own: Words) -> Words:
            out = part.copy()
            out[index] = own
            return out

        return self._zip(rows, placed)

    def reshape(self, *lead: int) -> Bits:
        """Give the leading axes another shape; rows stay together."""
        return self.map(lambda part: part.reshape(*lead, part.shape[-1]))


def _sum(part: Words, axis: int | None) -> Words:
    if axis == 0 and part.ndim == 2 and part.flags.c_contiguous and part.shape[1] <= _SHORT:
        # Many short rows: first add up long ones that hold several each.
        whole = len(part) // _SHORT * _SHORT
        folded = part[:whole].reshape(-1, _SHORT * part.shape[1]).sum(axis=0, dtype=U64).reshape(_SHORT, -1)
        return np.asarray(folded.sum(axis=0, dtype=U64) + part[whole:].sum(axis=0, dtype=U64))
    return np.asarray(part.sum(axis=axis, dtype=U64))


def concat(shares: Sequence[Arith], axis: int = 0) -> Arith:
    """Concatenate sharings along an axis."""
    columns = zip(*(share.parts for share in shares), strict=True)
    return Arith(tuple(np.concatenate(column, axis=axis) for column in columns))


def stack_bits(shares: Sequence[Bits]) -> Bits:
    """Concatenate bit vectors of one length and rank along the FIRST axis. Raises: ShapeError."""
    if len({share.length for share in shares}) != 1:
        raise ShapeError("bit vectors of different lengths do not stack")
    shares = [share for share in shares if share.shape[0]] or shares[:1]
    if len(shares) == 1:
        return shares[0]
    columns = zip(*(share.parts for share in shares), strict=True)
    return Bits(tuple(np.concatenate(column, axis=0) for column in columns), shares[0].length)


def packed_length(length: int) -> int:
    """Count the words that hold `length` packed bits."""
    return (length + 63) // 64


def tail_mask(length: int) -> Words:
    """Make packed words with a one in every used bit."""
    mask = np.full(packed_length(length), ~U64(0), dtype=U64)
    if length % 64:
        mask[-1] = (U64(1) << U64(length % 64)) - U64(1)
    return mask
