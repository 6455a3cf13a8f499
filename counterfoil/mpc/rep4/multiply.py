"""Products of rep4: own terms locally, each of the six cross terms shared by the two parties that know it.

Source: Dalskov, Escudero & Keller 2021 (ePrint 2020/1330), multiplication; PROTOCOLS 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from counterfoil.errors import ShapeError
from counterfoil.mpc import kernels
from counterfoil.mpc.party import Party
from counterfoil.mpc.rep4.joint import ARITH, BOOL, Ring, Row, share_jointly
from counterfoil.mpc.replicated import by_component
from counterfoil.mpc.shares import Arith, Bits, Words, flat

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


def multiply(party: Party, x: Arith, y: Arith, rows: Sequence[Row] = TABLE) -> Arith:
    """Share of x·y mod 2^64, elementwise.

    Shapes: x, y and the result agree.
    Cost: 1 round; 48 B and 6 digests (of halves: 32 B and 4).
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    z = _product(party, x, y, rows, ARITH)
    return Arith(tuple(part.reshape(x.shape) for part in z))


def and_bits(party: Party, x: Bits, y: Bits, rows: Sequence[Row] = TABLE) -> Bits:
    """Share of x AND y, elementwise; `multiply` in Z_2, 64 rows to a word.

    Shapes: x, y and the result agree.
    Cost: 1 round; 48 B per packed word and 6 digests (of halves: 32 B and 4).
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    z = _product(party, x, y, rows, BOOL)
    return Bits(tuple(part.reshape(x.parts[0].shape) for part in z), x.length)


def dot(party: Party, x: Arith, y: Arith) -> Arith:
    """Share of the sum of x·y over the last axis.

    Shapes: x and y agree, (*lead, k); the result is (*lead).
    Cost: as `multiply`, per element of the result.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    if x.shape != y.shape:
        raise ShapeError(f"operands of shapes {x.shape} and {y.shape} do not multiply")
    u, v = ({j: p.reshape(-1, x.shape[-1]) for j, p in by_component(party, map(flat, s.parts)).items()} for s in (x, y))
    return _contract(party, u, v, kernels.add_dot, x.shape[:-1])


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
    return _contract(party, u, v, kernels.add_matmul, (x.shape[0], y.shape[1]))


def _product(party: Party, x: Arith | Bits, y: Arith | Bits, rows: Sequence[Row], ring: Ring) -> list[Words]:
    if x.shape != y.shape:
        raise ShapeError(f"operands of shapes {x.shape} and {y.shape} do not multiply")
    u, v = (by_component(party, map(flat, share.parts)) for share in (x, y))
    times, cross = (np.bitwise_and, kernels.cross_and) if ring is BOOL else (np.multiply, kernels.cross_product)
    z = {j: np.empty_like(part) for j, part in u.items()}

    def own(piece: slice) -> None:
        for j, part in z.items():
            times(u[j][piece], v[j][piece], out=part[piece])

    def value(row: Row, piece: slice, out: Words) -> None:
        cross(u[row.g][piece], v[row.h][piece], u[row.h][piece], v[row.g][piece], out)

    length = x.length if isinstance(x, Bits) else None
    share_jointly(party, rows, flat(x.parts[0]).size, value, [z] * len(rows), ring, local=own, length=length)
    return list(z.values())


def _contract(
    party: Party,
    u: Mapping[int, Words],
    v: Mapping[int, Words],
    add_product: Callable[[Words, Words, Words], None],
    shape: tuple[int, ...],
) -> Arith:
    z = {j: np.zeros(shape, np.uint64) for j in u}
    for j, part in z.items():
        add_product(u[j], v[j], part)

    def value(row: Row, piece: slice, out: Words) -> None:
        if piece.start == 0:
            crossed[row] = np.zeros(shape, np.uint64)
            add_product(u[row.g], v[row.h], crossed[row])
            add_product(u[row.h], v[row.g], crossed[row])
        out[:] = crossed[row].reshape(-1)[piece]

    crossed: dict[Row, Words] = {}
    sums = {j: part.reshape(-1) for j, part in z.items()}
    share_jointly(party, TABLE, int(np.prod(shape)), value, [sums] * len(TABLE), ARITH)
    return Arith(tuple(z.values()))
