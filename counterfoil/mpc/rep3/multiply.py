"""Products of rep3: everything bilinear is contracted first and costs one reshared word per output element.

Source: Araki et al., CCS 2016 (ePrint 2016/768) §2, PROTOCOLS 4.
"""

from __future__ import annotations

import numpy as np

from counterfoil.errors import ShapeError
from counterfoil.mpc import kernels
from counterfoil.mpc.party import Party
from counterfoil.mpc.rep3.reshare import reshare
from counterfoil.mpc.shares import Arith, Bits, Words, flat, trim


def multiply(party: Party, x: Arith, y: Arith) -> Arith:
    """Share of x·y mod 2^64, elementwise.

    Shapes: x, y and the result agree.
    Cost: 1 round; 24 B.
    Reveals: nothing to one semi-honest party.
    """
    # 1 (local). z_i = x_i·(y_i + y_{i+1}) + x_{i+1}·y_i.
    x0, x1, y0, y1 = _operands(x, y)

    def third(piece: slice, a: Words, b: Words, out: Words) -> None:
        kernels.masked_product(x0[piece], x1[piece], y0[piece], y1[piece], a, b, out)

    # 2 (one round).
    z = reshare(party, x.size, third)
    return Arith(tuple(part.reshape(x.shape) for part in z))


def and_bits(party: Party, x: Bits, y: Bits) -> Bits:
    """Share of x AND y, elementwise; `multiply` in Z_2, 64 rows to a word.

    Shapes: x, y and the result agree.
    Cost: 1 round; 24 B per packed word.
    Reveals: nothing to one semi-honest party.
    """
    x0, x1, y0, y1 = _operands(x, y)

    def third(piece: slice, a: Words, b: Words, out: Words) -> None:
        kernels.masked_and(x0[piece], x1[piece], y0[piece], y1[piece], a, b, out)
        trim(out, x.length, piece.start)

    z = reshare(party, x0.size, third)
    return Bits(tuple(part.reshape(x.parts[0].shape) for part in z), x.length)


def dot(party: Party, x: Arith, y: Arith) -> Arith:
    """Share of the sum of x·y over the last axis.

    Shapes: x and y agree, (*lead, k); the result is (*lead).
    Cost: 1 round; 24 B per element of the result.
    Reveals: nothing to one semi-honest party.
    """
    width = x.shape[-1]
    x0, x1, y0, y1 = (part.reshape(-1, width) for part in _operands(x, y))
    z = np.zeros(len(x0), np.uint64)
    kernels.add_dot(x0, y0 + y1, z)
    kernels.add_dot(x1, y0, z)
    return _reshare_thirds(party, z, x.shape[:-1])


def matmul(party: Party, x: Arith, y: Arith) -> Arith:
    """Share of x @ y.

    Shapes: (a, k) by (k, b) is (a, b).
    Cost: 1 round; 24 B per element of the result.
    Reveals: nothing to one semi-honest party.
    """
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[0]:
        raise ShapeError(f"matrices of shapes {x.shape} and {y.shape} do not multiply")
    (x0, x1), (y0, y1) = ((np.ascontiguousarray(p) for p in share.parts) for share in (x.T, y))
    z = np.zeros((x.shape[0], y.shape[1]), np.uint64)
    kernels.add_matmul(x0, y0 + y1, z)
    kernels.add_matmul(x1, y0, z)
    return _reshare_thirds(party, z.reshape(-1), z.shape)


def _reshare_thirds(party: Party, thirds: Words, shape: tuple[int, ...]) -> Arith:
    def third(piece: slice, a: Words, b: Words, out: Words) -> None:
        np.add(thirds[piece], a, out=out)
        np.subtract(out, b, out=out)

    z = reshare(party, thirds.size, third)
    return Arith(tuple(part.reshape(shape) for part in z))


def _operands(x: Arith | Bits, y: Arith | Bits) -> tuple[Words, Words, Words, Words]:
    if x.shape != y.shape:
        raise ShapeError(f"operands of shapes {x.shape} and {y.shape} do not multiply")
    x0, x1 = map(flat, x.parts)
    y0, y1 = map(flat, y.parts)
    return x0, x1, y0, y1
