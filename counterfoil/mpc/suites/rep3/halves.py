"""Split two operands in rep3: x = L + R with L = x_0 + x_1 plain at P_0, and R = x_2 plain at P_1 and P_2.

Each half is shared again by the party that knows it: L by one message from P_0 to P_1, R for nothing.
Source: PROTOCOLS 7; after Mohassel & Rindal 2018 (ePrint 2018/403) §5.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from counterfoil.mpc.protocol import HalfMap, Halves, Split
from counterfoil.mpc.ring.chunks import trim
from counterfoil.mpc.ring.shares import Arith, Bits, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.two_operand_split import Half, mapped, sliced, split_of, spread
from counterfoil.mpc.transport.base import Kind

_LEFT = 0  # who knows L


def split(party: Party, x: Arith, maps: Sequence[HalfMap], bits: range, *, negate_right: bool) -> Split:
    """Share f(L) and f(R) for each map, and the bit slices of L and of R, or of -R.

    Shapes: x of n elements; a half of a map as x; a half of the slices (len(bits), n).
    Cost: 1 round; 8 B per element and map, len(bits) / 8 B per element.
    Reveals: nothing to one semi-honest party.
    """
    known, negate = _known(party, x.parts), negate_right and party.index != _LEFT
    # 1 (one round). P_0 sends a message of either kind and waits for none.
    party.rounds += 1
    slices = _share(party, sliced(known, bits, negate=negate), np.bitwise_xor, x.size)
    words = _share(party, mapped(known, maps), np.subtract)
    return split_of(x, len(maps), len(bits), words, slices)


def split_bits(party: Party, x: Bits) -> Halves[Arith]:
    """Share arithmetically the L and R in {0, 1} whose XOR is each bit.

    Shapes: x and each half agree.
    Cost: 1 round; 8 B per bit.
    Reveals: nothing to one semi-honest party.
    """
    # 1 (one round).
    party.rounds += 1
    left, right = _share(party, spread(_known(party, x.parts), x.shape), np.subtract)
    return Halves(*(Arith(tuple(part.reshape(x.shape) for part in parts)) for parts in (left, right)))


def _known(party: Party, parts: tuple[Words, ...]) -> tuple[Words, ...]:
    """Return the components of this party's half: 0 and 1 for L at P_0, 2 for R at the others."""
    if party.index == _LEFT:
        return parts
    return parts[1:] if party.index == 1 else parts[:1]


def _share(
    party: Party, half: Half, subtract: Callable[..., Words], length: int | None = None
) -> tuple[tuple[Words, Words], tuple[Words, Words]]:
    """Share L, as (F(K_0), L - F(K_0), 0), and R, as (0, 0, R). `length` is that of packed rows.

    Of nothing there is no message.
    """
    count = half.size
    zeros = np.broadcast_to(np.uint64(0), count)
    if not count:
        return (zeros, zeros), (zeros, zeros)
    op = party.next_op()
    if party.index == _LEFT:
        # P_0 sends component 1.
        draw = party.keys[0].mask.draw(op, count)
        mask, component = np.empty(count, np.uint64), np.empty(count, np.uint64)
        party.links[1].begin(Kind.DATA, op, count)
        for piece, own in half.pieces:
            subtract(own, _mask(draw.into(mask[piece]), length, piece.start), out=component[piece])
            party.links[1].push(component[piece])
        return (mask, component), (zeros, zeros)
    right = np.empty(count, np.uint64)
    for piece, own in half.pieces:
        right[piece] = own
    if party.index == 1:
        incoming = party.links[0].incoming(op, np.empty(count, np.uint64))
        return (incoming.finish(), zeros), (zeros, right)
    draw = party.keys[0].mask.draw(op, count)
    return (zeros, _mask(draw.into(np.empty(count, np.uint64)), length, 0)), (right, zeros)


def _mask(words: Words, length: int | None, start: int) -> Words:
    return words if length is None else trim(words, length, start)
