"""Carry one link's bytes over two TLS connections: this party only sends on one, and only receives on the other.

Each connection is then written by one thread and read by one other at most, and both directions run at once. Knows
nothing of frames, but that one begins, and nothing of who the peer is, but its name.
"""

from __future__ import annotations

import contextlib
import queue
import select
import ssl
import threading
import time
from typing import Final

from counterfoil.errors import PeerLostError, PeerTimeoutError
from counterfoil.mpc.transport.base import Pipe

BUFFER: Final = 4 << 20
"""What the system holds of each connection, in each direction."""

#: What is no longer than this may be sent by the calling thread; far less than a third of the buffer.
_AT_ONCE: Final = 128 << 10
#: A frame may take the time-out and, for what has come of it, as long as at so many bytes a second.
_SLOWEST: Final = 64 << 10


class TlsPipe(Pipe):
    """A pipe that sends on one connection, long data by a thread of its own, and receives on the other."""

    def __init__(self, peer: str, out: ssl.SSLSocket, back: ssl.SSLSocket, timeout_s: float) -> None:
        self._peer, self._out, self._back, self._timeout_s = peer, out, back, timeout_s
        out.settimeout(timeout_s)
        #: how much of the present frame has come, and for how long this party has waited for it
        self._got, self._waited_s = 0, 0.0
        self._queue: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._stuck: PeerTimeoutError | None = None
        #: how much was given to the thread, and how much it is done with
        self._queued, self._sent = 0, 0
        self._room = select.poll()
        self._room.register(out, select.POLLOUT)
        self._sender = threading.Thread(target=self._send_all, name=f"send-{peer}", daemon=True)
        self._sender.start()

    def write(self, data: memoryview) -> None:
        if self._stuck:
            raise self._stuck
        if len(data) <= _AT_ONCE and self._queued == self._sent and self._room.poll(0):
            # The system says so only if a third of its buffer is free, so this does not wait for the peer.
            self._send(data)
        else:
            self._queued += 1
            self._queue.put(data)

    def next_frame(self) -> None:
        self._got, self._waited_s = 0, 0.0

    def read_into(self, buffer: memoryview) -> None:
        """Fill the buffer, within a time limit for the whole frame.

        No peer gains time by sending little: what counts is how long this party has waited for the whole frame.
        Raises: PeerTimeoutError, PeerLostError.
        """
        filled, size = 0, len(buffer)
        while filled < size:
            left_s = self._patience_s() - self._waited_s
            if left_s <= 0:
                raise self._late()
            self._back.settimeout(left_s)
            began = time.monotonic()
            try:
                got = self._back.recv_into(buffer[filled:])
            except TimeoutError:
                raise self._late() from None
            except OSError as error:
                raise PeerLostError(f"{self._peer}: {reason(error)}") from None
            if not got:
                raise PeerLostError(f"{self._peer} closed its link")
            self._waited_s += time.monotonic() - began
            self._got += got
            filled += got

    def _patience_s(self) -> float:
        return self._timeout_s + self._got / _SLOWEST

    def _late(self) -> PeerTimeoutError:
        if self._got:
            return PeerTimeoutError(f"{self._peer} sent {self._got} bytes of a frame in {self._patience_s():.3g} s")
        return PeerTimeoutError(f"{self._peer} sent nothing for {self._timeout_s:g} s")

    def close(self, linger_s: float) -> None:
        self._queue.put(None)
        self._sender.join(linger_s)
        for connection in (self._out, self._back):
            with contextlib.suppress(OSError):
                connection.close()

    def _send_all(self) -> None:
        while (data := self._queue.get()) is not None and self._send(data):
            self._sent += 1

    def _send(self, data: memoryview) -> bool:
        """Send, and return whether it succeeded."""
        try:
            self._out.sendall(data)
            return True
        except TimeoutError:
            self._stuck = PeerTimeoutError(f"{self._peer} took nothing for {self._timeout_s:g} s")
        except OSError:
            pass  # it has gone; reading finds what it sent last, which may be why
        return False


def reason(error: OSError) -> str:
    """Return what the system says of an error, without what it was about."""
    return error.strerror or type(error).__name__
