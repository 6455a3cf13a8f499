"""Bind the socket at which a party takes calls, or say why it cannot be bound and what to do about it."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from counterfoil.address import Address
from counterfoil.errors import ListenError

_WAIT_S: Final = 3.0
"""So long a port is waited for: an attempt before, which is ending, may hold it still."""
_RETRY_S: Final = 0.1
_LISTENS: Final = "0A"  # TCP_LISTEN in /proc/net/tcp


def listen(at: Address) -> socket.socket:
    """Listen at the address, and at IPv4 addresses as well if it is `[::]`. Raises: ListenError within seconds."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            family = socket.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            both = at.host == "::" and socket.has_dualstack_ipv6()
            return socket.create_server((at.host, at.port), family=family, backlog=16, dualstack_ipv6=both)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(_RETRY_S)
                continue
            raise ListenError(f"cannot listen at {at}: {_why(error, at)}") from None


def _why(error: OSError, at: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{holder(at.port)}. If it is another job of this party, wait for that; or else end it, or listen at "
            "another port: counterfoil party listen"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            "it is no address of this machine. The roster has the address that others dial; say where this machine "
            f"takes these calls, like 0.0.0.0:{at.port}: counterfoil party listen"
        )
    if error.errno == errno.EACCES:
        return "this user may not use ports so low; listen at one above 1023: counterfoil party listen"
    if isinstance(error, socket.gaierror):
        return f"no machine of the name {at.host} is known here; correct it: counterfoil party listen"
    return error.strerror or type(error).__name__


def holder(port: int) -> str:
    """Describe the process that listens at the port, as far as this user can see."""
    sockets = set(_listening(port))
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is another user's, or has ended
            if any(_inode(each) in sockets for each in (folder / "fd").iterdir()):
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
                shown = "".join(char if char.isprintable() else "?" for char in words)[:80]
                return f"process {folder.name} ({shown}) holds the port"
    return f"another user's process holds the port, see `sudo ss -ltnp 'sport = :{port}'`"


def _listening(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    yield fields[9]


def _inode(link: Path) -> str | None:
    with suppress(OSError):
        target = str(link.readlink())
        if target.startswith("socket:["):
            return target[8:-1]
    return None
