"""Send and receive frames on a link to one peer, checking each header against what must come next (PROTOCOLS 2.4).

A reader knows exactly which frame comes next, so a header is compared with the expected bytes before anything is
allocated or used. Payloads stream, in pieces, from and into numpy memory. Knows nothing of shares, keys or protocols;
how bytes travel is a Pipe's business.
"""

from __future__ import annotations

import contextlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import AttemptError, CheatingDetected, IntegrityError, PeerLostError, TransportError
from counterfoil.mpc.ring.chunks import CHUNK
from counterfoil.mpc.ring.shares import Words

MAGIC: Final = b"CFMP"
VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sHBBBB16sIQQQ")
HEADER_BYTES: Final = _HEADER.size
JOB_BYTES: Final = 16
#: How long the end of a link waits for the peer to take the rest: after success, and after an error.
LINGER_S: Final = 60.0
HURRY_S: Final = 1.0
#: Payloads up to so long are copied to go with their header.
SHORT_BYTES: Final = 1 << 16
_DTYPES: Final = {1: 1, 8: 2}  # bytes an element: its code in the header


class Kind(IntEnum):
    """The kind of a frame. An alarm ends the job for good; after an abort it may be tried again."""

    DATA = 1
    DIGEST = 2
    OK = 3
    READY = 4
    ABORT = 5
    ALARM = 6


class Header(NamedTuple):
    """The fields of a frame's header, in the order of the wire."""

    magic: bytes
    version: int
    kind: int
    sender: int
    receiver: int
    dtype: int
    job: bytes
    attempt: int
    op: int
    elements: int
    payload: int

    def pack(self) -> bytes:
        """Encode the header."""
        return _HEADER.pack(*self)

    @classmethod
    def unpack(cls, raw: bytes | bytearray) -> Header:
        """Decode a header, checking nothing."""
        return cls(*_HEADER.unpack(raw))


@dataclass(frozen=True, slots=True)
class Attempt:
    """The job and the number of the attempt that a link belongs to."""

    job: bytes
    number: int

    def __post_init__(self) -> None:
        if len(self.job) != JOB_BYTES or not 0 <= self.number < 1 << 32:
            raise AttemptError(f"an attempt has a job of {JOB_BYTES} bytes and a 32-bit number")

    def header(self, kind: Kind, sender: int, receiver: int, op: int = 0, count: int = 0, itemsize: int = 1) -> Header:
        """Make the header of a frame of `count` elements."""
        return Header(
            MAGIC,
            VERSION,
            kind,
            sender,
            receiver,
            _DTYPES[itemsize],
            self.job,
            self.number,
            op,
            count,
            count * itemsize,
        )


class Pipe(ABC):
    """Bytes to and from one peer, in order, each way without waiting for the other."""

    @abstractmethod
    def write(self, data: memoryview) -> None:
        """Queue bytes, which must not be changed afterwards.

        That a peer is lost is found by reading: it may have said why. Raises: TransportError if the peer is there but
        takes nothing.
        """

    def next_frame(self) -> None:  # noqa: B027 (most pipes need not know)
        """Begin a new frame, whose time limit starts now, with what is read next."""

    @abstractmethod
    def read_into(self, buffer: memoryview) -> None:
        """Fill the buffer. Raises: PeerTimeoutError, PeerLostError."""

    @abstractmethod
    def close(self, linger_s: float) -> None:
        """Send what was written, as far as the peer takes it in that time, and close. Never raises."""


@dataclass(slots=True)
class Traffic:
    """The traffic of a link, in bytes of payload unless said otherwise."""

    data_sent: int = 0
    data_received: int = 0
    control_sent: int = 0
    control_received: int = 0
    messages_sent: int = 0
    messages_received: int = 0

    @property
    def header_bytes_sent(self) -> int:
        """Bytes of headers, which no other figure counts."""
        return self.messages_sent * HEADER_BYTES


class Event(NamedTuple):
    """One frame as an observer of a link sees it: `direction` is send or receive."""

    direction: str
    kind: Kind
    op: int
    payload: int
    peer: int


Watch: TypeAlias = Callable[[Event], None]

Look: TypeAlias = Callable[[slice, Words], None]
"""Told of each piece that has arrived: which words of its frame it is, and the words."""


@dataclass(slots=True)
class Link:
    """Frames to and from one peer, whose identity was proved when the pipe was made, never by a field."""

    pipe: Pipe
    attempt: Attempt
    me: int
    peer: int
    watch: Watch | None = None
    traffic: Traffic = field(default_factory=Traffic)
    _owed: int = 0
    _head: bytes = b""

    def begin(self, kind: Kind, op: int, count: int, itemsize: int = 8) -> None:
        """Send a header; exactly `count` elements must be pushed next."""
        header = self.attempt.header(kind, self.me, self.peer, op, count, itemsize)
        if self.watch:
            self.watch(Event("send", kind, op, header.payload, self.peer))
        self.traffic.messages_sent += 1
        if kind is Kind.DATA:
            self.traffic.data_sent += header.payload
        else:
            self.traffic.control_sent += header.payload
        self._owed, self._head = header.payload, header.pack()
        if not self._owed or self._owed > SHORT_BYTES:
            self._write_head()

    def push(self, piece: NDArray[Any]) -> None:
        """Send the next elements of the frame that was begun; the array must be contiguous and stay unchanged."""
        self._owed -= piece.nbytes
        if self._head:
            # A short frame leaves in one piece, so that it wakes the peer once.
            head, self._head = self._head, b""
            self.pipe.write(memoryview(head + piece.tobytes()))
        else:
            self.pipe.write(piece.data.cast("B"))

    def _write_head(self) -> None:
        head, self._head = self._head, b""
        self.pipe.write(memoryview(head))

    def send(self, kind: Kind, op: int, payload: NDArray[Any]) -> None:
        """Send a whole frame."""
        self.begin(kind, op, payload.size, payload.itemsize)
        if payload.size:
            self.push(payload.reshape(-1))

    def send_bytes(self, kind: Kind, op: int, payload: bytes) -> None:
        """Send a whole frame of bytes."""
        self.send(kind, op, np.frombuffer(payload, dtype=np.uint8))

    def expect(self, kind: Kind, op: int, count: int, itemsize: int = 8) -> None:
        """Read the next header, which must be exactly this one; exactly `count` elements must be pulled next.

        Raises: CheatingDetected naming the peer and the field; PeerLostError if the peer gave up.
        """
        self._accept(self._read_header(), self.attempt.header(kind, self.peer, self.me, op, count, itemsize))

    def pull(self, out: NDArray[Any]) -> None:
        """Fill a contiguous array with the next elements of the expected frame."""
        if out.size:
            self.pipe.read_into(out.data.cast("B"))

    def incoming(self, op: int, out: Words, look: Look | None = None, count: int | None = None) -> Incoming:
        """Prepare to receive a frame of data into `out`, piece by piece; `look` sees each while it is in the cache.

        A frame of more words than `out` has passes through it: each piece takes the place of the one before.
        """
        return Incoming(self, op, out, look, out.size if count is None else count)

    def receive_bytes(self, kind: Kind, op: int, *, exactly: int | None = None, at_most: int = 0) -> bytes:
        """Receive a whole frame of bytes; only handshakes may leave the length to the peer, up to a bound."""
        found = self._read_header()
        count = min(found.elements, at_most) if exactly is None else exactly
        self._accept(found, self.attempt.header(kind, self.peer, self.me, op, count))
        payload = np.empty(count, dtype=np.uint8)
        self.pull(payload)
        return payload.tobytes()

    def give_up(self, kind: Kind, op: int) -> None:
        """Tell the peer that the attempt (ABORT) or the job (ALARM) is over, unless a frame is half sent."""
        if not self._owed:
            self.begin(kind, op, 0, 1)

    def close(self, linger_s: float = LINGER_S) -> None:
        """Close the link; what was sent still arrives if the peer takes it in that time."""
        self.pipe.close(linger_s)

    def _read_header(self) -> Header:
        raw = bytearray(HEADER_BYTES)
        self.pipe.next_frame()
        self.pipe.read_into(memoryview(raw))
        return Header.unpack(raw)

    def _accept(self, found: Header, expected: Header) -> None:
        if found != expected:
            self._refuse(found, expected)
        self.traffic.messages_received += 1
        if expected.kind == Kind.DATA:
            self.traffic.data_received += expected.payload
        else:
            self.traffic.control_received += expected.payload
        if self.watch:
            self.watch(Event("receive", Kind(expected.kind), expected.op, expected.payload, self.peer))

    def _refuse(self, found: Header, expected: Header) -> None:
        for kind in (Kind.ABORT, Kind.ALARM):
            if found == self.attempt.header(kind, self.peer, self.me, found.op):
                if kind is Kind.ABORT:
                    raise PeerLostError(f"party {self.peer} gave up at operation {found.op}")
                raise CheatingDetected(f"party {self.peer} ended the job at operation {found.op}: a check failed")
        wrong = [name for name, a, b in zip(Header._fields, found, expected, strict=True) if a != b]
        raise CheatingDetected(
            f"party {self.peer} sent a frame with another {', '.join(wrong)} than operation {expected.op} must have"
        )


class Incoming:
    """A frame of words on its way in, read as far as the caller asks."""

    __slots__ = ("_filled", "_link", "_look", "_op", "_out", "_step", "size")

    def __init__(self, link: Link, op: int, out: Words, look: Look | None, count: int) -> None:
        self._link, self._op, self._out, self._look, self.size = link, op, out, look, count
        self._step, self._filled = min(CHUNK, out.size), -1

    def upto(self, stop: int) -> None:
        """Wait until at least the first `stop` words have arrived."""
        if self._filled < 0:
            self._link.expect(Kind.DATA, self._op, self.size)
            self._filled = 0
        through = self._out.size < self.size
        while self._filled < stop:
            arrived = slice(self._filled, min(self._filled + self._step, self.size))
            piece = self._out[: arrived.stop - arrived.start] if through else self._out[arrived]
            self._link.pull(piece)
            if self._look:
                self._look(arrived, piece)
            self._filled = arrived.stop

    def finish(self) -> Words:
        """Wait for all words and return them."""
        self.upto(self.size)
        return self._out


def end_all(links: Mapping[int, Link], error: BaseException | None = None, op: int = 0) -> None:
    """Close all links. After an error, tell the peers that can be reached that the attempt, or the job, is over."""
    for link in links.values():
        if error is not None:
            with contextlib.suppress(TransportError):
                link.give_up(Kind.ALARM if isinstance(error, IntegrityError) else Kind.ABORT, op)
    for link in links.values():
        link.close(LINGER_S if error is None else HURRY_S)
