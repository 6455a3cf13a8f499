"""Correlations concluded from shared sums, against exact arithmetic on the same sums."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric.correlate import COUNT_BITS, R_FRAC, SHARE_FRAC, VARIANCE_FRAC, Moments, correlate
from counterfoil.mpc.circuits.numeric.fixed import FRAC, Fixed
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith
from counterfoil.mpc.suites.plain import Cost, Plain
from tests.spec.circuit_spec import SUITES, run

MOST = (1 << COUNT_BITS) - 1

#: rounds and bytes, by suite and number of columns
COSTS = {
    ("rep3", 2): Cost(86, 25_808),
    ("rep3", 5): Cost(86, 37_328),
    ("rep4", 2): Cost(109, 47_696),
    ("rep4", 5): Cost(109, 67_808),
}


@dataclass(frozen=True)
class Sums:
    """What is shared of some rows, scaled by 2^FRAC; products are rounded down as a whole."""

    count: int
    sums: list[int]
    products: list[int]

    @classmethod
    def of(cls, z: NDArray[np.float64]) -> Sums:
        fine = np.rint(z * (1 << FRAC)).astype(np.int64).astype(object)
        i, j = np.tril_indices(z.shape[1])
        return cls(len(z), list(fine.sum(axis=0)), [int(each) >> FRAC for each in (fine.T @ fine)[i, j]])

    def arrays(self) -> list[NDArray[np.int64]]:
        return [np.array(each, np.int64) for each in ([self.count], self.sums, self.products)]

    def exact(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Correlations and variances that follow from these sums, worked out in whole numbers."""
        i, j = np.tril_indices(len(self.sums))
        cov = {
            (a, b): self.count * (product << FRAC) - self.sums[a] * self.sums[b]
            for a, b, product in zip(i.tolist(), j.tolist(), self.products, strict=True)
        }
        finer = 1 << 80
        r = [
            float(Fraction(cov[a, b] * finer, isqrt(cov[a, a] * cov[b, b] * finer * finer) or 1))
            for a, b in zip(*np.tril_indices(len(self.sums), -1), strict=True)
        ]
        scale = Fraction(1, self.count**2 << 2 * FRAC)
        return np.array(r), np.array([float(cov[a, a] * scale) for a in range(len(self.sums))])


def concluded(
    sums: Sums, suite: str = "plain"
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, dict[str, Cost]]:
    def program(p: Protocol, count: Arith, linear: Arith, products: Arith) -> list[Arith]:
        (found,) = correlate(p, [Moments(Fixed(count, 0, Bound(0, MOST)), linear, products)])
        assert (found.r.frac, found.variance.frac, found.share.frac) == (R_FRAC, VARIANCE_FRAC, SHARE_FRAC)
        return [found.r.value, found.variance.value, found.share.value]

    ran = run(suite, program, sums.arrays())
    fracs = (R_FRAC, VARIANCE_FRAC, SHARE_FRAC)
    r, variance, share = (
        np.ldexp(each.view(np.int64).astype(float), -frac) for each, frac in zip(ran.values, fracs, strict=True)
    )
    return r, variance, float(share[0]), ran.costs


def rows(seed: int, count: int, spreads: list[float], at: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    own, common = rng.uniform(-1, 1, (count, len(spreads))), rng.uniform(-1, 1, (count, 1))
    tied = rng.choice([-1, 0, 0.5, 0.9, 1], len(spreads))
    return np.clip(at + np.array(spreads) * (tied * common + (1 - np.abs(tied)) * own), -1, 1)


def allowed(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The stated error; none for a column whose variance, with what products were rounded by, is next to nothing."""
    i, j = np.tril_indices(variance.size, -1)
    variance = np.where(variance < 2.0**-40, np.nan, variance)
    return 2.0**-24 + 2.0**-49 * (1 / variance[i] + 1 / variance[j])


@pytest.mark.parametrize("at", [0, 0.4, -0.99])
@pytest.mark.parametrize("count", [3, 10, 4_800, pytest.param(300_001, marks=pytest.mark.slow)])
def test_errors_are_as_stated_whatever_the_variances(count: int, at: float) -> None:
    for seed in range(12):
        spreads = [0.6 / 10 ** (k * (seed % 4) / 4) for k in range(5)]
        sums = Sums.of(rows(seed, count, spreads, at))
        exact, variances = sums.exact()
        r, variance, share, _ = concluded(sums)
        assert np.abs(variance - variances).max() <= 2.0**-49, f"SEED={seed}"
        off = np.abs(r - exact) / allowed(variances)
        assert (off[np.isfinite(off)] <= 1).all(), f"SEED={seed}"
        assert abs(share * count - 1) <= 2.0**-26 + count * 2.0**-30


def test_a_well_conditioned_correlation_is_within_a_millionth() -> None:
    """Columns that vary over at least a hundredth of their bounds, from a hundred rows to a hundred thousand."""
    worst = 0.0
    for seed, count in enumerate((100, 1_000, 10_000, 100_000) * 5):
        z = rows(seed, count, [0.02, 0.05, 0.3, 0.02], 0.9 * (-1) ** seed)
        r, _, _, _ = concluded(Sums.of(z))
        worst = max(worst, np.abs(r - np.corrcoef(z.T)[np.tril_indices(4, -1)]).max())
    assert 1e-10 < worst < 1e-6


ENDS = {
    "halves": np.repeat([[-1.0, 1.0], [1.0, -1.0]], 500, axis=0),
    "one outlier": np.vstack([np.full((99_999, 2), -1.0), [[1.0, 1.0]]]),
    "the same": np.repeat([[-1.0, -1.0], [1.0, 1.0]], 17, axis=0),
    "two rows": np.array([[0.1, 0.2], [0.3, 0.1]]),
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", ENDS)
def test_what_is_tied_is_tied(name: str, suite: str) -> None:
    z = ENDS[name]
    r, variance, _, _ = concluded(Sums.of(z), suite)
    assert abs(r[0] - np.corrcoef(z.T)[0, 1]) < 1e-6
    np.testing.assert_allclose(variance, z.var(axis=0), atol=1e-9)


def test_of_columns_that_do_not_vary_the_variance_is_nothing() -> None:
    for at in (-1, -0.3, 0, 0.7, 1):
        _, variance, _, _ = concluded(Sums.of(np.full((1_000, 3), float(at))))
        # Products were rounded down as a whole.
        assert np.abs(variance).max() <= 2.0**-49 + 2.0**-FRAC / 1_000
    r, variance, _, _ = concluded(Sums(0, [0, 0], [0, 0, 0]))
    assert not r.any() and not variance.any()


@pytest.mark.parametrize("suite", SUITES)
def test_costs_are_as_stated(suite: str) -> None:
    for width in (2, 5):
        _, _, _, met = concluded(Sums.of(rows(1, 50, [0.3] * width, 0)), suite)
        assert met == {name: COSTS[name, width] for name in met}


@pytest.mark.parametrize("suite", SUITES)
def test_tables_side_by_side_take_no_more_rounds_than_one(suite: str) -> None:
    made = [Sums.of(rows(seed, 60 * seed, [0.3] * width, 0.2)) for seed, width in ((1, 2), (2, 5), (3, 3))]

    def program(p: Protocol, *arrays: Arith) -> list[Arith]:
        counts = (Fixed(count, 0, Bound(0, MOST)) for count in arrays[::3])
        found = correlate(p, [Moments(*each) for each in zip(counts, arrays[1::3], arrays[2::3], strict=True)])
        return [value for each in found for value in (each.r.value, each.variance.value, each.share.value)]

    ran = run(suite, program, [array for each in made for array in each.arrays()])
    assert {name: cost.rounds for name, cost in ran.costs.items()} == {
        name: COSTS[name, 2].rounds for name in ran.costs
    }
    values = [each.view(np.int64).astype(float) for each in ran.values]
    for sums, r, variance, share in zip(made, values[::3], values[1::3], values[2::3], strict=True):
        exact, variances = sums.exact()
        assert (np.abs(np.ldexp(r, -R_FRAC) - exact) <= allowed(variances)).all()
        assert np.abs(np.ldexp(variance, -VARIANCE_FRAC) - variances).max() <= 2.0**-49
        assert abs(float(np.ldexp(share, -SHARE_FRAC)[0]) * sums.count - 1) <= 2.0**-26 + sums.count * 2.0**-30


def test_what_does_not_fit_is_refused_before_any_message() -> None:
    p = Plain()
    two, three = p.constant([0, 0]), p.constant([0, 0, 0])
    one = Fixed(p.constant([1]), 0, Bound(0, 9))
    with pytest.raises(ShapeError, match="sums of the products of each two of 3 columns"):
        correlate(p, [Moments(one, three, three)])
    with pytest.raises(ShapeError, match="one count"):
        correlate(p, [Moments(Fixed(two, 0, Bound(0, 9)), two, three)])
    for bad in (Bound(-1, 9), Bound(0, MOST + 1)):
        with pytest.raises(RangeError, match="counts are whole numbers below 2"):
            correlate(p, [Moments(Fixed(one.value, 0, bad), two, three)])
    with pytest.raises(RangeError, match="whole numbers"):
        correlate(p, [Moments(Fixed(one.value, 3, Bound(0, 9)), two, three)])
    assert not p.calls
