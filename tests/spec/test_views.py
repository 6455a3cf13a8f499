"""What a node sees: uniform in every bit, whatever the inputs are; and no word of any keystream twice."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from counterfoil.mpc.local import try_local
from counterfoil.mpc.session import SUITES
from counterfoil.mpc.shares import U64
from counterfoil.mpc.transport.base import Kind

N = 1 << 14


def everything(p, x, b):
    """Every primitive that sends something other than an opening."""
    p.multiply(x, x)
    p.dot(x.reshape(-1, 4), x.reshape(-1, 4))
    p.and_bits(b, b)
    p.and_halves(p.split(x, bits=range(64)).slices)
    (half,) = p.split(x, [lambda v: v & U64(1)]).mapped
    p.multiply_halves(half)
    p.multiply_halves(p.split_bits(b))
    columns, permutation = p.shuffle([x, x])
    p.unshuffle(columns, permutation)
    p.random_words(10)
    return p.release(x)


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["zeros", "ones"])
@pytest.mark.parametrize("suite", SUITES)
def test_received_words_are_uniform_in_every_bit(suite, fill):
    seen = defaultdict(list)

    def note(header, payload):
        if header.kind == Kind.DATA:
            seen[header.receiver].append(np.frombuffer(payload, U64))
        return [header.pack(), payload]

    x, b = np.zeros(N, U64), np.zeros((4, N), np.bool_)
    inputs = [x, b] if fill == "zeros" else [~x, ~b]
    outcomes = try_local(suite, everything, inputs=inputs, tamper=note)
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    assert set(seen) == set(range(len(outcomes)))
    for node, messages in seen.items():
        words = np.concatenate(messages)
        octets = np.bincount(words.view(np.uint8), minlength=256)
        expected = words.nbytes / 256
        chi = ((octets - expected) ** 2 / expected).sum()
        assert abs(chi - 255) < 6 * np.sqrt(510), f"node {node}: bytes"
        ones = np.unpackbits(words.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").sum(axis=0)
        assert np.all(np.abs(ones - words.size / 2) < 6 * np.sqrt(words.size / 4)), f"node {node}: a bit is biased"
        assert np.unique(words).size == words.size, f"node {node}: a masked word came twice"


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
    outcomes = try_local(
        suite, everything, inputs=[np.zeros(64, U64), np.zeros((4, 64), np.bool_)], watch=lambda *d: drawn.update([d])
    )
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    sizes = defaultdict(set)
    for key, op, words in drawn:
        sizes[key, op].add(words)
    assert all(len(found) == 1 for found in sizes.values()), "one length for a key and operation"
    holders = len(outcomes) - 1
    for (key, op, _), times in drawn.items():
        assert times <= (len(outcomes) if "*" in key else holders), f"{key} drew operation {op} {times} times"
