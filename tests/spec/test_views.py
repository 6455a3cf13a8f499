"""What a node sees: uniform in every byte and every bit, the same for all inputs; and no word of any keystream twice.

An opening is the exception: what it brings follows from the opened value and the components that the node has.
"""

import os
from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy.stats import chi2, norm

from counterfoil.mpc.circuits import compare, permute, sort, truncate
from counterfoil.mpc.local import try_local
from counterfoil.mpc.session import SUITES
from counterfoil.mpc.shares import U64
from counterfoil.mpc.transport.base import Kind
from tests.trials import dice, trials

N = 1 << 14
#: How improbable a deviation must be, over all tests of one run together, to be one.
ALPHA = 1e-6

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


def received(suite, program, inputs):
    """How often each byte value came at each place of a word, by node: (8, 256)."""
    seen = defaultdict(lambda: np.zeros((8, 256), np.int64))

    def note(header, payload):
        if header.kind == Kind.DATA:
            seen[header.receiver, header.sender] += of_bytes(np.frombuffer(payload, U64))
        return [header.pack(), payload]

    no_errors(try_local(suite, program, inputs=inputs, tamper=note))
    return {node: sum(seen[way] for way in seen if way[0] == node) for node, _ in seen}


def p_values(counts):
    """Of bytes at each place, and of ones at each of 64 bits: how probable such a deviation from uniform is."""
    words = counts[0].sum()
    expected = words / 256
    of_bytes = chi2.sf(((counts - expected) ** 2 / expected).sum(axis=1), 255)
    bit = (np.arange(256)[:, None] >> np.arange(8)) & 1
    of_bits = 2 * norm.sf(np.abs(counts @ bit - words / 2).ravel() / np.sqrt(words / 4))
    return np.concatenate([of_bytes, of_bits])


def same_p_values(one, other):
    """Two samples of bytes at each place: how probable such a difference is if they have one law."""
    m, n, both = one.sum(axis=1, keepdims=True), other.sum(axis=1, keepdims=True), one + other
    apart = (one * np.sqrt(n / m) - other * np.sqrt(m / n)) ** 2
    chi = (apart / np.maximum(both, 1)).sum(axis=1)  # a byte that neither has says nothing
    return chi2.sf(chi, (both > 0).sum(axis=1) - 1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@trials(quick=1, full=80)
@pytest.mark.parametrize("suite", SUITES)
def test_received_words_are_uniform_and_alike_for_all_inputs(suite, trials):
    """Chi-square for bytes and for bits, and between all-zero and all-one inputs; Bonferroni over all tests."""
    rows = N * (1 if len(trials) == 1 else 8)
    zeros = [np.zeros(rows, U64), np.zeros((16, rows), np.bool_)]
    seen = {fill: defaultdict(lambda: np.zeros((8, 256), np.int64)) for fill in ("zeros", "ones")}
    for _ in trials:
        for fill, inputs in (("zeros", zeros), ("ones", [~each for each in zeros])):
            for name, message in MESSAGES.items():
                for node, counts in received(suite, message, inputs).items():
                    seen[fill][name, node] += counts
    found = {
        **{(fill, *what): p_values(counts) for fill, of in seen.items() for what, counts in of.items()},
        **{("both", *what): same_p_values(seen["zeros"][what], seen["ones"][what]) for what in seen["zeros"]},
    }
    tests = sum(values.size for values in found.values())
    words = sum(int(counts[0].sum()) for of in seen.values() for counts in of.values())
    strange = {what: values.min() for what, values in found.items() if not values.min() >= ALPHA / tests}
    assert not strange, f"{words} words, {tests} tests: {strange}"
    assert len(trials) == 1 or words >= 10**7


@pytest.mark.slow
@pytest.mark.timeout(7200)
@trials(quick=1, full=40)
@pytest.mark.parametrize("suite", SUITES)
def test_what_a_node_sees_is_simulated_from_its_own_components(suite, trials):
    """A simulator that has a node's components and draws all else: no byte of what came, less a component, differs.

    Were a message masked by something the node holds, or not at all, the difference would say so.
    """
    rows = N // 2
    views = defaultdict(lambda: np.zeros((8, 256), np.int64))
    for seed in trials:
        inputs = [dice(seed).integers(0, 1 << 64, rows, dtype=U64), dice(seed, 1).integers(0, 2, (16, rows)) > 0]
        for name, message in MESSAGES.items():
            came = defaultdict(list)

            def note(header, payload, came=came):
                if header.kind == Kind.DATA:
                    came[header.receiver].append(np.frombuffer(payload, U64))
                return [header.pack(), payload]

            def program(p, x, b, message=message):
                message(p, x, b)
                return [part.ravel() for share in (x, b) for part in share.parts]

            for outcome in no_errors(try_local(suite, program, inputs=inputs, tamper=note)):
                node = outcome.party.index
                if not came[node]:
                    continue
                real = np.concatenate(came[node])
                simulated = np.frombuffer(os.urandom(8 * real.size), U64)
                for place, part in enumerate(outcome.result):
                    own = np.resize(part, real.size)
                    for what, words in (("real", real), ("simulated", simulated)):
                        for sign, seen in (("-", words - own), ("^", words ^ own)):
                            views[name, node, place, sign, what] += of_bytes(seen)
    names = {key[:-1] for key in views}
    found = {key: same_p_values(views[*key, "real"], views[*key, "simulated"]) for key in names}
    tests = sum(values.size for values in found.values())
    strange = {key: values.min() for key, values in found.items() if not values.min() >= ALPHA / tests}
    assert not strange, f"seeds {trials}, {tests} tests: {strange}"


def test_a_view_that_tells_a_component_would_be_noticed():
    """The test above can fail: a word that is a component of the node, masked with 8 bits, is not simulated."""
    own = dice(1).integers(0, 1 << 64, N, dtype=U64)
    leaking = own + dice(2).integers(0, 256, N, dtype=U64)
    simulated = np.frombuffer(os.urandom(8 * N), U64)
    assert same_p_values(of_bytes(leaking - own), of_bytes(simulated - own)).min() < ALPHA / 10_000


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_no_masked_word_comes_twice(suite):
    seen = defaultdict(list)

    def note(header, payload):
        if header.kind == Kind.DATA:
            seen[header.receiver].append(np.frombuffer(payload, U64))
        return [header.pack(), payload]

    no_errors(try_local(suite, everything, inputs=[np.zeros(N, U64), np.zeros((4, N), np.bool_)], tamper=note))
    for node, messages in seen.items():
        words = np.concatenate(messages)
        assert np.unique(words).size == words.size, f"node {node}"


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
def test_released_components_are_uniform_to_the_recipient(suite):
    outcomes = try_local(suite, lambda p, x: p.release(x), inputs=[np.zeros(N, U64)])
    parts = {j: part for outcome in outcomes for j, part in outcome.result.items()}
    for part in parts.values():
        ones = np.unpackbits(part.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").sum(axis=0)
        assert np.all(np.abs(ones - N / 2) < 6 * np.sqrt(N / 4))


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
