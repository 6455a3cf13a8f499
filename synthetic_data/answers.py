"""Compute what the joint analyses must come to, by pandas on the pooled tables that no party ever has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FIRST_CASE = {"bank-a": 10_000, "bank-b": 1_500, "bank-c": 1_000, "bank-d": 5_000}
"""The smallest job: one balance each, 17,500 together."""

NUMERIC = ("balance", "income", "age", "days_past_due", "default_flag")


@dataclass(frozen=True, slots=True)
class Answers:
    """The pooled answers.

    The total balance, count and mean of the balance by region and product, a histogram of days past due over `edges`
    (the last bin includes its right edge), and the correlations of the numeric columns.
    """

    total: int
    by_group: pd.DataFrame
    edges: tuple[int, ...]
    histogram: NDArray[np.int64]
    correlation: pd.DataFrame


def known_answers(
    tables: Mapping[str, pd.DataFrame], edges: Sequence[int] = (0, 1, 30, 60, 90, 180, 360, 720)
) -> Answers:
    """Compute the answers that pooling all tables would give. Groups that nobody is in are not listed."""
    pooled = pd.concat(tables.values(), ignore_index=True)
    return Answers(
        total=int(pooled["balance"].sum()),
        by_group=pooled.groupby(["region", "product"])["balance"].agg(["count", "sum", "mean"]),
        edges=tuple(edges),
        histogram=np.histogram(pooled["days_past_due"], bins=np.array(edges))[0],
        correlation=pooled[list(NUMERIC)].corr(),
    )
