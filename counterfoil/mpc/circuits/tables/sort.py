"""Sort shared rows stably by a shared key: radix for short keys, shuffle-then-compare for long ones (PROTOCOLS 8).

Both open only what is independent of the data; `sort_rows` and `sort_permutation` pick the cheaper by public sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.compare import a2b, less_than, less_than_pair
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_columns, check_width
from counterfoil.mpc.circuits.tables.order import most_levels, order_by
from counterfoil.mpc.circuits.tables.permute import SHUFFLED, apply, bit_permutation, inverse
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits
from counterfoil.mpc.runtime.ledger import Declared

COMPARED: Final = "comparison after shuffle"
"""Ledger label: outcomes that follow from a uniform permutation, independent of all data."""

_SHUFFLED_FOR: Final = "an order of the rows that was drawn at random and says nothing of them"
_COMPARED_FOR: Final = "which of two rows comes first, after a shuffle by which that says nothing of them"

KEY_BITS: Final = 62

#: what a round costs, as bytes that a link carries in the same time (1 ms at 1 Gbit/s)
ROUND_BYTES: Final = 125_000


@dataclass(frozen=True, slots=True)
class Key:
    """A column whose values are known to be in [0, 2^width)."""

    column: Arith
    width: int

    def __post_init__(self) -> None:
        check_columns("a key", [self.column])
        if not 1 <= self.width <= KEY_BITS:
            raise RangeError(f"a sort key has 1 to {KEY_BITS} bits, not {self.width}; use fewer or narrower columns")


def combine(keys: Sequence[Key]) -> Key:
    """Combine keys into one that orders as these do, the first being the most significant. Local.

    Raises: ShapeError; RangeError if together they are too wide.
    """
    check_columns("combine", [key.column for key in keys])
    return reduce(lambda high, low: Key(high.column * (1 << low.width) + low.column, high.width + low.width), keys)


def descending(p: Protocol, key: Key) -> Key:
    """Reverse the order of the key.

    Shapes: the key and the result (n,).
    Cost: local.
    Reveals: nothing.
    """
    return Key(p.add_public(-key.column, (1 << key.width) - 1), key.width)


def sort_rows(p: Protocol, key: Key, columns: Sequence[Arith]) -> list[Arith]:
    """Sort the columns by the key, ascending; rows with equal keys keep their order.

    Shapes: the key and every column (n,).
    Cost: as `radix_permutation` and `permute.apply`, or as `compared_rows`, whichever is less.
    Reveals: uniform permutations, or comparisons after a shuffle.
    Raises: ShapeError.
    """
    check_columns("sort_rows", [key.column, *columns])
    if _radix_is_cheaper(key.column.size, key.width):
        return apply(p, radix_permutation(p, a2b(p, key.column, key.width)), columns)
    return compared_rows(p, key, columns)


def sort_permutation(p: Protocol, key: Key) -> Arith:
    """Compute each row's place in ascending order of the key; rows with equal keys keep their order.

    Shapes: the key and the result (n,).
    Cost: as `radix_permutation`, or as `compared_permutation`, whichever is less.
    Reveals: as `sort_rows`.
    Raises: ShapeError.
    """
    if _radix_is_cheaper(key.column.size, key.width):
        return radix_permutation(p, a2b(p, key.column, key.width))
    return compared_permutation(p, key)


def openings(size: int, width: int) -> tuple[Declared, ...]:
    """Bound, by ledger label, how often a sort of so many rows by a key of so many bits opens something.

    The number of levels of comparisons is random; that it passes this bound has negligible probability.
    """
    if _radix_is_cheaper(size, width):
        return (Declared(SHUFFLED, width, _SHUFFLED_FOR, varies=True),)
    return (Declared(COMPARED, most_levels(size), _COMPARED_FOR, varies=True),)


def radix_permutation(p: Protocol, key: Bits) -> Arith:
    """Compute each row's place in ascending order of an unsigned key in slices; stable.

    Shapes: key (w, n); the result (n,).
    Cost: 3 + 8·(w - 1) / 3 + 10·(w - 1) rounds; 224·w - 168 / 416·w - 320 B.
    Reveals: w - 1 uniform permutations.
    Raises: ShapeError.
    Source: Hamada et al. (ePrint 2014/121), Asharov et al. (ePrint 2022/1595); PROTOCOLS 8, radix sort.
    """
    check_width("radix_permutation", key.shape[0])
    # 1 (two rounds). All bits as numbers.
    bits = b2a(p, key)
    # 2 (one round). Order by the lowest bit.
    sigma = bit_permutation(p, bits[0])
    for k in range(1, len(bits)):
        # 3 (4 / 5 rounds). Rows in the order found so far.
        (shuffled, bit), permutation = p.shuffle([sigma, bits[k]])
        tau = p.open_permutation(shuffled, SHUFFLED)
        # 4 (one round). Order those by bit k.
        rho = bit_permutation(p, bit[inverse(tau)])
        # 5 (3 / 4 rounds). Back at the rows' own places.
        (sigma,) = p.unshuffle([rho[tau]], permutation)
    return sigma


def compared_rows(p: Protocol, key: Key, columns: Sequence[Arith]) -> list[Arith]:
    """Sort the columns by the key, ascending; rows with equal keys keep their order.

    Shapes: the key and every column (n,).
    Cost: one shuffle of the columns and the key; about log2(n) + 5 comparisons a row, in about log2(n) + 7 levels.
    Reveals: comparisons after a shuffle, of keys made distinct by the row number.
    Raises: ShapeError.
    Source: Hamada et al. (ICISC 2012); PROTOCOLS 8, shuffle-then-quicksort, by sample sort.
    """
    check_columns("compared_rows", [key.column, *columns])
    words = _distinct(p, key)
    shuffled, _ = p.shuffle([*(word.column for word in words), *columns])
    order = _opened_order(p, [Key(column, word.width) for column, word in zip(shuffled, words, strict=False)])
    return [column[order] for column in shuffled[len(words) :]]


def compared_permutation(p: Protocol, key: Key) -> Arith:
    """Compute each row's place in ascending order of the key; rows with equal keys keep their order.

    Shapes: the key and the result (n,).
    Cost: as `compared_rows` without columns, and one unshuffle of a column.
    Reveals: as `compared_rows`.
    Raises: ShapeError.
    Source: as `compared_rows`.
    """
    words = _distinct(p, key)
    shuffled, permutation = p.shuffle([word.column for word in words])
    order = _opened_order(p, [Key(column, word.width) for column, word in zip(shuffled, words, strict=True)])
    (sigma,) = p.unshuffle([p.constant(inverse(order))], permutation)
    return sigma


def _distinct(p: Protocol, key: Key) -> list[Key]:
    """Make the key distinct by the row number: in one word if both fit, else in two, the lower one last."""
    size = key.column.size
    row = Key(p.constant(np.arange(size)), max(1, (size - 1).bit_length()))
    return [combine([key, row])] if key.width + row.width <= KEY_BITS else [key, row]


def _opened_order(p: Protocol, words: Sequence[Key]) -> NDArray[np.int64]:
    """Open the order of shuffled rows by distinct keys of one or two words."""
    high, *low = words

    def before(i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not low:
            return p.open_bits(less_than(p, high.column[i], high.column[j], high.width + 1), COMPARED)
        x, y = ((high.column[rows], low[0].column[rows]) for rows in (i, j))
        return p.open_bits(less_than_pair(p, x, y, (high.width + 1, low[0].width + 1)), COMPARED)

    return order_by(before, high.column.size)


def _radix_is_cheaper(size: int, width: int) -> bool:
    """Estimate, by bytes and rounds in rep3, whether radix sort is cheaper; a matter of speed alone."""
    radix = 8 * width * ROUND_BYTES + 224 * width * size
    levels, bits = log2(size) + 5, width + log2(size) + 1
    compared = levels * ((3 + log2(bits)) * ROUND_BYTES + 76 / 64 * bits * size)
    return radix < compared
