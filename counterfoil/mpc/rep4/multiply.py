"""Products of rep4: own terms locally, each of the six cross terms shared by the two parties that know it.

Source: Dalskov, Escudero & Keller 2021 (ePrint 2020/1330), multiplication; PROTOCOLS 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import Final, TypeAlias

import numpy as np

from counterfoil.errors import ShapeError
from counterfoil.mpc import kernels
from counterfoil.mpc.party import Party
from counterfoil.mpc.pieces import cut, flat, pieces, row_pieces
from counterfoil.mpc.rep4.joint import ARITH, BOOL, Ring, Row, Value, share_jointly
from counterfoil.mpc.replicated import by_component, check_pairs, check_same_shapes, components, split_pairs
from counterfoil.mpc.shares import Arith, Bits, Words

#: Row by row, s and t know the cross term of components g and h.
TABLE: Final = (
    Row(0, 1, 3, 2),
    Row(1, 2, 0, 3),
    Row(2, 3, 1, 0),
    Row(3, 0, 2, 1),
    Row(2, 0, 3, 1),
    Row(3, 1, 0, 2),
)
#: The rows that cross components 0 and 1 with 2 and 3: all that a product of halves has.
HALVES: Final = tuple(row for row in TABLE if (row.g < 2) != (row.h < 2))

Product: TypeAlias = Callable[[Sequence[Words], Sequence[Words], Words], None]
"""(x, y, z): adds the contracted product of sum(x) and sum(y) to z."""


def multiply(party: Party, x: Arith, y: Arith, rows: Sequence[Row] = TABLE) -> Arith:
    """Share of x·y mod 2^64, elementwise.

    Shapes: x, y and the result agree.
    Cost: 1 round; 48 B and 6 digests (of halves: 32 B and 4).
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    check_same_shapes([(x, y)])
    z = _products(party, [(*x.parts, *y.parts)], x.size, rows, ARITH)
    return Arith(tuple(part.reshape(x.shape) for part in z))


def and_many(party: Party, pairs: Sequence[tuple[Bits, Bits]], rows: Sequence[Row] = TABLE) -> list[Bits]:
    """Shares of x AND y, elementwise, for every pair: `multiply` in Z_2, 64 rows to a word, in one message a row.

    Shapes: x, y and their result agree; all pairs have one length.
    Cost: 1 round; 48 B per packed word and 6 digests (of halves: 32 B and 4).
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    length = check_pairs(pairs)
    blocks = [(*x.parts, *y.parts) for x, y in pairs]
    return split_pairs(_products(party, blocks, sum(x.parts[0].size for x, _ in pairs), rows, BOOL, length), pairs)


def dot(party: Party, x: Arith, y: Arith) -> Arith:
    """Share of the sum of x·y over the last axis.

    Shapes: x and y agree, (*lead, k); the result is (*lead).
    Cost: as `multiply`, per element of the result.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    check_same_shapes([(x, y)])
    rows, width = math.prod(x.shape[:-1]), x.shape[-1]
    u, v = ({j: p.reshape(rows, width) for j, p in by_component(party, map(flat, s.parts)).items()} for s in (x, y))
    return _contract(party, u, v, _add_dot, (rows,)).reshape(*x.shape[:-1])


def matmul(party: Party, x: Arith, y: Arith) -> Arith:
    """Share of x @ y.

    Shapes: (a, k) by (k, b) is (a, b).
    Cost: as `multiply`, per element of the result.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[0]:
        raise ShapeError(f"matrices of shapes {x.shape} and {y.shape} do not multiply")
    u, v = (by_component(party, map(np.ascontiguousarray, share.parts)) for share in (x.T, y))
    return _contract(party, u, v, _add_matmul, (x.shape[0], y.shape[1]))


def _products(
    party: Party,
    blocks: Iterable[Sequence[Words]],
    count: int,
    rows: Sequence[Row],
    ring: Ring,
    length: int | None = None,
) -> list[Words]:
    """Components of the products; a block is the parts of x, then those of y."""
    times, cross = (np.bitwise_and, kernels.cross_and) if ring is BOOL else (np.multiply, kernels.cross_product)
    z = {j: np.empty(count, np.uint64) for j in components(4, party.index)}

    def values() -> Iterator[tuple[slice, Value]]:
        for piece, own in cut(blocks):
            u, v = by_component(party, own[:3]), by_component(party, own[3:])
            # 1 (local). z_j = x_j·y_j; the six rows add x_g·y_h + x_h·y_g.
            for j, part in z.items():
                times(u[j], v[j], out=part[piece])
            yield piece, partial(_cross, cross, u, v)

    # 2 (one round).
    share_jointly(party, rows, count, values(), [z] * len(rows), ring, length)
    return list(z.values())


def _contract(
    party: Party, u: Mapping[int, Words], v: Mapping[int, Words], add_product: Product, shape: tuple[int, ...]
) -> Arith:
    z = {j: np.zeros(shape, np.uint64) for j in u}
    crossed = {row: np.zeros(shape, np.uint64) for row in TABLE if party.index in (row.s, row.t)}
    # 1 (local). z_j = x_j·y_j; a row adds x_g·y_h + x_h·y_g = (x_g + x_h)·(y_g + y_h) - z_g - z_h.
    for j, part in z.items():
        add_product([u[j]], [v[j]], part)
    for row, term in crossed.items():
        add_product([u[row.g], u[row.h]], [v[row.g], v[row.h]], term)
        np.subtract(term, z[row.g] + z[row.h], out=term)

    def values() -> Iterator[tuple[slice, Value]]:
        for piece in pieces(math.prod(shape)):
            yield piece, partial(_copy, crossed, piece)

    share_jointly(party, TABLE, math.prod(shape), values(), [{j: flat(part) for j, part in z.items()}] * 6, ARITH)
    return Arith(tuple(z.values()))


def _add_matmul(x: Sequence[Words], y: Sequence[Words], z: Words) -> None:
    """z += sum(x).T @ sum(y)."""
    for rows in row_pieces(len(x[0]), max(z.shape)):
        kernels.add_matmul(_sum(x, rows), _sum(y, rows), z)


def _add_dot(x: Sequence[Words], y: Sequence[Words], z: Words) -> None:
    """z += sum over the last axis of sum(x)·sum(y)."""
    for rows in row_pieces(*x[0].shape):
        kernels.add_dot(_sum(x, rows), _sum(y, rows), z[rows])


def _sum(parts: Sequence[Words], rows: slice) -> Words:
    return reduce(np.add, [part[rows] for part in parts])


def _cross(cross: Callable[..., None], u: Mapping[int, Words], v: Mapping[int, Words], row: Row, out: Words) -> None:
    cross(u[row.g], v[row.h], u[row.h], v[row.g], out)


def _copy(crossed: Mapping[Row, Words], piece: slice, row: Row, out: Words) -> None:
    np.copyto(out, crossed[row].reshape(-1)[piece])
