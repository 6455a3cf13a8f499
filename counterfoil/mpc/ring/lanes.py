"""Pack short numbers side by side in 64-bit words: sharings mod 2^8, 2^16 or 2^32, where no higher bit matters.

Lane i of a run of words is the i-th little-endian number of so many bits in it. Lanes behind the last number fill the
last word. Knows no protocol.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.ring.shares import Words

Lanes: TypeAlias = NDArray[Any]

_TYPES: Final = tuple(np.dtype(each) for each in (np.uint8, np.uint16, np.uint32, np.uint64))


def lane_type(bits: int) -> np.dtype[Any]:
    """Return the shortest lane that holds so many bits."""
    return next(each for each in _TYPES if 8 * each.itemsize >= bits)


def lane_words(count: int, bits: int) -> int:
    """Count the words that hold `count` numbers of so many bits, a lane each."""
    return -(-count * lane_type(bits).itemsize // 8)


def lane_piece(piece: slice, bits: int) -> slice:
    """Return the slice of the words that hold these numbers, the first of which begins a word."""
    return slice(lane_words(piece.start, bits), lane_words(piece.stop, bits))


def lanes(words: Words, count: int, bits: int) -> Lanes:
    """View the first `count` lanes of contiguous words, in the same memory."""
    return words.view(lane_type(bits))[:count]


def to_lanes(values: Words, bits: int) -> Words:
    """Pack the values mod 2^lane into words, a lane each, with zeros behind the last one."""
    words = np.zeros(lane_words(values.size, bits), np.uint64)
    lanes(words, values.size, bits)[:] = values.astype(lane_type(bits))
    return words
