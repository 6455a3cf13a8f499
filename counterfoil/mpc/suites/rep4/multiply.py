"""Multiply in rep4: own terms locally, each of the six cross terms shared by the two parties that know it.

Source: Dalskov, Escudero & Keller 2021 (ePrint 2020/1330), multiplication; PROTOCOLS 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations
from typing import Final, NamedTuple

import numpy as np

from counterfoil.errors import ShapeError
from counterfoil.mpc.protocol import Halves
from counterfoil.mpc.ring import kernels
from counterfoil.mpc.ring.chunks import CHUNK, cut, flat, pieces, row_pieces
from counterfoil.mpc.ring.contraction import products
from counterfoil.mpc.ring.shares import Arith, Bits, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.rep4.halves import KNOW_LEFT
from counterfoil.mpc.suites.rep4.joint import (
    ARITH,
    BOOL,
    ByRow,
    Input,
    Ring,
    Row,
    Tell,
    Value,
    add_jointly,
    adding,
    offer,
    take_all,
)
from counterfoil.mpc.suites.replicated import by_component, check_pairs, check_same_shapes, components, split_pairs

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


class Layout(NamedTuple):
    """A party's components a, b, c in the order that its rows (g, h) are (a, b), (b, c), and (a, c) or (c, a).

    `extra` are the rows whose mask it holds on b and on c without knowing their value.
    """

    order: tuple[int, int, int]
    rows: tuple[Row, Row, Row]
    extra: tuple[Row | None, Row]

    @property
    def cyclic(self) -> bool:
        """Whether the third row is (c, a)."""
        return self.rows[2].h == self.order[0]

    @classmethod
    def of(cls, party: int) -> Layout:
        """Find the only layout of this party."""
        known = {(row.g, row.h): row for row in TABLE if party in (row.s, row.t)}
        extra = {row.g: row for row in TABLE if row.h == party}
        for a, b, c in permutations(components(4, party)):
            if (a, b) in known and (b, c) in known and a not in extra and c in extra:
                return cls(
                    (a, b, c), (known[a, b], known[b, c], known.get((a, c)) or known[c, a]), (extra.get(b), extra[c])
                )
        raise AssertionError


LAYOUTS: Final = tuple(Layout.of(party) for party in range(4))


def multiply(party: Party, x: Arith, y: Arith) -> Arith:
    """Multiply mod 2^64, elementwise.

    Shapes: x, y and the result agree.
    Cost: 1 round; 48 B and 6 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    check_same_shapes([(x, y)])
    z = _products(party, [(*x.parts, *y.parts)], x.size, ARITH)
    return Arith(tuple(part.reshape(x.shape) for part in z))


def and_many(party: Party, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
    """AND every pair, elementwise: `multiply` in Z_2, 64 rows to a word, in one message a row.

    Shapes: x, y and their result agree; all pairs have one length.
    Cost: 1 round; 48 B per packed word and 6 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    length = check_pairs(pairs)
    blocks = [(*x.parts, *y.parts) for x, y in pairs]
    return split_pairs(_products(party, blocks, sum(x.parts[0].size for x, _ in pairs), BOOL, length), pairs)


def multiply_halves(party: Party, x: Halves[Arith]) -> Arith:
    """Multiply left and right, elementwise.

    Shapes: both halves and the result agree.
    Cost: 1 round; 32 B and 4 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    z = products_of_halves(party, x.left, x.right, ARITH)
    return Arith(tuple(part.reshape(x.left.shape) for part in z))


def and_halves(party: Party, x: Halves[Bits]) -> Bits:
    """AND left and right.

    Shapes, Cost, Reveals, Raises: as `multiply_halves`, per packed word.
    """
    z = products_of_halves(party, x.left, x.right, BOOL, x.left.length)
    return Bits(tuple(part.reshape(x.left.parts[0].shape) for part in z), x.left.length)


def dot(party: Party, x: Arith, y: Arith) -> Arith:
    """Sum the products of x and y over the last axis.

    Shapes: x and y agree, (*lead, k); the result is (*lead).
    Cost: as `multiply`, per element of the result.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    check_same_shapes([(x, y)])
    count, width = math.prod(x.shape[:-1]), x.shape[-1]
    u, v = ({j: p.reshape(count, width) for j, p in by_component(party, map(flat, s.parts)).items()} for s in (x, y))
    z = {j: np.zeros(count, np.uint64) for j in u}
    crossed = {row: np.zeros(count, np.uint64) for row in TABLE if party.index in (row.s, row.t)}
    # 1 (local). z_j = x_j·y_j, and (x_g + x_h)·(y_g + y_h) for each row.
    for piece in row_pieces(count, width):
        for j, part in z.items():
            kernels.add_dot(u[j][piece], v[j][piece], part[piece])
        for row, term in crossed.items():
            kernels.add_dot(u[row.g][piece] + u[row.h][piece], v[row.g][piece] + v[row.h][piece], term[piece])
    return _share_crossed(party, z, crossed).reshape(*x.shape[:-1])


def matmul(party: Party, x: Arith, y: Arith) -> Arith:
    """Multiply matrices.

    Shapes: (a, k) by (k, b) is (a, b).
    Cost: as `multiply`, per element of the result.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected; ShapeError.
    """
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[0]:
        raise ShapeError(f"matrices of shapes {x.shape} and {y.shape} do not multiply")
    held = components(4, party.index)
    rows = [row for row in TABLE if party.index in (row.s, row.t)]
    sums = [(j,) for j in held] + [(row.g, row.h) for row in rows]
    # 1 (local). z_j = x_j·y_j, and (x_g + x_h)·(y_g + y_h) for each row.
    found = iter(products(x.parts, y.parts, [(places, places) for places in _places(held, sums)]))
    z = {j: next(found) for j in held}
    return _share_crossed(party, z, {row: next(found) for row in rows})


def _places(held: Sequence[int], sums: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    return [tuple(held.index(j) for j in each) for each in sums]


def _products(
    party: Party, blocks: Iterable[Sequence[Words]], count: int, ring: Ring, length: int | None = None
) -> list[Words]:
    """Compute the components of the products; a block is the parts of x, then those of y."""
    kernel = kernels.joint_and if ring is BOOL else kernels.joint_product
    layout, held = LAYOUTS[party.index], components(4, party.index)
    z = {j: np.empty(count, np.uint64) for j in held}
    nothing = np.zeros(min(count, CHUNK), np.uint64)
    inputs = [Input(party, row, count, look=adding(z[row.h], ring) if party.index == row.g else None) for row in TABLE]

    def values() -> Iterator[tuple[slice, Tell]]:
        for piece, own in cut(blocks):
            u, v = by_component(party, own[:3]), by_component(party, own[3:])
            operands = [held[j] for held in (u, v) for j in layout.order]
            results = [z[j][piece] for j in layout.order]
            yield piece, partial(_fill, kernel, layout, operands, nothing[: results[0].size], results)

    # 1 (local) and 2 (one round).
    take_all(party, offer(inputs, values(), length))
    return list(z.values())


def _fill(
    kernel: Callable[..., None],
    layout: Layout,
    operands: Sequence[Words],
    nothing: Words,
    results: Sequence[Words],
    masks: ByRow,
    told: ByRow,
) -> None:
    """Compute z_j = x_j·y_j and, for each row, v = x_g·y_h + x_h·y_g, with F(K_g) added to z_g and the rest to z_h."""
    extra = (nothing if row is None else masks[row] for row in layout.extra)
    known, said = ([of[row] for row in layout.rows] for of in (masks, told))
    kernel(*operands, *known, *extra, layout.cyclic, *results, *said)


def half_of_product(party: Party, x: Arith, y: Arith) -> Words:
    """Compute L or R of x·y = L + R: components 0 and 1 of `multiply` added up, or 2 and 3.

    Either half's own cross term is known to both who need it, so that only the rows between halves are told.

    Shapes: x and y agree; the result is flat.
    Cost: 1 round; 32 B and 4 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    (one, other), rows = ((0, 1), (2, 3))[party.index not in KNOW_LEFT], [flat(p) for p in (*x.parts, *y.parts)]
    z = np.empty(x.size, np.uint64)

    def values() -> Iterator[tuple[slice, Value]]:
        for piece in pieces(x.size):
            u, v = (by_component(party, [row[piece] for row in half]) for half in (rows[:3], rows[3:]))
            np.multiply(u[one] + u[other], v[one] + v[other], out=z[piece])
            yield piece, partial(_cross, u, v)

    add_jointly(party, HALVES, {one: z, other: z}, values(), ARITH)
    return z


def _cross(u: Mapping[int, Words], v: Mapping[int, Words], row: Row, out: Words) -> None:
    np.multiply(u[row.g], v[row.h], out=out)
    np.add(out, u[row.h] * v[row.g], out=out)


def products_of_halves(
    party: Party, left: Arith | Bits, right: Arith | Bits, ring: Ring, length: int | None = None
) -> list[Words]:
    """Multiply halves: left is on components 0 and 1, right on 2 and 3, so that each row has one term.

    The result is the components of left·right.

    Shapes: left and right agree; every component is flat.
    Cost: 1 round; 32 B and 4 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    check_same_shapes([(left, right)])
    held = components(4, party.index)
    z = {j: np.zeros(left.parts[0].size, np.uint64) for j in held}
    factors = [
        of_right if j > 1 else of_left for j, of_left, of_right in zip(held, left.parts, right.parts, strict=True)
    ]

    def values() -> Iterator[tuple[slice, Value]]:
        for piece, own in cut([factors]):
            yield piece, partial(_term, ring.multiply, by_component(party, own))

    add_jointly(party, HALVES, z, values(), ring, length)
    return list(z.values())


def _term(times: Callable[..., object], factors: Mapping[int, Words], row: Row, out: Words) -> None:
    times(factors[row.g], factors[row.h], out=out)


def _share_crossed(party: Party, z: Mapping[int, Words], crossed: Mapping[Row, Words]) -> Arith:
    """Share the product from contracted z_j, and (x_g + x_h)·(y_g + y_h) for this party's rows as s or t."""
    # A row adds x_g·y_h + x_h·y_g = (x_g + x_h)·(y_g + y_h) - z_g - z_h.
    for row, term in crossed.items():
        np.subtract(term, z[row.g] + z[row.h], out=term)
    size = next(iter(z.values())).size
    # 2 (one round).
    values = ((piece, partial(_copy, crossed, piece)) for piece in pieces(size))
    add_jointly(party, TABLE, {j: part.reshape(-1) for j, part in z.items()}, values, ARITH)
    return Arith(tuple(z.values()))


def _copy(crossed: Mapping[Row, Words], piece: slice, row: Row, out: Words) -> None:
    np.copyto(out, crossed[row].reshape(-1)[piece])
