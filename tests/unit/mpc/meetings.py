"""Parties that meet over TLS on free ports, for tests of who they are and of what goes between them."""

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import (
    TransportError,
)
from counterfoil.mpc.transport.base import Attempt
from counterfoil.mpc.transport.tls import Endpoint, connect

ATTEMPT = Attempt(bytes(16), 1)


class Shown:
    """A key of node-1 whose certificate holds for these hours from now, and is signed by itself or by somebody."""

    def __init__(self, folder, starts_h=-1.0, ends_h=1.0, issuer=None, pinned=None):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node-1")])
        now = datetime.now(UTC)
        signer, by = issuer or (key, name)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(by)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(hours=starts_h))
            .not_valid_after(now + timedelta(hours=ends_h))
            .sign(signer, hashes.SHA256())
        )
        shown = self.certificate.public_bytes(Encoding.DER)
        self.public = PublicKeys("node-1", bytes(32), bytes(1216), pinned or shown)
        self._file = folder / "tls.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._file.write_bytes(private + self.certificate.public_bytes(Encoding.PEM))

    def load_tls(self, context):
        context.load_cert_chain(self._file)


class Meeting:
    """Listeners on free ports, and the endpoints that everybody believes in."""

    def __init__(self, identities, n=3):
        self.identities = identities
        self.listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
        self.deaf: list[socket.socket] = []
        self.ends = [
            Endpoint(identity.public.party, "127.0.0.1", listener.getsockname()[1], identity.public.tls)
            for listener, identity in zip(self.listeners, identities, strict=False)
        ]

    def join(self, index, identity=None, ends=None, attempt=ATTEMPT, **limits):
        load = (identity or self.identities[index]).load_tls
        limits = {"timeout_s": 30.0, "connect_s": 30.0, **limits}
        return connect(index, ends or self.ends, load, attempt, listener=self.listeners[index], **limits)


def together(*calls):
    """Results, or the errors, of calls made at once."""

    def outcome(call):
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


@contextlib.contextmanager
def all_met(identities, **limits):
    meeting = Meeting(identities)
    links = together(*(lambda index=index: meeting.join(index, **limits) for index in range(3)))
    yield links
    for own in links:
        for link in own.values():
            link.close()


def drip(write, data, every_s):
    """One byte after the other, until whoever should read them is gone."""
    with contextlib.suppress(OSError, TransportError):
        for place in range(len(data)):
            write(data[place : place + 1])
            threading.Event().wait(every_s)
