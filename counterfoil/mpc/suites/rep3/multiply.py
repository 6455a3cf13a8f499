"""Multiply in rep3: everything bilinear is contracted first and costs one reshared word per output element.

Source: Araki et al., CCS 2016 (ePrint 2016/768) §2, PROTOCOLS 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from counterfoil.errors import ShapeError
from counterfoil.mpc.protocol import Halves
from counterfoil.mpc.ring import kernels
from counterfoil.mpc.ring.chunks import cut, flat, pieces, row_pieces, trim
from counterfoil.mpc.ring.contraction import products
from counterfoil.mpc.ring.shares import Arith, Bits, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.rep3.reshare import Third, reshare
from counterfoil.mpc.suites.replicated import check_pairs, check_same_shapes, split_pairs


def multiply(party: Party, x: Arith, y: Arith) -> Arith:
    """Multiply mod 2^64, elementwise.

    Shapes: x, y and the result agree.
    Cost: 1 round; 24 B.
    Reveals: nothing to one semi-honest party.
    """
    check_same_shapes([(x, y)])
    # 1 (local). z_i = x_i·(y_i + y_{i+1}) + x_{i+1}·y_i.
    thirds = _thirds(kernels.masked_product, cut([(*x.parts, *y.parts)]))
    # 2 (one round).
    z = reshare(party, x.size, thirds)
    return Arith(tuple(part.reshape(x.shape) for part in z))


def and_many(party: Party, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
    """AND every pair, elementwise: `multiply` in Z_2, 64 rows to a word, in one message.

    Shapes: x, y and their result agree; all pairs have one length.
    Cost: 1 round; 24 B per packed word.
    Reveals: nothing to one semi-honest party.
    """
    length = check_pairs(pairs)
    thirds = _thirds(kernels.masked_and, cut((*x.parts, *y.parts) for x, y in pairs), length)
    return split_pairs(reshare(party, sum(x.parts[0].size for x, _ in pairs), thirds), pairs)


def multiply_halves(party: Party, halves: Halves[Arith]) -> Arith:
    """Multiply left and right, elementwise.

    Shapes: both halves and the result agree.
    Cost: 1 round; 24 B.
    Reveals: nothing to one semi-honest party.
    """
    kernel = kernels.masked_term if party.index else np.subtract
    z = reshare(party, halves.left.size, _thirds(kernel, _terms(party, halves.left, halves.right)))
    return Arith(tuple(part.reshape(halves.left.shape) for part in z))


def and_halves(party: Party, halves: Halves[Bits]) -> Bits:
    """AND left and right.

    Shapes, Cost, Reveals: as `multiply_halves`, per packed word.
    """
    left, kernel = halves.left, kernels.masked_and_term if party.index else np.bitwise_xor
    z = reshare(party, left.parts[0].size, _thirds(kernel, _terms(party, left, halves.right), left.length))
    return Bits(tuple(part.reshape(left.parts[0].shape) for part in z), left.length)


def _terms(party: Party, left: Arith | Bits, right: Arith | Bits) -> Iterable[tuple[slice, list[Words]]]:
    """Yield the factors of this party's only term that is not zero: u_1·v_2 at P_1, u_0·v_2 at P_2, none at P_0."""
    check_same_shapes([(left, right)])
    if party.index == 0:
        return ((piece, []) for piece in pieces(left.parts[0].size))
    return cut([(left.parts[party.index - 1], right.parts[2 - party.index])])


def dot(party: Party, x: Arith, y: Arith) -> Arith:
    """Sum the products of x and y over the last axis.

    Shapes: x and y agree, (*lead, k); the result is (*lead).
    Cost: 1 round; 24 B per element of the result.
    Reveals: nothing to one semi-honest party.
    """
    check_same_shapes([(x, y)])
    rows, width = math.prod(x.shape[:-1]), x.shape[-1]
    x0, x1, y0, y1 = (flat(part).reshape(rows, width) for part in (*x.parts, *y.parts))
    z = np.zeros(rows, np.uint64)
    for piece in row_pieces(rows, width):
        kernels.add_dot(x0[piece], y0[piece] + y1[piece], z[piece])
        kernels.add_dot(x1[piece], y0[piece], z[piece])
    return _reshare_thirds(party, z, x.shape[:-1])


def matmul(party: Party, x: Arith, y: Arith) -> Arith:
    """Multiply matrices.

    Shapes: (a, k) by (k, b) is (a, b).
    Cost: 1 round; 24 B per element of the result.
    Reveals: nothing to one semi-honest party.
    Raises: ShapeError.
    """
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[0]:
        raise ShapeError(f"matrices of shapes {x.shape} and {y.shape} do not multiply")
    # 1 (local). z_i = x_i·(y_i + y_{i+1}) + x_{i+1}·y_i, contracted.
    z = products(x.parts, y.parts, [((0,), (0, 1)), ((1,), (0,))]).sum(axis=0, dtype=np.uint64)
    # 2 (one round).
    return _reshare_thirds(party, z.reshape(-1), z.shape)


def _thirds(
    kernel: Callable[..., object], cuts: Iterable[tuple[slice, list[Words]]], length: int | None = None
) -> Iterator[tuple[slice, Third]]:
    """Bind `kernel` to the operands of every piece; of packed rows of `length` bits the tails stay zero."""
    for piece, own in cuts:

        def third(a: Words, b: Words, out: Words, piece: slice = piece, own: list[Words] = own) -> None:
            kernel(*own, a, b, out)
            if length is not None:
                trim(out, length, piece.start)

        yield piece, third


def _add_masks(own: Words, a: Words, b: Words, out: Words) -> None:
    np.add(own, a, out=out)
    np.subtract(out, b, out=out)


def _reshare_thirds(party: Party, thirds: Words, shape: tuple[int, ...]) -> Arith:
    z = reshare(party, thirds.size, _thirds(_add_masks, cut([(thirds,)])))
    return Arith(tuple(part.reshape(shape) for part in z))
