"""Tails and quantiles of the normal, t, chi-square and F distributions, for p-values and intervals of releases.

Only recipients need them: they have scipy, and nobody else loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterfoil.deferred import deferred

if TYPE_CHECKING:
    from scipy import special
else:
    special = deferred("scipy.special")


def normal_two_sided(z: float) -> float:
    """Return how often a standard normal number is at least as far from 0 as z."""
    return float(2 * special.ndtr(-abs(z)))


def t_two_sided(t: float, dof: float) -> float:
    """Return how often a number of Student's distribution is at least as far from 0 as t."""
    return float(2 * special.stdtr(dof, -abs(t)))


def chi_square_above(x: float, dof: float) -> float:
    """Return how often a number of the chi-square distribution is at least x."""
    return float(special.chdtrc(dof, x))


def f_above(x: float, between: float, within: float) -> float:
    """Return how often a number of the F distribution is at least x."""
    return float(special.fdtrc(between, within, x))


def normal_quantile(confidence: float) -> float:
    """Return the distance from 0 within which a standard normal number is so often."""
    return float(-special.ndtri((1 - confidence) / 2))


def t_quantile(confidence: float, dof: float) -> float:
    """Return the distance from 0 within which a number of Student's distribution is so often."""
    return float(-special.stdtrit(dof, (1 - confidence) / 2))


def p_text(p: float) -> str:
    """Write a p-value as the field does: three decimals, and less than the smallest of these below."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
