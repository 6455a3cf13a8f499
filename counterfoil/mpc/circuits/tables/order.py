"""Order rows that were shuffled, by opened comparisons (PROTOCOLS 8).

After a secret shuffle, and with all keys distinct, every outcome of a comparison follows from a uniform permutation
that is independent of the data; so any comparison sort may open them. This is a sample sort: it needs fewer comparisons
than quicksort, and about half its levels. Knows nothing of the shuffle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.int64]
Before: TypeAlias = Callable[[Rows, Rows], NDArray[np.bool_]]
"""Does row i come before row j, for many pairs (i, j) at once: one level, one opening."""

#: all pairs of all segments are compared at once when that is at most so many comparisons a row, or in all
PAIRS_PER_ROW, PAIRS = 4, 8192


def order_by(before: Before, size: int) -> Rows:
    """Order the rows 0..size-1, first to last.

    Cost: about log2(size) + 7 levels, log2(size) + 5 comparisons a row.
    Source: Frazer & McKellar 1970 (samplesort), in the place of the quicksort of Hamada et al. (ICISC 2012).
    """
    order, sizes = np.arange(size), np.array([size])
    while sizes.max() > 1:
        order, sizes = _split(before, order, sizes)
    return order


def most_levels(size: int) -> int:
    """Return a number of levels that `order_by` does not pass, but with negligible probability."""
    return 2 * size.bit_length() + 16


def _split(before: Before, order: Rows, sizes: Rows) -> tuple[Rows, Rows]:
    """Cut each segment of rows, of these sizes, into smaller ones by a sorted sample of itself."""
    segment = np.repeat(np.arange(sizes.size), sizes)
    start = (np.cumsum(sizes) - sizes)[segment]
    offset = np.arange(order.size) - start
    # 1 (one level). The first rows of each segment are its sample; all pairs of them give its order.
    taken = _sample_sizes(sizes)[segment]
    in_sample = offset < taken
    place = np.zeros(order.size, dtype=np.int64)
    place[in_sample] = _ranks(before, order, np.flatnonzero(in_sample), offset[in_sample])
    sample = np.empty_like(order)
    sample[(start + place)[in_sample]] = order[in_sample]
    # 2 (log2 levels). Every other row looks for its gap in the sample of its segment.
    others = np.flatnonzero(~in_sample)
    place[others] = _gaps(before, order[others], sample, start[others], taken[others])
    # 3 (local). A sample row is a segment of its own, between two gaps.
    code = 2 * place + in_sample
    moved = np.lexsort((code, segment))
    cut = np.flatnonzero((np.diff(code[moved]) != 0) | (np.diff(segment[moved]) != 0)) + 1
    return order[moved], np.diff(cut, prepend=0, append=order.size)


def _sample_sizes(sizes: Rows) -> Rows:
    """Choose whole segments if all their pairs are few; else sample sizes with at most s pairs for s rows."""
    if (sizes * (sizes - 1) // 2).sum() <= max(PAIRS, PAIRS_PER_ROW * sizes.sum()):
        return sizes
    return np.minimum(sizes, (1 + np.sqrt(1 + 8 * sizes)).astype(np.int64) // 2)


def _ranks(before: Before, order: Rows, places: Rows, offsets: Rows) -> Rows:
    """Count the rows of its own sample before each sample row; `offsets` count from the start of its segment."""
    # Each row is compared with all earlier ones of its sample, which stand just before it.
    mine = np.repeat(np.arange(places.size), offsets)
    other = mine - 1 - (np.arange(mine.size) - np.repeat(np.cumsum(offsets) - offsets, offsets))
    first = before(order[places[mine]], order[places[other]])
    return np.bincount(np.where(first, other, mine), minlength=places.size)


def _gaps(before: Before, rows: Rows, sample: Rows, start: Rows, taken: Rows) -> Rows:
    """Search, by halving, how many of the `taken` sample rows from `start` on come before each row."""
    low, high = np.zeros_like(taken), taken.copy()
    while (active := np.flatnonzero(low < high)).size:
        middle = (low[active] + high[active]) // 2
        first = before(rows[active], sample[start[active] + middle])
        high[active[first]] = middle[first]
        low[active[~first]] = middle[~first] + 1
    return low
