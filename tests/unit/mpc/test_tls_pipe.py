"""What one link carries, and how long it waits: a peer that is gone, silent, stuck or slow is named in time."""

import threading
import time

import numpy as np
import pytest

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import (
    PeerLostError,
    PeerTimeoutError,
)
from counterfoil.mpc.transport.base import Kind, end_all
from tests.unit.mpc.meetings import ATTEMPT, all_met, drip


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    return [PrivateKeys.create(tmp_path_factory.mktemp("keys"), f"node-{index}") for index in range(3)]


@pytest.fixture
def met(identities):
    with all_met(identities) as links:
        yield links


@pytest.fixture
def hasty(identities):
    """All have met, and wait a second for one another."""
    with all_met(identities, timeout_s=1.0) as links:
        yield links


def test_a_peer_that_dies_in_a_message_is_lost(met):
    link = met[1][0]
    link.begin(Kind.DATA, 1, 1000)
    link.push(np.zeros(10, np.uint64))
    link.close()
    with pytest.raises(PeerLostError, match=r"node-1 .* closed its link"):
        met[0][1].incoming(1, np.empty(1000, np.uint64)).finish()


def test_a_silent_peer_times_out(hasty):
    with pytest.raises(PeerTimeoutError, match=r"node-2 .* sent nothing for 1 s"):
        hasty[0][2].incoming(1, np.empty(1, np.uint64)).finish()


def test_a_peer_that_trickles_times_out(identities):
    with all_met(identities, timeout_s=3.0) as links:  # far longer than a slow machine keeps the trickle up
        link, ended = links[0][1], threading.Event()
        link.begin(Kind.DATA, 1, 1000)

        def trickle():
            while not ended.wait(0.05):
                link.push(np.zeros(1, np.uint64))

        trickling = threading.Thread(target=trickle, daemon=True)
        trickling.start()
        with pytest.raises(PeerTimeoutError, match=r"node-0 .* sent \d+ bytes of a frame in 3\S* s"):
            links[1][0].incoming(1, np.empty(1000, np.uint64)).finish()
        ended.set()
        trickling.join()


def test_a_peer_that_trickles_a_byte_now_and_then_gains_no_time(identities):
    """Neither by the header nor by any piece of the rest: the time-out is that of the whole frame."""
    with all_met(identities, timeout_s=3.0) as links:
        frame = ATTEMPT.header(Kind.DATA, 0, 1, 1, 1000, 8).pack() + bytes(8000)
        args, began = (links[0][1].pipe.write, memoryview(frame), 0.05), time.monotonic()
        threading.Thread(target=drip, args=args, daemon=True).start()
        with pytest.raises(PeerTimeoutError, match=r"node-0 .* sent \d+ bytes of a frame in 3\S* s"):
            links[1][0].incoming(1, np.empty(1000, np.uint64)).finish()
        assert time.monotonic() - began < 3 + 10


def test_a_stuck_peer_does_not_hold_up_the_end(hasty):
    hasty[0][1].send(Kind.DATA, 1, np.zeros(1 << 22, np.uint64))
    started = time.monotonic()
    end_all(hasty[0], ValueError("local trouble"), 1)
    assert time.monotonic() - started < 5


def test_a_peer_that_takes_nothing_times_out(hasty):
    link = hasty[0][1]
    with pytest.raises(PeerTimeoutError, match=r"node-1 .* took nothing"):
        for _ in range(400):
            link.send(Kind.DATA, 1, np.zeros(1 << 17, np.uint64))
            threading.Event().wait(0.01)
