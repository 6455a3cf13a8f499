"""Links over TLS: who may be at the other end, and how every failure is named."""

import contextlib
import os
import socket
import ssl
import threading
import time

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import (
    AttemptError,
    ListenError,
    PeerCertificateError,
    PeerIdentityError,
    PeerTimeoutError,
)
from counterfoil.mpc.transport.base import Attempt, Kind
from counterfoil.mpc.transport.tls import connect
from tests.unit.mpc.meetings import ATTEMPT, Meeting, Shown, all_met, drip, together


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    return [PrivateKeys.create(tmp_path_factory.mktemp("keys"), f"node-{index}") for index in range(3)]


@pytest.fixture
def met(identities):
    with all_met(identities) as links:
        yield links


def unreachable(meeting, index):
    """Nobody finds this party where all believe that it listens, so that only its own calls decide what happens."""
    elsewhere = socket.create_server(("127.0.0.1", 0))
    left = meeting.listeners[index].getsockname()
    meeting.listeners[index].close()
    meeting.listeners[index] = elsewhere
    deaf = socket.socket()  # keeps the port from whoever else looks for a free one, and answers nobody
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deaf.bind(left)
    meeting.deaf.append(deaf)


def test_all_meet_and_large_messages_cross(met):
    n = 1 << 20
    sent = {(i, j): np.arange(n, dtype=np.uint64) * np.uint64(i + 3 * j + 1) for i in range(3) for j in range(3)}

    def swap(me):
        for peer, link in met[me].items():
            link.send(Kind.DATA, 1, sent[me, peer])
        return {peer: link.incoming(1, np.empty(n, np.uint64)).finish() for peer, link in met[me].items()}

    for me, got in enumerate(together(*(lambda me=me: swap(me) for me in range(3)))):
        assert all(np.array_equal(got[peer], sent[peer, me]) for peer in got)


def test_links_are_tls_1_3_without_resumption(met):
    pipe = met[0][1].pipe
    for connection in (pipe._out, pipe._back):
        assert connection.version() == "TLSv1.3"
        assert not connection.session_reused
        assert connection.context.verify_mode is ssl.CERT_REQUIRED
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.slow
def test_whoever_calls_with_another_key_is_refused_and_told(identities, tmp_path):
    meeting = Meeting(identities, n=2)
    unreachable(meeting, 1)
    impostor = PrivateKeys.create(tmp_path, "node-1")
    errors = together(lambda: meeting.join(0, connect_s=5.0), lambda: meeting.join(1, identity=impostor))
    assert all(type(error) is PeerIdentityError for error in errors), errors
    assert "did not connect; 1 connections with keys nobody pinned were turned away" in str(errors[0])
    assert str(errors[1]) == f"{meeting.ends[0]} does not accept this party's certificate"


def met_by(meeting, stranger):
    """The error of node-0 if a stranger answers for node-1, who calls nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.load_tls(context)

    def answer():
        raw, _ = meeting.listeners[1].accept()
        with raw, context.wrap_socket(raw, server_side=True) as link:
            link.recv(1)

    return together(lambda: meeting.join(0), answer)[0]


def test_whoever_answers_with_another_key_is_named(identities, tmp_path):
    meeting = Meeting(identities, n=2)
    error = met_by(meeting, PrivateKeys.create(tmp_path, "node-1"))
    assert isinstance(error, PeerIdentityError)
    assert str(error) == f"{meeting.ends[1]} answers with a key nobody pinned"


def test_another_party_of_the_roster_cannot_stand_in(identities):
    meeting = Meeting(identities)
    meeting.listeners[2].close()
    error = met_by(meeting, identities[2])
    assert isinstance(error, PeerIdentityError)
    assert str(error).startswith(f"{meeting.ends[1]} answers with")


CLOCKS = {
    "ended yesterday": (-48, -24, "has ended"),
    "ended an hour ago, or their clock is behind": (-48, -1, "has ended"),
    "valid in an hour, or their clock is ahead": (1 - 5 / 60, 48, "is not valid yet"),
    "valid tomorrow": (24, 48, "is not valid yet"),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_certificate_out_of_its_time_is_refused_by_name(name, identities, tmp_path):
    starts_h, ends_h, words = CLOCKS[name]
    odd = Shown(tmp_path, starts_h, ends_h)
    meeting = Meeting([identities[0], odd], n=2)
    error = met_by(meeting, odd)
    assert isinstance(error, PeerCertificateError), error
    assert f"the certificate of {meeting.ends[1]} {words}" in str(error)


@pytest.mark.parametrize("name", CLOCKS)
def test_it_is_so_refused_too_if_its_party_only_calls_and_its_party_is_told(name, identities, tmp_path):
    starts_h, ends_h, words = CLOCKS[name]
    odd = Shown(tmp_path, starts_h, ends_h)
    meeting = Meeting([identities[0], odd], n=2)
    unreachable(meeting, 1)
    error, told = together(lambda: meeting.join(0), lambda: meeting.join(1, identity=odd))
    assert isinstance(error, PeerCertificateError), error
    assert f"the certificate of {meeting.ends[1]} {words}" in str(error)
    assert isinstance(told, PeerIdentityError), told
    if ends_h < 0:
        assert f"{meeting.ends[0]} says that this party's certificate has ended; renew it" in str(told)


def test_an_hour_is_enough(identities, tmp_path):
    timely = Shown(tmp_path, -1, 1)
    meeting = Meeting([identities[0], timely], n=2)
    for own in together(lambda: meeting.join(0), lambda: meeting.join(1, identity=timely)):
        own[1 if 1 in own else 0].close()


def test_a_certificate_of_an_authority_is_not_a_pinned_one(identities, tmp_path):
    """Whoever signed it: an authority that nobody asked, or the very key that is pinned."""
    authority = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Some Root CA")]),
    )
    pinned = identities[1].public
    file = tmp_path / "tls.pem"
    own = identities[1]._own / "tls.pem"
    issued_by_pinned = load_pem_private_key(own.read_bytes(), None), pinned.certificate.subject
    for issuer in (authority, issued_by_pinned):
        shown = Shown(tmp_path, issuer=issuer, pinned=pinned.tls)
        meeting = Meeting([identities[0], shown], n=2)
        error = met_by(meeting, shown)
        assert type(error) is PeerIdentityError, error
        assert "answers with a key nobody pinned" in str(error)
        errors = together(lambda m=meeting: m.join(0), lambda m=meeting, s=shown: m.join(1, identity=s, connect_s=2.0))
        assert all(isinstance(error, Exception) for error in errors)
        file.unlink()


def test_missing_peers_are_named(identities):
    meeting = Meeting(identities)
    with pytest.raises(PeerTimeoutError) as caught:
        meeting.join(0, connect_s=0.3)
    assert str(caught.value) == f"{meeting.ends[1]}, {meeting.ends[2]} did not connect"


def test_a_port_that_is_taken_is_named(identities):
    meeting = Meeting(identities)
    named = f"cannot listen at .*:{meeting.ends[0].port}: process {os.getpid()} .* holds the port"
    with pytest.raises(ListenError, match=named):
        connect(0, meeting.ends, identities[0].load_tls, ATTEMPT)


@pytest.mark.slow
def test_peers_of_another_attempt_are_not_mistaken(identities):
    meeting = Meeting(identities, n=2)
    errors = together(
        lambda: meeting.join(0, connect_s=5.0), lambda: meeting.join(1, attempt=Attempt(bytes(16), 2), connect_s=5.0)
    )
    for error, other in zip(errors, (1, 0), strict=True):
        assert isinstance(error, AttemptError)
        assert str(error).startswith(f"{meeting.ends[other]} came for another job or attempt")


def test_strangers_change_nothing(identities, tmp_path):
    meeting = Meeting(identities, n=2)
    stranger = PrivateKeys.create(tmp_path, "stranger")

    def disturb():
        for hello in (b"GET / HTTP/1.1\r\n\r\n", b""):
            with socket.create_connection(("127.0.0.1", meeting.ends[0].port)) as raw:
                raw.sendall(hello)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        stranger.load_tls(context)
        raw = socket.create_connection(("127.0.0.1", meeting.ends[0].port))
        try:
            with context.wrap_socket(raw) as connection:
                connection.recv(1)
        except OSError:
            pass

    first = threading.Thread(target=disturb)
    first.start()
    links, _, other = together(lambda: meeting.join(0), disturb, lambda: meeting.join(1))
    first.join()
    for own in (links, other):
        for link in own.values():
            link.close()


def test_a_late_peer_is_waited_for(identities):
    meeting = Meeting(identities, n=2)
    port = meeting.ends[1].port
    meeting.listeners[1].close()

    def late():
        threading.Event().wait(0.5)
        meeting.listeners[1] = socket.create_server(("127.0.0.1", port))
        return meeting.join(1)

    links = together(lambda: meeting.join(0), late)
    for own in links:
        for link in own.values():
            link.close()


def test_peers_that_trickle_their_greetings_hold_up_no_meeting(identities):
    """They prove their keys and then say who they are a byte at a time, when they are called and when they call."""
    meeting = Meeting(identities)

    def answer(peer):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identities[peer].load_tls(context)
        with contextlib.suppress(OSError):
            raw, _ = meeting.listeners[peer].accept()
            with raw, context.wrap_socket(raw, server_side=True) as link:
                drip(link.sendall, ATTEMPT.header(Kind.READY, peer, 0).pack(), 0.4)

    def call(peer):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        identities[peer].load_tls(context)
        with contextlib.suppress(OSError):
            raw = socket.create_connection(("127.0.0.1", meeting.ends[0].port))
            with raw, context.wrap_socket(raw) as link:
                drip(link.sendall, ATTEMPT.header(Kind.READY, peer, 0).pack(), 0.4)

    for peer in (1, 2):
        for act in (answer, call):
            threading.Thread(target=act, args=(peer,), daemon=True).start()
    began = time.monotonic()
    with pytest.raises(PeerTimeoutError, match=r"node-1 .*, node-2 .* did not connect"):
        meeting.join(0, connect_s=1.0)
    assert time.monotonic() - began < 1 + 10
