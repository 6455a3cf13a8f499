"""Connect threads of one process over a simulated network and clock: the same fate gives the same run.

Each party has a clock that only arrivals and time-outs move; computing takes no time and nobody really waits. A party
reads from one named peer at a time, and the party that waits longest in vain times out only when nobody can go on. So
what happens does not depend on how threads are scheduled. What becomes of a frame is the caller's to say: delay, loss,
repetition, another order, a partition.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from counterfoil.errors import PeerLostError, PeerTimeoutError
from counterfoil.mpc.transport.base import HEADER_BYTES, Attempt, Header, Link, Pipe

Fate: TypeAlias = Callable[[int, int, float, bytes], Iterable[tuple[float, bytes]]]
"""(sender, receiver, time, frame): what arrives in the frame's place, and how many seconds later.

Asked once for each frame of a way, in its order, and at the way's end for the empty frame. Nothing is silence; bytes
never overtake those that were sent before.
"""

END: Final = b""


def steady(delay_s: float) -> Fate:
    """Return a fate by which everything arrives, after so many seconds."""
    return lambda *fated: [(delay_s, fated[-1])]


@dataclass(slots=True)
class _Way:
    """The frame that one party is writing to another, and what arrives there at which time."""

    frame: bytearray = field(default_factory=bytearray, repr=False)
    arrivals: deque[tuple[float, bytes]] = field(default_factory=deque, repr=False)
    last: float = 0.0


class Simulation:
    """A network of `n` parties. `clocks` are their times in seconds from the start."""

    def __init__(self, n: int, fate: Fate, timeout_s: float = 60.0) -> None:
        self.clocks = [0.0] * n
        self._fate, self._timeout_s = fate, timeout_s
        self._ways = {(i, j): _Way() for i in range(n) for j in range(n) if i != j}
        self._open = dict.fromkeys(range(n), n - 1)
        #: by party that waits: for whom, and until when
        self._waiting: dict[int, tuple[int, float]] = {}
        self._late: int | None = None
        self._news = threading.Condition()

    def links(self, attempt: Attempt) -> list[dict[int, Link]]:
        """Return, for each party, its links by peer."""
        n = len(self.clocks)
        return [
            {j: Link(_SimulatedPipe(self, i, j), attempt, i, j) for j in range(n) if j != i}
            for i in range(n)
        ]  # fmt: skip

    def write(self, sender: int, receiver: int, data: memoryview) -> None:
        """Write bytes of a frame, which leaves as soon as it is whole."""
        with self._news:
            way = self._ways[sender, receiver]
            way.frame += data
            if len(way.frame) >= HEADER_BYTES:
                size = HEADER_BYTES + Header.unpack(way.frame[:HEADER_BYTES]).payload
                if len(way.frame) == size:
                    frame, way.frame = bytes(way.frame), bytearray()
                    self._leave(sender, receiver, frame)

    def read_into(self, receiver: int, sender: int, buffer: memoryview) -> None:
        """Fill the buffer in simulated time. Raises: PeerTimeoutError, PeerLostError."""
        filled, deadline = 0, self.clocks[receiver] + self._timeout_s
        arrivals = self._ways[sender, receiver].arrivals
        with self._news:
            while filled < len(buffer):
                if (not arrivals and not self._wait(receiver, sender, deadline)) or arrivals[0][0] > deadline:
                    self.clocks[receiver] = deadline
                    raise PeerTimeoutError(f"party {sender} sent {filled} of {len(buffer)} bytes in time")
                at, data = arrivals.popleft()
                self.clocks[receiver] = max(self.clocks[receiver], at)
                if not data:
                    arrivals.append((at, END))
                    raise PeerLostError(f"party {sender} closed its link")
                taken = data[: len(buffer) - filled]
                buffer[filled : filled + len(taken)] = taken
                filled += len(taken)
                if len(taken) < len(data):
                    arrivals.appendleft((at, data[len(taken) :]))

    def close(self, sender: int, receiver: int) -> None:
        """Close the way from one party to another."""
        with self._news:
            self._leave(sender, receiver, END)
            self._open[sender] -= 1
            if not self._open[sender]:
                del self._open[sender]
                self._end_if_stuck()

    def _leave(self, sender: int, receiver: int, frame: bytes) -> None:
        way, now = self._ways[sender, receiver], self.clocks[sender]
        for delay, data in self._fate(sender, receiver, now, frame):
            way.last = max(way.last, now + delay)
            way.arrivals.append((way.last, data))
            if self._waiting.get(receiver, (None,))[0] == sender:
                del self._waiting[receiver]
        self._news.notify_all()

    def _wait(self, receiver: int, sender: int, deadline: float) -> bool:
        """Wait for an arrival; return False if the party is the first whose time is up."""
        self._waiting[receiver] = sender, deadline
        self._end_if_stuck()
        self._news.wait_for(lambda: self._late == receiver or self._ways[sender, receiver].arrivals)
        self._waiting.pop(receiver, None)
        if self._late == receiver:
            self._late = None
            return False
        return True

    def _end_if_stuck(self) -> None:
        """Time out the party with the earliest deadline if nobody can go on."""
        if self._late is None and self._waiting and len(self._waiting) == len(self._open):
            self._late = min(self._waiting, key=lambda party: (self._waiting[party][1], party))
            self._news.notify_all()


@dataclass(slots=True)
class _SimulatedPipe(Pipe):
    network: Simulation
    me: int
    peer: int
    closed: bool = False

    def write(self, data: memoryview) -> None:
        self.network.write(self.me, self.peer, data)

    def read_into(self, buffer: memoryview) -> None:
        self.network.read_into(self.me, self.peer, buffer)

    def close(self, linger_s: float) -> None:
        if not self.closed:
            self.closed = True
            self.network.close(self.me, self.peer)
