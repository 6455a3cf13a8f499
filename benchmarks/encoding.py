"""Encode real data as integers and back, for engines that are given integers; the same rounding for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from benchmarks.workloads import FEATURES, Array, covariance_of, least_squares_of

FEATURE_BITS: Final = 20
"""Fraction bits of features: a million products of two of them stay below 2^61."""
TARGET_BITS: Final = 17
"""Fraction bits of a regression's target, which reaches from -8 to 8."""


def scaled(values: Array, bits: int) -> Array:
    """Round to the nearest integers to values · 2^bits."""
    return np.rint(values * 2.0**bits).astype(np.int64)


def unscaled(bits: int) -> Callable[[Array, int], Array]:
    """Return a decoder of fixed-point integers."""
    return lambda opened, _: opened / 2.0**bits


def features(x: Array) -> tuple[Array, ...]:
    """Encode features alone."""
    return (scaled(x, FEATURE_BITS),)


def regression(x: Array, y: Array) -> tuple[Array, ...]:
    """Encode features and a real target."""
    return scaled(x, FEATURE_BITS), scaled(y, TARGET_BITS)


def covariance(opened: Array, rows: int) -> Array:
    """Decode the covariance, from X'X with the column sums below it."""
    return covariance_of(opened[:-1] / 4.0**FEATURE_BITS, opened[-1] / 2.0**FEATURE_BITS, rows)


def least_squares(opened: Array, _rows: int) -> Array:
    """Decode the coefficients, from [X'X | X'y]."""
    return least_squares_of(opened / 2.0**FEATURE_BITS / 2.0 ** np.array([FEATURE_BITS] * FEATURES + [TARGET_BITS]))
