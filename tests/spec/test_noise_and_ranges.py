"""Noise against its law, range checks, rounding and bounds against numpy and integers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core import noise
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.range_check import in_range
from counterfoil.mpc.circuits.core.rounding import LARGEST_DIVISOR, floor_divide, round_each, round_to, rounded_from
from counterfoil.mpc.suites.plain import Plain
from tests.lib.chance import fits
from tests.spec.circuit_spec import (
    EDGES,
    MILLION,
    SUITES,
    Spec,
    check_cost,
    check_values,
    exact_truncations,
    per_element,
    run,
    words,
)

REACH = noise.gaussian_reach(3)


def fit(samples, law, reach):
    """How probable the counts of -reach..reach are, and of all below and above."""
    counts = np.bincount(np.clip(samples, -reach - 1, reach + 1) + reach + 1, minlength=2 * reach + 3)
    inner = np.array([law(k) for k in range(-reach, reach + 1)])
    rest = max(0.0, (1 - inner.sum()) / 2)
    return fits(counts, np.array([rest, *inner, rest]))


def laplace_law(scale):
    a = math.exp(-1 / scale)
    return lambda k: (1 - a) / (1 + a) * a ** abs(k)


def gaussian_law(sigma):
    total = sum(math.exp(-k * k / (2 * sigma**2)) for k in range(-200 * math.ceil(sigma), 200 * math.ceil(sigma) + 1))
    return lambda k: math.exp(-k * k / (2 * sigma**2)) / total


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("scale", [Fraction(1, 3), Fraction(3, 2), 20])
def test_laplace_fits(suite, scale, chance):
    drawn = run(suite, lambda p: noise.discrete_laplace(p, "sums", 40_000, scale), (), chance.seed)
    samples = drawn.values.view(np.int64)
    assert np.abs(samples).max() <= noise.laplace_bound(scale).high
    chance.verdict({"law": fit(samples, laplace_law(float(scale)), int(8 * scale) + 1)})


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("sigma", [Fraction(1, 2), 3, Fraction(21, 2)])
@pytest.mark.parametrize("size", [10_000, pytest.param(600_000, marks=pytest.mark.soak)])
def test_gaussian_fits(suite, sigma, size, chance):
    piece = min(20_000, size)
    drawn = [
        run(suite, lambda p: noise.discrete_gaussian(p, "sums", piece, sigma), (), chance.seeds(part))
        for part in range(size // piece)
    ]
    samples = np.concatenate([each.values for each in drawn]).view(np.int64)
    assert np.abs(samples).max() <= noise.gaussian_bound(sigma).high
    chance.verdict({"law": fit(samples, gaussian_law(float(sigma)), int(6 * sigma) + 1)})


def test_a_wrong_law_would_be_noticed():
    """The tests above can fail: of a width one percent off with as many samples as `make soak` draws, or of a sign."""
    samples = run("plain", lambda p: noise.discrete_gaussian(p, "sums", 10_000, 3), (), bytes(32)).values.view(np.int64)
    assert fit(samples, gaussian_law(3.0), 19).min() > 1e-6
    assert fit(samples, gaussian_law(3.5), 19).min() < 1e-12
    assert fit(np.abs(samples), gaussian_law(3.0), 19).min() < 1e-300


def test_samples_are_fresh():
    p = Plain()
    first, second = (noise.discrete_laplace(p, output, 50, 1000).parts[0] for output in ("first", "second"))
    assert (first != second).any()


LAPLACE = Spec(
    "discrete_laplace",
    lambda p, like: noise.discrete_laplace(p, "sums", like.size, 20),
    words(),
    None,
    per_element(8, 20 * 77, 8, 20 * 138),
)
GAUSSIAN = Spec(
    "discrete_gaussian",
    lambda p, like: noise.discrete_gaussian(p, "sums", like.size, 3),
    words(),
    None,
    per_element(9, REACH * 77 + 56, 9, REACH * 138 + 96),
)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", [LAPLACE, GAUSSIAN], ids=str)
def test_noise_costs_what_the_table_says(spec, suite):
    check_cost(spec, run(suite, spec.program, words()(np.random.default_rng(0), 640)), 640)


@pytest.mark.parametrize("call", [noise.discrete_laplace, noise.discrete_gaussian])
def test_noise_refuses_what_it_cannot_do(call):
    p = Plain()
    with pytest.raises(ShapeError):
        call(p, "sums", 0, 2)
    for bad in (0, Fraction(-1, 2), 1 << 50):
        with pytest.raises(RangeError):
            call(p, "sums", 5, bad)
    assert not p.calls


# --- ranges -----------------------------------------------------------------------------------------------------

BOUNDS = [Bound(0, 0), Bound(-5, 7), Bound(1, 1 << 40), Bound(1 - (1 << 61), (1 << 61) - 1), Bound(-(1 << 62) + 1, 0)]


def any_words(rng, n):
    column = rng.integers(-(2**63), 2**63 - 1, n, endpoint=True)
    near = np.concatenate([EDGES, *([b.low - 1, b.low, b.high, b.high + 1] for b in BOUNDS)])[:n]
    column[: near.size] = near
    return (column,)


RANGES = [
    Spec(
        f"in_range {bound.low}..{bound.high}",
        lambda p, x, bound=bound: in_range(p, x, bound.low, bound.high),
        any_words,
        lambda x, bound=bound: (x >= bound.low) & (x <= bound.high),
        per_element(11, 2 * 76.25 + 32.375, 11, 2 * 136.5 + 48.75),
    )
    for bound in BOUNDS
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("n", [1, 63, 64, 200, MILLION])
@pytest.mark.parametrize("spec", RANGES, ids=str)
def test_in_range_equals_numpy(spec, n, suite):
    check_values(spec, suite, seed=n, n=n)


@pytest.mark.parametrize("suite", SUITES)
def test_in_range_costs_what_the_table_says(suite):
    check_cost(RANGES[1], check_values(RANGES[1], suite, seed=1, n=640), 640)


@pytest.mark.parametrize("suite", SUITES)
def test_every_row_may_have_its_own_range(suite):
    x, low, high = np.array([1, 5, -3, 7]), np.array([0, 6, -3, 0]), np.array([1, 9, -3, 6])
    got = run(suite, lambda p, y: in_range(p, y, low, high), (x,)).values
    assert got.tolist() == [1, 0, 1, 0]


# --- division by a public number --------------------------------------------------------------------------------

WIDE = Bound(LARGEST_DIVISOR - (1 << 61), (1 << 61) - LARGEST_DIVISOR)
#: a divisor, the bound of what it divides, and the truncations that it takes
DIVISIONS = [
    (1, Bound(0, 100), [30]),
    (3, Bound(-7, (1 << 30) - 10), [32]),
    (5, Bound(0, 1 << 30), [1, 33, 33]),
    (1000, Bound(-(1 << 48), 1 << 48), [20, 40, 40]),
    (7, Bound(1 << 20, 1 << 50), [20, 33, 33]),
    (1000, WIDE, [32, 40, 12, 40, 40]),
    (LARGEST_DIVISOR, WIDE, [32, 50, 22, 50, 12, 50, 2, 50, 50]),
]


def within(bound):
    def draw(rng, n):
        column = rng.integers(bound.low, bound.high, n, endpoint=True)
        near = np.array([bound.low, bound.high, bound.low + 1, bound.high - 1, *range(-12, 13)])
        near = near[(bound.low <= near) & (near <= bound.high)][:n]
        column[: near.size] = near
        return (column,)

    return draw


ROUNDED = [
    Spec(
        f"{name} {divisor} of {bound.low}..{bound.high}",
        lambda p, x, circuit=circuit, divisor=divisor, bound=bound: circuit(p, x, divisor, bound),
        within(bound),
        lambda x, reference=reference, divisor=divisor: reference(x, divisor),
        exact_truncations(*truncations),
    )
    for divisor, bound, truncations in DIVISIONS
    for name, circuit, reference in (
        ("floor_divide by", floor_divide, lambda x, d: x // d),
        ("round_to", round_to, lambda x, d: (x + d // 2) // d * d),
    )
]


def test_arrays_with_bounds_of_their_own_round_together():
    """Each as it would alone; joined, their bounds would not fit."""
    bounds = [Bound(0, 1 << 61), Bound(-(1 << 61), 0), Bound(5, 5), Bound(-7, 9), Bound((1 << 62) - 99, (1 << 62) - 9)]
    for base in (1, 2, 5, 1000):
        values = [np.array([b.low, b.high, (b.low + b.high) // 2, b.low + b.high >> 1]) for b in bounds]
        p = Plain()
        if base == 1000:
            values, wide = values[:4], bounds[:4]
            with pytest.raises(RangeError):
                round_each(p, [p.constant(values[0])], base, bounds[4:])
        else:
            wide = bounds
        assert not p.calls
        for got, exact in zip(round_each(p, [p.constant(x) for x in values], base, wide), values, strict=True):
            assert got.parts[0].view(np.int64).tolist() == [(int(x) + base // 2) // base * base for x in exact]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", ROUNDED, ids=str)
def test_division_by_a_public_number_is_exact_and_costs_what_is_said(spec, suite):
    check_cost(spec, check_values(spec, suite, seed=3, n=640), 640)


@given(st.integers(1, LARGEST_DIVISOR), st.integers(WIDE.low, WIDE.high), st.integers(0, WIDE.high), st.data())
def test_any_number_divides_by_any(divisor, low, width, data):
    bound = Bound(low, min(low + width, WIDE.high))
    x = data.draw(st.lists(st.integers(bound.low, bound.high), min_size=1, max_size=9))
    got = run("plain", lambda p, y: floor_divide(p, y, divisor, bound), (np.array(x),)).values.view(np.int64)
    assert got.tolist() == [value // divisor for value in x]
    rounded = run("plain", lambda p, y: round_to(p, y, divisor, bound), (np.array(x),)).values.view(np.int64)
    off = rounded_from(divisor)
    for value, near in zip(x, rounded.tolist(), strict=True):
        assert near % divisor == 0
        assert off.low <= value - near <= off.high
        assert abs(value - near) <= divisor // 2


def test_a_divisor_that_is_none_is_refused():
    for divisor, bound in ((0, WIDE), (-3, WIDE), (LARGEST_DIVISOR + 1, WIDE), (5, Bound(-(1 << 61), 1 << 61))):
        p = Plain()
        with pytest.raises(RangeError):
            floor_divide(p, p.constant(np.array([1])), divisor, bound)
        assert not p.calls


bounds = st.tuples(st.integers(-(2**29), 2**29), st.integers(0, 2**29)).map(lambda t: Bound(t[0], t[0] + t[1]))


@given(bounds, bounds, st.data())
def test_bounds_hold(x, y, data):
    a, b = data.draw(st.integers(x.low, x.high)), data.draw(st.integers(y.low, y.high))
    for bound, value in (
        (x + y, a + b),
        (x - y, a - b),
        (-x, -a),
        (x * y, a * b),
        (x.times(-3), -3 * a),
        (x.summed(5), 5 * a),
        (x.shifted_down(3), a >> 3),
        (x.shifted_down(3), (a >> 3) + (a % 8 > 0)),
        (x.joined(y), a),
        (x.joined(y), b),
    ):
        assert bound.low <= value <= bound.high
    assert -(1 << (x.width - 1)) <= a < 1 << (x.width - 1)
    assert abs(a) <= x.magnitude


@pytest.mark.parametrize(
    "unsafe",
    [
        lambda: Bound(0, 1 << 62),
        lambda: Bound(-(1 << 62), 0),
        lambda: Bound(2, 1),
        lambda: Bound.symmetric(1 << 31) * Bound.symmetric(1 << 31),
        lambda: Bound(0, 1 << 40).summed(1 << 22),
        lambda: Bound(0, 1 << 61) + Bound(0, 1 << 61),
    ],
)
def test_what_could_wrap_is_refused(unsafe):
    with pytest.raises(RangeError):
        unsafe()
