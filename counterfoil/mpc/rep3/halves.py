"""The two-operand split of rep3: x = L + R with L = x_0 + x_1 plain at P_0, and R = x_2 plain at P_1 and P_2.

Each half is shared again by whoever knows it: L by one message from P_0 to P_1, R for nothing. Source: PROTOCOLS 7;
after Mohassel & Rindal 2018 (ePrint 2018/403) §5.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from counterfoil.mpc.kernels import bit_slices
from counterfoil.mpc.packing import unpack
from counterfoil.mpc.party import Party
from counterfoil.mpc.pieces import flat, pieces, trim
from counterfoil.mpc.protocol import HalfMap, Halves
from counterfoil.mpc.shares import Arith, Bits, Words, packed_length
from counterfoil.mpc.transport.base import Kind

_LEFT = 0  # who knows L


def halves_arith(party: Party, x: Arith, f: Sequence[HalfMap]) -> tuple[Halves[Arith], ...]:
    """For each map, sharings of f(L) and f(R).

    Shapes: x and each half agree.
    Cost: 1 round; 8 B per element and map.
    Reveals: nothing to one semi-honest party.
    """
    half = _plain_half(party, x.parts, np.add)
    left, right = _share(party, np.concatenate([flat(each(half)) for each in f]), np.subtract)
    shape = (len(f), *x.shape)
    lefts, rights = (Arith(tuple(part.reshape(shape) for part in parts)) for parts in (left, right))
    return tuple(Halves(lefts[k], rights[k]) for k in range(len(f)))


def halves_slices(party: Party, x: Arith, bits: range, *, negate_right: bool) -> Halves[Bits]:
    """Bit slices of L and of R, or of -R.

    Shapes: x of n elements; each half (len(bits), n).
    Cost: 1 round; len(bits) / 8 B per element.
    Reveals: nothing to one semi-honest party.
    """
    half = flat(_plain_half(party, x.parts, np.add))
    if negate_right and party.index != _LEFT:
        half = np.negative(half)
    slices = np.empty((64, packed_length(x.size)), np.uint64)
    bit_slices(half, slices)
    wanted = slices[bits.start : bits.stop : bits.step]
    left, right = _share(party, flat(wanted), np.bitwise_xor, x.size)
    return Halves(*(Bits(tuple(p.reshape(wanted.shape) for p in parts), x.size) for parts in (left, right)))


def halves_of_bits(party: Party, x: Bits) -> Halves[Arith]:
    """Arithmetic sharings of the L and R in {0, 1} whose XOR is each bit.

    Shapes: x and each half agree.
    Cost: 1 round; 8 B per bit.
    Reveals: nothing to one semi-honest party.
    """
    half = unpack(_plain_half(party, x.parts, np.bitwise_xor), x.length).astype(np.uint64)
    left, right = _share(party, flat(half), np.subtract)
    return Halves(*(Arith(tuple(part.reshape(x.shape) for part in parts)) for parts in (left, right)))


def _plain_half(party: Party, parts: tuple[Words, ...], add: Callable[[Words, Words], Words]) -> Words:
    """L at P_0 from components 0 and 1; R, component 2, at P_1 and P_2."""
    if party.index == _LEFT:
        return add(*parts)
    return parts[1] if party.index == 1 else parts[0]


def _share(
    party: Party, half: Words, subtract: Callable[..., Words], length: int | None = None
) -> tuple[tuple[Words, Words], tuple[Words, Words]]:
    """Sharings of L, as (F(K_0), L - F(K_0), 0), and of R, as (0, 0, R). `length` is that of packed rows."""
    op, count = party.next_op(), half.size
    zeros = np.broadcast_to(np.uint64(0), count)
    party.rounds += 1
    if party.index == 1:
        # One round: P_0 sends component 1.
        component = np.empty(count, np.uint64)
        return (party.links[0].incoming(op, component).finish(), zeros), (zeros, half)
    draw = party.keys[0].mask.draw(op, count)
    mask = np.empty(count, np.uint64)
    if party.index == _LEFT:
        component = np.empty(count, np.uint64)
        party.links[1].begin(Kind.DATA, op, count)
        for piece in pieces(count):
            subtract(half[piece], _mask(draw.into(mask[piece]), length, piece.start), out=component[piece])
            party.links[1].push(component[piece])
        return (mask, component), (zeros, zeros)
    return (zeros, _mask(draw.into(mask), length, 0)), (half, zeros)


def _mask(words: Words, length: int | None, start: int) -> Words:
    return words if length is None else trim(words, length, start)
