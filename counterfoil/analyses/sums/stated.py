"""The sums of scaled columns and of their products, by names under which any two analyses compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells


def named(columns: Sequence[str]) -> frozenset[str]:
    """Name the number of rows, the sum of each column, and that of the products of each two."""
    return frozenset({"rows", *map(_sum, columns), *_products(columns)})


def stated(columns: Sequence[str], cells: Cells, frac_bits: int, slack: int) -> Mapping[str, Stated]:
    """Return them by their names, off by `slack` at most; products are in the order of np.tril_indices."""
    total, cross = cells.values["sum"], cells.values["cross"]
    return {
        "rows": Stated(cells.count),
        **{_sum(name): Stated(total[at], frac_bits, slack) for at, name in enumerate(columns)},
        **{name: Stated(cross[at], frac_bits, slack) for at, name in enumerate(_products(columns))},
    }


def _sum(column: str) -> str:
    return f"scaled sum of {column}"


def _products(columns: Sequence[str]) -> list[str]:
    """Name the products, whichever of two columns comes first."""
    pairs = zip(*(each.tolist() for each in np.tril_indices(len(columns))), strict=True)
    return ["scaled product of {} and {}".format(*sorted((columns[i], columns[j]))) for i, j in pairs]
