"""Means of columns and of their products, and what follows from them: covariances, correlations, and between what.

Knows columns as numbers from -1 to 1, in the clear, and nothing of where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Moments:
    """Means of z, and of the products of two, over some rows.

    Shapes: (w,) and (w, w).
    """

    mean: NDArray[np.float64]
    product: NDArray[np.float64]

    @classmethod
    def of(cls, sums: NDArray[np.float64], products: NDArray[np.float64], count: int) -> Moments:
        return cls(sums / count, products / count)

    @property
    def covariance(self) -> NDArray[np.float64]:
        return self.product - np.outer(self.mean, self.mean)

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviations; 0 where noise or rounding makes a variance negative."""
        return np.sqrt(np.clip(np.diag(self.covariance), 0.0, None))

    def between(
        self, mean: float, product: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Bound all correlations if every mean, and every mean product, is off by so much at most.

        Also which columns might not vary at all then: of these nothing is known.
        """
        low, high = np.clip(self.mean - mean, -1.0, 1.0), np.clip(self.mean + mean, -1.0, 1.0)
        corners = [np.outer(one, other) for one in (low, high) for other in (low, high)]
        covariance = (
            self.product - product - np.maximum.reduce(corners),
            self.product + product - np.minimum.reduce(corners),
        )
        square, nearest = np.diag(self.product), np.where(low * high < 0, 0.0, np.minimum(low**2, high**2))
        least = square - product - np.maximum(low**2, high**2)
        most = np.clip(square + product, 0.0, 1.0) - nearest
        lost = least <= 0
        narrow, wide = (
            np.sqrt(np.outer(*[np.where(lost, 1.0, np.clip(variance, 0.0, 1.0))] * 2)) for variance in (least, most)
        )
        smallest = covariance[0] / np.where(covariance[0] < 0, narrow, wide)
        largest = covariance[1] / np.where(covariance[1] < 0, wide, narrow)
        return np.clip(smallest, -1.0, 1.0), np.clip(largest, -1.0, 1.0), lost
