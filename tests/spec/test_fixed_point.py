"""Fixed-point arithmetic against floating point, its stated errors and its costs."""

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric import divide, elementary, fixed
from counterfoil.mpc.circuits.numeric.chebyshev import LOGISTIC, fast_sigmoid, odd_series
from counterfoil.mpc.circuits.numeric.fixed import FRAC, Fixed, Rough
from counterfoil.mpc.circuits.numeric.normalise import normalise, prefix_and
from counterfoil.mpc.suites.plain import Cost, Plain
from tests.spec.circuit_spec import MILLION, SUITES, run


@dataclass(frozen=True)
class Kernel:
    """A function of numbers between bounds, its floating-point meaning, its error, and its cost an element."""

    name: str
    program: object
    meaning: object
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    fracs: tuple[int, ...]
    error: float
    rep3: tuple[int, float]
    rep4: tuple[int, float]

    def __str__(self):
        return self.name

    def bounds(self):
        return [
            Bound(int(low * 2**frac), int(high * 2**frac))
            for low, high, frac in zip(self.lows, self.highs, self.fracs, strict=True)
        ]

    def inputs(self, rng, n):
        """Values spread over all magnitudes, both ends of the bounds first."""
        columns = []
        for bound in self.bounds():
            x = rng.integers(bound.low, bound.high, n, endpoint=True) >> rng.integers(0, bound.width, n)
            x = np.clip(x, bound.low, bound.high)
            x[: min(2, n)] = [bound.low, bound.high][: min(2, n)]
            columns.append(x)
        return columns

    def run(self, suite, columns):
        """What came out, as floats; it is within the bound that the number states."""
        stated = {}

        def program(p, *shares):
            numbers = [
                Fixed(share, frac, bound) for share, frac, bound in zip(shares, self.fracs, self.bounds(), strict=True)
            ]
            result = self.program(p, *numbers)
            number = result[0] if isinstance(result, tuple) else result
            stated[0] = number
            return number.value

        ran = run(suite, program, columns)
        values = ran.values.view(np.int64)
        assert stated[0].bound.low <= values.min()
        assert values.max() <= stated[0].bound.high
        return values / 2.0 ** stated[0].frac, ran.costs


def quotient(a, b):
    return np.where(b > 0, a / np.where(b > 0, b, 1), 0)


def limited(p, a, b):
    return divide.divide(p, a, b, limit=1000)


def of_positive(f):
    return lambda x: np.where(x > 0, f(np.where(x > 0, x, 1)), 0)


def logistic(x):
    return 1 / (1 + np.exp(-np.clip(x, -700, 700)))


E = 2.718281828459045

KERNELS = [
    Kernel(
        "divide",
        divide.divide,
        quotient,
        (-1000, 0),
        (1000, 2**32 - 1),
        (0, 0),
        1000 / 2**26,
        (31, 1412),
        (39, 2304),
    ),
    Kernel("divide < 1", divide.divide, quotient, (0, 0.5), (0.5, 1), (20, 20), 1 / 2**26, (29, 1009.125), (35, 1677)),
    Kernel("divide 16/16", limited, quotient, (0, 1), (1, 2**16), (16, 16), 1000 / 2**26, (32, 1448.25), (40, 2360.25)),
    Kernel("sqrt", divide.sqrt, np.sqrt, (0,), (2**32 - 1,), (0,), 2**16 / 2**26, (39, 1546), (50, 2572)),
    Kernel("sqrt, 20 places", divide.sqrt, np.sqrt, (0,), (2**20,), (20,), 2**10 / 2**26, (41, 1865.125), (52, 3064)),
    Kernel("sqrt < 1", divide.sqrt, np.sqrt, (0,), (0.999,), (40,), 1 / 2**26, (41, 1829.25), (52, 3008.5)),
    Kernel("exp", elementary.exp, np.exp, (-10,), (10,), (20,), E**10 / 2**25, (25, 567.375), (28, 1046)),
    Kernel("exp of one binade", elementary.exp, np.exp, (0,), (0.5,), (10,), E**0.5 / 2**25, (20, 327.875), (23, 632)),
    Kernel(
        "exp of the negative", elementary.exp, np.exp, (-40,), (-30,), (16,), E**-30 / 2**25, (24, 509.75), (27, 947)
    ),
    Kernel("log2", elementary.log2, of_positive(np.log2), (0,), (2**32 - 1,), (0,), 2**-23, (24, 1414), (28, 2308)),
    Kernel("log", elementary.log, of_positive(np.log), (0,), (2**12 - 1e-6,), (20,), 2**-23, (24, 1414), (28, 2308)),
    Kernel("sigmoid", elementary.sigmoid, logistic, (-10,), (10,), (20,), 2**-26, (49, 847.625), (58, 1600.5)),
    Kernel("sigmoid, wide", elementary.sigmoid, logistic, (-200,), (200,), (16,), 2**-26, (60, 996.375), (69, 1859.25)),
    Kernel("fast sigmoid", fast_sigmoid, logistic, (-10,), (10,), (20,), 2**-13, (11, 344), (15, 688)),
    Kernel("fast sigmoid, wide", fast_sigmoid, logistic, (-400,), (400,), (20,), 2**-13, (21, 502.75), (25, 958)),
    Kernel("fast sigmoid of integers", fast_sigmoid, logistic, (-9,), (9,), (0,), 2**-13, (11, 344), (15, 688)),
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("n", [1, 640, MILLION])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_errors_and_costs_are_as_stated(kernel, n, suite):
    columns = kernel.inputs(np.random.default_rng(n), n)
    got, costs = kernel.run(suite, columns)
    exact = kernel.meaning(*(x / 2.0**frac for x, frac in zip(columns, kernel.fracs, strict=True)))
    inside = np.abs(exact) <= 1000 if kernel.program is limited else np.full(n, True)
    assert np.abs(got - exact)[inside].max() <= kernel.error
    if n == 640:
        table = {"rep3": kernel.rep3, "rep4": kernel.rep4}
        assert costs == {suite: Cost(table[suite][0], round(table[suite][1] * n)) for suite in costs}


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_errors_on_many_values(kernel):
    columns = kernel.inputs(np.random.default_rng(7), 30_000)
    got, _ = kernel.run("plain", columns)
    exact = kernel.meaning(*(x / 2.0**frac for x, frac in zip(columns, kernel.fracs, strict=True)))
    inside = np.abs(exact) <= 1000 if kernel.program is limited else np.full(30_000, True)
    assert np.abs(got - exact)[inside].max() <= kernel.error


@dataclass(frozen=True)
class Anywhere:
    """A kernel at any places and bounds: its meaning, and the error that it states at these bounds, as real numbers."""

    program: object
    meaning: object
    error: object
    signed: bool = True

    def worst(self, low, high, frac):
        """By how much the stated error is passed, as a quotient; None if the plan is refused before any message."""
        bound = Bound(low, high)
        x = np.unique(np.linspace(low, high, 101).round().astype(np.int64).clip(low, high))
        p = Plain()
        try:
            result = self.program(p, Fixed(p.constant(x), frac, bound))
        except RangeError:
            assert not p.calls, "refused after messages"
            return None
        number, *_ = result if isinstance(result, tuple) else (result,)
        values = number.value.parts[0].view(np.int64)
        assert number.bound.low <= values.min() and values.max() <= number.bound.high
        real, scale = np.ldexp(x.astype(float), -frac), self.error(low * 2.0**-frac, high * 2.0**-frac)
        with np.errstate(under="ignore"):
            off = np.ldexp(values.astype(float), -number.frac) - self.meaning(real)
        return float(np.abs(off).max() / scale)


ANYWHERE = {
    "exp": Anywhere(elementary.exp, np.exp, lambda low, high: np.exp(high) / 2**25),
    "sigmoid": Anywhere(elementary.sigmoid, logistic, lambda low, high: 2.0**-26),
    "fast_sigmoid": Anywhere(fast_sigmoid, logistic, lambda low, high: 2.0**-13),
    "log": Anywhere(elementary.log, of_positive(np.log), lambda low, high: 2.0**-23, signed=False),
    "log2": Anywhere(elementary.log2, of_positive(np.log2), lambda low, high: 2.0**-23, signed=False),
    "sqrt": Anywhere(divide.sqrt, np.sqrt, lambda low, high: np.sqrt(high) / 2**26, signed=False),
}


def extents(frac, *, signed):
    """Pairs of integers, as bounds: around zero and beside it, near and far, at powers of two and between them."""
    found = set()
    for real in (2.0**-frac, 2.0**-8, 0.3, 1, 3, 8, 10, 10.25, 16, 20, 21, 40, 200, 1000, 2.0**20, 2.0**40):
        for top in {math.floor(real * 2.0**frac) + more for more in (-1, 0)}:
            if 1 <= top < 1 << 62:
                found |= {(-top, top), (-top, 0), (0, top), (-top, -top // 2), (top // 2, top), (top, top)}
    return sorted(pair for pair in found if signed or pair[0] >= 0)


@pytest.mark.parametrize("name", ANYWHERE)
@pytest.mark.parametrize("frac", [0, 1, 2, 8, 16, 20, 23, 24, 25, 27, *range(30, 64, 3), 80, 200])
def test_a_kernel_keeps_its_error_or_refuses_before_any_message(name, frac):
    """Wherever places and bounds are: no result that is farther off than it says."""
    kernel = ANYWHERE[name]
    worst = {(low, high): kernel.worst(low, high, frac) for low, high in extents(frac, signed=kernel.signed)}
    assert {extent: by for extent, by in worst.items() if by is not None and by > 1} == {}
    usual = [by for (low, high), by in worst.items() if high - low <= 20 << frac and -low <= 20 << frac]
    assert frac not in range(2, 25) or any(by is not None for by in usual)


REFUSED = [
    (elementary.exp, 40, -3, 3),
    (elementary.exp, 57, -3, 3),
    (elementary.exp, 24, -40, -30),
    (elementary.exp, 61, -1, 0),
    (elementary.sigmoid, 40, -3, 3),
    (elementary.sigmoid, 30, -100, 100),
]


@pytest.mark.parametrize(("kernel", "frac", "low", "high"), REFUSED)
def test_what_is_refused_is_accepted_when_the_message_is_followed(kernel, frac, low, high):
    p, bound = Plain(), Bound(low << frac, high << frac)
    x = Fixed(p.constant([bound.low, bound.high]), frac, bound)
    with pytest.raises(RangeError, match="error would be larger than stated") as refused:
        kernel(p, x)
    assert not p.calls
    places = int(re.search(r"rescale to (\d+) places or fewer", str(refused.value))[1])
    kernel(p, fixed.rescale(p, x, places))
    down = frac - places - 1
    if down:
        with pytest.raises(RangeError):
            kernel(p, Fixed(x.value, places + 1, Bound(bound.low >> down, bound.high >> down)))


@pytest.mark.parametrize("frac", [36, 40, 55, 58])
def test_a_series_is_not_given_constants_of_few_bits(frac):
    p = Plain()
    x = Fixed(p.constant([1]), frac, Bound.symmetric(min(3 << frac, (1 << 62) - 1)))
    if frac == 36:
        x = Fixed(x.value, frac, Bound.symmetric(10 << frac))
    with pytest.raises(RangeError, match="rescale them to 24 places or fewer"):
        fast_sigmoid(p, x)
    assert not p.calls
    fast_sigmoid(p, fixed.rescale(p, x, 24))


@given(
    st.integers(1, 40), st.integers(0, 61), st.integers(0, 61), st.integers(1, 61), st.integers(1, 61), st.data(),
)  # fmt: skip
@settings(deadline=None, max_examples=300)
def test_quotients_keep_their_error_at_any_places_or_are_refused_before_any_message(most, f, g, wide, narrow, data):
    """`most` bits of quotients are promised; a and b have f and g places, and up to `wide` and `narrow` bits."""
    p, limit = Plain(), (1 << most) - 1
    b = np.array(data.draw(st.lists(st.integers(1, (1 << narrow) - 1), min_size=1, max_size=9)))
    ends = [min((1 << wide) - 1, (limit * int(each) << f) >> g) for each in b]
    a = np.array([data.draw(st.integers(-end, end)) for end in ends])
    try:
        quotient, real = divide.divide(
            p, number(p, a, f, (1 << wide) - 1), Fixed(p.constant(b), g, Bound(0, (1 << narrow) - 1)), limit
        )
    except RangeError:
        assert not p.calls, "refused after messages"
        return
    got = np.ldexp(quotient.value.parts[0].view(np.int64).astype(float), -quotient.frac)
    assert np.abs(got - np.ldexp(a / b, g - f)).max() <= limit / 2**26
    assert (np.abs(quotient.value.parts[0].view(np.int64)) <= quotient.bound.magnitude).all()
    assert real.parts[0].all()


def test_a_series_with_large_coefficients_is_refused():
    p = Plain()
    with pytest.raises(RangeError, match="odd_series"):
        odd_series(p, p.constant([1]), [4 * each for each in LOGISTIC])
    assert not p.calls


@pytest.mark.parametrize(
    ("literal", "function", "variable"),
    [
        (elementary.EXP2, np.exp2, lambda t: t),
        (elementary.LOG2, np.log2, lambda t: (t + 3) / 4),
        (elementary.LOG, np.log, lambda t: (t + 3) / 4),
    ],
)
def test_coefficients_are_those_of_the_interpolation(literal, function, variable):
    low, high = variable(np.array([0.0, 1.0])) if function is np.exp2 else (0.5, 1.0)
    series = chebyshev.Chebyshev.interpolate(function, len(literal) - 1, [low, high])
    at = np.linspace(0, 1, 50) if function is np.exp2 else np.linspace(-1, 1, 50)
    ours = sum(c / 2**FRAC * at**k for k, c in enumerate(literal))
    np.testing.assert_allclose(ours, series(variable(at)), atol=4 * 2.0**-FRAC)


def test_logarithms_of_constants():
    assert abs(elementary.LN_2 - np.log(2) * 2**60) < 2**9
    assert abs(elementary.LOG2_E - 2**60 / np.log(2)) < 2**9


# --- normal form ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("width", [1, 2, 30, 31, 61])
def test_normal_form(suite, width):
    rng = np.random.default_rng(width)
    x = rng.integers(0, 1 << width, 300) >> rng.integers(0, width, 300)
    x[:3] = 0, 1, (1 << width) - 1

    def program(p, y):
        normal = normalise(p, y, width)
        return [normal.c, normal.place, normal.factor, normal.real]

    c, place, factor, real = run(suite, program, (x,)).values
    digits = np.array([int(value).bit_length() for value in x])
    exact = np.where(x > 0, x / 2.0**digits, 0.5)
    assert np.abs(c / 2.0**FRAC - exact).max() < 2.0**-FRAC
    assert (real == (x > 0)).all()
    assert (place == (np.arange(width)[:, None] == width - digits)).all()
    assert (factor == np.where(x > 0, 2.0 ** (width - digits), 0)).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 33])
def test_prefix_and(rows):
    z = np.random.default_rng(rows).integers(0, 8, (rows, 100)) > 0
    np.testing.assert_array_equal(run("plain", prefix_and, (z,)).values, np.logical_and.accumulate(z, axis=0))


# --- numbers ----------------------------------------------------------------------------------------------------


def number(p, values, frac, magnitude):
    return Fixed(p.constant(values), frac, Bound.symmetric(magnitude))


@given(st.lists(st.integers(-(2**28), 2**28), min_size=1, max_size=20), st.integers(1, 25))
@settings(deadline=None)
def test_products_settle_exactly(values, drop):
    x = np.array(values)
    p = Plain()
    mine = number(p, x, 16, 2**28)
    settled = fixed.settle(p, fixed.product(p, mine, fixed.negate(mine)), 32 - drop)
    assert settled.frac == 32 - drop
    np.testing.assert_array_equal(settled.value.parts[0].view(np.int64), -x * x >> drop)
    assert (np.abs(settled.value.parts[0].view(np.int64)) <= settled.bound.magnitude).all()


def test_rough_stays_rough_until_it_is_settled():
    p = Plain()
    x = number(p, [1 << 20, 5, -7], 20, 1 << 20)
    rough = fixed.rescale(p, fixed.product(p, x, x), 20)
    assert type(fixed.product(p, x, x)) is Fixed
    assert type(rough) is Rough
    assert type(fixed.add(rough, x)) is Rough
    assert type(fixed.negate(rough)) is Rough
    assert type(fixed.product(p, rough, x)) is Rough
    assert type(fixed.rescale(p, rough, 25)) is Rough
    assert type(fixed.settle(p, rough, 16)) is Fixed
    assert type(fixed.add(x, x)) is Fixed


UNSAFE = {
    "a product that could wrap": lambda p: fixed.product(p, number(p, [1], 0, 2**31), number(p, [1], 0, 2**31)),
    "a sum that could wrap": lambda p: fixed.add(number(p, [1], 0, 2**61), number(p, [1], 0, 2**61)),
    "a sum of different places": lambda p: fixed.add(number(p, [1], 0, 9), number(p, [1], 1, 9)),
    "a shift that could wrap": lambda p: fixed.rescale(p, number(p, [1], 0, 2**40), 30),
    "settling nothing": lambda p: fixed.settle(p, number(p, [1], 5, 9), 5),
    "a divisor that may be negative": lambda p: divide.divide(p, number(p, [1], 0, 9), number(p, [1], 0, 9)),
    "too large quotients": lambda p: divide.divide(p, number(p, [1], 0, 2**40), Fixed(p.constant([1]), 0, Bound(0, 9))),
    "a negative radicand": lambda p: divide.sqrt(p, number(p, [1], 0, 9)),
    "a negative logarithm": lambda p: elementary.log(p, number(p, [1], 0, 9)),
    "exp of a wide range": lambda p: elementary.exp(p, number(p, [1], 16, 11 << 16)),
    "exp of a large number": lambda p: elementary.exp(p, Fixed(p.constant([1]), 8, Bound(24 << 8, 25 << 8))),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_what_could_wrap_is_refused_before_any_message(name):
    p = Plain()
    with pytest.raises(RangeError):
        UNSAFE[name](p)
    assert not p.calls


@pytest.mark.parametrize(
    "program",
    [
        fixed.product,
        lambda p, x, y: fixed.add(x, y),
        lambda p, x, y: divide.divide(p, x, Fixed(y.value, 0, Bound(0, 9))),
    ],
)
def test_shapes_that_disagree_are_refused_before_any_message(program):
    p = Plain()
    with pytest.raises(ShapeError):
        program(p, number(p, [1, 2], 0, 9), number(p, [1], 0, 9))
    assert not p.calls


@pytest.mark.parametrize("program", [elementary.exp, elementary.sigmoid])
def test_nothing_is_refused_before_any_message(program):
    p = Plain()
    with pytest.raises(ShapeError):
        program(p, number(p, np.zeros(0, int), 0, 9))
    assert not p.calls


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kernel", KERNELS[::4], ids=str)
def test_messages_depend_on_shapes_alone(kernel, suite):
    def trace(seed):
        columns = kernel.inputs(np.random.default_rng(seed), 70)
        bounds = kernel.bounds()

        def program(p, *shares):
            numbers = [Fixed(s, f, b) for s, f, b in zip(shares, kernel.fracs, bounds, strict=True)]
            result = kernel.program(p, *numbers)
            return (result[0] if isinstance(result, tuple) else result).value

        return run(suite, program, columns).trace

    assert trace(1) == trace(2)
