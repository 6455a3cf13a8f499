"""Send each message of rep4 from two parties that know it, and compare both before the receiver goes on.

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

from counterfoil.mpc.ring.chunks import CHUNK, trim
from counterfoil.mpc.ring.lanes import lane_type
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.runtime.barrier import Backing
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.transport.base import Kind, Look

#: Words that are sent before the first one must have come in, so that a slow link does not hold up the computing.
_AHEAD: Final = 1 << 19


class Row(NamedTuple):
    """The roles in a shared input: s and t know the value, g gets it masked, h knows the mask alone."""

    s: int
    t: int
    g: int
    h: int


class Ring(NamedTuple):
    """The ring of components: operations on (x, y, out=...)."""

    add: Callable[..., object]
    subtract: Callable[..., object]
    multiply: Callable[..., object]


ARITH: Final = Ring(np.add, np.subtract, np.multiply)
BOOL: Final = Ring(np.bitwise_xor, np.bitwise_xor, np.bitwise_and)


def lane_ring(bits: int) -> Ring:
    """Make the ring of numbers side by side in lanes that hold so many bits, each mod the size of its lane."""
    lane = lane_type(bits)

    def in_lanes(operation: Callable[..., object]) -> Callable[..., object]:
        return lambda x, y, out: operation(x.view(lane), y.view(lane), out=out.view(lane))

    return Ring(*map(in_lanes, ARITH))


ByRow: TypeAlias = Mapping[Row, Words]

Tell: TypeAlias = Callable[[ByRow, ByRow], None]
"""(masks, told): adds a piece of all rows to this party's components.

`masks` has F(K_g) of every row but those whose g this party is; `told` is to be filled with v - F(K_g) for the rows
whose s or t it is.
"""


Value: TypeAlias = Callable[[Row, Words], None]
"""(row, out): out = this party's copy of a piece of the row's value. Asked of s and t only."""


class Joint:
    """JMP(s, t -> g): a message that s sends and t backs up with its digest.

    At g the words come into `words`, or else through a buffer, where `look` sees them. They are not checked yet.
    """

    def __init__(
        self, party: Party, s: int, t: int, g: int, count: int, words: Words | None = None, look: Look | None = None
    ) -> None:
        self._party, self._s, self._t, self._g = party, s, t, g
        #: the operation that names this message, and its mask if it has one
        self.op = party.next_op()
        if party.index == s:
            party.links[g].begin(Kind.DATA, self.op, count)
        elif party.index in (t, g):
            self._backing = Backing(party.keys[s].check, party.attempt, self.op, s, t, g, count)
        if party.index == g:
            self.words = np.empty(min(count, CHUNK) if look else count, np.uint64) if words is None else words
            self._incoming = party.links[s].incoming(self.op, self.words, _backed(self._backing, look), count)

    def tell(self, piece: Words) -> None:
        """Send at s, and authenticate at t, the next words; the array must stay unchanged at s."""
        if self._party.index == self._s:
            self._party.links[self._g].push(piece)
        elif self._party.index == self._t:
            self._backing.update(piece)

    def back_up(self) -> None:
        """Send the digest at t, after all words were told."""
        if self._party.index == self._t:
            self._party.links[self._g].send_bytes(Kind.DIGEST, self.op, self._backing.digest())

    def arrive(self, upto: int | None = None) -> None:
        """Wait at g for so many words, or all. They are not checked yet."""
        if self._party.index == self._g:
            self._incoming.upto(self._incoming.size if upto is None else upto)

    def check(self) -> None:
        """Check at g that `words` is what both s and t know. Raises: CheatingDetected."""
        if self._party.index == self._g:
            found = self._backing.digest()
            digest = self._party.links[self._t].receive_bytes(Kind.DIGEST, self.op, exactly=len(found))
            if not hmac.compare_digest(digest, found):
                self._party.accuse(self.op, "a message and its backup differ", (self._s, self._t))


def _backed(backing: Backing, look: Look | None) -> Look:
    """Authenticate every piece that arrives, without a cycle of references: what a message holds is freed with it."""

    def arrived(where: slice, piece: Words) -> None:
        backing.update(piece)
        if look:
            look(where, piece)

    return arrived


def settle(party: Party, messages: Sequence[Joint]) -> None:
    """Finish all these messages: send their digests, wait for their words, and check them.

    Cost: 1 round; the messages, and a digest for each.
    Reveals: to who gets a message, what is in it.
    Raises: CheatingDetected.
    """
    for message in messages:
        message.back_up()
    for message in messages:
        message.arrive()
    for message in messages:
        message.check()
    party.rounds += 1


class Input:
    """A shared input of one row at this party: INP(s, t -> g; h).

    z_g += F(K_g), z_h += v - F(K_g), where s and t know v. `mask` and `told` are where the whole of F(K_g) and of
    v - F(K_g) are kept, at all who hold the components; without them they pass through buffers. Then `look` sees
    v - F(K_g) at g, where it is not checked yet.
    """

    def __init__(
        self,
        party: Party,
        row: Row,
        count: int,
        mask: Words | None = None,
        told: Words | None = None,
        look: Look | None = None,
    ) -> None:
        self.row, self.knows = row, party.index in (row.s, row.t)
        self._sends, self._mask, self._told = party.index == row.s, mask, told
        self.message = Joint(party, row.s, row.t, row.g, count, told if party.index == row.g else None, look)
        self.draws = party.index != row.g
        if self.draws:
            self._draw = party.keys[row.g].mask.draw(self.message.op, count)
            self._buffers = [np.empty(min(count, CHUNK), np.uint64) for _ in range(2)]

    def mask(self, piece: slice, length: int | None) -> Words:
        """Draw the next piece of F(K_g)."""
        words = self._buffers[0][: piece.stop - piece.start] if self._mask is None else self._mask[piece]
        self._draw.into(words)
        return words if length is None else trim(words, length, piece.start)

    def told(self, piece: slice) -> Words:
        """Return the memory for a piece of v - F(K_g)."""
        if self._told is not None:
            return self._told[piece]
        size = piece.stop - piece.start
        # What s sends must stay as it is until it has left.
        return np.empty(size, np.uint64) if self._sends else self._buffers[1][:size]


def offer(
    inputs: Sequence[Input],
    values: Iterable[tuple[slice, Tell]],
    length: int | None = None,
    before: Sequence[Input] = (),
) -> list[Input]:
    """Start a round of inputs by telling every piece. `length` is that of packed rows.

    `before` was offered in the same round already; it is given back with the new inputs.
    """
    draws, known = [each for each in inputs if each.draws], [each for each in inputs if each.knows]
    for piece, tell in values:
        told = {each.row: each.told(piece) for each in known}
        tell({each.row: each.mask(piece, length) for each in draws}, told)
        for each in known:
            each.message.tell(told[each.row])
        if piece.start >= _AHEAD and not before:  # a link brings its messages in their order
            for each in inputs:
                each.message.arrive(piece.start - _AHEAD)
    return [*before, *inputs]


def take_all(party: Party, inputs: Sequence[Input]) -> None:
    """Finish the round of all that was offered.

    Cost: 1 round; 8 B and one digest per row and element.
    Reveals: nothing: what g gets is masked by a key that it does not hold.
    Raises: CheatingDetected.
    """
    settle(party, [each.message for each in inputs])


def add_jointly(
    party: Party,
    rows: Sequence[Row],
    z: Mapping[int, Words],
    values: Iterable[tuple[slice, Value]],
    ring: Ring,
    length: int | None = None,
) -> None:
    """Add a sharing of every row's value to the components z, of those that are there.

    `values` gives them piece after piece.

    Shapes: every component, and the values of every row, (count,).
    Cost: 1 round; 8 B and one digest per row and element.
    Reveals: nothing: what g gets is masked by a key that it does not hold.
    Raises: CheatingDetected.
    """
    me = party.index

    inputs = [Input(party, row, _size(z), look=adding(z[row.h], ring) if me == row.g else None) for row in rows]

    def telling(piece: slice, value: Value) -> Tell:
        def tell(masks: ByRow, told: ByRow) -> None:
            for row, mask in masks.items():
                if row.g in z:
                    _add(ring, mask, z[row.g][piece])
                if row.h != me:
                    value(row, told[row])
                    ring.subtract(told[row], mask, out=told[row])
                    if row.h in z:
                        _add(ring, told[row], z[row.h][piece])

        return tell

    take_all(party, offer(inputs, ((piece, telling(piece, value)) for piece, value in values), length))


def adding(total: Words, ring: Ring) -> Look:
    """Return a function that adds what arrives to the same place of `total`."""
    return lambda where, words: _add(ring, words, total[where])


def _add(ring: Ring, words: Words, total: Words) -> None:
    ring.add(total, words, out=total)


def _size(z: Mapping[int, Words]) -> int:
    return next(iter(z.values())).size
