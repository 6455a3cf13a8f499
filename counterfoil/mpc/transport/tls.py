"""Connect parties over TLS 1.3, both ends pinned: per peer a blocking socket to send on and one to receive on.

Each party dials every peer, and only ever sends on what it dialled. A peer's index is a property of the certificate
that it proved to hold, never a field that it fills in. Knows nothing of frames beyond the greeting.
"""

from __future__ import annotations

import contextlib
import hmac
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil import clock
from counterfoil.address import Address
from counterfoil.clock import reckoned
from counterfoil.crypto.keys import tls_pin, tls_validity
from counterfoil.errors import (
    AttemptError,
    CounterfoilError,
    PeerCertificateError,
    PeerIdentityError,
    PeerTimeoutError,
    TransportError,
)
from counterfoil.mpc.transport.base import HEADER_BYTES, Attempt, Kind, Link
from counterfoil.mpc.transport.listen import listen
from counterfoil.mpc.transport.tls_pipe import BUFFER, TlsPipe

_HANDSHAKE_S: Final = 10.0
_RETRY_S: Final = 0.05
#: for how long what still goes on is waited for when a meeting has failed
_LEAVE_S: Final = 5.0
_NOT_BEGUN, _ENDED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A party's name, where it listens, and the DER certificate that it must prove to hold."""

    name: str
    host: str
    port: int
    certificate: bytes

    def __str__(self) -> str:
        return f"{self.name} ({self.host}:{self.port})"


def connect(
    me: int,
    parties: Sequence[Endpoint],
    load_identity: Callable[[ssl.SSLContext], None],
    attempt: Attempt,
    *,
    timeout_s: float = 60.0,
    connect_s: float = 60.0,
    listener: socket.socket | None = None,
) -> dict[int, Link]:
    """Connect to all other parties, each proved by its key, and return the links by index.

    Peers may start later, or still be at another attempt: they are tried again until `connect_s` is over. Strangers
    who connect are turned away and change nothing. `load_identity` puts this party's certificate and key into a
    context. `listener` is a bound socket to take instead of this party's endpoint.

    Raises: PeerIdentityError if what answers for a peer holds another key, or a peer does not accept ours;
        PeerCertificateError if a certificate has ended or is not valid yet;
        AttemptError naming the peers that are there for another job or attempt; PeerTimeoutError naming those that are
        missing; ListenError if nobody can listen at this party's endpoint.
    """
    meeting = _Meeting(me, parties, load_identity, attempt, time.monotonic() + connect_s)
    with listener or listen(Address(parties[me].host, parties[me].port)) as server:
        out, back = meeting.hold(server)
    return {
        peer: Link(TlsPipe(str(parties[peer]), out[peer], back[peer], timeout_s), attempt, me, peer)
        for peer in sorted(out)
    }


@dataclass(slots=True)
class _Meeting:
    """The dialling of all parties by each other until all have met, or time is up, or an identity is wrong."""

    me: int
    parties: Sequence[Endpoint]
    load_identity: Callable[[ssl.SSLContext], None]
    attempt: Attempt
    deadline: float
    out: dict[int, ssl.SSLSocket] = field(default_factory=dict)
    back: dict[int, ssl.SSLSocket] = field(default_factory=dict)
    failed: TransportError | None = None
    strangers: int = 0
    elsewhere: set[int] = field(default_factory=set)
    news: threading.Condition = field(default_factory=threading.Condition)

    def hold(self, server: socket.socket) -> tuple[Mapping[int, ssl.SSLSocket], Mapping[int, ssl.SSLSocket]]:
        server.settimeout(_RETRY_S)
        accepting = threading.Thread(target=self._accept_all, args=(server,), daemon=True)
        dialling = [threading.Thread(target=self._dial, args=(peer,), daemon=True) for peer in self._peers()]
        for thread in (accepting, *dialling):
            thread.start()
        with self.news:
            self.news.wait_for(self._over, max(0.0, self.deadline - time.monotonic()))
            self.deadline = time.monotonic()
            missing = [peer for peer in self._peers() if peer not in self.out or peer not in self.back]
        accepting.join(_LEAVE_S)
        server.close()  # a peer that still waits to be accepted learns at once that nobody does
        for thread in dialling:
            thread.join(max(0.0, self.deadline + _LEAVE_S - time.monotonic()))
        if self.failed or missing:
            for connection in (*self.out.values(), *self.back.values()):
                connection.close()
            raise self.failed or self._missing(missing)
        return self.out, self.back

    def _missing(self, peers: list[int]) -> CounterfoilError:
        if elsewhere := [str(self.parties[peer]) for peer in peers if peer in self.elsewhere]:
            return AttemptError(f"{', '.join(elsewhere)} came for another job or attempt; start all nodes on the same")
        text = f"{', '.join(str(self.parties[peer]) for peer in peers)} did not connect"
        if self.strangers:
            return PeerIdentityError(f"{text}; {self.strangers} connections with keys nobody pinned were turned away")
        return PeerTimeoutError(text)

    def _peers(self) -> list[int]:
        return [index for index in range(len(self.parties)) if index != self.me]

    def _over(self) -> bool:
        return self.failed is not None or len(self.out) == len(self.back) == len(self.parties) - 1

    def _left(self) -> float:
        return self.deadline - time.monotonic()

    def _context(self, protocol: int, *certificates: bytes) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.options |= ssl.OP_NO_TICKET
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        if protocol == ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0
        self.load_identity(context)
        context.load_verify_locations(cadata=b"".join(certificates))
        return context

    def _dial(self, peer: int) -> None:
        context = self._context(ssl.PROTOCOL_TLS_CLIENT, self.parties[peer].certificate)
        while (left := self._left()) > 0 and not self.failed:
            try:
                return self._met(self.out, peer, self._call(peer, context, min(left, _HANDSHAKE_S)))
            except PeerIdentityError as error:
                return self._fail(error)
            except OSError:
                time.sleep(_RETRY_S)  # not there yet, or still at another attempt
        return None

    def _call(self, peer: int, context: ssl.SSLContext, timeout_s: float) -> ssl.SSLSocket:
        end = self.parties[peer]
        raw = socket.create_connection((end.host, end.port), timeout_s)
        with contextlib.ExitStack() as unless_met:
            connection = unless_met.enter_context(_wrap(raw, context, server_side=False))
            try:
                connection.do_handshake()
                if self._who(connection) != peer:
                    raise PeerIdentityError(f"{self.parties[peer]} answers with another party's key")
                connection.sendall(self._greeting(self.me, peer))
                if _read(connection, HEADER_BYTES, timeout_s) != self._greeting(peer, self.me):
                    raise ConnectionRefusedError
            except ssl.SSLCertVerificationError as error:
                raise _distrust(self.parties[peer], error.verify_code) from None
            except ssl.SSLError as error:
                if "certificate expired" in str(error).lower():
                    raise PeerCertificateError(
                        f"{self.parties[peer]} says that this party's certificate has ended; renew it: "
                        f"counterfoil party rotate{_days(self.parties[self.me])}"
                    ) from None
                if "alert" in str(error).lower():
                    raise PeerIdentityError(f"{self.parties[peer]} does not accept this party's certificate") from None
                raise
            unless_met.pop_all()
        return connection

    def _accept_all(self, server: socket.socket) -> None:
        context = self._context(ssl.PROTOCOL_TLS_SERVER, *(self.parties[peer].certificate for peer in self._peers()))
        while self._left() > 0 and not self.failed and len(self.back) < len(self.parties) - 1:
            with contextlib.suppress(TimeoutError):
                raw, _ = server.accept()
                threading.Thread(target=self._welcome, args=(raw, context), daemon=True).start()

    def _welcome(self, raw: socket.socket, context: ssl.SSLContext) -> None:
        raw.settimeout(_HANDSHAKE_S)
        try:
            connection = _wrap(raw, context, server_side=True)
        except OSError:
            return raw.close()  # it has gone before anything was said
        try:
            connection.do_handshake()
            peer = self._who(connection)
            if peer >= 0:
                if _read(connection, HEADER_BYTES, _HANDSHAKE_S) == self._greeting(peer, self.me):
                    connection.sendall(self._greeting(self.me, peer))
                    return self._met(self.back, peer, connection)
                self.elsewhere.add(peer)
        except ssl.SSLCertVerificationError as error:
            # A stranger who shows a pinned certificate that has ended gains nothing: its party cannot be met anyway.
            if error.verify_code in (_NOT_BEGUN, _ENDED) and (late := self._out_of_time()):
                self._fail(late)
            self.strangers += 1
        except OSError:
            pass  # the other end spoke no TLS or has gone
        return _turn_away(connection)

    def _who(self, connection: ssl.SSLSocket) -> int:
        """Return the party whose pinned key the other end proved to hold; -1 if it is nobody's."""
        try:
            shown = tls_pin(connection.getpeercert(binary_form=True) or b"")
        except ValueError:
            return -1
        for peer in self._peers():
            if hmac.compare_digest(shown, tls_pin(self.parties[peer].certificate)):
                return peer
        return -1

    def _out_of_time(self) -> PeerIdentityError | None:
        """Return the error of the first peer whose pinned certificate is not valid now, by this party's clock."""
        now = clock.now()
        for peer in self._peers():
            begins, ends = tls_validity(self.parties[peer].certificate)
            if not begins <= now <= ends:
                return _distrust(self.parties[peer], _NOT_BEGUN if now < begins else _ENDED)
        return None

    def _greeting(self, sender: int, receiver: int) -> bytes:
        return self.attempt.header(Kind.READY, sender, receiver).pack()

    def _met(self, where: dict[int, ssl.SSLSocket], peer: int, connection: ssl.SSLSocket) -> None:
        with self.news:
            where[peer] = connection
            self.news.notify()

    def _fail(self, error: TransportError) -> None:
        with self.news:
            self.failed = error
            self.news.notify()


def _distrust(peer: Endpoint, code: int) -> PeerIdentityError:
    """Explain, by OpenSSL's code, why the certificate that a peer shows is not accepted."""
    if code == _ENDED:
        return PeerCertificateError(
            f"the certificate of {peer} has ended; it must renew it: counterfoil party rotate{_days(peer)}"
        )
    if code == _NOT_BEGUN:
        return PeerCertificateError(
            f"the certificate of {peer} is not valid yet; compare the clocks of both machines{_days(peer)}"
        )
    return PeerIdentityError(f"{peer} answers with a key nobody pinned")


def _days(party: Endpoint) -> str:
    """Describe the validity of the party's certificate, and this machine's time."""
    with contextlib.suppress(ValueError):
        begins, ends = tls_validity(party.certificate)
        return f"; it holds from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}{reckoned()}"
    return reckoned()


def _wrap(raw: socket.socket, context: ssl.SSLContext, *, server_side: bool) -> ssl.SSLSocket:
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    return context.wrap_socket(raw, server_side=server_side, do_handshake_on_connect=False)


def _turn_away(connection: ssl.SSLSocket) -> None:
    """Close so that the other end can still read why: with nothing of it left unread."""
    with contextlib.suppress(OSError), connection:
        connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + 1.0
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(4096):
                break


def _read(connection: ssl.SSLSocket, size: int, timeout_s: float) -> bytes:
    """Receive so many bytes, all of them within that time."""
    data, deadline = b"", time.monotonic() + timeout_s
    while len(data) < size:
        if (left := deadline - time.monotonic()) <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data
