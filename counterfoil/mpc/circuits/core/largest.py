"""Find the largest of many secret values, by a tournament of sorted lists, for many cells side by side."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.errors import ShapeError
from counterfoil.mpc.circuits.core.compare import less_than
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_same_shape
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat


def largest(p: Protocol, lists: Sequence[Arith], width: int) -> Arith:
    """Find each cell's m largest values of all lists, largest first, if every list is in that order.

    Shapes: every list and the result (m, n) for n cells, m a power of two; values differ by less than 2^(width-1).
    Cost: ceil(log2 lists) · (1 + log2 m) exchanges one after the other, m·n/2 to m·n comparisons each for every pair.
    Reveals: nothing.
    Raises: ShapeError.
    Source: Batcher 1968, bitonic merge: of two sorted lists, max(a_i, b_{m-1-i}) are the m largest of both.
    """
    check_same_shape("largest", *lists)
    m = len(lists[0])
    if len(lists[0].shape) != 2 or m & (m - 1):
        raise ShapeError(f"largest: lists of shape {lists[0].shape} are not (power of two, cells)")
    found = list(lists)
    while len(found) > 1:
        pairs = len(found) // 2
        a, b = (concat(found[side : 2 * pairs : 2], axis=1) for side in (0, 1))
        merged = _sorted(p, _exchange(p, a, b[::-1], width)[0], width)
        cells = merged.shape[1] // pairs
        found = [*(merged[:, i * cells : (i + 1) * cells] for i in range(pairs)), *found[2 * pairs :]]
    return found[0]


def _sorted(p: Protocol, x: Arith, width: int) -> Arith:
    """Sort a bitonic list, largest first."""
    m, n = x.shape
    step = m // 2
    while step:
        blocks = x.reshape(-1, 2, step, n)
        high, low = _exchange(p, blocks[:, 0], blocks[:, 1], width)
        x = concat([high.reshape(-1, 1, step, n), low.reshape(-1, 1, step, n)], axis=1).reshape(m, n)
        step //= 2
    return x


def _exchange(p: Protocol, x: Arith, y: Arith, width: int) -> tuple[Arith, Arith]:
    """Split every pair into the larger and the smaller value."""
    less = b2a(p, less_than(p, x, y, width)).reshape(*x.shape)
    step = p.multiply(less, y - x)
    return x + step, y - step
