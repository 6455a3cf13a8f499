"""Work on long vectors piece by piece, each operand's piece in the cache of a core. Knows no protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np

from counterfoil.mpc.ring.shares import U64, Words, packed_length, tail_mask

#: Words of one piece.
CHUNK: Final = 1 << 15
#: Rows that are apart in memory and are shorter than this are copied together first.
_SHORT: Final = 1 << 11


def pieces(size: int) -> Iterator[slice]:
    """Yield neighbouring slices of at most CHUNK words that cover range(size)."""
    for start in range(0, size, CHUNK):
        yield slice(start, min(start + CHUNK, size))


def row_pieces(rows: int, width: int) -> Iterator[slice]:
    """Yield neighbouring slices that cover range(rows), of about CHUNK words each; one slice if rows are long."""
    step = CHUNK // max(1, width)
    step = step if step > 64 else max(1, rows)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def flat(part: Words) -> Words:
    """Return the words of a part in one row, copied only if they are not contiguous."""
    return np.ascontiguousarray(part).reshape(-1)


def cut(blocks: Iterable[Sequence[Words]]) -> Iterator[tuple[slice, list[Words]]]:
    """Yield each piece's slice in the result, and that piece of every operand, one block after the other.

    The arrays of a block have one shape. Every piece is contiguous.
    """
    start = 0
    for block in blocks:
        for rows in _rows(block):
            for piece in pieces(rows[0].size):
                yield slice(start + piece.start, start + piece.stop), [row[piece] for row in rows]
            start += rows[0].size


def _rows(block: Sequence[Words]) -> Iterable[Sequence[Words]]:
    shape = block[0].shape
    apart = not all(part.flags.c_contiguous for part in block)
    if apart and shape[-1] >= _SHORT and all(part.strides[-1] == part.itemsize for part in block):
        return zip(*(part.reshape(-1, shape[-1]) for part in block), strict=True)
    return [[flat(part) for part in block]]


@cache
def _add_multiple() -> Callable[[Words, np.uint64, Words], object]:
    """Return the kernel, or the same in two passes where kernels are not installed: who plans a job counts with it."""
    try:
        from counterfoil.mpc.ring.kernels import add_multiple  # noqa: PLC0415 (part of the extra `node` alone)
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return lambda part, factor, out: np.add(out, part * factor, out=out)
    return add_multiple


def linear(terms: Sequence[tuple[int, Words]], constant: int = 0) -> Words:
    """Add up factor · part over all terms and a constant; all parts have one shape."""
    shape = terms[0][1].shape
    out = np.empty(math.prod(shape), np.uint64)
    add_multiple = _add_multiple()
    present = [(U64(factor % (1 << 64)), flat(part)) for factor, part in terms if not _nothing(part)]
    for piece in pieces(out.size):
        out[piece] = U64(constant % (1 << 64))
        for factor, part in present:
            add_multiple(part[piece], factor, out[piece])
    return out.reshape(shape)


def _nothing(part: Words) -> bool:
    """Return whether this is one zero that is broadcast to the part's shape."""
    return part.size > 1 and not any(part.strides) and not part.flat[0]


def trim(words: Words, length: int, start: int = 0) -> Words:
    """Clear all unused bits, in place: a run of packed rows of `length` bits, from word `start` on."""
    if length % 64:
        width = packed_length(length)
        words[(width - 1 - start) % width :: width] &= tail_mask(length)[-1]
    return words
