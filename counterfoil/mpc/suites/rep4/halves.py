"""Split two operands in rep4: x = L + R with L = x_0 + x_1 plain at P_2 and P_3, R = x_2 + x_3 at P_0 and P_1.

Two parties know each half, so each is a shared input. Source: PROTOCOLS 7; after Mohassel & Rindal 2018 (ePrint
2018/403) §5.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from counterfoil.mpc.protocol import HalfMap, Halves, Split
from counterfoil.mpc.ring.shares import Arith, Bits, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.rep4.joint import ARITH, BOOL, ByRow, Input, Ring, Row, offer, take_all
from counterfoil.mpc.suites.replicated import by_component, components
from counterfoil.mpc.suites.two_operand_split import Half, Parts, mapped, sliced, split_of, spread

_LEFT, _RIGHT = Row(2, 3, 1, 0), Row(0, 1, 3, 2)
KNOW_LEFT: Final = (2, 3)


def split(party: Party, x: Arith, maps: Sequence[HalfMap], bits: range, *, negate_right: bool) -> Split:
    """Share f(L) and f(R) for each map, and the bit slices of L and of R, or of -R.

    Shapes: x of n elements; a half of a map as x; a half of the slices (len(bits), n).
    Cost: 1 round; 16 B per element and map, len(bits) / 4 B per element, and 2 digests of either kind.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    known, negate = known_half(party, x.parts), negate_right and party.index not in KNOW_LEFT
    # 1 (one round). Messages of both kinds are on their way before either kind is waited for, and checked together.
    slices, told = offer_halves(party, sliced(known, bits, negate=negate), BOOL, x.size)
    words, told = offer_halves(party, mapped(known, maps), ARITH, before=told)
    take_all(party, told)
    return split_of(x, len(maps), len(bits), words, slices)


def split_bits(party: Party, x: Bits) -> Halves[Arith]:
    """Share arithmetically the L and R in {0, 1} whose XOR is each bit.

    Shapes: x and each half agree.
    Cost: 1 round; 16 B per bit, and 2 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    sides, told = offer_halves(party, spread(known_half(party, x.parts), x.shape), ARITH)
    take_all(party, told)
    return Halves(*(Arith(tuple(part.reshape(x.shape) for part in parts)) for parts in sides))


def known_half(party: Party, parts: tuple[Words, ...]) -> tuple[Words, Words]:
    """Return the two components of the half that this party knows.

    Shapes: as the parts.
    Cost: local.
    Reveals: nothing.
    """
    held = by_component(party, parts)
    return (held[0], held[1]) if party.index in KNOW_LEFT else (held[2], held[3])


def offer_halves(
    party: Party, half: Half, ring: Ring, length: int | None = None, before: Sequence[Input] = ()
) -> tuple[list[Parts], Sequence[Input]]:
    """Send the inputs that share L, on components 0 and 1, and R, on 2 and 3, whole once the messages are taken.

    `length` is that of packed rows. Of nothing there is no message.

    Shapes: every part of a result (half.size,).
    Cost: as `split`, in the round of `take_all`.
    Reveals: nothing to one malicious party.
    """
    count = half.size
    zero = np.broadcast_to(np.uint64(0), count)
    if not count:
        return [(zero,) * 3] * 2, before
    sides = [
        {j: np.empty(count, np.uint64) if j in (row.g, row.h) else zero for j in components(4, party.index)}
        for row in (_LEFT, _RIGHT)
    ]
    # A side's two components are the mask and what is told, and nothing is added to them.
    inputs = [
        Input(party, row, count, mask=z.get(row.g), told=z.get(row.h))
        for row, z in zip((_LEFT, _RIGHT), sides, strict=True)
    ]
    values = ((piece, partial(_tell, ring, own)) for piece, own in half.pieces)
    told = offer(inputs, values, length, before)
    return [tuple(z.values()) for z in sides], told


def _tell(ring: Ring, value: Words, masks: ByRow, told: ByRow) -> None:
    for row, out in told.items():
        ring.subtract(value, masks[row], out=out)
