"""Turn additive thirds, masked by a fresh sharing of zero, into replicated shares: the one message of rep3.

Source: Araki et al., CCS 2016 (ePrint 2016/768) §2; here i is from 0 and P_i holds (x_i, x_{i+1}).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import numpy as np

from counterfoil.mpc.ring.chunks import CHUNK
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.transport.base import Kind

#: Words that are sent before the first one must have come in, so that a slow link does not hold up the computing.
AHEAD: Final = 1 << 19

Third: TypeAlias = Callable[[Words, Words, Words], None]
"""(a, b, out): out = this party's third of a piece, plus a, minus b (XOR for bits)."""


def reshare(party: Party, count: int, thirds: Iterable[tuple[slice, Third]]) -> tuple[Words, Words]:
    """Reshare `count` values whose thirds sum up to them, piece after piece, as (z_i, z_{i+1}).

    Computing, encrypting, sending and receiving overlap.

    Shapes: both results (count,).
    Cost: 1 round; one word sent per party and element.
    Reveals: nothing: z_{i+1} is masked by a key that P_i does not hold.
    """
    op, i = party.next_op(), party.index
    this = party.keys[i].mask.draw(op, count)
    after = party.keys[party.peer(1)].mask.draw(op, count)
    z, z_next = np.empty(count, np.uint64), np.empty(count, np.uint64)
    a, b = np.empty(min(count, CHUNK), np.uint64), np.empty(min(count, CHUNK), np.uint64)
    # 1 (local). z_i + F(K_i) - F(K_{i+1}): the masks of the three parties sum up to zero.
    # 2 (one round). P_i sends it to P_{i-1}, which then holds (z_{i-1}, z_i).
    to, incoming = party.links[party.peer(-1)], party.links[party.peer(1)].incoming(op, z_next)
    to.begin(Kind.DATA, op, count)
    for piece, third in thirds:
        size = piece.stop - piece.start
        third(this.into(a[:size]), after.into(b[:size]), z[piece])
        to.push(z[piece])
        if piece.start >= AHEAD:
            incoming.upto(piece.start - AHEAD)
    party.rounds += 1
    return z, incoming.finish()
