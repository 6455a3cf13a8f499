"""Byte for byte the messages of the reference model, given the same keys, inputs and operation numbers."""

import hashlib
from collections import defaultdict

import numpy as np
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from counterfoil.mpc.ring.packing import pack, slices
from counterfoil.mpc.ring.shares import U64, Bits
from counterfoil.mpc.session.in_process import deal, reveal, try_local
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.suites.replicated import components
from counterfoil.mpc.transport.base import Kind
from tests.oracle import refmodel as ref

SEED = b"the same keys on both sides, ok?"
N = 192


class Model(ref.Eng):
    """The reference model under the engine's keys; for slices, with keystream and messages in the engine's order."""

    def __init__(self, n, *, in_slices=False):
        super().__init__(n)
        self.sent = defaultdict(list)
        self.net.hook = self._note
        self.in_slices = in_slices

    def _note(self, _, kind, src, dst, message):
        if kind == "data":
            self.sent[src, dst].append((slices(message) if self.in_slices else message).tobytes())
        return message

    def F(self, party, j, op, n):  # noqa: N802
        assert j in self.held[party]
        words = ref.aes_words(sub_key(j, "mask"), op, n)
        return unsliced(words.reshape(64, -1)) if self.in_slices else words

    def perm_from(self, party, j, op, n):
        assert j in self.held[party]
        return np.argsort(ref.aes_words(sub_key(j, "perm"), op, n))

    def rand_bits(self, n):
        op = self.nop()
        return [{j: ref.aes_words(sub_key(j, "rand"), op, n) for j in self.held[i]} for i in range(self.n)]


def sub_key(group, purpose):
    key = hashlib.sha256(SEED + f"group {group}".encode()).digest()
    return HKDFExpand(SHA256(), 32, purpose.encode()).derive(key)


def unsliced(rows):
    """Words whose bit slices these are."""
    bits = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
    return np.ascontiguousarray(np.packbits(bits.T, axis=1, bitorder="little")).view(U64).ravel()


def model_shares(shares, n):
    """The same components as the model keeps them: a dictionary a party."""
    return [dict(zip(components(n, i), share.parts, strict=True)) for i, share in enumerate(shares)]


def engine(suite, program, shares):
    """Results of all parties, and what each sent to each, payloads of data alone."""
    sent = defaultdict(list)

    def note(header, payload):
        if header.kind == Kind.DATA:
            sent[header.sender, header.receiver].append(payload)
        return [header.pack(), payload]

    outcomes = try_local(suite, lambda p: program(p, shares[p.party.index]), seed=SEED, tamper=note)
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    return [outcome.result for outcome in outcomes], sent


def concat(sent):
    """A pair's messages in one: the engine may send in one frame what the model sends in several, or the reverse."""
    return {pair: b"".join(messages) for pair, messages in sent.items() if any(messages)}


def inputs(n):
    rng = np.random.default_rng(n)
    return tuple(deal(rng.integers(0, 1 << 64, N, dtype=U64), n, bytes([k]) * 32) for k in (1, 2))


CASES = {
    "multiply": (lambda p, x, y: p.multiply(x, y), lambda m, x, y: m.mul(x, y)),
    "dot": (
        lambda p, x, y: p.dot(x.reshape(4, -1), y.reshape(4, -1)),
        lambda m, x, y: m.mul(x, y, f=lambda a, b: (a * b).reshape(4, -1).sum(axis=1, dtype=U64)),
    ),
    "matmul": (
        lambda p, x, y: p.matmul(x.reshape(12, 16), y.reshape(16, 12)),
        lambda m, x, y: m.mul(x, y, f=lambda a, b: a.reshape(12, 16) @ b.reshape(16, 12)),
    ),
    "halves": (
        lambda p, x, y: p.split(x, [lambda v: v]).mapped[0].left,
        lambda m, x, y: m.net.par(*splits(m, x, ref.A))[0],
    ),
    "product of halves": (
        lambda p, x, y: p.multiply_halves(p.split(x, [lambda v: v]).mapped[0]),
        lambda m, x, y: m.mulLR(*m.net.par(*splits(m, x, ref.A)), ref.A),
    ),
    "shuffle": (lambda p, x, y: p.shuffle([x, y])[0][1], lambda m, x, y: m.shuffle([x, y])[0][1]),
    "unshuffle": (
        lambda p, x, y: p.unshuffle([y], p.shuffle([x])[1])[0],
        lambda m, x, y: m.shuffle([y], ops=m.shuffle([x])[1], inverse=True)[0][0],
    ),
    "random words": (lambda p, x, y: p.random_words(N), lambda m, x, y: m.rand_bits(N)),
    "open": (lambda p, x, y: p.constant(p.open(x, "x")), lambda m, x, y: m.const(m.open(x)[0], N)),
}


def splits(m, x, ring):
    left, right = m.split_vals(x)
    return lambda: m.share_L(left, ring), lambda: m.share_R(right, ring)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suite", SUITES)
def test_words(suite, case):
    n = SUITES[suite].parties
    x, y = inputs(n)
    ours, theirs = CASES[case]
    results, sent = engine(suite, lambda p, own: ours(p, *own), list(zip(x, y, strict=True)))
    model = Model(n)
    expected = theirs(model, model_shares(x, n), model_shares(y, n))
    assert concat(sent) == concat(model.sent)
    assert_components(results, expected)


def assert_components(results, expected):
    for index, (share, held) in enumerate(zip(results, expected, strict=True)):
        for j, part in zip(components(len(results), index), share.parts, strict=True):
            np.testing.assert_array_equal(part.ravel(), np.ravel(held[j]))


@pytest.mark.parametrize("suite", SUITES)
def test_and_of_words(suite):
    n = SUITES[suite].parties
    x, y = ([Bits(own.parts, 64 * N) for own in shares] for shares in inputs(n))
    results, sent = engine(suite, lambda p, own: p.and_bits(*own), list(zip(x, y, strict=True)))
    model = Model(n)
    expected = model.mul(model_shares(x, n), model_shares(y, n), ref.B)
    assert concat(sent) == concat(model.sent)
    assert_components(results, expected)


@pytest.mark.parametrize("suite", SUITES)
def test_bits_to_words(suite):
    n = SUITES[suite].parties
    plain = np.random.default_rng(5).integers(0, 2, (n, N)).astype(np.bool_)
    x = [Bits(tuple(pack(plain[j]) for j in components(n, i)), N) for i in range(n)]

    def ours(p, own):
        halves = p.split_bits(own)
        return halves.left + halves.right - p.multiply_halves(halves) * 2

    results, sent = engine(suite, ours, x)
    model = Model(n)
    expected = model.b2a([{j: plain[j].astype(U64) for j in components(n, i)} for i in range(n)])
    assert concat(sent) == concat(model.sent)
    assert_components(results, expected)
    np.testing.assert_array_equal(reveal(results), np.bitwise_xor.reduce(plain, axis=0))


@pytest.mark.parametrize("suite", SUITES)
def test_both_kinds_of_halves_in_one_round(suite):
    n = SUITES[suite].parties
    x, _ = inputs(n)
    results, sent = engine(suite, lambda p, own: p.split(own, [lambda v: v >> U64(5)], range(64)), x)
    model = Model(n)
    left, right = model.split_vals(model_shares(x, n))

    def slices_of(share, half):
        model.in_slices = True
        shared = share(half, ref.B)
        model.in_slices = False
        return [{j: slices(words) for j, words in own.items()} for own in shared]

    expected = [
        *(slices_of(model.share_L, left), slices_of(model.share_R, right)),
        *(model.share_L(shifted(left), ref.A), model.share_R(shifted(right), ref.A)),
    ]
    assert concat(sent) == concat(model.sent)
    for place, words in enumerate(expected):
        halves = [(r.slices.left, r.slices.right, r.mapped[0].left, r.mapped[0].right)[place] for r in results]
        assert_components(halves, words)


def shifted(half):
    return {party: words >> U64(5) for party, words in half.items()}


@pytest.mark.parametrize("suite", SUITES)
def test_slices(suite):
    n = SUITES[suite].parties
    x, _ = inputs(n)

    def ours(p, own):
        halves = p.split(own, bits=range(64)).slices
        return halves.left, p.and_halves(halves)

    results, sent = engine(suite, ours, x)
    model = Model(n, in_slices=True)
    left, right = model.net.par(*splits(model, model_shares(x, n), ref.B))
    expected = model.mulLR(left, right, ref.B)
    assert concat(sent) == concat(model.sent)
    for place, words in ((0, left), (1, expected)):
        assert_components([result[place] for result in results], [{j: slices(w) for j, w in p.items()} for p in words])


def lane_words(values, lane):
    """The values side by side in lanes, zero behind the last one."""
    octets = values.astype(lane).tobytes()
    return np.frombuffer(octets + bytes(-len(octets) % 8), U64)


def first_lanes(words, lane, size):
    return words.view(lane)[:size]


class LaneRing:
    """The model's ring of words that hold lanes."""

    def __init__(self, lane):
        def of(operation):
            return lambda a, b: operation(a.view(lane), b.view(lane)).view(U64)

        self.add, self.sub, self.mul = of(np.add), of(np.subtract), of(np.multiply)


RAISED = U64((1 << 62) - 1)


def truncated(m, left, right, frac, lane):
    """ADR 12, written down a second time: L and R, each at the parties that know it."""
    return (truncated_of_three if m.n == 3 else truncated_of_four)(m, left, right, frac, lane)


def truncated_of_three(m, left, right, frac, lane):
    (raised,), size = (half + RAISED for half in left.values()), left[0].size
    of_top, of_shifted, of_both = m.nop(), m.nop(), m.nop()
    width = -(-size * np.dtype(lane).itemsize // 8)

    def drawn(party, j, op):
        return first_lanes(m.F(party, j, op, width), lane, size)

    def carried(values):
        return values.astype(U64) << U64(64 - frac)

    a_2 = (raised >> U64(63)).astype(lane) - drawn(0, 1, of_top)
    z_0 = m.F(0, 0, of_shifted, size)
    z_1 = (raised >> U64(frac)) - z_0 - carried(drawn(0, 0, of_both)) - carried(drawn(0, 1, of_both))
    at_1 = m.net.send(0, 1, z_1)
    a_2 = first_lanes(m.net.send(0, 2, lane_words(a_2, lane)), lane, size)
    m.net.tick()
    b = {party: half >> U64(63) for party, half in right.items()}
    said = {
        1: (U64(1) - b[1]).astype(lane) * drawn(1, 1, of_top) - drawn(1, 1, of_both),
        2: (U64(1) - b[2]).astype(lane) * a_2 - drawn(2, 0, of_both),
    }
    heard = {g: first_lanes(m.net.send(s, g, lane_words(said[s], lane)), lane, size) for s, g in ((1, 2), (2, 1))}
    m.net.tick()
    z_2 = {
        party: (half >> U64(frac)) - (RAISED >> U64(frac)) - sum(map(carried, (b[party], said[party], heard[party])))
        for party, half in right.items()
    }
    return [{0: z_0, 1: z_1}, {1: at_1, 2: z_2[1]}, {2: z_2[2], 0: m.F(2, 0, of_shifted, size)}]


def truncated_of_four(m, left, right, frac, lane):
    ring = LaneRing(lane)
    raised = {party: half + RAISED for party, half in left.items()}
    tops = {party: half >> U64(63) for party, half in (raised | right).items()}
    shifted_right = {
        party: (half >> U64(frac)) - (tops[party] << U64(64 - frac)) - (RAISED >> U64(frac))
        for party, half in right.items()
    }
    words = [
        m.share_L({party: half >> U64(frac) for party, half in raised.items()}, ref.A),
        m.share_R(shifted_right, ref.A),
    ]
    u = m.share_L({party: lane_words(tops[party], lane) for party in left}, ring)
    v = m.share_R({party: lane_words(U64(1) - tops[party], lane) for party in right}, ring)
    carried = m.mulLR(u, v, ring)
    size = right[0].size
    return [
        {j: l[j] + r[j] - (first_lanes(c[j], lane, size).astype(U64) << U64(64 - frac)) for j in l}
        for l, r, c in zip(*words, carried, strict=True)  # noqa: E741
    ]


def halves_of_product(m, x, y):
    """L and R of x·y at the parties that know them, after what is sent for it."""
    if m.n == 3:
        op, size = m.nop(), m.size(x)
        third = [x[i][i] * (y[i][i] + y[i][(i + 1) % 3]) + x[i][(i + 1) % 3] * y[i][i] for i in range(3)]
        masked = {1: third[1] + m.F(1, 1, op, size), 2: third[2] - m.F(2, 0, op, size)}
        came = {g: m.net.send(s, g, masked[s]) for s, g in ((1, 2), (2, 1))}
        m.net.tick()
        left = third[0] + m.F(0, 0, op, size) - m.F(0, 1, op, size)
        return {0: left}, {party: masked[party] + came[party] for party in (1, 2)}
    halves = {}
    for party in range(4):
        j, k = (0, 1) if party in (2, 3) else (2, 3)
        halves[party] = (x[party][j] + x[party][k]) * (y[party][j] + y[party][k])
    for s, t, g, h in m.table:
        if {g, h} in ({0, 1}, {2, 3}):
            continue
        v = {party: x[party][g] * y[party][h] + x[party][h] * y[party][g] for party in (s, t)}
        shared = m.inp4(s, t, g, h, v[s], v[t], ref.A, tick=False)
        for party in range(4):
            j, k = (0, 1) if party in (2, 3) else (2, 3)
            halves[party] = halves[party] + shared[party][j] + shared[party][k]
    m.net.tick()
    return {party: halves[party] for party in (2, 3)}, {party: halves[party] for party in (0, 1)}


@pytest.mark.parametrize(("frac", "lane"), [(5, np.uint8), (16, np.uint16), (18, np.uint32), (40, U64)])
@pytest.mark.parametrize("size", [N, N - 3])
@pytest.mark.parametrize("suite", SUITES)
def test_truncation(suite, size, frac, lane):
    n = SUITES[suite].parties
    x = deal(np.random.default_rng(frac).integers(1 - 2**62, 2**62, size), n, bytes([7]) * 32)
    results, sent = engine(suite, lambda p, own: p.truncate(own, frac), x)
    model = Model(n)
    left, right = model.split_vals(model_shares(x, n))
    expected = truncated(model, left, right, frac, lane)
    assert concat(sent) == concat(model.sent)
    assert_components(results, expected)
    of_specification = Model(n).trunc_pr(model_shares(x, n), frac)
    np.testing.assert_array_equal(reveal(results), model.val(of_specification))


@pytest.mark.parametrize(("frac", "lane"), [(5, np.uint8), (16, np.uint16), (18, np.uint32), (40, U64)])
@pytest.mark.parametrize("size", [N, N - 3])
@pytest.mark.parametrize("suite", SUITES)
def test_truncated_product(suite, size, frac, lane):
    n = SUITES[suite].parties
    rng = np.random.default_rng(frac)
    x, y = (deal(rng.integers(1 - 2**31, 2**31, size), n, bytes([k]) * 32) for k in (1, 2))
    results, sent = engine(suite, lambda p, own: p.multiply_truncate(*own, frac), list(zip(x, y, strict=True)))
    model = Model(n)
    left, right = halves_of_product(model, model_shares(x, n), model_shares(y, n))
    expected = truncated(model, left, right, frac, lane)
    assert concat(sent) == concat(model.sent)
    assert_components(results, expected)
    # Equal halves, in the specification's truncation: the same value, coin included.
    (one, *_), (other, *_) = left.values(), right.values()
    halves = [one, *[np.zeros(size, U64)] * (n - 2), other]
    shared = [{j: halves[j] for j in components(n, party)} for party in range(n)]
    np.testing.assert_array_equal(reveal(results), model.val(Model(n).trunc_pr(shared, frac)))
