"""Divide by a power of two in rep3, where one party knows one half and the other two the other half.

x = L + R mod 2^64 is in [0, 2^63), so that L + R wrapped if and only if L or R has its top bit, a or b: x >> f is
(L >> f) + (R >> f) - (b + (1 - b)·a)·2^(64-f), or one more. What is multiplied by 2^(64-f) matters mod 2^f only, and
goes in lanes. Source: ADR 12; the value is that of Dalskov, Escudero & Keller (PoPETs 2020) §3.2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from counterfoil.mpc.ring import kernels
from counterfoil.mpc.ring.chunks import CHUNK, flat, pieces
from counterfoil.mpc.ring.lanes import lane_piece, lane_words, lanes
from counterfoil.mpc.ring.shares import U64, Arith, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.rep3.reshare import AHEAD
from counterfoil.mpc.suites.replicated import check_same_shapes
from counterfoil.mpc.suites.two_operand_split import RAISED
from counterfoil.mpc.transport.base import Kind

_LEFT = 0  # who knows L


def truncate(party: Party, x: Arith, frac: int) -> Arith:
    """Divide by 2^frac: floor(x / 2^frac) or one more, for |x| < 2^62.

    Shapes: x and the result agree.
    Cost: 2 rounds; 8 B and three lanes of `frac` bits.
    Reveals: nothing to one semi-honest party.
    """
    if party.index == _LEFT:
        parts = _truncate_left(party, x.size, frac, _sums(x.parts))
    else:
        right = flat(x.parts[2 - party.index])
        parts = _truncate_right(party, x.size, frac, ((piece, right[piece]) for piece in pieces(right.size)))
    return Arith(tuple(part.reshape(x.shape) for part in parts))


def multiply_truncate(party: Party, x: Arith, y: Arith, frac: int) -> Arith:
    """Multiply and divide: floor(x·y / 2^frac) or one more, elementwise, for |x·y| < 2^62.

    Shapes: x, y and the result agree.
    Cost: 2 rounds; 24 B and three lanes of `frac` bits.
    Reveals: nothing to one semi-honest party.
    """
    check_same_shapes([(x, y)])
    halves = _product_left if party.index == _LEFT else _product_right
    of_side = _truncate_left if party.index == _LEFT else _truncate_right
    parts = of_side(party, x.size, frac, halves(party, [flat(part) for part in (*x.parts, *y.parts)]))
    return Arith(tuple(part.reshape(x.shape) for part in parts))


def _product_left(party: Party, parts: Sequence[Words]) -> Iterator[tuple[slice, Words]]:
    """Yield P_0's third of the product, plus F(K_0), minus F(K_1): there is nothing to send."""
    op, count = party.next_op(), parts[0].size
    plus, minus = (party.keys[j].mask.draw(op, count) for j in (0, 1))
    a, b, half = (np.empty(min(count, CHUNK), np.uint64) for _ in range(3))

    def each_piece() -> Iterator[tuple[slice, Words]]:
        for piece in pieces(count):
            n = piece.stop - piece.start
            kernels.masked_product(*(part[piece] for part in parts), plus.into(a[:n]), minus.into(b[:n]), half[:n])
            yield piece, half[:n]

    return each_piece()


def _product_right(party: Party, parts: Sequence[Words]) -> Iterator[tuple[slice, Words]]:
    """Exchange the thirds of P_1 and P_2, plus F(K_1) and minus F(K_0), and yield their sum (one round)."""
    op, count = party.next_op(), parts[0].size
    at_1, other = party.index == 1, party.links[3 - party.index]
    mask = party.keys[1 if at_1 else 0].mask.draw(op, count)
    drawn, nothing = np.empty(min(count, CHUNK), np.uint64), np.zeros(min(count, CHUNK), np.uint64)
    own, came = np.empty(count, np.uint64), np.empty(count, np.uint64)
    incoming = other.incoming(op, came)
    other.begin(Kind.DATA, op, count)
    for piece in pieces(count):
        n = piece.stop - piece.start
        masks = (mask.into(drawn[:n]), nothing[:n]) if at_1 else (nothing[:n], mask.into(drawn[:n]))
        kernels.masked_product(*(part[piece] for part in parts), *masks, own[piece])
        other.push(own[piece])
        if piece.start >= AHEAD:
            incoming.upto(piece.start - AHEAD)

    def each_piece() -> Iterator[tuple[slice, Words]]:
        for piece in pieces(count):
            incoming.upto(piece.stop)
            yield piece, np.add(own[piece], came[piece], out=came[piece])

    return each_piece()


def _sums(parts: tuple[Words, ...]) -> Iterator[tuple[slice, Words]]:
    """Yield the sums of the two parts."""
    one, other = map(flat, parts)
    buffer = np.empty(min(one.size, CHUNK), np.uint64)
    for piece in pieces(one.size):
        yield piece, np.add(one[piece], other[piece], out=buffer[: piece.stop - piece.start])


def _truncate_left(party: Party, count: int, frac: int, halves: Iterable[tuple[slice, Words]]) -> tuple[Words, Words]:
    """Truncate L at P_0, piece after piece, into its new components 0 and 1."""
    of_top, of_shifted, of_both = (party.next_op() for _ in range(3))
    size, (first, second) = lane_words(count, frac), (party.keys[j].mask for j in (0, 1))
    shifted = first.draw(of_shifted, count)
    draws = second.draw(of_top, size), first.draw(of_both, size), second.draw(of_both, size)
    buffers = [np.empty(min(size, CHUNK), np.uint64) for _ in draws]
    z0, z1, told = np.empty(count, np.uint64), np.empty(count, np.uint64), np.zeros(size, np.uint64)
    # 1 (one round). P_0 sends component 1 to P_1, and a - F(K_1) to P_2; they draw F(K_1), and component 0.
    party.links[1].begin(Kind.DATA, of_shifted, count)
    party.links[2].begin(Kind.DATA, of_top, size)
    for piece, half in halves:
        own, n = lane_piece(piece, frac), half.size
        masks = [
            lanes(draw.into(buffer[: own.stop - own.start]), n, frac)
            for draw, buffer in zip(draws, buffers, strict=True)
        ]
        shifted.into(z0[piece])
        kernels.truncate_left(half, *masks, U64(frac), RAISED, z0[piece], lanes(told[own], n, frac), z1[piece])
        party.links[2].push(told[own])
        party.links[1].push(z1[piece])
    party.rounds += 2
    return z0, z1


def _truncate_right(party: Party, count: int, frac: int, halves: Iterable[tuple[slice, Words]]) -> tuple[Words, Words]:
    """Truncate R at P_1 and P_2, piece after piece, into their new components 1 and 2, and 2 and 0."""
    of_top, of_shifted, of_both = (party.next_op() for _ in range(3))
    at_1, size = party.index == 1, lane_words(count, frac)
    key, other = party.keys[1 if at_1 else 0].mask, party.links[3 - party.index]
    top, known, z2 = np.empty(size, np.uint64), np.empty(count, np.uint64), np.empty(count, np.uint64)
    # P_1 draws its part of a and gets component 1; P_2 draws component 0 and gets its part of a.
    drawn = key.draw(of_top, size) if at_1 else key.draw(of_shifted, count)
    given = party.links[_LEFT].incoming(*((of_shifted, known) if at_1 else (of_top, top)))
    mask, buffer = key.draw(of_both, size), np.empty(min(size, CHUNK), np.uint64)
    told, came, seen = np.zeros(size, np.uint64), np.empty(size, np.uint64), []
    # 2 (one round). Each sends (1 - b) times its part of a, masked by the key that it shares with P_0 alone.
    other.begin(Kind.DATA, of_both, size)
    for piece, half in halves:
        own, n = lane_piece(piece, frac), half.size
        drawn.into(top[own] if at_1 else known[piece])
        given.upto(piece.stop if at_1 else own.stop)
        masks = lanes(mask.into(buffer[: own.stop - own.start]), n, frac)
        kernels.unless_top(half, lanes(top[own], n, frac), masks, lanes(told[own], n, frac))
        other.push(told[own])
        seen.append((piece, half))
    # 3 (local). Both messages go into component 2.
    incoming = other.incoming(of_both, came)
    for piece, half in seen:
        own, n = lane_piece(piece, frac), half.size
        incoming.upto(own.stop)
        kernels.truncate_right(half, lanes(told[own], n, frac), lanes(came[own], n, frac), U64(frac), RAISED, z2[piece])
    party.rounds += 2
    return (known, z2) if at_1 else (z2, known)
