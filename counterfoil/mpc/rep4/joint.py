"""What makes rep4 safe: every message is known to two parties, and the receiver compares them before it goes on.

Verify before use: the digest of a message is compared in the same round that brings the message, and a party sends
nothing more before that, so that nothing that leaves it depends on an unchecked word (PROTOCOLS 5 says what goes wrong
otherwise). Source: Dalskov, Escudero & Keller 2021 (ePrint 2020/1330), joint message passing and shared input; here
digests belong to one message each, by sender, backup, receiver and operation, and are never batched over rounds.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from counterfoil.mpc.checks import message_hash
from counterfoil.mpc.party import Party
from counterfoil.mpc.shares import CHUNK, Words, pieces, trim
from counterfoil.mpc.transport.base import Kind

#: Pieces that are sent before the first one must have come in, so that a slow link does not hold up the computing.
AHEAD: Final = 16


class Row(NamedTuple):
    """Who does what in a shared input: s and t know the value, g gets it masked, h knows the mask alone."""

    s: int
    t: int
    g: int
    h: int


class Ring(NamedTuple):
    """The group that components add up in, with numpy's operations of it."""

    add: Callable[..., Words]
    subtract: Callable[..., Words]


ARITH: Final = Ring(np.add, np.subtract)
BOOL: Final = Ring(np.bitwise_xor, np.bitwise_xor)

Value: TypeAlias = Callable[[Row, slice, Words], None]
"""(row, piece, out): out = this party's copy of the piece of the row's value. Asked of s and t only."""


class Joint:
    """JMP(s, t -> g): a message that s sends and t backs up with its digest."""

    def __init__(self, party: Party, s: int, t: int, g: int, count: int) -> None:
        self._party, self._s, self._t, self._g = party, s, t, g
        self._op = party.next_op()
        self._hash = message_hash(party.attempt, self._op, s, t, g, count)
        if party.index == s:
            party.links[g].begin(Kind.DATA, self._op, count)
        elif party.index == g:
            self.words = np.empty(count, np.uint64)
            self._incoming = party.links[s].incoming(self._op, self.words, lambda piece: self._hash.update(piece.data))

    @property
    def op(self) -> int:
        """The operation that names this message, and its mask if it has one."""
        return self._op

    def tell(self, piece: Words) -> None:
        """The next words, at s and at t; the array must stay as it is at s."""
        if self._party.index == self._s:
            self._party.links[self._g].push(piece)
        elif self._party.index == self._t:
            self._hash.update(piece.data)

    def back_up(self) -> None:
        """All words were told: t sends the digest."""
        if self._party.index == self._t:
            self._party.links[self._g].send_bytes(Kind.DIGEST, self._op, self._hash.digest())

    def arrive(self, upto: int | None = None) -> None:
        """At g, as many words have come in, or all. They are not checked yet."""
        if self._party.index == self._g:
            self._incoming.upto(self.words.size if upto is None else upto)

    def check(self) -> None:
        """At g: `words` is what both s and t know. Raises: CheatingDetected."""
        if self._party.index == self._g:
            found = self._hash.digest()
            digest = self._party.links[self._t].receive_bytes(Kind.DIGEST, self._op, exactly=len(found))
            if not hmac.compare_digest(digest, found):
                self._party.accuse(self._op, "a message and its backup differ", (self._s, self._t))


def settle(party: Party, messages: Sequence[Joint]) -> None:
    """One round: all these messages are told, have come in, and are checked. Raises: CheatingDetected."""
    for message in messages:
        message.back_up()
    for message in messages:
        message.arrive()
    for message in messages:
        message.check()
    party.rounds += 1


def share_jointly(
    party: Party,
    rows: Sequence[Row],
    count: int,
    value: Value,
    z: Sequence[Mapping[int, Words]],
    ring: Ring,
    *,
    local: Callable[[slice], None] | None = None,
    length: int | None = None,
) -> None:
    """INP(s, t -> g; h) for every row k: a sharing of its value is added to the components in z[k].

    `local` prepares a piece of z before anything is added to it. `length` is that of packed rows.

    Cost: 1 round; 8 B and one digest per row and element.
    Reveals: nothing: what g gets is masked by a key that it does not hold.
    Raises: CheatingDetected.
    """
    me = party.index
    messages = [Joint(party, row.s, row.t, row.g, count) for row in rows]
    draws = [
        party.keys[row.g].mask.draw(joint.op, count) if me != row.g else None
        for row, joint in zip(rows, messages, strict=True)
    ]
    told = [np.empty(count if me == row.s else min(count, CHUNK), np.uint64) for row in rows]
    scratch = np.empty(min(count, CHUNK), np.uint64)
    for piece in pieces(count):
        if local:
            local(piece)
        size = piece.stop - piece.start
        for row, joint, draw, buffer, sums in zip(rows, messages, draws, told, z, strict=True):
            if draw is None:
                if piece.start >= AHEAD * CHUNK:
                    joint.arrive(piece.start - AHEAD * CHUNK)
                continue
            # 1 (local). z_g += F(K_g), at s, t and h.
            mask = draw.into(scratch[:size])
            if length is not None:
                trim(mask, length, piece.start)
            ring.add(sums[row.g][piece], mask, out=sums[row.g][piece])
            if me != row.h:
                # 2 (one round). z_h += v - F(K_g), at s and t, and at g by their joint message.
                message = buffer[piece] if me == row.s else buffer[:size]
                value(row, piece, message)
                ring.subtract(message, mask, out=message)
                ring.add(sums[row.h][piece], message, out=sums[row.h][piece])
                joint.tell(message)
    settle(party, messages)
    for row, joint, sums in zip(rows, messages, z, strict=True):
        if me == row.g:
            ring.add(sums[row.h], joint.words, out=sums[row.h])
