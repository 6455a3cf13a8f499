"""Frames: nothing but exactly the expected header is believed, and nothing is taken before that."""

import numpy as np
import pytest

from counterfoil.errors import AttemptError, CheatingDetected, PeerLostError, PeerTimeoutError
from counterfoil.mpc.transport.base import HEADER_BYTES, Attempt, Header, Kind, end_all
from counterfoil.mpc.transport.memory import connect_all
from counterfoil.mpc.transport.record import Record

ATTEMPT = Attempt(bytes(range(16)), 7)
WORDS = np.arange(5, dtype=np.uint64)


def pair(tamper=None, timeout_s=0.05):
    links = connect_all(2, ATTEMPT, timeout_s=timeout_s, tamper=tamper)
    return links[0][1], links[1][0]


def test_header_vector():
    header = ATTEMPT.header(Kind.DATA, 1, 2, 9, 5, 8).pack()
    assert header.hex() == (
        "43464d50" "0100" "01" "01" "02" "02" "000102030405060708090a0b0c0d0e0f" "07000000"
        "0900000000000000" "0500000000000000" "2800000000000000"
    )  # fmt: skip
    assert len(header) == HEADER_BYTES


def test_words_and_bytes_arrive_and_are_metered():
    a, b = pair()
    out = np.empty(5, np.uint64)
    a.send(Kind.DATA, 1, WORDS)
    a.send_bytes(Kind.DIGEST, 1, b"x" * 32)
    b.incoming(1, out).finish()
    assert np.array_equal(out, WORDS)
    assert b.receive_bytes(Kind.DIGEST, 1, exactly=32) == b"x" * 32
    assert (a.traffic.data_sent, a.traffic.control_sent, a.traffic.header_bytes_sent) == (40, 32, 2 * HEADER_BYTES)
    assert (b.traffic.data_received, b.traffic.control_received, b.traffic.messages_received) == (40, 32, 2)


def test_pieces_make_one_frame():
    a, b = pair()
    a.begin(Kind.DATA, 1, 5)
    a.push(WORDS[:2])
    a.push(WORDS[2:])
    incoming = b.incoming(1, np.empty(5, np.uint64))
    incoming.upto(3)
    assert np.array_equal(incoming.finish(), WORDS)


FIELDS = {
    "magic": b"HTTP", "version": 2, "kind": Kind.DIGEST, "sender": 3, "receiver": 0, "dtype": 1, "job": bytes(16),
    "attempt": 6, "op": 2, "elements": 1 << 60, "payload": 41,
}  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_checked(field):
    def tamper(header, payload):
        return [header._replace(**{field: FIELDS[field]}).pack(), payload]

    a, b = pair(tamper)
    a.send(Kind.DATA, 1, WORDS)
    out = np.zeros(5, np.uint64)
    with pytest.raises(CheatingDetected, match=f"party 0 sent a frame with another {field}"):
        b.incoming(1, out).finish()
    assert not out.any()


def test_open_lengths_are_bounded():
    a, b = pair()
    a.send_bytes(Kind.READY, 1, b"x" * 100)
    with pytest.raises(CheatingDetected, match="elements, payload"):
        b.receive_bytes(Kind.READY, 1, at_most=99)


def test_silence_a_cut_and_an_end_have_their_own_errors():
    _, b = pair(lambda header, payload: [])
    with pytest.raises(PeerTimeoutError, match=r"party 0 sent nothing for 0\.05 s"):
        b.incoming(1, np.empty(5, np.uint64)).finish()

    a, b = pair(lambda header, payload: [header.pack(), payload[:10]])
    a.send(Kind.DATA, 1, WORDS)
    a.close()
    with pytest.raises(PeerLostError, match="party 0 closed its link"):
        b.incoming(1, np.empty(5, np.uint64)).finish()


@pytest.mark.parametrize(
    ("error", "seen", "text"),
    [(OSError(), PeerLostError, "gave up at operation 4"), (CheatingDetected(), CheatingDetected, "a check failed")],
)
def test_peers_are_told_of_the_end(error, seen, text):
    links = connect_all(2, ATTEMPT, timeout_s=1)
    end_all(links[0], error, 4)
    with pytest.raises(seen, match=text):
        links[1][0].incoming(9, np.empty(5, np.uint64)).finish()


def test_the_end_is_not_mistaken_for_the_rest_of_a_frame():
    links = connect_all(2, ATTEMPT, timeout_s=1)
    links[0][1].begin(Kind.DATA, 1, 5)
    links[0][1].push(WORDS[:1])
    end_all(links[0], CheatingDetected(), 1)
    with pytest.raises(PeerLostError, match="closed its link"):
        links[1][0].incoming(1, np.empty(5, np.uint64)).finish()


def test_a_record_notes_frames_and_no_content():
    a, b = pair()
    record = Record()
    record.watch(a)
    record.watch(b)
    a.send(Kind.DATA, 1, WORDS)
    b.incoming(1, np.empty(5, np.uint64)).finish()
    assert record.events == [("send", Kind.DATA, 1, 40, 1), ("receive", Kind.DATA, 1, 40, 0)]


@pytest.mark.parametrize(("job", "number"), [(bytes(15), 1), (bytes(17), 1), (bytes(16), -1), (bytes(16), 1 << 32)])
def test_an_attempt_that_does_not_fit_a_header_is_refused(job, number):
    with pytest.raises(AttemptError):
        Attempt(job, number)


def test_header_roundtrip():
    header = ATTEMPT.header(Kind.OK, 0, 2, 1 << 40, 3)
    assert Header.unpack(header.pack()) == header
