"""Regressions concluded from exact moments on shares, against exact arithmetic on the same rows."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric.fixed import Fixed
from counterfoil.mpc.circuits.numeric.regression import EXPLAINED_STEPS, Moments, regress
from counterfoil.mpc.circuits.numeric.wide import DIGIT_BITS, Wide
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.suites.plain import Cost, Plain
from tests.spec.circuit_spec import SUITES, Ran, run
from tests.spec.test_least_squares import solved
from tests.spec.test_wide import digits_of

ROWS = 1 << 20

#: rounds and bytes of ten columns of 20 bits, by suite
COSTS = {"rep3": Cost(247, 398_080), "rep4": Cost(260, 768_432)}


def fitted(z: NDArray[np.int64], steps: list[Fraction], suite: str = "plain", *, intercept: bool = True) -> Ran:
    """The regression of the last column on the others; the digits of sums have the bounds that 2^20 rows would give."""
    most = int(np.abs(z).max())
    middles = [int(column.min() + column.max()) // 2 if intercept else 0 for column in z.T]
    rows = z.astype(object) - np.array(middles, object)
    i, j = np.tril_indices(z.shape[1])
    sums, crossed = [int(x) for x in rows.sum(axis=0)], [int(x) for x in rows.T.dot(rows)[i, j]]

    def wide(x: Arith, reach: int) -> Wide:
        lower = len(x) - 1
        return Wide(x, (Bound(0, (1 << DIGIT_BITS) - 1),) * lower + (Bound.symmetric(reach >> (DIGIT_BITS * lower)),))

    def program(p: Protocol, n: Arith, one: Arith, two: Arith) -> list[Arith]:
        given = Moments(
            Fixed(n, 0, Bound(0, ROWS)), wide(one, 2 * most * ROWS), wide(two, 4 * most * most * ROWS), middles
        )
        found = regress(p, given, steps, intercept=intercept)
        fit = [found.estimate, found.error, found.explained, found.residual]
        return [*(each.value for each in fit), found.varies, found.solved, found.left, found.sized]

    def digits(numbers: list[int], reach: int) -> NDArray[np.int64]:
        return digits_of(numbers, max(1, -(-reach.bit_length() // DIGIT_BITS)))

    arrays = [np.array([len(z)]), digits(sums, 2 * most * ROWS), digits(crossed, 4 * most * most * ROWS)]
    return run(suite, program, arrays)


def exactly(z: NDArray[np.int64]) -> tuple[list[Fraction], list[float], Fraction]:
    """Coefficients, their standard errors, and R², in fractions until the last root."""
    x = np.column_stack([z[:, :-1], np.ones(len(z), np.int64)]).astype(object)
    y = z[:, -1].astype(object)
    inner, right = x.T.dot(x), x.T.dot(y)
    found = solved(inner, np.column_stack([right, np.eye(len(inner), dtype=object)]))
    beta = [row[0] for row in found]
    unexplained = Fraction(int(y.dot(y))) - sum(b * int(a) for a, b in zip(right, beta, strict=True))
    whole = Fraction(int(y.dot(y))) - Fraction(int(y.sum()) ** 2, len(y))
    per = unexplained / (len(z) - len(beta))
    squares = [per * row[1 + at] for at, row in enumerate(found)]
    fine = 1 << 200
    return beta, [float(Fraction(isqrt(int(each * fine * fine)), fine)) for each in squares], 1 - unexplained / whole


def rows_of(seed: int, count: int, width: int, most: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    x = rng.integers(-most, most, (count, width))
    x[:, 0] = x[:, -1] // 3 + x[:, 0] // 5 + most // 2
    y = x @ rng.normal(size=width) * 0.3 + rng.normal(size=count) * most / 2
    return np.column_stack([x, np.rint(y).astype(np.int64)])


@pytest.mark.parametrize(
    "count, width, most", [(40, 1, 30), (100, 3, 1 << 10), (3_000, 10, 1 << 20), (500, 4, 1 << 29)]
)
def test_coefficients_and_errors_are_the_nearest_steps(count: int, width: int, most: int) -> None:
    for seed in range(3):
        z = rows_of(seed, count, width, most)
        steps = [Fraction(1, 10**6)] * width + [Fraction(most, 10**6)]
        estimate, error, explained, residual, varies, *tests = (as_signed(each) for each in fitted(z, steps).values)
        beta, errors, share = exactly(z)
        assert all((test >= 0).all() for test in tests), f"SEED={seed}"
        for at, step in enumerate(steps):
            allowed = 1 + errors[at] / float(step) / 500
            assert abs(int(estimate[at]) - beta[at] / step) <= allowed, f"SEED={seed}"
            assert abs(int(error[at]) - errors[at] / float(step)) <= allowed, f"SEED={seed}"
            # The promise is wide; this is what is seen.
            assert abs(int(estimate[at]) - beta[at] / step) <= 0.5 + errors[at] / float(step) / 1e6, f"SEED={seed}"
            assert abs(int(error[at]) * float(step) / errors[at] - 1) <= 1e-6 + float(step) / errors[at], f"SEED={seed}"
        assert abs(int(explained[0]) - share * EXPLAINED_STEPS) <= 1
        y = z[:, -1] - z[:, -1].mean()
        left = float(np.sqrt(y @ y * float(1 - share) / (count - width - 1)))
        assert residual[0] * float(steps[-1]) == pytest.approx(left, rel=1e-6, abs=float(steps[-1]))
        assert varies.tolist() == [1] * (width + 1)


NORRIS = [
    (0.2, 0.1), (337.4, 338.8), (118.2, 118.1), (884.6, 888.0), (10.1, 9.2), (226.5, 228.1), (666.3, 668.5),
    (996.3, 998.5), (448.6, 449.1), (777.0, 778.9), (558.2, 559.2), (0.4, 0.3), (0.6, 0.1), (775.5, 778.1),
    (666.9, 668.8), (338.0, 339.3), (447.5, 448.9), (11.6, 10.8), (556.0, 557.7), (228.1, 228.3), (995.8, 998.0),
    (887.6, 888.8), (120.2, 119.6), (0.3, 0.3), (0.3, 0.6), (556.8, 557.6), (339.1, 339.3), (887.2, 888.0),
    (999.0, 998.5), (779.0, 778.9), (11.1, 10.2), (118.3, 117.6), (229.2, 228.9), (669.1, 668.4), (448.9, 449.2),
    (0.5, 0.2),
]  # fmt: skip
"""NIST StRD, Norris: an ozone monitor's readings by a standard's."""


@pytest.mark.parametrize("suite", SUITES)
def test_norris_has_six_digits(suite: str) -> None:
    z = np.rint(np.array(NORRIS) * 10).astype(np.int64)
    ran = fitted(z, [Fraction(1, 10**9), Fraction(1, 10**8)], suite)
    estimate, error, explained, residual, _, *tests = (as_signed(each) for each in ran.values)
    certified = [1.00211681802045, -0.262323073774029], [0.429796848199937e-3, 0.232818234301152]
    # The second is in tenths.
    np.testing.assert_allclose(estimate / [1e9, 1e9], certified[0], rtol=1e-6)
    np.testing.assert_allclose(error / [1e9, 1e9], certified[1], rtol=2e-6)
    assert residual[0] / 1e9 == pytest.approx(0.884796396144373, rel=1e-6)
    assert explained[0] == EXPLAINED_STEPS and all((test >= 0).all() for test in tests)


def test_what_no_regression_can_be_made_of_fails_its_test() -> None:
    z = rows_of(5, 200, 3, 1 << 10)
    step = [Fraction(1, 1000)] * 4
    twice, constant, exact, far = z.copy(), z.copy(), z.copy(), z.copy()
    twice[:, 1], constant[:, 1] = 2 * z[:, 0] + 1, 17
    exact[:, -1] = z[:, :3] @ [2, -1, 5]
    far[:, 1] = (1 << 29) + z[:, 1] % 3
    names = {"solved": (twice, 5), "constant": (constant, 5), "left": (exact, 6), "sized": (far, 7)}
    for name, (rows, at) in names.items():
        assert (as_signed(fitted(rows, step).values[at]) < 0).any(), name
    narrow = [Fraction(1, 1 << 45)] * 4
    assert (as_signed(fitted(z, narrow).values[7]) < 0).any()


def test_what_does_not_vary_is_told() -> None:
    z = rows_of(5, 200, 3, 1 << 10)
    z[:, 1] = 17
    step = [Fraction(1, 1000)] * 4
    assert as_signed(fitted(z, step).values[4]).tolist() == [1, 0, 1, 1]
    z[:, 1], z[:, -1] = 0, 5
    assert as_signed(fitted(z, step, intercept=False).values[4]).tolist() == [1, 0, 1, 1]
    assert as_signed(fitted(z, step).values[4]).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("start, slope, error", [
    (60, 2.07438016528926, 0.165289256198347e-1), (50, 0.727272727272727, 0.420827318078432e-1)
])  # fmt: skip
def test_a_line_through_the_origin_has_six_digits(suite: str, start: int, slope: float, error: float) -> None:
    """NIST StRD, NoInt1 and NoInt2."""
    x = np.arange(60, 71) if start == 60 else np.array([4, 5, 6])
    y = np.arange(130, 141) if start == 60 else np.array([3, 4, 4])
    estimate, errors, explained, residual, _, *tests = (
        as_signed(each)
        for each in fitted(np.column_stack([x, y]), [Fraction(1, 10**9)] * 2, suite, intercept=False).values
    )
    assert all((test >= 0).all() for test in tests)
    assert estimate[0] / 1e9 == pytest.approx(slope, rel=1e-6) and estimate[1] == 0
    assert errors[0] / 1e9 == pytest.approx(error, rel=1e-6)
    assert residual[0] / 1e9 == pytest.approx({60: 3.56753034006338, 50: 0.369274472937998}[start], rel=1e-6)
    assert explained[0] / 1000 == pytest.approx({60: 0.999365492298663, 50: 0.993348115299335}[start], abs=0.0006)


def test_a_line_through_the_origin_takes_columns_as_they_are() -> None:
    count, none = Fixed(Plain().constant(np.ones(1, np.int64)), 0, Bound(0, 1)), Bound(0, 0)
    sums = Wide(Plain().constant(np.zeros((1, 2), np.int64)), (none,))
    with pytest.raises(RangeError, match="less nothing"):
        regress(Plain(), Moments(count, sums, sums, (0, 7)), [Fraction(1)] * 2, intercept=False)


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_concludes_at_its_price(suite: str) -> None:
    z = rows_of(3, 300, 10, 1 << 20)
    ran = fitted(z, [Fraction(1, 10**6)] * 11, suite)
    beta, _, _ = exactly(z)
    off = [abs(int(got) - wanted * 10**6) for got, wanted in zip(as_signed(ran.values[0])[:10], beta, strict=False)]
    assert max(off) <= 2
    if (kind := suite.partition("-")[0]) in COSTS:
        assert ran.costs[kind] == COSTS[kind]
