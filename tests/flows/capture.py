"""Everything that goes over the loopback interface, kept in a file: what somebody who taps the wire would have."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

ALL_PROTOCOLS = 3  # ETH_P_ALL
PACKET_BYTES = 1 << 17
BUFFER_BYTES = 256 << 20


@contextlib.contextmanager
def capture(into: Path) -> Iterator[None]:
    """The payloads of all packets on loopback, one after the other, while the block runs. Needs root."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    with tap, into.open("wb") as file:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE, BUFFER_BYTES)
        tap.bind(("lo", ALL_PROTOCOLS))
        tap.settimeout(0.2)
        over = threading.Event()

        def keep() -> None:
            buffer = bytearray(PACKET_BYTES)
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    size, address = tap.recvfrom_into(buffer)
                    if address[2] == socket.PACKET_OUTGOING:  # each packet passes twice
                        file.write(memoryview(buffer)[:size])

        thread = threading.Thread(target=keep)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
