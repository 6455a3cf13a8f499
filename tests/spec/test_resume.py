"""Checkpoints: a later attempt goes on where all parties still can, and finds what is not what was kept."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import CheatingDetected, CounterfoilError, PeerLostError, TamperedError
from counterfoil.mpc.circuits.core.compare import msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.session.in_process import deal, reveal
from counterfoil.mpc.session.session import SUITES, Hello, open_session
from counterfoil.mpc.session.step_checkpoint import Shelf, checkpoint_id, shares_of, steps_done, told
from counterfoil.mpc.suites.replicated import components
from counterfoil.mpc.transport.base import Kind
from counterfoil.mpc.transport.memory import connect_all
from counterfoil.storage.vault import Vault
from tests.lib.trials import dice, trials

JOB = "0123456789abcdef" * 2
X = np.arange(-40, 30)
RIGHT = (X * X) * (X < 0)


class KilledError(Exception):
    """What ends a party in the middle."""


def steps(dies_in, ran):
    """Three steps with an opening in the first; before one of them the party may die."""

    def square(p, shares):
        p.open(shares["x"].sum().reshape(1), "sum")
        return {"x": shares["x"], "square": p.multiply(shares["x"], shares["x"])}

    def sign(p, shares):
        return {"square": shares["square"], "negative": msb(p, shares["x"])}

    def choose(p, shares):
        return {"result": p.multiply(b2a(p, shares["negative"]), shares["square"])}

    def step(number, what):
        def run(p, shares):
            if number == dies_in:
                raise KilledError
            ran.append(number)
            return what(p, shares)

        return run

    return [step(number, what) for number, what in enumerate((square, sign, choose), 1)]


def go_on(session, program, inputs):
    """What the last step leaves; every step is kept, and those that an earlier attempt kept are not run again."""
    done, shares = steps_done(session.resumed), inputs
    if done:
        kept = session.resume()
        assert kept.said == {"done": done}
        shares = kept.shares
    for number, step in enumerate(program[done:], done + 1):
        shares = step(session.protocol, shares)
        session.keep(number, shares, {"done": number})
    return shares


class World:
    """The parties of one job, each with a vault."""

    def __init__(self, suite, folder):
        self.suite, self.n = suite, SUITES[suite].parties
        self.folders = [folder / f"node-{index}" for index in range(self.n)]
        keys = [PrivateKeys.create(each, each.name) for each in self.folders]
        self.vaults = [Vault.open(each / "vault", own) for each, own in zip(self.folders, keys, strict=True)]
        self.x = deal(X, self.n)
        self.ran = []

    def shelf(self, index):
        vault = self.vaults[index]

        def names():
            return [name.removeprefix("checkpoint-") for name in vault.names(JOB)]

        return Shelf(
            names,
            lambda name: vault.load(JOB, f"checkpoint-{name}", aad=name.encode()),
            lambda name, arrays: vault.keep(JOB, f"checkpoint-{name}", arrays, aad=name.encode()),
            lambda name: vault.remove(JOB, f"checkpoint-{name}"),
        )

    def attempt(self, number, victim=None, dies_in=None, tamper=None, **changes):
        """Results, or errors, of all parties; and which steps they ran."""
        hello = dataclasses.replace(Hello(self.suite, JOB, number, "", "p", "", "i", "", ""), **changes)
        networks = connect_all(self.n, hello.name, tamper=tamper, timeout_s=20)
        self.ran = [[] for _ in range(self.n)]

        def party(index):
            try:
                with open_session(
                    networks[index], hello, index, claim=lambda *_: None, declared=[Declared("sum", 1, "")],
                    shelf=self.shelf(index),
                ) as session:  # fmt: skip
                    program = steps(dies_in if index == victim else None, self.ran[index])
                    result = go_on(session, program, {"x": self.x[index]})["result"]
                    assert [line.label for line in session.ledger.opened] == ["sum"]
                    return result
            except (KilledError, CounterfoilError) as error:
                return error

        with ThreadPoolExecutor(self.n) as pool:
            return list(pool.map(party, range(self.n)))

    def folder(self, index):
        return self.folders[index] / "vault" / "items" / JOB

    def path(self, index, step, attempt, *, shares=False):
        """Of a checkpoint's index, or of the shares that were new at it."""
        id = checkpoint_id(step, attempt)
        return self.folder(index) / f"checkpoint-{shares_of(id) if shares else id}"


@pytest.fixture(params=SUITES)
def world(request, tmp_path):
    return World(request.param, tmp_path)


def assert_right(results):
    np.testing.assert_array_equal(reveal(results).view(np.int64), RIGHT)


@pytest.mark.parametrize("dies_in", [1, 2, 3])
def test_an_attempt_goes_on_after_the_last_step_of_the_one_that_died(world, dies_in):
    first = world.attempt(1, victim=0, dies_in=dies_in)
    assert isinstance(first[0], KilledError)
    assert all(isinstance(error, PeerLostError) for error in first[1:])
    assert_right(world.attempt(2))
    assert world.ran == [list(range(dies_in, 4))] * world.n


def test_what_was_opened_before_counts(world):
    """The ledger of the second attempt has the opening of the first, and no more of it; `attempt` asserts it."""
    world.attempt(1, victim=1, dies_in=2)
    assert_right(world.attempt(2))
    assert world.ran[0] == [2, 3]


def test_a_finished_computation_is_only_taken_up(world):
    assert_right(world.attempt(1))
    assert_right(world.attempt(2))
    assert world.ran == [[]] * world.n


def test_all_go_back_to_what_the_party_that_lost_most_still_has(world):
    world.attempt(1, victim=0, dies_in=3)
    world.path(1, 2, 1).unlink()
    assert_right(world.attempt(2))
    assert world.ran == [[2, 3]] * world.n


@trials(quick=6, full=500)
def test_a_checkpoint_in_which_a_bit_rotted_ends_the_job(world, trials):
    world.attempt(1, victim=0, dies_in=3)
    for seed in trials:
        rng = dice(seed)
        victim = int(rng.integers(world.n))
        step, shares = [(2, False), (2, True), (1, True)][rng.integers(3)]  # all that the second step rests on
        path = world.path(victim, step, 1, shares=shares)
        whole = path.read_bytes()
        rotten = bytearray(whole)
        rotten[int(rng.integers(len(rotten)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(rotten)
        errors = world.attempt(2 + seed)
        assert isinstance(errors[victim], TamperedError), f"seed {seed}"
        assert all(isinstance(error, CounterfoilError) for error in errors), f"seed {seed}"
        path.write_bytes(whole)


@pytest.mark.parametrize("other", [checkpoint_id(1, 1), checkpoint_id(2, 2)])
def test_another_checkpoint_in_its_place_is_found(world, other):
    """Shares of an earlier step, or of another attempt, under this one's name: encrypted data say what they are."""
    world.attempt(1, victim=0, dies_in=3)
    world.attempt(2, victim=0, dies_in=3)
    if other == checkpoint_id(2, 2):
        world.vaults[1].keep(JOB, f"checkpoint-{other}", {"x": X.view(np.uint64)}, aad=other.encode())
    (world.path(1, 2, 1).parent / f"checkpoint-{other}").replace(world.path(1, 2, 1))
    errors = world.attempt(3)
    assert isinstance(errors[1], TamperedError)


@pytest.mark.parametrize("victim", [0, 2])
def test_shares_that_differ_between_holders_are_found_without_the_vault(world, victim):
    """A party whose own copy opens, but is not what the others kept with it."""
    world.attempt(1, victim=0, dies_in=3)
    name = shares_of(checkpoint_id(2, 1))
    shelf = world.shelf(victim)
    found = {part: words.copy() for part, words in shelf.load(name).items()}
    found[f"0--{components(world.n, victim)[0]}"].flat[0] ^= np.uint64(1)
    shelf.keep(name, found)
    errors = world.attempt(2)
    assert any(isinstance(error, CheatingDetected) and "another checkpoint" in str(error) for error in errors)
    assert all(isinstance(error, CheatingDetected | PeerLostError) for error in errors)


@pytest.mark.parametrize("changes", [{"inputs": "j"}, {"program": "q"}])
def test_one_party_with_the_checkpoint_of_another_computation_is_found(world, changes):
    """Its own vault opens it, and its components fit nobody else's."""
    world.attempt(1, victim=0, dies_in=3, **changes)
    shelf = world.shelf(1)
    names = [shares_of(checkpoint_id(1, 1)), checkpoint_id(2, 1), shares_of(checkpoint_id(2, 1))]
    first, index_of_second, second = map(shelf.load, names)
    for index in range(world.n):
        world.path(index, 1, 1).unlink()
        world.path(index, 2, 1).unlink()
    world.attempt(2, victim=0, dies_in=3)
    for name, content in ((names[0], first), (names[2], second), (checkpoint_id(2, 2), index_of_second)):
        shelf.keep(name, content)
    errors = world.attempt(3)
    assert any(isinstance(error, CheatingDetected) for error in errors)
    assert all(isinstance(error, CheatingDetected | PeerLostError) for error in errors)


def test_a_checkpoint_whose_shares_are_gone_ends_the_job(world):
    world.attempt(1, victim=0, dies_in=3)
    world.path(1, 1, 1, shares=True).unlink()
    errors = world.attempt(2)
    assert isinstance(errors[1], TamperedError)
    assert all(isinstance(error, CounterfoilError) for error in errors)


def test_what_a_step_leaves_as_it_was_is_not_written_again(world):
    """The second step hands the square on: its checkpoint has the other share alone."""
    world.attempt(1, victim=0, dies_in=3)
    written = set(world.shelf(0).load(shares_of(checkpoint_id(2, 1))))
    assert written == {f"0--{j}" for j in components(world.n, 0)}


@pytest.mark.parametrize(("dies_in", "ran"), [(3, [2, 3]), (None, [1, 2, 3])])
def test_a_party_that_was_set_back_is_gone_back_to(world, dies_in, ran):
    """Its disk is as it was after the first step; the others still can go on from there, or are too far by now."""
    world.attempt(1, victim=0, dies_in=2)
    before = {path.name: path.read_bytes() for path in world.folder(1).iterdir()}
    world.attempt(2, victim=0, dies_in=dies_in)
    for path in world.folder(1).iterdir():
        path.unlink()
    for name, content in before.items():
        (world.folder(1) / name).write_bytes(content)
    assert_right(world.attempt(3))
    assert world.ran == [ran] * world.n


def test_one_that_lost_all_makes_all_begin_anew(world):
    world.attempt(1, victim=0, dies_in=3)
    for step in (1, 2):
        world.path(1, step, 1).unlink()
    assert_right(world.attempt(2))
    assert world.ran == [[1, 2, 3]] * world.n


def test_the_last_two_checkpoints_are_kept_and_what_they_rest_on(world):
    world.attempt(1)
    ids = [checkpoint_id(step, 1) for step in (1, 2, 3)]
    for index in range(world.n):
        assert told(world.shelf(index)) == ids[1:]
        assert set(world.shelf(index).names()) == {*ids[1:], *map(shares_of, ids)}


def test_what_no_checkpoint_rests_on_is_gone(world):
    """The second attempt begins anew, because a party lost what it had, and clears up what is left of the first."""
    world.attempt(1)
    world.path(1, 2, 1).unlink()
    world.path(1, 3, 1).unlink()
    world.attempt(2, victim=0, dies_in=3)
    ids = [checkpoint_id(step, 2) for step in (1, 2)]
    for index in range(world.n):
        assert set(world.shelf(index).names()) == {*ids, *map(shares_of, ids)}


def test_no_digest_of_a_component_goes_to_whom_lacks_it(world):
    """What compares is as long as what both ends hold in common, and two pairs never see the same bytes."""
    seen = []

    def note(header, payload):
        if header.kind == Kind.OK and header.payload != 32:
            seen.append((header.sender, header.receiver, payload))
        return [header.pack(), payload]

    assert_right(world.attempt(1, tamper=note))
    assert seen
    for sender, receiver, payload in seen:
        shared = set(components(world.n, sender)) & set(components(world.n, receiver))
        assert len(payload) == 32 * (1 + len(shared))


@pytest.mark.parametrize("place", range(2))
def test_a_changed_comparison_ends_the_attempt(world, place):
    """One bit of the first or the last digest that party 0 sends party 1 at the first step's end."""
    changed = []

    def tamper(header, payload):
        if (header.kind, header.sender, header.receiver) == (Kind.OK, 0, 1) and header.payload > 32 and not changed:
            changed.append(header)
            payload = bytes([payload[0] ^ 1, *payload[1:]]) if place == 0 else bytes([*payload[:-1], payload[-1] ^ 1])
        return [header.pack(), payload]

    errors = world.attempt(1, tamper=tamper)
    assert isinstance(errors[1], CheatingDetected)
    assert f"operation {changed[0].op} " in str(errors[1])


def test_ids_sort_by_step_then_attempt():
    ids = [checkpoint_id(1, 9), checkpoint_id(1, 10), checkpoint_id(2, 1), checkpoint_id(12, 1)]
    assert ids == sorted(ids)
    assert [steps_done(id) for id in (*ids, "")] == [1, 1, 2, 12, 0]
