"""Measure how far a table gives its people away: k-anonymity, l-diversity and t-closeness, by a few group-bys.

Rows that look alike in all quasi-identifiers form a class. Knows roles of columns; knows no demand and no remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterfoil.data.reading.table import Table

BLOCK = 1 << 22  # cells of distributions held at once


@dataclass(frozen=True, slots=True)
class Risk:
    """The risk of a table with these quasi-identifiers. For its owner alone.

    `sizes` tells how many rows are in classes of each size. `diversity` and `closeness` are by sensitive column: the
    fewest different values in a class, and the largest distance of a class's distribution from the table's.
    """

    rows: int
    quasi: tuple[str, ...]
    sizes: Mapping[int, int] = field(repr=False)
    diversity: Mapping[str, int]
    closeness: Mapping[str, float]

    @property
    def k(self) -> int:
        """The size of the smallest class."""
        return min(self.sizes, default=0)


def classes(table: Table) -> NDArray[np.int64]:
    """Assign every row to its class, counted from 0."""
    quasi = [name for name in table.names if table.contract.column(name).role == "quasi"]
    if not quasi:
        return np.zeros(table.rows, np.int64)
    groups = table.select(quasi).frame().groupby(quasi, dropna=False, sort=False)
    return np.asarray(groups.ngroup(), np.int64)


def measure(table: Table) -> Risk:
    """Measure k, l and t of the table.

    Cost: a group-by a sensitive column; for t, the number of classes times the number of different values.
    Source: Sweeney 2002 (k); Machanavajjhala et al. 2007, §4, distinct l-diversity (l); Li et al. 2007, §5, the earth
        mover's distance with the ordered distance for numbers and days and the equal distance for all else (t).
    """
    of_row = classes(table)
    sizes = np.bincount(of_row)
    codes = {
        name: pd.factorize(table.select([name]).frame()[name], sort=True, use_na_sentinel=False)[0]
        for name in table.names
        if table.contract.column(name).role == "sensitive"
    }
    ordered = {name: table.contract.column(name).type not in ("string", "boolean") for name in codes}
    return Risk(
        rows=table.rows,
        quasi=tuple(name for name in table.names if table.contract.column(name).role == "quasi"),
        sizes={int(size): int(size * count) for size, count in zip(*np.unique(sizes, return_counts=True), strict=True)},
        diversity={name: _diversity(of_row, values) for name, values in codes.items()},
        closeness={name: _closeness(of_row, values, ordered[name]) for name, values in codes.items()},
    )


def _diversity(of_row: NDArray[np.int64], values: NDArray[np.int64]) -> int:
    pairs = np.unique(np.stack((of_row, values)), axis=1)
    return int(np.bincount(pairs[0]).min())


def _closeness(of_row: NDArray[np.int64], values: NDArray[np.int64], ordered: bool) -> float:
    count, width = int(of_row.max()) + 1, int(values.max()) + 1
    whole = np.bincount(values) / values.size
    by_class = np.argsort(of_row, kind="stable")
    of_row, values = of_row[by_class], values[by_class]
    worst = 0.0
    step = max(BLOCK // width, 1)
    for first in range(0, count, step):
        here = slice(*np.searchsorted(of_row, (first, first + step)))
        part = np.zeros((min(step, count - first), width))
        np.add.at(part, (of_row[here] - first, values[here]), 1.0)
        off = part / part.sum(axis=1, keepdims=True) - whole
        if ordered:
            distance = np.abs(np.cumsum(off, axis=1)).sum(axis=1) / max(width - 1, 1)
        else:
            distance = np.abs(off).sum(axis=1) / 2
        worst = max(worst, float(distance.max()))
    return worst
