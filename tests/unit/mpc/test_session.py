"""The start of an attempt: one meaning, one transcript, one set of keys, or nothing at all."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from counterfoil.errors import AttemptError, CheatingDetected, IntegrityError, PeerLostError, ReplayError, SealError
from counterfoil.mpc.circuits.core.noise import discrete_gaussian
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.runtime.noise_keys import FOR_ONE_ATTEMPT, Keeping, Noise
from counterfoil.mpc.runtime.party import COMMON
from counterfoil.mpc.session.in_process import deal, reveal
from counterfoil.mpc.session.session import SUITES, Hello, Sealing, open_session
from counterfoil.mpc.suites.plain import Plain
from counterfoil.mpc.suites.replicated import components
from counterfoil.mpc.transport.memory import connect_all

HELLO = Hello(
    suite="rep3-sh/1", job="0123456789abcdef" * 2, attempt=3, roster="r" * 64, program="p" * 64, contracts="c" * 64,
    inputs="i" * 64, params="", versions="s" * 64,
)  # fmt: skip


def fresh(job, attempt):
    """No earlier attempt."""


def start(hellos, *, tamper=None, claim=fresh, sealing=lambda index: None, keeping=lambda index: FOR_ONE_ATTEMPT):
    """The sessions, or errors, of all parties."""
    n = len(hellos)
    links = connect_all(n, hellos[0].name, tamper=tamper, timeout_s=5)

    def one(index):
        try:
            return open_session(
                links[index], hellos[index], index, claim=claim, declared=[Declared("x", 1, "")],
                sealing=sealing(index), keeping=keeping(index),
            )  # fmt: skip
        except Exception as error:
            return error

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(one, range(n)))


@pytest.mark.parametrize("suite", SUITES)
def test_groups_share_keys_that_others_do_not_have(suite):
    n = SUITES[suite].parties
    sessions = start([replace(HELLO, suite=suite)] * n)
    assert len({session.transcript for session in sessions}) == 1
    parties = [session.protocol.party for session in sessions]
    for index, party in enumerate(parties):
        assert set(party.keys) == {*components(n, index), COMMON}
    drawn = {}
    for group in (*range(n), COMMON):
        for purpose in ("mask", "rand"):
            streams = [getattr(party.keys[group], purpose) for party in parties if group in party.keys]
            (drawn[group, purpose],) = {stream.words(1, 4).tobytes() for stream in streams}
    assert len(set(drawn.values())) == len(drawn)
    again = start([replace(HELLO, suite=suite)] * n)
    assert again[0].transcript != sessions[0].transcript
    assert again[0].protocol.party.keys[COMMON].mask.words(1, 4).tobytes() not in drawn.values()


def test_a_session_computes_opens_and_meters():
    sessions = start([HELLO] * 3)
    x = deal(np.arange(10), 3)

    def run(index):
        with sessions[index] as session:
            opened = session.protocol.open(session.protocol.multiply(x[index], x[index]), "x")
            return opened, session.meter, len(session.ledger.opened)

    with ThreadPoolExecutor(3) as pool:
        for opened, meter, openings in pool.map(run, range(3)):
            assert np.array_equal(opened, np.arange(10) ** 2)
            assert (meter.rounds, meter.data_bytes, openings) == (2, 160, 1)
            assert meter.seconds > 0


def test_an_error_inside_a_session_ends_it_for_all():
    sessions = start([HELLO] * 3)
    x = deal(np.arange(10), 3)

    def run(index):
        try:
            with sessions[index] as session:
                if index == 1:
                    raise ValueError("out of memory")
                session.protocol.open(x[index], "x")
        except Exception as error:
            return error

    with ThreadPoolExecutor(3) as pool:
        errors = list(pool.map(run, range(3)))
    assert [type(error) for error in errors] == [PeerLostError, ValueError, PeerLostError]


FIELDS = ["roster", "program", "contracts", "inputs", "params", "versions"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_party_that_means_something_else_stops_everybody(field):
    errors = start([HELLO, HELLO, replace(HELLO, **{field: "other"})])
    assert all(isinstance(error, AttemptError | PeerLostError) for error in errors)
    assert any(f"another {field}" in str(error) for error in errors)


def test_an_attempt_that_is_not_newer_sends_nothing():
    sent = []

    def stale(job, attempt):
        assert (job, attempt) == (HELLO.job, 3)
        raise ReplayError("attempt 3 after attempt 5")

    def withheld(*frame):
        sent.append(frame)
        return []

    errors = start([HELLO] * 3, claim=stale, tamper=withheld)
    assert all(isinstance(error, ReplayError) for error in errors)
    assert not sent


def test_an_unknown_suite_or_a_wrong_number_of_parties_is_refused():
    assert all(isinstance(error, AttemptError) for error in start([replace(HELLO, suite="rep3-sh/0")] * 3))
    assert all(isinstance(error, AttemptError) for error in start([HELLO] * 4))


@pytest.mark.parametrize(("step", "what"), [(2, "hello"), (4, "key confirmation")])
@pytest.mark.parametrize("sender", range(3))
def test_a_changed_echo_or_confirmation_is_found(step, what, sender):
    def tamper(header, payload):
        if (header.op, header.sender, header.receiver) == (step, sender, (sender + 1) % 3):
            payload = bytes([payload[0] ^ 1]) + payload[1:]
        return [header.pack(), payload]

    errors = start([HELLO] * 3, tamper=tamper)
    assert isinstance(errors[(sender + 1) % 3], CheatingDetected)
    assert f"{what} at party {(sender + 1) % 3}: party {sender} has another one" in str(errors[(sender + 1) % 3])


def test_different_hellos_to_two_parties_are_found():
    """Party 0 shows party 1 another nonce than party 2: both HELLOs are well-formed, only the echo tells."""

    def tamper(header, payload):
        if (header.op, header.sender, header.receiver) == (1, 0, 1):
            payload = HELLO.pack(bytes(32))
        return [header.pack(), payload]

    errors = start([HELLO] * 3, tamper=tamper)
    assert all(isinstance(error, CheatingDetected) for error in errors)


@pytest.mark.parametrize("suite", SUITES)
def test_a_contribution_that_differs_between_members_is_found(suite):
    """One bit of what party 0 sends party 1 for the common key: all others confirm another key than party 1."""
    n = SUITES[suite].parties

    def tamper(header, payload):
        if (header.op, header.sender, header.receiver) == (3, 0, 1):
            payload = payload[:-1] + bytes([payload[-1] ^ 1])
        return [header.pack(), payload]

    errors = start([replace(HELLO, suite=suite)] * n, tamper=tamper)
    assert all(isinstance(error, CheatingDetected) for error in errors)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"nonce": 1}', b"7", b"x" * 20000, b'{"nonce": "00"}', HELLO.pack(bytes(31))]
)
def test_a_hello_that_is_none_is_refused(raw):
    def tamper(header, payload):
        if (header.op, header.sender, header.receiver) == (1, 0, 1):
            return [header._replace(elements=len(raw), payload=len(raw)).pack(), raw]
        return [header.pack(), payload]

    assert isinstance(start([HELLO] * 3, tamper=tamper)[1], AttemptError | CheatingDetected)


SAID = replace(HELLO, software="a" * 64)


@pytest.mark.parametrize(
    "raw",
    [
        SAID.pack(bytes(32)).replace(b'"kept":[]', b'"kept":["\\ud800"]'),
        SAID.pack(bytes(32)).replace(b'"kept":[]', b'"kept":[1e400]'),
        SAID.pack(bytes(32)).replace(b'"software":"' + b"a" * 64, b'"software":"'),
    ],
    ids=["half a character", "no number", "no software"],
)
def test_a_hello_that_no_log_could_record_is_refused(raw):
    def tamper(header, payload):
        if (header.op, header.sender, header.receiver) == (1, 0, 1):
            return [header._replace(elements=len(raw), payload=len(raw)).pack(), raw]
        return [header.pack(), payload]

    error = start([SAID] * 3, tamper=tamper)[1]
    assert isinstance(error, AttemptError) and "party 0" in str(error)


def test_seeds_travel_sealed_when_asked():
    seen = []

    def sealing(index):
        def seal(peer, plaintext, info):
            return bytes([peer]) + info[-1:] + bytes(byte ^ 0x55 for byte in plaintext)

        def unseal(sealed, info):
            if sealed[0] != index or sealed[1:2] != info[-1:]:
                raise SealError("for somebody else")
            return bytes(byte ^ 0x55 for byte in sealed[2:])

        return Sealing(seal, unseal)

    def watch(header, payload):
        if header.op == 3:
            seen.append(payload)
        return [header.pack(), payload]

    sessions = start([HELLO] * 3, sealing=sealing, tamper=watch)
    assert len({session.transcript for session in sessions}) == 1
    assert len(seen) == 6
    assert all(len(payload) % 32 == 2 for payload in seen)


# --- noise keys: of the job, not of the attempt ------------------------------------------------------------------


class Shelf:
    """What a party keeps of a job. `lives` is how often it may still be asked to keep before the party dies."""

    def __init__(self):
        self.kept, self.lives = None, 1000

    def keep(self, material):
        if not self.lives:
            raise OSError("the party died")
        self.lives -= 1
        self.kept = material

    @property
    def keeping(self):
        return Keeping(lambda: self.kept, self.keep)


def attempt(shelves, number, **changes):
    """One attempt of the job whose keys are on these shelves."""
    suite = {3: "rep3-sh/1", 4: "rep4-mal/1"}[len(shelves)]
    return start(
        [replace(HELLO, suite=suite, attempt=number, **changes)] * len(shelves),
        keeping=lambda index: shelves[index].keeping,
    )


def noise_of(sessions, output="sums"):
    return reveal([session.protocol.noise_bits(output, 3, 70) for session in sessions]).tobytes()


def masks_of(sessions):
    return reveal([session.protocol.random_bits(3, 70) for session in sessions]).tobytes()


@pytest.mark.parametrize("n", [3, 4])
def test_noise_is_the_same_in_a_retry_and_other_for_anything_else(n):
    shelves = [Shelf() for _ in range(n)]
    first, again = attempt(shelves, 3), attempt(shelves, 4)
    assert masks_of(first) != masks_of(again), "everything else is new"
    seen = [noise_of(first)]
    assert noise_of(again) == seen[0]
    seen += [
        noise_of(again, "means"),
        noise_of(attempt(shelves, 5, program="q" * 64)),
        noise_of(attempt(shelves, 6, inputs="j" * 64)),
        noise_of(attempt([Shelf() for _ in range(n)], 3)),
    ]
    assert len(set(seen)) == len(seen)
    assert noise_of(attempt(shelves, 7, params="other", versions="t" * 64)) == seen[0]


@pytest.mark.parametrize("n", [3, 4])
def test_noise_is_drawn_once_and_nobody_has_all_its_keys(n):
    sessions = attempt([Shelf() for _ in range(n)], 3)
    noise_of(sessions)
    for index, session in enumerate(sessions):
        with pytest.raises(IntegrityError, match="noise of 'sums' was drawn before"):
            session.protocol.noise_bits("sums", 1)
        assert set(session.protocol.party.noise) == set(components(n, index))


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize(("dies", "lives"), [(0, 0), (1, 0), (1, 1)])
def test_a_party_that_dies_while_it_keeps_the_keys_does_not_end_the_job(n, dies, lives):
    """Nobody computed in that attempt, so the next one may agree anew, or goes on with what all have."""
    shelves = [Shelf() for _ in range(n)]
    shelves[dies].lives = lives
    assert isinstance(attempt(shelves, 3)[dies], OSError)
    shelves[dies].lives = 1000
    second = attempt(shelves, 4)
    assert noise_of(second) == noise_of(attempt(shelves, 5))


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("loser", [0, 2])
def test_a_party_that_lost_the_keys_ends_the_job_for_all(n, loser):
    """Otherwise it could have new noise made after it saw a result."""
    shelves = [Shelf() for _ in range(n)]
    attempt(shelves, 3)
    shelves[loser].kept = None
    before = [shelf.kept for shelf in shelves]
    errors = attempt(shelves, 4)
    assert f"party {loser} no longer has the noise keys" in str(errors[(loser + 1) % n])
    assert all(isinstance(error, AttemptError | PeerLostError | CheatingDetected) for error in errors)
    assert [shelf.kept for place, shelf in enumerate(shelves) if place != loser] == before[:loser] + before[loser + 1 :]


@pytest.mark.parametrize("n", [3, 4])
def test_keys_that_differ_between_holders_are_found(n):
    shelves = [Shelf() for _ in range(n)]
    attempt(shelves, 3)
    shelves[1].kept = shelves[1].kept[:-1] + bytes([shelves[1].kept[-1] ^ 1])
    errors = attempt(shelves, 4)
    holders = errors[1:3]
    assert all(isinstance(error, CheatingDetected | PeerLostError) for error in holders)
    assert any("key confirmation" in str(error) for error in holders)


def test_keys_of_another_length_are_refused():
    shelves = [Shelf() for _ in range(3)]
    shelves[0].kept = bytes(40)
    assert "noise keys of 40 bytes" in str(attempt(shelves, 3)[0])


def test_plain_noise_is_a_function_of_key_computation_and_output():
    def drawn(key=bytes(32), computation="p", output="sums"):
        return Plain(noise=Noise(key, computation.encode())).noise_bits(output, 3, 70).parts[0].tobytes()

    assert drawn() == drawn()
    assert len({drawn(), drawn(output="means"), drawn(computation="q"), drawn(key=bytes(31) + b"1")}) == 4
    assert Plain().noise_bits("sums", 70).parts[0].tobytes() != Plain().noise_bits("sums", 70).parts[0].tobytes()


@pytest.mark.parametrize("n", [3, 4])
def test_samples_of_a_retry_are_the_same(n):
    """Through the circuit: masks differ, the sampled noise does not."""
    shelves = [Shelf() for _ in range(n)]

    def sampled(sessions):
        with ThreadPoolExecutor(n) as pool:
            return reveal(list(pool.map(lambda s: discrete_gaussian(s.protocol, "sums", 40, 3), sessions))).tobytes()

    assert sampled(attempt(shelves, 3)) == sampled(attempt(shelves, 4)) != sampled(attempt(shelves, 5, inputs=""))
