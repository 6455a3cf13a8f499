"""Parse network addresses as documents write them: host and port, with an IPv6 host in brackets."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from counterfoil.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or number, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def everywhere(self) -> bool:
        """Whether it means all addresses of a machine, where one listens but which nobody dials."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)


def parse_address(text: str) -> Address:
    """Parse an address like `node-0.example.org:7300`, `192.0.2.7:7300` or `[2001:db8::7]:7300`.

    Raises: DocumentError saying what is wrong with it.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdecimal()):
        raise DocumentError(f"{text!r} is not host:port")
    if not 0 < int(port) < 65536:
        raise DocumentError("a port is from 1 to 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_v6(host):
            raise DocumentError(f"{text!r}: what is in brackets must be an IPv6 address")
    elif ":" in host or "[" in host or "]" in host:
        raise DocumentError(f"{text!r}: write an IPv6 address in brackets, like [2001:db8::7]:{port}")
    if not _is_name(host):
        raise DocumentError(f"{text!r}: its host is no name that a machine can have")
    return Address(host, int(port))


def _is_name(host: str) -> bool:
    try:
        host.encode("idna")  # as the resolver is asked
    except UnicodeError:
        return False
    return True


def _is_v6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
