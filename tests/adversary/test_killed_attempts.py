"""Attempts that are killed and tried again, all of one job: no keystream ever meets a second input."""

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from counterfoil.errors import CounterfoilError
from counterfoil.mpc.ring.shares import U64
from counterfoil.mpc.runtime import prss
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.session.in_process import deal
from counterfoil.mpc.session.session import SUITES, Hello, open_session
from counterfoil.mpc.transport.memory import connect_all
from tests.lib.trials import dice, trials

X = np.arange(12, dtype=U64)
STEPS = 6


class KilledError(Exception):
    """What ends a party in the middle."""


def program(p, x, dies_at):
    """All ways to use a key, in steps; before one of them the party may die."""
    steps = (
        lambda: p.multiply(x, x),
        lambda: p.and_halves(p.split(x, [lambda v: v], range(64)).slices),
        lambda: p.unshuffle(*p.shuffle([x])),
        lambda: p.random_words(5),
        lambda: p.open(x, "x"),
        lambda: p.release(x),
    )
    for place, step in enumerate(steps):
        if place == dies_at:
            raise KilledError
        step()


def attempt(suite, number, rng):
    """One attempt in which a random party dies at a random place, or its network does, or nothing happens."""
    n = SUITES[suite].parties
    victim, dies_at, frames = int(rng.integers(n)), int(rng.integers(STEPS + 1)), int(rng.integers(60))
    cut = rng.random() < 0.3
    sent = defaultdict(int)
    hello = Hello(suite, "0" * 32, number, "", "", "", "", "", "")

    def tamper(header, payload):
        sent[header.sender] += 1
        if cut and header.sender == victim and sent[victim] > frames:
            raise KilledError
        return [header.pack(), payload]

    networks = connect_all(n, hello.name, tamper=tamper, timeout_s=20)
    shares = deal(X, n)

    def party(index):
        threading.current_thread().name = f"{index}/{number}"
        try:
            with open_session(
                networks[index], hello, index, claim=lambda *_: None, declared=[Declared("x", 1, "")]
            ) as session:
                program(session.protocol, shares[index], dies_at if index == victim and not cut else STEPS)
        except (KilledError, CounterfoilError):
            for link in networks[index].values():
                link.pipe.close(0)

    with ThreadPoolExecutor(n) as pool:
        list(pool.map(party, range(n)))


@pytest.mark.slow
@pytest.mark.timeout(14400)
@trials(quick=100, full=5000)
@pytest.mark.parametrize("suite", SUITES)
def test_no_key_and_block_comes_twice(suite, trials, monkeypatch):
    """Every draw by key and operation: in one attempt alone, and there once a holder. Blocks count up within a draw."""
    started = defaultdict(list)
    draw = prss.Keystream.draw

    def noted(self, op, count):
        index, number = threading.current_thread().name.split("/")
        started[self._key, op].append((int(index), int(number)))
        return draw(self, op, count)

    monkeypatch.setattr(prss.Keystream, "draw", noted)
    for seed in trials:
        attempt(suite, seed, dice(seed))
    for (_, op), users in started.items():
        assert len({number for _, number in users}) == 1, f"operation {op}: one key in the attempts {sorted(users)}"
        assert len(set(users)) == len(users), f"operation {op}: a party drew twice, of {sorted(users)}"
    assert len(started) > 10 * len(trials)
