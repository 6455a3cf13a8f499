"""Define what is computed, on which data, and when a result counts as right. Plain numpy; knows no engine.

Data are synthetic and public, drawn from one seed. Every engine gets the same arrays, encodes and shares them before
the clock starts, and is judged by the same reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

FEATURES: Final = 10
FRAC_BITS: Final = 18
"""Fraction bits of the fixed-point product: the default of SPU in its 64-bit ring, taken by everybody."""
PASSES: Final = 10
SIGMOID_REACH_BITS: Final = 2
SIGMOID_SERIES: Final = (0.99570918, -1.23370767, 1.42547442, -1.01067818, 0.30544355)
"""The logistic function less 1/2, in odd powers of t = z / 2^2, for |z| <= 4; error 5e-4."""
GROUPS: Final = 100
_SEED: Final = 20_260_101


@dataclass(frozen=True)
class Workload:
    """A line of the table. `tolerance` bounds the largest `error`."""

    name: str
    title: str
    make: Callable[[np.random.Generator, int], tuple[Array, ...]]
    answer: Callable[..., Array]
    tolerance: float = 0.0
    unit: str = ""

    def data(self, size: int) -> tuple[Array, ...]:
        """Make the arrays: the same for the same size, in every process."""
        return self.make(np.random.default_rng([_SEED, size]), size)

    def errors(self, expected: Array, found: Array) -> Array:
        """Compute how far each element is off, in `unit`."""
        if found.shape != expected.shape:
            raise ValueError(f"{self.name}: the result has shape {found.shape} instead of {expected.shape}")
        if expected.dtype.kind in "bui":
            return np.asarray(found != expected).astype(float)
        scale = 2.0**FRAC_BITS if self.unit == "ulp" else 1.0
        return np.asarray(np.abs(found - expected) * scale)


def logistic_rate(rows: int) -> float:
    """Choose the step of a pass: 2 to 4, so that step / rows is a power of two, exact in every fixed point."""
    return rows / float(1 << (rows.bit_length() - 2))


def covariance_of(cross: Array, totals: Array, rows: int) -> Array:
    """Compute the sample covariance, from released cross products and sums."""
    mean = totals / rows
    return np.asarray((cross - rows * np.outer(mean, mean)) / (rows - 1))


def least_squares_of(moments: Array) -> Array:
    """Solve for the coefficients, from the released [X'X | X'y]."""
    return np.linalg.solve(moments[:, :FEATURES], moments[:, FEATURES])


def _integers(low: int, high: int, columns: int = 2) -> Callable[[np.random.Generator, int], tuple[Array, ...]]:
    return lambda rng, n: tuple(rng.integers(low, high, n) for _ in range(columns))


def _fixed(rng: np.random.Generator, n: int) -> tuple[Array, ...]:
    """Draw multiples of 2^-18 in [-8, 8), so that encoding them loses nothing."""
    return tuple(rng.integers(-8 << FRAC_BITS, 8 << FRAC_BITS, n) / float(1 << FRAC_BITS) for _ in range(2))


def _features(rng: np.random.Generator, n: int) -> Array:
    """Draw ten columns in [-1, 1] that vary together."""
    return np.asarray(0.7 * rng.uniform(-1, 1, (n, FEATURES)) + 0.3 * rng.uniform(-1, 1, (n, 1)))


def _regression(rng: np.random.Generator, n: int) -> tuple[Array, ...]:
    x = _features(rng, n)
    return x, np.clip(x @ np.linspace(-0.5, 1.0, FEATURES) + 0.2 * rng.standard_normal(n), -8, 8)


def _classes(rng: np.random.Generator, n: int) -> tuple[Array, ...]:
    x = _features(rng, n)
    chance = 1 / (1 + np.exp(-x @ np.linspace(-1.0, 2.0, FEATURES)))
    return x, (rng.uniform(size=n) < chance).astype(float)


def _logistic(x: Array, y: Array) -> Array:
    weights = np.zeros(x.shape[1])
    for _ in range(PASSES):
        weights -= logistic_rate(len(x)) / len(x) * (x.T @ (1 / (1 + np.exp(-x @ weights)) - y))
    return weights


def _group_sum(keys: Array, values: Array) -> Array:
    return np.bincount(keys, weights=values, minlength=GROUPS).astype(np.int64)


def _tables(rng: np.random.Generator, n: int) -> tuple[Array, ...]:
    """Draw two tables of a key and a value.

    Left: unique keys. Right: keys of which about half occur on the left.
    """
    keys = rng.permutation(2 * n)
    return keys[:n], rng.integers(0, 1000, n), rng.integers(0, 2 * n, n), rng.integers(0, 1000, n)


def _joined_sum(left: Array, weight: Array, right: Array, value: Array) -> Array:
    order = np.argsort(left)
    place = np.minimum(np.searchsorted(left, right, sorter=order), len(left) - 1)
    hit = left[order[place]] == right
    return np.array([np.sum(hit * weight[order[place]] * value)])


def _lower_median(values: Array) -> Array:
    return np.partition(values, (len(values) - 1) // 2)[[(len(values) - 1) // 2]]


MULTIPLY: Final = Workload(
    "multiply", "multiply", _integers(-(2**31), 2**31), lambda x, y: x * y
)  # fmt: skip
FIXED: Final = Workload("fixed_multiply", "fixed-point multiply", _fixed, lambda x, y: x * y, tolerance=2.0, unit="ulp")
LESS: Final = Workload("less_than", "less-than", _integers(-(2**61), 2**61), lambda x, y: x < y)
EQUAL: Final = Workload("equal", "equality", _integers(0, 2), lambda x, y: x == y)
TRUNCATE: Final = Workload("truncate", "exact truncation", _integers(-(2**62), 2**62, 1), lambda x: x >> FRAC_BITS)
SORT: Final = Workload("sort", "sort, 32-bit keys", _integers(0, 2**32, 1), np.sort)
COVARIANCE: Final = Workload(
    "covariance",
    "covariance matrix",
    lambda rng, n: (_features(rng, n),),
    lambda x: np.cov(x, rowvar=False),
    tolerance=1e-6,
)
LEAST_SQUARES: Final = Workload(
    "ols", "OLS", _regression, lambda x, y: np.linalg.lstsq(x, y, rcond=None)[0], tolerance=1e-6
)
LOGISTIC: Final = Workload("logistic", "logistic regression, ten passes", _classes, _logistic, tolerance=1e-3)
LOGISTIC_SERIES: Final = Workload(
    "logistic_series", "logistic regression, same polynomial", _classes, _logistic, tolerance=1e-3
)
SORT_GROUPS: Final = Workload(
    "sort_groups", f"sort, {GROUPS} distinct keys", _integers(0, GROUPS, 1), np.sort
)  # fmt: skip
GROUP_SUM: Final = Workload(
    "group_sum",
    f"group-by sum, {GROUPS} secret groups",
    lambda rng, n: (rng.integers(0, GROUPS, n), rng.integers(0, 1000, n)),
    _group_sum,
)
JOIN: Final = Workload("join_sum", "PK-FK join, summed", _tables, _joined_sum)
SORT_WIDE: Final = Workload("sort_wide", "sort, 62-bit keys", _integers(0, 2**62, 1), np.sort)
MEDIAN: Final = Workload("median", "median, 62-bit values", _integers(0, 2**62, 1), _lower_median)

WORKLOADS: Final = {
    each.name: each
    for each in (
        MULTIPLY, FIXED, LESS, SORT, COVARIANCE, LEAST_SQUARES, LOGISTIC, LOGISTIC_SERIES,
        EQUAL, TRUNCATE, SORT_GROUPS, GROUP_SUM, JOIN, SORT_WIDE, MEDIAN,
    )
}  # fmt: skip
