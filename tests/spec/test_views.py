"""What a node sees: uniform in every byte and every bit, the same for all inputs; and no word of any keystream twice.

An opening is the exception: what it brings follows from the opened value and the components that the node has.
"""

from collections import Counter, defaultdict

import numpy as np
import pytest

from counterfoil.mpc.circuits.core import compare, truncate
from counterfoil.mpc.circuits.tables import permute, sort
from counterfoil.mpc.ring.shares import U64
from counterfoil.mpc.session.in_process import try_local
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.transport.base import Kind
from tests.lib.chance import apart
from tests.lib.trials import dice, trials

N = 1 << 14

#: By the type of message: everything that sends something other than an opening.
MESSAGES = {
    "products": lambda p, x, b: p.multiply(x, x),
    "sums of products": lambda p, x, b: p.dot(x.reshape(-1, 2), x.reshape(-1, 2)),
    "products of bits": lambda p, x, b: p.and_bits(b, b),
    "halves": lambda p, x, b: p.split(x, [lambda v: v & U64(1)]),
    "slices": lambda p, x, b: p.split(x, bits=range(64)),
    "bits as halves": lambda p, x, b: p.split_bits(b),
    "products of halves": lambda p, x, b: p.multiply_halves(p.split(x, [lambda v: v & U64(1)]).mapped[0]),
    "products of slices": lambda p, x, b: p.and_halves(p.split(x, bits=range(64)).slices),
    "truncations": lambda p, x, b: p.truncate(x, 18),
    "truncated products": lambda p, x, b: p.multiply_truncate(x, x, 16),
    "shuffles": lambda p, x, b: p.shuffle([x]),
    "shuffles back": lambda p, x, b: p.unshuffle(*p.shuffle([x])),
}


def everything(p, x, b):
    """Every primitive that sends something other than an opening."""
    for message in MESSAGES.values():
        message(p, x, b)
    p.random_words(10)
    return p.release(x)


def circuits(p, x, b):
    """Circuits whose openings are permutations alone."""
    compare.msb(p, x)
    compare.is_zero(p, x)
    truncate.trunc_exact(p, x, 7)
    permute.apply(p, sort.radix_permutation(p, compare.a2b(p, x, 4)), [x])


def no_errors(outcomes):
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    return outcomes


def of_bytes(words):
    """How often each byte value stands at each place of the words: (8, 256)."""
    octets = words.view(np.uint8).reshape(-1, 8)
    return np.stack([np.bincount(octets[:, place], minlength=256) for place in range(8)])


def received(suite, program, inputs, drawn):
    """How often each byte value came at each place of a word, by node: (8, 256)."""
    seen = defaultdict(lambda: np.zeros((8, 256), np.int64))

    def note(header, payload):
        if header.kind == Kind.DATA:
            seen[header.receiver, header.sender] += of_bytes(np.frombuffer(payload, U64))
        return [header.pack(), payload]

    no_errors(try_local(suite, program, inputs=inputs, tamper=note, seed=drawn))
    return {node: sum(seen[way] for way in seen if way[0] == node) for node, _ in seen}


def uniform(counts):
    """How probable the counts of byte values at each place are, and of ones at each of 64 bits, if all are alike."""
    bit = (np.arange(256)[:, None] >> np.arange(8)) & 1
    words = counts.sum(axis=1, keepdims=True)
    return np.concatenate([apart(counts, words, 1 / 256).ravel(), apart(counts @ bit, words, 1 / 2).ravel()])


@pytest.mark.slow
@pytest.mark.timeout(7200)
@trials(quick=1, full=80)
@pytest.mark.parametrize("suite", SUITES)
def test_received_words_are_uniform_for_all_inputs(suite, trials, chance):
    """Every byte value at each place, and every bit, whether all inputs are zero or one."""
    rows = N * (1 if len(trials) == 1 else 8)
    zeros = [np.zeros(rows, U64), np.zeros((16, rows), np.bool_)]
    seen = defaultdict(lambda: np.zeros((8, 256), np.int64))
    for trial in trials:
        for fill, inputs in (("zeros", zeros), ("ones", [~each for each in zeros])):
            for place, (name, message) in enumerate(MESSAGES.items()):
                for node, counts in received(suite, message, inputs, chance.seeds(trial, fill, place)).items():
                    seen[fill, name, node] += counts
    words = sum(int(counts[0].sum()) for counts in seen.values())
    assert len(trials) == 1 or words >= 10**7
    chance.verdict({what: uniform(counts) for what, counts in seen.items()})


@pytest.mark.slow
@pytest.mark.timeout(7200)
@trials(quick=1, full=40)
@pytest.mark.parametrize("suite", SUITES)
def test_what_a_node_sees_is_simulated_from_its_own_components(suite, trials, chance):
    """A simulator that has a node's components and draws all else: no byte of what came, less a component, differs.

    Were a message masked by something the node holds, or not at all, the difference would say so. What the simulator
    draws is uniform, and so is its difference from anything; that of what came is held against the same law.
    """
    rows = N // 2
    views = defaultdict(lambda: np.zeros((8, 256), np.int64))
    for seed in trials:
        inputs = [dice(seed).integers(0, 1 << 64, rows, dtype=U64), dice(seed, 1).integers(0, 2, (16, rows)) > 0]
        for number, (name, message) in enumerate(MESSAGES.items()):
            came = defaultdict(list)

            def note(header, payload, came=came):
                if header.kind == Kind.DATA:
                    came[header.receiver].append(np.frombuffer(payload, U64))
                return [header.pack(), payload]

            def program(p, x, b, message=message):
                message(p, x, b)
                return [part.ravel() for share in (x, b) for part in share.parts]

            drawn = chance.seeds(seed, number)
            for outcome in no_errors(try_local(suite, program, inputs=inputs, tamper=note, seed=drawn)):
                node = outcome.party.index
                if not came[node]:
                    continue
                real = np.concatenate(came[node])
                for place, part in enumerate(outcome.result):
                    own = np.resize(part, real.size)
                    for sign, seen in (("-", real - own), ("^", real ^ own)):
                        views[name, node, place, sign] += of_bytes(seen)
    chance.verdict({key: uniform(counts) for key, counts in views.items()})


def test_a_view_that_tells_a_component_would_be_noticed():
    """The test above can fail: a word that is a component of the node, masked with 8 bits, is not simulated."""
    own = dice(1).integers(0, 1 << 64, N, dtype=U64)
    leaking = own + dice(2).integers(0, 256, N, dtype=U64)
    assert uniform(of_bytes(leaking - own)).min() < 1e-300
    assert uniform(of_bytes(leaking)).min() > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_no_masked_word_comes_twice(suite, chance):
    seen, rows = defaultdict(list), N // 16

    def note(header, payload):
        if header.kind == Kind.DATA:
            seen[header.receiver].append(np.frombuffer(payload, U64))
        return [header.pack(), payload]

    inputs = [np.zeros(rows, U64), np.zeros((4, rows), np.bool_)]
    no_errors(try_local(suite, everything, inputs=inputs, tamper=note, seed=chance.seed))
    came = {node: np.concatenate(messages) for node, messages in seen.items()}
    # Of so many uniform words two are alike with this probability at most.
    chance.affords(sum(words.size**2 / 2 / 2**64 for words in came.values()))
    for node, words in came.items():
        assert np.unique(words).size == words.size, f"node {node}, {chance.test}"


@trials(quick=5, full=1000)
@pytest.mark.parametrize("suite", SUITES)
def test_an_opening_is_simulated_from_the_value_and_own_components(suite, trials):
    """A simulator that has a node's components and the opened value sends it what it really got, byte for byte."""
    for seed in trials:
        x = dice(seed).integers(0, 1 << 64, 40, dtype=U64)
        got = defaultdict(list)

        def note(header, payload, got=got):
            if header.kind == Kind.DATA:
                got[header.receiver].append(payload)
            return [header.pack(), payload]

        for outcome in no_errors(try_local(suite, lambda p, x: (x.parts, p.open(x, "x")), inputs=[x], tamper=note)):
            parts, value = outcome.result
            simulated = value - sum(parts[1:], parts[0])
            assert got[outcome.party.index] == [simulated.tobytes()], f"seed {seed}"


@pytest.mark.timeout(7200)
@trials(quick=10, full=1000)
@pytest.mark.parametrize("program", [everything, circuits])
@pytest.mark.parametrize("suite", SUITES)
def test_the_network_sees_the_same_for_all_data(suite, program, trials):
    """Operations, sizes and peers in their order, for two inputs of one shape."""
    for seed in trials:
        rng = dice(seed)
        rows = 2 * int(rng.integers(1, 60))
        pair = [
            [rng.integers(0, 1 << 64, rows, dtype=U64) >> U64(int(rng.integers(64))), rng.integers(0, 2, (4, rows)) > 0]
            for _ in range(2)
        ]
        seen = [
            [outcome.record.events for outcome in no_errors(try_local(suite, program, inputs=inputs))]
            for inputs in pair
        ]
        assert seen[0] == seen[1], f"seed {seed}: {rows} rows"


@pytest.mark.parametrize("suite", SUITES)
def test_released_components_are_uniform_to_the_recipient(suite, chance):
    outcomes = no_errors(try_local(suite, lambda p, x: p.release(x), inputs=[np.zeros(N, U64)], seed=chance.seed))
    parts = {j: part for outcome in outcomes for j, part in outcome.result.items()}
    chance.verdict({j: uniform(of_bytes(part)) for j, part in parts.items()})


@pytest.mark.parametrize("suite", SUITES)
def test_no_keystream_is_drawn_twice_and_holders_draw_alike(suite):
    drawn = Counter()
    outcomes = no_errors(
        try_local(
            suite,
            everything,
            inputs=[np.zeros(64, U64), np.zeros((4, 64), np.bool_)],
            watch=lambda *d: drawn.update([d]),
        )
    )
    sizes = defaultdict(set)
    for key, op, words in drawn:
        sizes[key, op].add(words)
    assert all(len(found) == 1 for found in sizes.values()), "one length for a key and operation"
    holders = len(outcomes) - 1
    for (key, op, _), times in drawn.items():
        assert times <= (len(outcomes) if "*" in key else holders), f"{key} drew operation {op} {times} times"
