"""Comparisons, conversions and truncations against numpy, and their costs against PROTOCOLS 12."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import ShapeError
from counterfoil.mpc.circuits.core import adder, compare, convert, suppress, truncate
from counterfoil.mpc.ring.packing import slices
from counterfoil.mpc.ring.shares import U64
from counterfoil.mpc.suites.plain import Plain
from tests.lib.chance import apart
from tests.spec.circuit_spec import (
    EDGES,
    SUITES,
    Spec,
    bits,
    check_cost,
    check_values,
    columns,
    exact_truncations,
    per_element,
    run,
    words,
)


def bit_rows(x, width=64):
    return ((x.view(np.uint64)[None] >> np.arange(width, dtype=U64)[:, None]) & U64(1)).astype(bool)


def from_rows(x):
    return (x.astype(U64) << np.arange(x.shape[0], dtype=U64)[:, None]).sum(axis=0)


THRESHOLD = 1_000_003
PUBLIC = np.random.default_rng(3).integers(0, 1 << 64, 1_000_000, dtype=U64)

SPECS = [
    Spec("a2b", compare.a2b, words(), bit_rows, per_element(8, 148.25, 8, 280.5)),
    Spec("msb", compare.msb, words(), lambda x: x < 0, per_element(8, 76.25, 8, 136.5)),
    Spec(
        "less_than",
        compare.less_than,
        columns(words(bits=63), words(bits=62)),
        lambda x, y: x < y,
        per_element(8, 76.25, 8, 136.5),
    ),
    Spec(
        "less_than_bits",
        compare.less_than_bits,
        columns(bits(64), bits(64)),
        lambda x, y: from_rows(x) < from_rows(y),
        per_element(7, 69, 7, 138),
    ),
    Spec(
        "less_than_public, one threshold",
        lambda p, x: compare.less_than_public(p, x, compare.constant_slices(np.uint64(THRESHOLD))),
        bits(64),
        lambda x: from_rows(x) < THRESHOLD,
        per_element(6, 45, 6, 90),
    ),
    Spec(
        "less_than_public, a threshold a row",
        lambda p, x: compare.less_than_public(p, x, slices(PUBLIC[: x.length])),
        bits(64),
        lambda x: from_rows(x) < PUBLIC[: x.shape[1]],
        per_element(6, 45, 6, 90),
    ),
    Spec("is_zero", compare.is_zero, words(), lambda x: x == 0, per_element(7, 31.625, 7, 63.25)),
    Spec(
        "equal",
        compare.equal,
        columns(words(bits=3), words(bits=3)),
        lambda x, y: x == y,
        per_element(7, 31.625, 7, 63.25),
    ),
    Spec("b2a", convert.b2a, bits(), lambda x: x, per_element(2, 32, 2, 48)),
    Spec("to_bits", convert.to_bits, words(), lambda x: x & 1 == 1, per_element(1, 0.125, 1, 0.25)),
    Spec("compose", convert.compose, bits(64), from_rows, per_element(2, 32 * 64, 2, 48 * 64)),
    Spec("inject", convert.inject, columns(bits(), words()), lambda b, x: b * x, per_element(3, 56, 3, 96)),
    Spec(
        "select",
        lambda p, b, x, y: convert.select(p, convert.b2a(p, b), x, y),
        columns(bits(), words(), words()),
        np.where,
        per_element(3, 56, 3, 96),
    ),
    *(
        Spec(
            f"trunc_exact by {f}",
            lambda p, x, f=f: truncate.trunc_exact(p, x, f),
            words(),
            lambda x, f=f: x >> f,
            exact_truncations(f),
        )
        for f in (1, 2, 8, 16, 20, 31, 32, 33, 62, 63)
    ),
    Spec(
        "at_least",
        lambda p, x: suppress.at_least(p, x, 5),
        words(bits=4),
        lambda x: x >= 5,
        per_element(10, 108.25, 10, 184.5),
    ),
]

NARROW = [
    Spec(f"{name} of {w} bits", program, words(bits=w), reference, {})
    for w in (2, 3, 7, 20, 33, 63)
    for name, program, reference in (
        ("a2b", lambda p, x, w=w: compare.a2b(p, x, w), lambda x, w=w: bit_rows(x, w)),
        ("msb", lambda p, x, w=w: compare.msb(p, x, w), lambda x: x < 0),
        ("is_zero", lambda p, x, w=w: compare.is_zero(p, x, w), lambda x: x == 0),
    )
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("n", [1, 63, 65, 1024])
@pytest.mark.parametrize("spec", [*SPECS, *NARROW], ids=str)
def test_equals_numpy(spec, n, suite):
    check_values(spec, suite, seed=n, n=n)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_costs_what_the_table_says(spec, suite):
    n = 64 * 64
    check_cost(spec, check_values(spec, suite, seed=1, n=n), n)


OFTEN = {"msb", "less_than", "is_zero", "b2a", "inject", "trunc_exact by 20", "at_least"}


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    "spec", [spec if spec.name in OFTEN else pytest.param(spec, marks=pytest.mark.soak) for spec in SPECS], ids=str
)
def test_a_million_elements(spec, suite):
    check_values(spec, suite, seed=11, n=1_000_000 // (64 if spec.name == "compose" else 1))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=70), st.integers(1, 63))
@settings(deadline=None)
def test_any_words(values, frac):
    x = np.array(values, dtype=np.int64)
    for program, expected in (
        (compare.msb, x < 0),
        (compare.is_zero, x == 0),
        (compare.a2b, bit_rows(x)),
        (lambda p, y: truncate.trunc_exact(p, y, frac), (x >> frac).view(U64)),
    ):
        np.testing.assert_array_equal(run("plain", program, (x,)).values, expected)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("frac", [1, 8, 16, 30, 62])
def test_trunc_pr_is_the_floor_or_one_more(suite, frac):
    rng = np.random.default_rng(frac)
    (x,) = words(bits=62)(rng, 20_000)
    got = run(suite, lambda p, y: truncate.trunc_pr(p, y, frac), (x,)).values.view(np.int64)
    assert set(np.unique(got - (x >> frac))) <= {0, 1}
    exact = x & ~np.int64((1 << frac) - 1)
    got = run(suite, lambda p, y: truncate.trunc_pr(p, y, frac), (exact,)).values.view(np.int64)
    np.testing.assert_array_equal(got, exact >> frac)


@pytest.mark.parametrize("suite", SUITES)
def test_trunc_pr_has_no_bias(suite, chance):
    """One more than the floor as often as the fraction says."""
    x = np.full(200_000, 3 * 65536 + 16384)
    got = run(suite, lambda p, y: truncate.trunc_pr(p, y, 16), (x,), chance.seed).values
    chance.verdict({"one more": apart((got == 4).sum(), x.size, 0.25)})


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("frac", [1, 8, 16, 30, 62])
def test_multiply_pr_is_the_floor_or_one_more(suite, frac):
    x, y = columns(words(bits=31), words(bits=31))(np.random.default_rng(frac), 20_000)
    got = run(suite, lambda p, a, b: truncate.multiply_pr(p, a, b, frac), (x, y)).values.view(np.int64)
    assert set(np.unique(got - (x * y >> frac))) <= {0, 1}
    below = frac // 2
    exact = x >> below << below, y >> (frac - below) << (frac - below)
    got = run(suite, lambda p, a, b: truncate.multiply_pr(p, a, b, frac), exact).values.view(np.int64)
    np.testing.assert_array_equal(got, exact[0] * exact[1] >> frac)


@pytest.mark.parametrize("suite", SUITES)
def test_multiply_pr_has_no_bias(suite, chance):
    x, y = np.full(200_000, 3), np.full(200_000, 65536 + 5462)
    got = run(suite, lambda p, a, b: truncate.multiply_pr(p, a, b, 16), (x, y), chance.seed).values
    chance.verdict({"one more": apart((got == 4).sum(), x.size, 3 * 5462 / 65536)})


#: bits that are dropped: bytes of a lane
LANES = {1: 1, 8: 1, 9: 2, 16: 2, 17: 4, 32: 4, 33: 8, 62: 8}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("frac", "lane"), LANES.items())
def test_probabilistic_truncation_costs_what_the_table_says(suite, frac, lane):
    specs = [
        Spec(
            "trunc_pr",
            lambda p, x: truncate.trunc_pr(p, x, frac),
            words(bits=62),
            None,
            per_element(2, 8 + 3 * lane, 2, 16 + 6 * lane),
        ),
        Spec(
            "multiply_pr",
            lambda p, x, y: truncate.multiply_pr(p, x, y, frac),
            columns(words(bits=31), words(bits=31)),
            None,
            per_element(2, 24 + 3 * lane, 3, 48 + 6 * lane),
        ),
    ]
    for spec in specs:
        check_cost(spec, run(suite, spec.program, spec.inputs(np.random.default_rng(1), 64)), 64)


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_truncated_need_not_lie_in_one_piece(suite):
    """Columns, and one row for many: the same as their copies, but for a coin."""
    x, y = columns(words(bits=31), words(bits=31))(np.random.default_rng(1), 60)

    def program(p, a, b):
        rows = a.reshape(3, 20)
        return [
            truncate.trunc_pr(p, rows.T, 9),
            truncate.multiply_pr(p, rows.T, b.reshape(20, 3), 9),
            truncate.multiply_pr(p, rows[:1].broadcast_to((3, 20)), rows, 9),
        ]

    rows = x.reshape(3, 20)
    exact = rows.T >> 9, rows.T * y.reshape(20, 3) >> 9, rows[:1] * rows >> 9
    for got, floor in zip(run(suite, program, (x, y)).values, exact, strict=True):
        assert set(np.unique(got.view(np.int64) - floor)) <= {0, 1}


def test_matrices_keep_their_shape():
    x = np.arange(-6, 6).reshape(3, 4) * 1000
    assert (
        run("plain", lambda p, y: truncate.trunc_exact(p, y, 3), (x,)).values.tolist() == (x >> 3).astype(U64).tolist()
    )
    assert run("plain", lambda p, y: suppress.at_least(p, y, 0), (x,)).values.tolist() == (x >= 0).astype(int).tolist()


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("frac", range(1, 64))
def test_exact_truncation_is_right_at_every_place_in_as_many_rounds(suite, frac):
    spec = Spec(
        "", lambda p, x: truncate.trunc_exact(p, x, frac), words(), lambda x: x >> frac, exact_truncations(frac)
    )
    check_cost(spec, check_values(spec, suite, seed=frac, n=64), 64)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("width", range(1, 65))
def test_words_of_every_width_to_bits(suite, width):
    """In as many rounds as the carry into the top bit needs; by Kogge and Stone 64 bits would be 296 / 576 B."""
    rounds = 2 + (width - 2).bit_length() if width > 1 else 2
    for name, program, reference in (
        ("a2b", compare.a2b, lambda x: bit_rows(x, width)),
        ("msb", compare.msb, lambda x: x < 0),
    ):
        draw = words(bits=width) if width > 1 else lambda rng, n: (rng.integers(-1, 1, n),)
        spec = Spec(name, lambda p, x, program=program: program(p, x, width), draw, reference, {})
        ran = check_values(spec, suite, seed=width, n=200)
        assert {cost.rounds for cost in ran.costs.values()} == {rounds}


def test_two_carries_are_those_of_all_carries():
    rng = np.random.default_rng(5)
    for rows in (1, 2, 3, 5, 8, 21, 64):
        g, t = rng.integers(0, 2, (2, rows, 100)).astype(bool)
        g &= ~t
        every = run("plain", adder.carries, (g, t)).values
        for place in range(rows):
            low, top = run("plain", lambda p, x, y, place=place: list(adder.two_carries(p, x, y, place)), (g, t)).values
            np.testing.assert_array_equal(low, every[place])
            np.testing.assert_array_equal(top, every[-1])


BAD = {
    "less_than of 3 and 4": lambda p: compare.less_than(p, p.constant([1, 2, 3]), p.constant([1, 2, 3, 4])),
    "equal of 3 and 1": lambda p: compare.equal(p, p.constant([1, 2, 3]), p.constant([1])),
    "msb of nothing": lambda p: compare.msb(p, p.constant(np.zeros(0, int))),
    "is_zero of nothing": lambda p: compare.is_zero(p, p.constant(np.zeros((4, 0), int))),
    "a2b of 65 bits": lambda p: compare.a2b(p, p.constant([1]), 65),
    "a2b of no bits": lambda p: compare.a2b(p, p.constant([1]), 0),
    "b2a of nothing": lambda p: convert.b2a(p, p.constant_bits(np.zeros(0, bool))),
    "inject of 2 and 3": lambda p: convert.inject(p, p.constant_bits(np.ones(2, bool)), p.constant([1, 2, 3])),
    "select of 2 and 3": lambda p: convert.select(p, p.constant([1, 0]), p.constant([1, 2, 3]), p.constant([1, 2, 3])),
    "trunc by 64": lambda p: truncate.trunc_exact(p, p.constant([1]), 64),
    "multiply_pr of 2 and 3": lambda p: truncate.multiply_pr(p, p.constant([1, 2]), p.constant([1, 2, 3]), 5),
    "multiply_pr by 0": lambda p: truncate.multiply_pr(p, p.constant([1]), p.constant([1]), 0),
    "multiply_pr by 63": lambda p: truncate.multiply_pr(p, p.constant([1]), p.constant([1]), 63),
    "trunc_pr by 0": lambda p: truncate.trunc_pr(p, p.constant([1]), 0),
    "trunc_pr of nothing": lambda p: truncate.trunc_pr(p, p.constant(np.zeros(0, int)), 5),
    "trunc_pr by 63": lambda p: truncate.trunc_pr(p, p.constant([1]), 63),
    "at_least of nothing": lambda p: suppress.at_least(p, p.constant(np.zeros(0, int)), 5),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_shapes_are_refused_before_any_message(name):
    p = Plain()
    with pytest.raises(ShapeError, match=r"\d"):
        BAD[name](p)
    assert not p.calls


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_messages_depend_on_shapes_alone(spec, suite):
    assert check_values(spec, suite, seed=1, n=200).trace == check_values(spec, suite, seed=2, n=200).trace


def test_edges_are_in_the_inputs():
    assert set(EDGES) <= set(words()(np.random.default_rng(0), 1024)[0])
