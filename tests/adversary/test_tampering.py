"""Whole attempts of rep4, from HELLO to result, in which one message is not what its sender sent.

By kind of message and kind of change: the receiver finds it at the message's own operation, or, where only the echo or
the confirmation can tell, at the step after; and no honest party ends with a wrong result.
"""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import NamedTuple

import numpy as np
import pytest

from counterfoil.errors import AttemptError, CheatingDetected, PeerTimeoutError, TransportError
from counterfoil.mpc.circuits.tables.permute import SHUFFLED
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.session.in_process import deal
from counterfoil.mpc.session.session import Hello, open_session
from counterfoil.mpc.transport.base import Header, Kind
from counterfoil.mpc.transport.memory import connect_all
from tests.adversary.test_rep4 import BITS, CIRCUITS, PRIMITIVES, SUITE, X, program
from tests.lib.trials import dice, trials

HELLO = Hello(SUITE, "0" * 32, 7, "", "", "", "", "", "")
DECLARED = [Declared(label, 9, "") for label in ("result", "x", "b", "pi", SHUFFLED)]
#: Whose results do not depend on chance.
PROGRAMS = [*(name for name, (_, result) in PRIMITIVES.items() if result is not None), *CIRCUITS]
PROGRAMS.remove("noise")
#: Time-outs: a run that must end by one tries a short one first, which a slow machine may miss before the message.
PATIENCE_S = 0.25, 2.0, 60.0


class Message(Enum):
    """Kinds of messages, by the kind of frame and, in the handshake, its step."""

    HELLO = (Kind.READY, 1)
    ECHO = (Kind.READY, 2)
    SEEDS = (Kind.READY, 3)
    CONFIRMATION = (Kind.READY, 4)
    DATA = (Kind.DATA, None)
    DIGEST = (Kind.DIGEST, None)
    BARRIER = (Kind.OK, None)

    def covers(self, header):
        kind, step = self.value
        return header.kind == kind and step in (None, header.op)


class Frame(NamedTuple):
    header: Header
    payload: bytes

    @property
    def raw(self):
        return self.header.pack() + self.payload

    def with_payload(self, payload):
        """The same frame with another payload, and a header that says its length."""
        return Frame(self.header._replace(elements=len(payload) // self.width, payload=len(payload)), payload)

    @property
    def width(self):
        return 8 if self.header.kind == Kind.DATA else 1


def flipped(frame, rng):
    payload = bytearray(frame.payload)
    payload[int(rng.integers(len(payload)))] ^= 1 << int(rng.integers(8))
    return Frame(frame.header, bytes(payload))


def other_party(frame, rng):
    field = str(rng.choice(["sender", "receiver"]))
    return Frame(
        frame.header._replace(**{field: (getattr(frame.header, field) + int(rng.integers(1, 4))) % 4}), frame.payload
    )


#: What arrives for a frame: (the frame, random numbers, the frames before it on its way).
CHANGES = {
    "bit flipped": lambda frame, rng, before: flipped(frame, rng).raw,
    "old attempt": lambda frame, rng, before: Frame(frame.header._replace(attempt=6), frame.payload).raw,
    "other job": lambda frame, rng, before: Frame(frame.header._replace(job=bytes(15) + b"1"), frame.payload).raw,
    "replayed": lambda frame, rng, before: (before or [Frame(frame.header._replace(attempt=6), frame.payload)])[-1].raw,
    "truncated": lambda frame, rng, before: frame.with_payload(frame.payload[: -frame.width]).raw,
    "extended": lambda frame, rng, before: frame.with_payload(frame.payload + bytes(frame.width)).raw,
    "wrong operation": lambda frame, rng, before: Frame(
        frame.header._replace(op=frame.header.op + int(rng.integers(1, 5))), frame.payload
    ).raw,
    "wrong party": lambda frame, rng, before: other_party(frame, rng).raw,
    "equivocated": lambda frame, rng, before: Frame(
        frame.header, bytes(np.frombuffer(frame.payload, np.uint8) ^ rng.integers(0, 256, len(frame.payload), np.uint8))
    ).raw,
    "swapped": None,
    "silence": lambda frame, rng, before: b"",
}  # fmt: skip


class Tamper:
    """Passes everything on but the victim, the frame with this place among those of its kind on its way."""

    def __init__(self, message, change, rng, way, place):
        self.message, self.change, self.rng, self.way, self.place = message, change, rng, way, place
        self.before, self.seen, self.victim, self.held = [], 0, None, b""

    def __call__(self, header, payload):
        frame = Frame(header, payload)
        if (header.sender, header.receiver) != self.way:
            return [frame.raw]
        if self.held:
            held, self.held = self.held, b""
            return [frame.raw, held]
        if self.message.covers(header):
            self.seen += 1
            if self.seen == self.place + 1:
                return self._changed(frame)
        self.before.append(frame)
        return [frame.raw]

    def _changed(self, frame):
        self.victim = frame.header
        if self.change == "swapped":
            self.held = frame.raw
            return []
        return [CHANGES[self.change](frame, self.rng, self.before)]


def run(name, tamper, timeout_s=PATIENCE_S[-1]):
    """Result or error of every party."""
    networks = connect_all(4, HELLO.name, tamper=tamper, timeout_s=timeout_s)
    shares = list(zip(deal(X, 4), deal(BITS, 4), strict=True))

    def party(index):
        try:
            with open_session(networks[index], HELLO, index, claim=lambda *_: None, declared=DECLARED) as session:
                return program(name, session.protocol, *shares[index])
        except Exception as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(party, range(4)))


@pytest.fixture(scope="module")
def honest():
    """By program: the frames of an honest run by way, and its result."""
    found = {}
    for name in PROGRAMS:
        frames = defaultdict(list)

        def note(header, payload, frames=frames):
            frames[header.sender, header.receiver].append(header)
            return [header.pack(), payload]

        found[name] = frames, run(name, note)
        assert not any(isinstance(result, Exception) for result in found[name][1]), found[name][1]
    return found


@pytest.mark.slow
@pytest.mark.timeout(7200)
@trials(quick=3, full=1000)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("message", Message, ids=lambda message: message.name.lower())
def test_a_changed_message_is_found_and_nothing_is_wrong(honest, message, change, trials):
    for seed in trials:
        rng = dice(seed)
        name = str(rng.choice(PROGRAMS))
        frames, results = honest[name]
        ways = [
            (way, place)
            for way, sent in frames.items()
            for place, at in enumerate([k for k, header in enumerate(sent) if message.covers(header)])
            if change != "swapped" or at + 1 < len(sent)
        ]
        way, place = ways[int(rng.integers(len(ways)))]
        for timeout_s in PATIENCE_S if change in ("silence", "swapped") else PATIENCE_S[-1:]:
            tamper = Tamper(message, change, rng, way, place)
            came = run(name, tamper, timeout_s)
            if tamper.victim is not None:
                break
        errors = [str(result) if isinstance(result, Exception) else "a result" for result in came]
        where = f"seed {seed}: {name}, message {place} from {way[0]} to {way[1]}: {errors}"
        receiver = came[way[1]]
        assert tamper.victim is not None, where
        if change == "silence":
            assert isinstance(receiver, PeerTimeoutError | TransportError | CheatingDetected), where
        elif message is Message.HELLO:
            assert isinstance(receiver, AttemptError | CheatingDetected | TransportError), where
        else:
            assert isinstance(receiver, CheatingDetected | TransportError), where
        if message in (Message.DATA, Message.DIGEST, Message.BARRIER) and change not in ("silence", "swapped"):
            assert f"operation {tamper.victim.op} " in str(receiver), where
        for result, right in zip(came, results, strict=True):
            if isinstance(result, Exception):
                assert isinstance(result, AttemptError | CheatingDetected | TransportError), where
            else:
                assert np.array_equal(result, right), where
