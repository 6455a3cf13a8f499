"""The two-operand split of rep4: x = L + R with L = x_0 + x_1 plain at P_2 and P_3, and R = x_2 + x_3 at P_0 and P_1.

Two parties know each half, so each is a shared input. Source: PROTOCOLS 7; after Mohassel & Rindal 2018 (ePrint
2018/403) §5.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from counterfoil.mpc.party import Party
from counterfoil.mpc.protocol import HalfMap, Halves
from counterfoil.mpc.rep4.joint import ARITH, BOOL, Ring, Row, share_jointly
from counterfoil.mpc.replicated import by_component, components
from counterfoil.mpc.shares import Arith, Bits, Words
from counterfoil.mpc.split import Pieces, mapped, sliced, spread

_LEFT, _RIGHT = Row(2, 3, 1, 0), Row(0, 1, 3, 2)
_KNOW_LEFT: Final = (2, 3)


def halves_arith(party: Party, x: Arith, f: Sequence[HalfMap]) -> tuple[Halves[Arith], ...]:
    """For each map, sharings of f(L) and f(R).

    Shapes: x and each half agree.
    Cost: 1 round; 16 B per element and map, and 2 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    left, right = _share(party, len(f) * x.size, mapped(_known(party, x.parts), f), ARITH)
    shape = (len(f), *x.shape)
    lefts, rights = (Arith(tuple(part.reshape(shape) for part in parts)) for parts in (left, right))
    return tuple(Halves(lefts[k], rights[k]) for k in range(len(f)))


def halves_slices(party: Party, x: Arith, bits: range, *, negate_right: bool) -> Halves[Bits]:
    """Bit slices of L and of R, or of -R.

    Shapes: x of n elements; each half (len(bits), n).
    Cost: 1 round; len(bits) / 4 B per element, and 2 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    negate = negate_right and party.index not in _KNOW_LEFT
    shape, slices = sliced(_known(party, x.parts), bits, negate=negate)
    left, right = _share(party, math.prod(shape), slices, BOOL, x.size)
    return Halves(*(Bits(tuple(p.reshape(shape) for p in parts), x.size) for parts in (left, right)))


def halves_of_bits(party: Party, x: Bits) -> Halves[Arith]:
    """Arithmetic sharings of the L and R in {0, 1} whose XOR is each bit.

    Shapes: x and each half agree.
    Cost: 1 round; 16 B per bit, and 2 digests.
    Reveals: nothing to one malicious party.
    Raises: CheatingDetected.
    """
    left, right = _share(party, math.prod(x.shape), spread(_known(party, x.parts), x.length), ARITH)
    return Halves(*(Arith(tuple(part.reshape(x.shape) for part in parts)) for parts in (left, right)))


def _known(party: Party, parts: tuple[Words, ...]) -> tuple[Words, Words]:
    """The two components that this party knows its half by."""
    held = by_component(party, parts)
    return (held[0], held[1]) if party.index in _KNOW_LEFT else (held[2], held[3])


def _share(
    party: Party, count: int, half: Pieces, ring: Ring, length: int | None = None
) -> tuple[tuple[Words, ...], tuple[Words, ...]]:
    """Sharings of L, on components 0 and 1, and of R, on 2 and 3. `length` is that of packed rows."""
    zero = np.broadcast_to(np.uint64(0), count)
    left, right = (
        {j: np.empty(count, np.uint64) if j in (row.g, row.h) else zero for j in components(4, party.index)}
        for row in (_LEFT, _RIGHT)
    )
    values = ((piece, partial(_copy, own)) for piece, own in half)
    share_jointly(party, (_LEFT, _RIGHT), count, values, (left, right), Ring(_store, ring.subtract), length)
    return tuple(left.values()), tuple(right.values())


def _copy(value: Words, _: Row, out: Words) -> None:
    np.copyto(out, value)


def _store(_: Words, y: Words, *, out: Words) -> None:
    """Addition to components that are zero so far, and are not in memory yet."""
    np.copyto(out, y)
