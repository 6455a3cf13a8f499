"""Bad networks: whatever is late, lost, cut, repeated or out of order, a run ends right or with a named error, in time.

Network and clock are simulated: one seed decides the delays, the fault, where it is and when it begins, and gives the
same run every time.
"""

import random
from collections import defaultdict

import numpy as np
import pytest

from counterfoil.errors import CheatingDetected, PeerLostError, PeerTimeoutError, TransportError
from counterfoil.mpc.ring.shares import U64
from counterfoil.mpc.session.in_process import try_local
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.transport.simulate import END, Simulation, steady
from tests.lib.trials import trials

X = np.arange(50, dtype=U64)
TIMEOUT_S, MARGIN_S = 60.0, 10.0


def program(p, x):
    (y,), permutation = p.shuffle([p.multiply(x, x)])
    (z,) = p.unshuffle([y], permutation)
    p.barrier("end")
    return p.open(z, "z")


class Weather:
    """Frames are delayed at random; from some frame on, a fault befalls one way, or one party's every way."""

    FAULTS = (
        "none", "loses", "loses one", "half open", "cuts", "repeats", "swaps", "parts", "parts and heals", "trickles",
        "is late",
    )  # fmt: skip

    def __init__(self, seed, n):
        chosen = random.Random(seed)
        self.fault = chosen.choice(self.FAULTS)
        self.way = tuple(chosen.sample(range(n), 2))
        self.after, self.begins_s = chosen.randrange(12), chosen.random() * 0.3
        self.lasts_s = chosen.choice([0.5, 5, 500])
        self.slow_s = chosen.choice([0, 0.001, 0.03])
        self.late_s = chosen.choice([TIMEOUT_S * 0.9, TIMEOUT_S * 1.1])
        self.dice = defaultdict(lambda: None) | {
            (i, j): random.Random(f"{seed} {i} {j}") for i in range(n) for j in range(n)
        }
        self.frames, self.held = 0, []

    def __call__(self, sender, receiver, time, frame):
        usual = [(self.dice[sender, receiver].random() * self.slow_s, frame)]
        if self.fault in ("parts", "parts and heals"):  # one party is alone on its side, for a while
            if self.way[0] not in (sender, receiver) or not 0 <= time - self.begins_s < self.lasts_s:
                return usual
            return [(self.begins_s + self.lasts_s - time, frame)] if self.fault == "parts and heals" else []
        if self.fault == "none" or (sender, receiver) != self.way:
            return usual
        self.frames += 1
        faulty = self.frames - self.after
        return usual if faulty <= 0 else self._changed(usual, frame, faulty)

    def _changed(self, usual, frame, faulty):
        if frame == END:
            return [] if self.fault in ("loses", "half open") else [*self.held, *usual]
        if self.fault == "repeats":
            return usual * 2
        if self.fault == "loses one":
            return usual if faulty > 1 else []
        if self.fault == "cuts":
            return [(0, frame[: len(frame) // 2])] if faulty == 1 else []
        if self.fault == "swaps":
            self.held, before = ([], self.held) if self.held else (usual, [])
            return [*usual, *before] if not self.held else []
        if self.fault == "trickles":
            return [(2.0 * place, frame[place : place + 1]) for place in range(len(frame))]
        if self.fault == "is late":
            return [(self.late_s, frame)] if faulty == 1 else usual
        return []


def run(suite, seed):
    """How it ended at each party, and when."""
    network = Simulation(SUITES[suite].parties, Weather(seed, SUITES[suite].parties), TIMEOUT_S)
    return try_local(suite, program, inputs=[X], network=network, seed=b"the same in every run of a seed."), network


@pytest.mark.timeout(36000)
@trials(quick=150, full=50_000)
@pytest.mark.parametrize("suite", SUITES)
def test_every_run_ends_right_or_by_name(suite, trials):
    for seed in trials:
        weather = Weather(seed, SUITES[suite].parties)
        outcomes, network = run(suite, seed)
        where = f"seed {seed}: {weather.fault} {weather.way} after {weather.after}, {weather.begins_s:.2f} s"
        assert max(network.clocks) <= TIMEOUT_S + MARGIN_S, where
        for outcome in outcomes:
            if outcome.error is None:
                assert np.array_equal(outcome.result, X * X), where
            else:
                assert isinstance(outcome.error, TransportError | CheatingDetected), (where, outcome.error)
        if weather.fault == "none":
            assert all(outcome.error is None for outcome in outcomes), where


@pytest.mark.parametrize("suite", SUITES)
def test_a_seed_gives_the_same_run_again(suite):
    def seen(seed):
        outcomes, network = run(suite, seed)
        return [(str(o.error), o.record.events) for o in outcomes], network.clocks

    ended = [seen(seed) for seed in range(40)]
    assert ended == [seen(seed) for seed in range(40)]
    assert {Weather(seed, 3).fault for seed in range(40)} == set(Weather.FAULTS)
    assert len({str(each) for each in ended}) > 20


def test_a_long_way_costs_half_a_round_trip_a_round():
    network = Simulation(3, steady(0.025))
    outcomes = try_local("rep3-sh/1", lambda p, x: p.open(p.multiply(x, x), "x"), inputs=[X], network=network)
    assert all(outcome.error is None for outcome in outcomes)
    assert network.clocks == [0.05] * 3


@pytest.mark.parametrize(("late_s", "error"), [(59.0, None), (61.0, PeerTimeoutError)])
def test_time_is_up_at_the_time_out_and_nobody_really_waits(late_s, error):
    def fate(sender, receiver, time, frame):
        return [(late_s if (sender, receiver) == (0, 2) else 0.0, frame)]

    network = Simulation(3, fate, TIMEOUT_S)
    outcomes = try_local("rep3-sh/1", lambda p, x: p.open(x, "x"), inputs=[X], network=network)
    failed = [outcome.error for outcome in outcomes if outcome.error]
    assert (not failed) if error is None else any(isinstance(each, error) for each in failed)
    assert max(network.clocks) == min(late_s, TIMEOUT_S)


def test_a_party_that_leaves_is_missed_and_not_waited_for():
    def leaves(p, x):
        if p.party.index == 1:
            raise ValueError
        return p.open(x, "x")

    network = Simulation(3, steady(1.0), TIMEOUT_S)
    outcomes = try_local("rep3-sh/1", leaves, inputs=[X], network=network)
    assert [type(outcome.error) for outcome in outcomes] == [PeerLostError, ValueError, PeerLostError]
    assert max(network.clocks) < 5
