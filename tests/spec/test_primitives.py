"""Every primitive of every suite against numpy, on edge and random values; rounds and bytes exactly as PROTOCOLS 12."""

from dataclasses import dataclass

import numpy as np
import pytest

from counterfoil.errors import IntegrityError, ShapeError
from counterfoil.mpc.ring.chunks import CHUNK
from counterfoil.mpc.ring.shares import U64, Arith, Bits, concat
from counterfoil.mpc.session.in_process import deal, reveal, run_local, try_local
from counterfoil.mpc.session.session import SUITES

EDGES = np.array([0, 1, 2, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1], dtype=U64)
SIZES = [1, 63, 64, 65, 200, CHUNK + 3, pytest.param(1_000_000, marks=pytest.mark.soak)]


def words(seed, n):
    column = np.random.default_rng(seed).integers(0, 1 << 64, n, dtype=U64)
    column[: EDGES.size] = np.roll(EDGES, seed)[:n]
    return column


def bits(seed, *shape):
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.bool_)


def sliced(value, rows=range(64)):
    return ((value.ravel()[None] >> np.array(rows, U64)[:, None]) & U64(1)).astype(np.bool_)


def both(halves):
    return halves.left + halves.right if isinstance(halves.left, Arith) else halves.left ^ halves.right


@dataclass(frozen=True)
class Primitive:
    """What to run on x, y of n words, its plain meaning, and by suite (rounds, bytes, digest bytes) over all links."""

    run: object
    plain: object
    cost: dict

    def __call__(self, p, *shares):
        return self.run(p, *shares)


def each(rep3, rep4, size=lambda n: n):
    """Costs: (rounds, bytes per element, digest bytes) of each suite."""
    return {"rep3-sh/1": (*rep3, size), "rep4-mal/1": (*rep4, size)}


def packed(rows):
    return lambda n: rows * ((n + 63) // 64)


SHIFTS = (lambda v: v >> U64(3), lambda v: v & U64(255))

PRIMITIVES = {
    "multiply": Primitive(lambda p, x, y: p.multiply(x, y), lambda x, y: x * y, each((1, 24, 0), (1, 48, 192))),
    "dot": Primitive(
        lambda p, x, y: p.dot(x, y),
        lambda x, y: (x * y).sum(),
        each((1, 24, 0), (1, 48, 192), lambda n: 1),
    ),
    "matmul, few columns": Primitive(
        lambda p, x, y: p.matmul(x.reshape(1, -1), y.reshape(-1, 1)),
        lambda x, y: (x * y).sum(keepdims=True).reshape(1, 1),
        each((1, 24, 0), (1, 48, 192), lambda n: 1),
    ),
    "and": Primitive(
        lambda p, x, y: p.and_bits(p.split(x, bits=range(64)).slices.left, p.split(y, bits=range(64)).slices.left),
        None,
        each((3, 40, 0), (3, 80, 320), packed(64)),
    ),
    "halves": Primitive(
        lambda p, x, y: both(p.split(x, [lambda v: v]).mapped[0]), lambda x, y: x, each((1, 8, 0), (1, 16, 64))
    ),
    "halves, two maps": Primitive(
        lambda p, x, y: [h.left + h.right for h in p.split(x, SHIFTS).mapped],
        None,
        each((1, 16, 0), (1, 32, 64)),
    ),
    "product of halves": Primitive(
        lambda p, x, y: p.multiply_halves(p.split(x, [lambda v: v]).mapped[0]),
        None,
        each((2, 32, 0), (2, 48, 192)),
    ),
    "slices": Primitive(
        lambda p, x, y: p.split(x, bits=range(64)).slices, None, each((1, 8, 0), (1, 16, 64), packed(64))
    ),
    "slices, and two maps": Primitive(
        lambda p, x, y: p.split(x, SHIFTS, range(64)),
        None,
        each((1, 1, 0), (1, 2, 128), lambda n: 16 * n + 8 * packed(64)(n)),
    ),
    "slices 8 to 12, for zero": Primitive(
        lambda p, x, y: both(p.split(x - x, bits=range(8, 12), negate_right=True).slices),
        lambda x, y: np.zeros((4, x.size), np.bool_),
        each((1, 8, 0), (1, 16, 64), packed(4)),
    ),
    "truncation by 16": Primitive(
        lambda p, x, y: p.truncate(x, 16), None, each((2, 8, 0), (2, 16, 256), lambda n: n + 3 * ((n + 3) // 4))
    ),
    "truncation by 18": Primitive(
        lambda p, x, y: p.truncate(x, 18), None, each((2, 8, 0), (2, 16, 256), lambda n: n + 3 * ((n + 1) // 2))
    ),
    "truncated product": Primitive(
        lambda p, x, y: p.multiply_truncate(x, y, 3), None, each((2, 24, 0), (3, 48, 384), lambda n: n + (n + 7) // 8)
    ),
    "shuffle and back": Primitive(
        lambda p, x, y: p.unshuffle(*p.shuffle([x, y]))[1],
        lambda x, y: y,
        each((6, 192, 0), (8, 384, 1536)),
    ),
    "rerandomise": Primitive(lambda p, x, y: p.rerandomise(x), lambda x, y: x, each((0, 0, 0), (0, 0, 0))),
    "open": Primitive(lambda p, x, y: p.constant(p.open(x, "x")), lambda x, y: x, each((1, 24, 96), (1, 32, 128))),
    "add public": Primitive(
        lambda p, x, y: p.add_public(x, EDGES[-2]), lambda x, y: x + EDGES[-2], each((0, 0, 0), (0, 0, 0))
    ),
}


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", PRIMITIVES)
@pytest.mark.parametrize("suite", SUITES)
def test_value_and_cost(suite, name, n):
    primitive = PRIMITIVES[name]
    x, y = words(1, n), words(2, n)
    outcomes = try_local(suite, primitive, inputs=[x, y])
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    if primitive.plain:
        np.testing.assert_array_equal(reveal([o.result for o in outcomes]), primitive.plain(x, y))
    costs = [outcome.party.cost() for outcome in outcomes]
    rounds, per_element, digests, size = primitive.cost[suite]
    assert {cost.rounds for cost in costs} == {rounds}
    assert sum(cost.data_bytes for cost in costs) == per_element * size(n)
    assert sum(cost.control_bytes for cost in costs) == digests


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("suite", SUITES)
def test_the_split_is_the_value(suite, n):
    x, b = words(3, n), bits(4, 2, n)

    def program(p, x, b):
        slices = p.split(x, bits=range(64)).slices
        of_bits = p.split_bits(b)
        shifted, masked = p.split(x, SHIFTS).mapped
        return {
            "left": slices.left, "right": slices.right, "and": p.and_halves(slices),
            "bits": of_bits.left + of_bits.right - p.multiply_halves(of_bits) * 2,
            "shifted left": shifted.left, "shifted right": shifted.right, "masked left": masked.left,
            "split left": p.split(x, [lambda v: v]).mapped[0].left, "random": p.random_bits(3, n),
            "with a map": p.split(x, SHIFTS, range(64)).slices.right,
            "negative": p.split(x, bits=range(64), negate_right=True).slices.right,
        }  # fmt: skip

    results = run_local(suite, program, inputs=[x, b])
    got = {name: reveal([result[name] for result in results]) for name in results[0]}
    left = got["split left"]
    np.testing.assert_array_equal(got["left"], sliced(left))
    np.testing.assert_array_equal(got["right"], sliced(x - left))
    np.testing.assert_array_equal(got["with a map"], sliced(x - left))
    np.testing.assert_array_equal(got["negative"], sliced(left - x))
    np.testing.assert_array_equal(got["and"], sliced(left & (x - left)))
    np.testing.assert_array_equal(got["bits"], b)
    np.testing.assert_array_equal(got["shifted left"], left >> U64(3))
    np.testing.assert_array_equal(got["shifted right"], (x - left) >> U64(3))
    np.testing.assert_array_equal(got["masked left"], left & U64(255))
    for result in results:
        for share in result.values():
            assert not isinstance(share, Bits) or no_tails(share)


@pytest.mark.parametrize("suite", SUITES)
def test_both_kinds_of_halves_are_longer_than_a_link_runs_ahead(suite):
    x = words(15, 20 * CHUNK)
    results = run_local(suite, lambda p, x: p.split(x, [lambda v: v], range(64)), inputs=[x])
    np.testing.assert_array_equal(reveal([both(result.mapped[0]) for result in results]), x)
    slices = reveal([both(result.slices) for result in results])
    left = reveal([result.mapped[0].left for result in results])
    np.testing.assert_array_equal(slices, sliced(left) ^ sliced(x - left))


def no_tails(share):
    used = share.length % 64
    return not used or not any((part[..., -1] >> U64(used)).any() for part in share.parts)


@pytest.mark.parametrize("n", [1, 64, 100, 64 * CHUNK // 16 + 1])
@pytest.mark.parametrize("suite", SUITES)
def test_and_of_bits_and_local_maps(suite, n):
    x, y = bits(5, 3, n), bits(6, 3, n)
    mask = bits(7, n)

    def program(p, x, y):
        z = p.and_bits(x, y)
        public = p.constant_bits(mask)
        flipped = p.xor_public(z, ~U64(0) * np.ones(1, U64))
        return z, p.invert(z), flipped, p.open_bits(z, "z"), public, p.and_bits(x, x)[1]

    results = run_local(suite, program, inputs=[x, y])
    for place, expected in enumerate([x & y, ~(x & y), ~(x & y), None, mask, x[1]]):
        if expected is not None:
            np.testing.assert_array_equal(reveal([result[place] for result in results]), expected)
            assert all(no_tails(result[place]) for result in results)
    for result in results:
        np.testing.assert_array_equal(result[3], x & y)


@pytest.mark.parametrize(("a", "k", "b"), [(1, 1, 1), (3, 700, 2), (40, 5, 33), (2, 3, 40000), (1, 40000, 1)])
@pytest.mark.parametrize("suite", SUITES)
def test_matrices(suite, a, k, b):
    x, y = words(8, a * k).reshape(a, k), words(9, k * b).reshape(k, b)
    results = run_local(suite, lambda p, x, y: p.matmul(x, y), inputs=[x, y])
    np.testing.assert_array_equal(reveal(results), x @ y)


@pytest.mark.parametrize("suite", SUITES)
def test_views_and_transposes_multiply(suite):
    x = words(10, 60).reshape(10, 6)

    def program(p, x):
        wide = x[:1].broadcast_to((10, 6))
        return p.matmul(x.T, x), p.multiply(x[::2, 1:4], wide[1::2, 1:4]), p.dot(x.T, wide.T)

    results = run_local(suite, program, inputs=[x])
    gram, product, dot = (reveal([result[place] for result in results]) for place in range(3))
    np.testing.assert_array_equal(gram, x.T @ x)
    np.testing.assert_array_equal(product, x[::2, 1:4] * x[:1, 1:4])
    np.testing.assert_array_equal(dot, (x * x[:1]).sum(axis=0))


@pytest.mark.parametrize("suite", SUITES)
def test_a_shuffle_moves_rows_together_and_opens_as_a_permutation(suite):
    n = 500
    x, y = words(11, n), words(12, n)

    def program(p, x, y):
        (sx, sy, index), _ = p.shuffle([x, y, p.constant(np.arange(n))])
        return sx, sy, p.open_permutation(index, "pi")

    results = run_local(suite, program, inputs=[x, y])
    order = results[0][2]
    assert all(np.array_equal(result[2], order) for result in results)
    np.testing.assert_array_equal(reveal([result[0] for result in results]), x[order])
    np.testing.assert_array_equal(reveal([result[1] for result in results]), y[order])
    assert (order == np.arange(n)).sum() < 10


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_not_a_permutation_is_an_integrity_failure(suite):
    with pytest.raises(IntegrityError, match="'pi' is not a permutation of 3 rows"):
        run_local(suite, lambda p, x: p.open_permutation(x, "pi"), inputs=[np.array([0, 1, 1])])


@pytest.mark.parametrize("suite", SUITES)
def test_random_words_are_shared_and_differ(suite):
    results = run_local(suite, lambda p: (p.random_words(4, 1000), p.random_words(4000), p.random_bits(4, 100)))
    first, second, packed_bits = (reveal([result[place] for result in results]) for place in range(3))
    assert first.shape == (4, 1000)
    assert packed_bits.shape == (4, 100)
    assert np.unique(np.concatenate([first.ravel(), second])).size == 8000


@pytest.mark.parametrize("suite", SUITES)
def test_rerandomised_components_are_new_and_released_by_component(suite):
    x = np.zeros(1000, U64)

    def program(p, x):
        return x.parts, p.release(x)

    results = run_local(suite, program, inputs=[x])
    for old, copies in results:
        for before, after in zip(old, copies.values(), strict=True):
            assert not np.array_equal(before, after)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.filterwarnings("error")
def test_a_single_number_is_rerandomised_without_a_warning_of_overflow(suite):
    def program(p, x):
        return concat([p.rerandomise(x[row]).reshape(1) for row in range(8)])

    assert reveal(run_local(suite, program, inputs=[np.full(8, 7)])).tolist() == [7] * 8


@pytest.mark.parametrize(
    "program",
    [
        lambda p, x: p.multiply(x, x[1:]),
        lambda p, x: p.dot(x, x.reshape(2, 2)),
        lambda p, x: p.matmul(x, x),
        lambda p, x: p.matmul(x.reshape(2, 2), x.reshape(4, 1)),
        lambda p, x: p.shuffle([x, x[1:]]),
        lambda p, x: p.shuffle([]),
        lambda p, x: p.unshuffle([x], p.shuffle([x[1:]])[1]),
        lambda p, x: p.share_input([x.parts[0]]),
    ],
)
@pytest.mark.parametrize("suite", SUITES)
def test_wrong_shapes_are_refused(suite, program):
    with pytest.raises(ShapeError):
        run_local(suite, program, inputs=[np.arange(4)])


@pytest.mark.parametrize("suite", SUITES)
def test_what_the_network_sees_does_not_depend_on_the_data(suite):
    def program(p, x, b):
        p.multiply(x, x)
        p.and_halves(p.split(x, bits=range(64)).slices)
        p.multiply_halves(p.split_bits(b))
        p.shuffle([x])
        p.barrier("end")

    seen = [
        [outcome.record.events for outcome in try_local(suite, program, inputs=[x, x > 0])]
        for x in (np.zeros(100, U64), np.full(100, ~U64(0)), words(13, 100))
    ]
    assert seen[0] == seen[1] == seen[2]


def test_dealt_shares_are_uniform_and_add_up():
    for n in (3, 4):
        x = words(14, 1000)
        assert np.array_equal(reveal(deal(x, n)), x)
        assert len({part.tobytes() for share in deal(np.zeros(8, U64), n) for part in share.parts}) == n
