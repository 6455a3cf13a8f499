"""Tails and quantiles against scipy, from the middle to the farthest that p-values go."""

from __future__ import annotations

import pytest
from scipy import stats

from counterfoil.analyses import distributions

DOFS = (0.5, 1, 2, 3.7, 10, 47.2, 1_000, 123_456.7)


@pytest.mark.parametrize("dof", DOFS)
def test_tails_are_those_of_scipy(dof: float) -> None:
    for x in (1e-6, 0.1, 0.9, 1.0, 1.96, 3.0, 10.0, 25.0):
        assert distributions.t_two_sided(x, dof) == pytest.approx(2 * stats.t.sf(x, dof), rel=1e-8)
        assert distributions.t_two_sided(-x, dof) == distributions.t_two_sided(x, dof)
        assert distributions.normal_two_sided(x) == pytest.approx(2 * stats.norm.sf(x), rel=1e-10)
        for at in (x, x * dof):
            assert distributions.chi_square_above(at, dof) == pytest.approx(stats.chi2.sf(at, dof), rel=1e-8)
        for between in (1, 4, 99):
            expected = stats.f.sf(x, between, dof)
            assert distributions.f_above(x, between, dof) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("dof", [1, 2.5, 30, 1e5])
def test_quantiles_are_those_of_scipy(dof: float) -> None:
    for confidence in (0.5, 0.9, 0.95, 0.999):
        expected = stats.t.isf((1 - confidence) / 2, dof)
        assert distributions.t_quantile(confidence, dof) == pytest.approx(expected, rel=1e-9)
    assert distributions.normal_quantile(0.95) == pytest.approx(1.959963984540054, rel=1e-12)


def test_ends() -> None:
    assert distributions.t_two_sided(0, 5) == 1
    assert distributions.chi_square_above(0, 5) == 1
    assert distributions.f_above(0, 2, 5) == 1
    assert distributions.p_text(0.0009) == "p < 0.001"
    assert distributions.p_text(0.0511) == "p = 0.051"
