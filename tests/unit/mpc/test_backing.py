"""What backs a message up: one digest for the same words however they are cut, another one for anything else."""

import gc
import weakref

import numpy as np
import pytest

from counterfoil.mpc.runtime.barrier import Backing
from counterfoil.mpc.session.in_process import try_local
from counterfoil.mpc.suites.rep4 import joint
from counterfoil.mpc.transport.base import Attempt

ATTEMPT = Attempt(b"j" * 16, 3)
WORDS = np.random.default_rng(1).integers(0, 1 << 63, 5000, dtype=np.uint64)
NAMED = {"key": b"k" * 32, "attempt": ATTEMPT, "op": 9, "s": 0, "t": 1, "g": 2, "count": 5000}


def digest(words=WORDS, cuts=(), **changes):
    backing = Backing(**{**NAMED, **changes})
    for piece in np.split(words, cuts):
        backing.update(piece)
    return backing.digest()


def test_pieces_do_not_matter_and_everything_else_does():
    flipped = WORDS.copy()
    flipped[-1] ^= np.uint64(1)
    assert digest() == digest(cuts=[1, 77, 4096])
    others = [
        digest(flipped), digest(WORDS[:-1]), digest(key=b"l" * 32), digest(op=10), digest(s=3), digest(t=3),
        digest(g=3), digest(count=4999), digest(attempt=Attempt(b"j" * 16, 4)), digest(attempt=Attempt(b"k" * 16, 3)),
    ]  # fmt: skip
    assert len({digest(), *others}) == 1 + len(others)


@pytest.mark.parametrize("s", range(4))
def test_the_sender_does_not_have_the_key(s):
    """The key of a message from s is that of the group that s alone is not in."""
    outcomes = try_local("rep4-mal/1", lambda p: {j: keys.check for j, keys in p.party.keys.items()})
    held = [outcome.result for outcome in outcomes]
    assert s not in held[s]
    assert len({held[party][s] for party in range(4) if party != s}) == 1
    assert len({key for keys in held for key in keys.values()}) == 5, "every group has its own"


def test_a_message_is_freed_without_the_collector(monkeypatch):
    """Words of past messages would otherwise fill the memory until it runs."""
    alive = []

    class Watched(joint.Joint):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            alive.append(weakref.ref(self))

    monkeypatch.setattr(joint, "Joint", Watched)
    gc.collect()
    gc.disable()
    try:
        outcomes = try_local("rep4-mal/1", lambda p, x: p.multiply(x, x), inputs=[np.arange(9)])
        assert [outcome.error for outcome in outcomes] == [None] * 4
        assert len(alive) == 24
        assert not [message for message in alive if message() is not None]
    finally:
        gc.enable()
