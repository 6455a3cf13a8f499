"""Inverses and least squares on shares, against exact arithmetic on the same moments."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from counterfoil.errors import ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric.fixed import Rough
from counterfoil.mpc.circuits.numeric.inverse import INVERSE_FRAC, inverse
from counterfoil.mpc.circuits.numeric.least_squares import SLOPE_FRAC, least_squares
from counterfoil.mpc.circuits.numeric.scale import SCALED_FRAC
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.suites.plain import Cost, Plain
from tests.spec.circuit_spec import SUITES, Ran, run

WHOLE = Bound.symmetric(1 << SCALED_FRAC)

#: rounds and bytes, by suite, for three columns and a response
COSTS = {"rep3": Cost(113, 15_736), "rep4": Cost(113, 31_472)}


def shared(moments: NDArray[np.float64]) -> NDArray[np.int64]:
    """The same over 2^SCALED_FRAC, and symmetric."""
    lower = np.tril(np.rint(moments * 2.0**52).astype(np.int64))
    return (lower + np.tril(lower, -1).T) << (SCALED_FRAC - 52)


def moments_of(seed: int, width: int, spread: float, noise: float) -> NDArray[np.int64]:
    """Moments of columns whose singular values are `spread` apart, and of a response with so much noise, scaled."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(width, width)))
    x = rng.normal(size=(400, width)) @ turn @ np.diag(np.geomspace(1, 1 / spread, width)) @ turn.T
    x /= x.std(axis=0)
    y = x @ rng.normal(size=width)
    z = np.column_stack([x, y / y.std() + noise * rng.normal(size=400)])
    z -= z.mean(axis=0)
    z *= rng.uniform(0.5, 1, width + 1) / np.sqrt((z**2).sum(axis=0))
    return shared(z.T @ z)


def solved(matrix: NDArray[np.int64], right: NDArray[np.int64]) -> list[list[Fraction]]:
    """The solution of matrix · x = right, both over 2^SCALED_FRAC, in fractions."""
    rows = [[Fraction(int(each)) for each in (*a, *b)] for a, b in zip(matrix, right, strict=True)]
    for at, own in enumerate(rows):
        own[:] = [each / own[at] for each in own]
        for other in (row for place, row in enumerate(rows) if place != at and row[at]):
            other[:] = [a - other[at] * b for a, b in zip(other, own, strict=True)]
    return [row[len(matrix) :] for row in rows]


def floats(x: NDArray[np.uint64], frac: int) -> NDArray[np.float64]:
    return np.ldexp(as_signed(x).astype(float), -frac)


def fitted(moments: NDArray[np.int64], suite: str = "plain") -> Ran:
    def program(p: Protocol, given: Arith) -> list[Arith]:
        fit = least_squares(p, Rough(given, SCALED_FRAC, WHOLE))
        assert (fit.slope.frac, fit.left.frac, fit.inverse.value.frac) == (SLOPE_FRAC, SCALED_FRAC, INVERSE_FRAC)
        return [fit.slope.value, fit.left.value, fit.inverse.value.value, fit.inverse.tests]

    return run(suite, program, [moments])


@pytest.mark.parametrize("noise", [1.0, 1e-2, 1e-5])
@pytest.mark.parametrize("spread", [1.0, 30.0, 300.0])
@pytest.mark.parametrize("width", [1, 4, 10])
def test_fits_are_as_exact_as_stated(width: int, spread: float, noise: float) -> None:
    for seed in range(3):
        moments = moments_of(seed, width, spread, noise)
        slope, left, inverted, tests = fitted(moments).values
        inner, response = moments[:width, :width], moments[:width, width]
        eye = np.eye(width, dtype=np.int64) << SCALED_FRAC
        found = solved(inner, np.column_stack([eye, response]))
        wanted = np.array([[float(each) for each in row[:-1]] for row in found])
        slopes = [row[-1] for row in found]
        explained = sum(int(a) * b for a, b in zip(response, slopes, strict=True)) / (1 << SCALED_FRAC)
        unexplained = float(Fraction(int(moments[width, width]), 1 << SCALED_FRAC) - explained)
        assert (as_signed(tests) >= 0).all(), f"SEED={seed}"
        off = np.abs(floats(inverted, INVERSE_FRAC) - wanted)
        assert (off <= 2.0**-26 * np.abs(wanted).max(axis=1)).all(), f"SEED={seed}"
        apart = np.abs(floats(slope, SLOPE_FRAC) - np.array([float(each) for each in slopes]))
        assert apart.max() <= 2.0**-30 * max(1, np.abs(wanted).max()), f"SEED={seed}"
        assert abs(floats(left, SCALED_FRAC)[0] - unexplained) <= 2.0**-44, f"SEED={seed}"


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_fits_the_same_at_its_price(suite: str) -> None:
    moments = moments_of(3, 3, 30.0, 0.1)
    ran, plain = fitted(moments, suite), fitted(moments)
    for got, wanted, frac in zip(
        ran.values[:3], plain.values[:3], (SLOPE_FRAC, SCALED_FRAC, INVERSE_FRAC), strict=True
    ):
        np.testing.assert_allclose(floats(got, frac), floats(wanted, frac), rtol=2.0**-25, atol=2.0**-30)
    if (kind := suite.partition("-")[0]) in COSTS:
        assert ran.costs[kind] == plain.costs[kind] == COSTS[kind]


DEGENERATE = {
    "two alike": np.array([[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]]),
    "nearly alike": np.array([[1, 1 - 2**-30, 0.5], [1 - 2**-30, 1, 0.5], [0.5, 0.5, 1]]),
    "a constant": np.array([[0.5, 0, 0.2], [0, 0, 0], [0.2, 0, 0.9]]),
    "all constant": np.zeros((3, 3)),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_what_cannot_be_inverted_fails_its_tests(name: str) -> None:
    for seed in range(5):
        p = Plain(seed=bytes([seed] * 32))
        found = inverse(p, Rough(p.constant(shared(DEGENERATE[name])[:2, :2]), SCALED_FRAC, WHOLE))
        assert (as_signed(found.tests.parts[0]) < 0).any()


def test_matrices_of_other_shapes_are_refused() -> None:
    p = Plain()
    with pytest.raises(ShapeError, match="square"):
        inverse(p, Rough(p.constant(np.ones((2, 3), np.int64)), SCALED_FRAC, WHOLE))
    with pytest.raises(ShapeError, match="two columns"):
        least_squares(p, Rough(p.constant(np.ones((1, 1), np.int64)), SCALED_FRAC, WHOLE))
