"""Runs a command in a network of its own and keeps everything that goes over its loopback interface in a file.

Usage: python -m tests.system.tapped FILE COMMAND..., under `unshare --net`, so that nobody else's packets are in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

ALL_PROTOCOLS = 3  # ETH_P_ALL
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
RECEIVE_BUFFER = 33  # SO_RCVBUFFORCE
PACKET_BYTES = 1 << 17
BUFFER_BYTES = 256 << 20


def in_own_network(file: Path, command: Sequence[str]) -> list[str]:
    """The command line that runs the command tapped; needs no root where users may have namespaces."""
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--net", *rights, sys.executable, "-m", "tests.system.tapped", str(file), *command]


@contextlib.contextmanager
def tap(into: Path) -> Iterator[None]:
    """The payloads of all packets on loopback go into the file, one after the other, while the block runs."""
    line = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    with line, into.open("wb") as file:
        line.setsockopt(socket.SOL_SOCKET, RECEIVE_BUFFER, BUFFER_BYTES)
        line.bind(("lo", ALL_PROTOCOLS))
        line.settimeout(0.2)
        over = threading.Event()

        def keep() -> None:
            buffer = bytearray(PACKET_BYTES)
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    size, address = line.recvfrom_into(buffer)
                    if address[2] == socket.PACKET_OUTGOING:  # each packet passes twice
                        file.write(memoryview(buffer)[:size])

        thread = threading.Thread(target=keep)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def main() -> None:
    """Runs the command tapped, and ends with its exit code."""
    file, *command = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    with tap(Path(file)):
        code = subprocess.run(command, check=False).returncode
    sys.exit(code)


if __name__ == "__main__":
    main()
