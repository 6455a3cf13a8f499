"""Bad networks: whatever is late, lost, cut, repeated or out of order, a run ends right or with a named error, in time.

One seed decides the delays, the fault, where it is and when it begins.
"""

import random
import threading
import time

import numpy as np
import pytest

from counterfoil.errors import CheatingDetected, TransportError
from counterfoil.mpc.local import try_local
from counterfoil.mpc.session import SUITES
from counterfoil.mpc.shares import U64
from tests.trials import trials

X = np.arange(50, dtype=U64)
#: For runs that lose frames, which must wait so long, and for those that may not run into it.
SHORT_S, LONG_S = 0.05, 60.0
MARGIN_S = 10.0


def program(p, x):
    (y,), permutation = p.shuffle([p.multiply(x, x)])
    (z,) = p.unshuffle([y], permutation)
    p.barrier("end")
    return p.open(z, "z")


class Network:
    """Frames are delayed at random; from some frame on, the fault befalls one way, or one party's every way."""

    FAULTS = ("none", "loses", "loses one", "cuts", "repeats", "swaps", "parts")

    def __init__(self, seed, n):
        self.random = random.Random(seed)
        self.fault = self.random.choice(self.FAULTS)
        self.way = tuple(self.random.sample(range(n), 2))
        self.after = self.random.randrange(12)
        self.slow_s = self.random.choice([0, 0.0002, 0.001])
        self.timeout_s = LONG_S if self.fault in ("none", "repeats") else SHORT_S
        self.lock = threading.Lock()
        self.frames = 0
        self.held = b""

    def __call__(self, header, payload):
        if self.slow_s:
            time.sleep(self.random.random() * self.slow_s)
        frame = header.pack() + payload
        if not self._befalls(header):
            return [frame]
        with self.lock:
            self.frames += 1
            faulty = self.frames - self.after
            if faulty <= 0:
                return [frame]
            return self._changed(frame, faulty)

    def _befalls(self, header):
        ends = header.sender, header.receiver
        if self.fault == "parts":  # one party is alone on its side
            return self.way[0] in ends
        return self.fault != "none" and ends == self.way

    def _changed(self, frame, faulty):
        if self.fault == "repeats":
            return [frame, frame]
        if self.fault == "loses one":
            return [frame] if faulty > 1 else []
        if self.fault == "cuts":
            return [frame[: len(frame) // 2]] if faulty == 1 else []
        if self.fault == "swaps":
            self.held, before = (frame, b"") if faulty % 2 else (b"", self.held)
            return [] if faulty % 2 else [frame, before]
        return []


@pytest.mark.timeout(36000)
@trials(quick=60, full=50_000)
@pytest.mark.parametrize("suite", SUITES)
def test_every_run_ends_right_or_by_name(suite, trials):
    for seed in trials:
        network = Network(seed, SUITES[suite].parties)
        where = f"seed {seed}: {network.fault} {network.way} after {network.after}"
        started = time.monotonic()
        outcomes = try_local(suite, program, inputs=[X], tamper=network, timeout_s=network.timeout_s)
        assert time.monotonic() - started < network.timeout_s + MARGIN_S, where
        for outcome in outcomes:
            if outcome.error is None:
                assert np.array_equal(outcome.result, X * X), where
            else:
                assert isinstance(outcome.error, TransportError | CheatingDetected), (where, outcome.error)
        if network.fault == "none":
            assert all(outcome.error is None for outcome in outcomes), where
