"""What makes rep4 safe: every message is known to two parties, and the receiver compares them before it goes on.

Verify before use: the digest of a message is compared in the same round that brings the message, and a party sends
nothing more before that, so that nothing that leaves it depends on an unchecked word (PROTOCOLS 5 says what goes wrong
otherwise). Source: Dalskov, Escudero & Keller 2021 (ePrint 2020/1330), joint message passing and shared input; here
digests belong to one message each, by sender, backup, receiver and operation, and are never batched over rounds.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from counterfoil.mpc.checks import message_hash
from counterfoil.mpc.party import Party
from counterfoil.mpc.pieces import CHUNK, trim
from counterfoil.mpc.shares import Words
from counterfoil.mpc.transport.base import Kind

#: Words that are sent before the first one must have come in, so that a slow link does not hold up the computing.
_AHEAD: Final = 16 * CHUNK


class Row(NamedTuple):
    """Who does what in a shared input: s and t know the value, g gets it masked, h knows the mask alone."""

    s: int
    t: int
    g: int
    h: int


class Ring(NamedTuple):
    """The group that components add up in: operations on (x, y, out=...)."""

    add: Callable[..., object]
    subtract: Callable[..., object]


ARITH: Final = Ring(np.add, np.subtract)
BOOL: Final = Ring(np.bitwise_xor, np.bitwise_xor)

Value: TypeAlias = Callable[[Row, Words], None]
"""(row, out): out = this party's copy of a piece of the row's value. Asked of s and t only."""


class Joint:
    """JMP(s, t -> g): a message that s sends and t backs up with its digest."""

    def __init__(self, party: Party, s: int, t: int, g: int, count: int) -> None:
        self._party, self._s, self._t, self._g = party, s, t, g
        #: the operation that names this message, and its mask if it has one
        self.op = party.next_op()
        self._hash = message_hash(party.attempt, self.op, s, t, g, count)
        if party.index == s:
            party.links[g].begin(Kind.DATA, self.op, count)
        elif party.index == g:
            self.words = np.empty(count, np.uint64)
            self._incoming = party.links[s].incoming(self.op, self.words, lambda piece: self._hash.update(piece.data))

    def tell(self, piece: Words) -> None:
        """The next words, at s and at t; the array must stay as it is at s."""
        if self._party.index == self._s:
            self._party.links[self._g].push(piece)
        elif self._party.index == self._t:
            self._hash.update(piece.data)

    def back_up(self) -> None:
        """All words were told: t sends the digest."""
        if self._party.index == self._t:
            self._party.links[self._g].send_bytes(Kind.DIGEST, self.op, self._hash.digest())

    def arrive(self, upto: int | None = None) -> None:
        """At g, as many words have come in, or all. They are not checked yet."""
        if self._party.index == self._g:
            self._incoming.upto(self.words.size if upto is None else upto)

    def check(self) -> None:
        """At g: `words` is what both s and t know. Raises: CheatingDetected."""
        if self._party.index == self._g:
            found = self._hash.digest()
            digest = self._party.links[self._t].receive_bytes(Kind.DIGEST, self.op, exactly=len(found))
            if not hmac.compare_digest(digest, found):
                self._party.accuse(self.op, "a message and its backup differ", (self._s, self._t))


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
    values: Iterable[tuple[slice, Value]],
    sums: Sequence[Mapping[int, Words]],
    ring: Ring,
    length: int | None = None,
) -> None:
    """INP(s, t -> g; h) for every row k: a sharing of its value is added to the components in sums[k].

    `values` gives every row's value piece after piece. `length` is that of packed rows.

    Cost: 1 round; 8 B and one digest per row and element.
    Reveals: nothing: what g gets is masked by a key that it does not hold.
    Raises: CheatingDetected.
    """
    take_all(party, offer(party, rows, count, values, sums, ring, length))


def offer(
    party: Party,
    rows: Sequence[Row],
    count: int,
    values: Iterable[tuple[slice, Value]],
    sums: Sequence[Mapping[int, Words]],
    ring: Ring,
    length: int | None = None,
    before: Sequence[Input] = (),
) -> list[Input]:
    """The first half of `share_jointly`: everything is told.

    `before` was offered in the same round already; it is given back with the new inputs.
    """
    inputs = [Input(party, row, count, held, ring) for row, held in zip(rows, sums, strict=True)]
    scratch = np.empty(min(count, CHUNK), np.uint64)
    for piece, value in values:
        for each in inputs:
            each.add(piece, value, scratch[: piece.stop - piece.start], length)
            if piece.start >= _AHEAD and not before:  # a link brings its messages in their order
                each.message.arrive(piece.start - _AHEAD)
    return [*before, *inputs]


def take_all(party: Party, inputs: Sequence[Input]) -> None:
    """The second half: one round for all that was offered."""
    settle(party, [each.message for each in inputs])
    for each in inputs:
        each.take()


class Input:
    """One row of a joint sharing at this party."""

    def __init__(self, party: Party, row: Row, count: int, sums: Mapping[int, Words], ring: Ring) -> None:
        self.row, self.sums, self._ring, self._me = row, sums, ring, party.index
        self.message = Joint(party, row.s, row.t, row.g, count)
        if party.index != row.g:
            self._draw = party.keys[row.g].mask.draw(self.message.op, count)
        if party.index in (row.s, row.t):
            # What s sends must stay as it is; t is done with a piece once it is hashed.
            self._told = np.empty(count if party.index == row.s else min(count, CHUNK), np.uint64)

    def add(self, piece: slice, value: Value, mask: Words, length: int | None) -> None:
        """The next piece of the value goes out, and into the components."""
        row, sums, ring = self.row, self.sums, self._ring
        if self._me == row.g:
            return
        # 1 (local). z_g += F(K_g), at s, t and h.
        self._draw.into(mask)
        if length is not None:
            trim(mask, length, piece.start)
        ring.add(sums[row.g][piece], mask, out=sums[row.g][piece])
        if self._me != row.h:
            # 2 (one round). z_h += v - F(K_g), at s and t, and at g by their joint message.
            told = self._told[piece] if self._me == row.s else self._told[: mask.size]
            value(row, told)
            ring.subtract(told, mask, out=told)
            ring.add(sums[row.h][piece], told, out=sums[row.h][piece])
            self.message.tell(told)

    def take(self) -> None:
        """The message was checked: at g, the last component."""
        if self._me == self.row.g:
            held = self.sums[self.row.h]
            self._ring.add(held, self.message.words, out=held)
