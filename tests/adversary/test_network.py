"""Bad networks: whatever is late, lost or cut, a run ends right or with a named error, and in time."""

import random
import threading
import time

import numpy as np
import pytest

from counterfoil.errors import CheatingDetected, TransportError
from counterfoil.mpc.local import try_local
from counterfoil.mpc.session import SUITES
from counterfoil.mpc.shares import U64

X = np.arange(50, dtype=U64)
TIMEOUT_S = 0.4


def program(p, x):
    (y,), permutation = p.shuffle([p.multiply(x, x)])
    (z,) = p.unshuffle([y], permutation)
    p.barrier("end")
    return p.open(z, "z")


class Network:
    """Frames are delayed at random; from some frame on, one way loses everything, or cuts a frame, or repeats one."""

    def __init__(self, seed, n):
        self.random = random.Random(seed)
        self.fault = self.random.choice(["none", "loses", "cuts", "repeats"])
        self.way = tuple(self.random.sample(range(n), 2))
        self.after = self.random.randrange(12)
        self.lock = threading.Lock()
        self.frames = 0

    def __call__(self, header, payload):
        time.sleep(self.random.random() * 0.003)
        frame = [header.pack(), payload]
        if (header.sender, header.receiver) != self.way or self.fault == "none":
            return frame
        with self.lock:
            self.frames += 1
        if self.frames <= self.after:
            return frame
        if self.fault == "repeats":
            return frame * 2
        return [] if self.fault == "loses" or self.frames > self.after + 1 else [frame[0], payload[: len(payload) // 2]]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("seed", range(25))
def test_every_run_ends_right_or_by_name(suite, seed):
    network = Network(seed, SUITES[suite].parties)
    started = time.monotonic()
    outcomes = try_local(suite, program, inputs=[X], tamper=network, timeout_s=TIMEOUT_S)
    assert time.monotonic() - started < TIMEOUT_S + 10, seed
    for outcome in outcomes:
        if outcome.error is None:
            assert np.array_equal(outcome.result, X * X), seed
        else:
            assert isinstance(outcome.error, TransportError | CheatingDetected), (seed, outcome.error)
    if network.fault == "none":
        assert all(outcome.error is None for outcome in outcomes), seed
