"""The two-operand split of rep3: x = L + R with L = x_0 + x_1 plain at P_0, and R = x_2 plain at P_1 and P_2.

Each half is shared again by whoever knows it: L by one message from P_0 to P_1, R for nothing. Source: PROTOCOLS 7;
after Mohassel & Rindal 2018 (ePrint 2018/403) §5.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from counterfoil.mpc.party import Party
from counterfoil.mpc.pieces import trim
from counterfoil.mpc.protocol import HalfMap, Halves
from counterfoil.mpc.shares import Arith, Bits, Words
from counterfoil.mpc.split import Pieces, mapped, sliced, spread
from counterfoil.mpc.transport.base import Kind

_LEFT = 0  # who knows L


def halves_arith(party: Party, x: Arith, f: Sequence[HalfMap]) -> tuple[Halves[Arith], ...]:
    """For each map, sharings of f(L) and f(R).

    Shapes: x and each half agree.
    Cost: 1 round; 8 B per element and map.
    Reveals: nothing to one semi-honest party.
    """
    left, right = _share(party, len(f) * x.size, mapped(_known(party, x.parts), f), np.subtract)
    shape = (len(f), *x.shape)
    lefts, rights = (Arith(tuple(part.reshape(shape) for part in parts)) for parts in (left, right))
    return tuple(Halves(lefts[k], rights[k]) for k in range(len(f)))


def halves_slices(party: Party, x: Arith, bits: range, *, negate_right: bool) -> Halves[Bits]:
    """Bit slices of L and of R, or of -R.

    Shapes: x of n elements; each half (len(bits), n).
    Cost: 1 round; len(bits) / 8 B per element.
    Reveals: nothing to one semi-honest party.
    """
    negate = negate_right and party.index != _LEFT
    shape, slices = sliced(_known(party, x.parts), bits, negate=negate)
    left, right = _share(party, math.prod(shape), slices, np.bitwise_xor, x.size)
    return Halves(*(Bits(tuple(p.reshape(shape) for p in parts), x.size) for parts in (left, right)))


def halves_of_bits(party: Party, x: Bits) -> Halves[Arith]:
    """Arithmetic sharings of the L and R in {0, 1} whose XOR is each bit.

    Shapes: x and each half agree.
    Cost: 1 round; 8 B per bit.
    Reveals: nothing to one semi-honest party.
    """
    left, right = _share(party, math.prod(x.shape), spread(_known(party, x.parts), x.length), np.subtract)
    return Halves(*(Arith(tuple(part.reshape(x.shape) for part in parts)) for parts in (left, right)))


def _known(party: Party, parts: tuple[Words, ...]) -> tuple[Words, ...]:
    """Components 0 and 1 at P_0, who knows L by them; component 2, which is R, at P_1 and P_2."""
    if party.index == _LEFT:
        return parts
    return (parts[2 - party.index],)


def _share(
    party: Party, count: int, half: Pieces, subtract: Callable[..., Words], length: int | None = None
) -> tuple[tuple[Words, Words], tuple[Words, Words]]:
    """Sharings of L, as (F(K_0), L - F(K_0), 0), and of R, as (0, 0, R). `length` is that of packed rows."""
    op = party.next_op()
    zeros = np.broadcast_to(np.uint64(0), count)
    party.rounds += 1
    if party.index == _LEFT:
        # One round: P_0 sends component 1.
        draw = party.keys[0].mask.draw(op, count)
        mask, component = np.empty(count, np.uint64), np.empty(count, np.uint64)
        party.links[1].begin(Kind.DATA, op, count)
        for piece, own in half:
            subtract(own, _mask(draw.into(mask[piece]), length, piece.start), out=component[piece])
            party.links[1].push(component[piece])
        return (mask, component), (zeros, zeros)
    right = np.empty(count, np.uint64)
    for piece, own in half:
        right[piece] = own
    if party.index == 1:
        incoming = party.links[0].incoming(op, np.empty(count, np.uint64))
        return (incoming.finish(), zeros), (zeros, right)
    draw = party.keys[0].mask.draw(op, count)
    return (zeros, _mask(draw.into(np.empty(count, np.uint64)), length, 0)), (right, zeros)


def _mask(words: Words, length: int | None, start: int) -> Words:
    return words if length is None else trim(words, length, start)
