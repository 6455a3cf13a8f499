"""What owners summarise of their own rows: the same whether a grid has one cell or more."""

from __future__ import annotations

import numpy as np

from counterfoil.disclosure.contributions import largest_by_cell
from tests.lib.trials import dice


def test_the_largest_of_all_rows_are_found_without_sorting_them() -> None:
    for seed in range(40):
        rng = dice(seed)
        rows, depth = int(rng.integers(0, 12)), int(rng.integers(1, 5))
        values, cell = rng.integers(-5, 6, rows), np.zeros(rows, np.int64)
        found = largest_by_cell(values, cell, (depth, 1), -9)
        assert found[:, 0].tolist() == largest_by_cell(values, cell, (depth, 2), -9)[:, 0].tolist()
        assert found[:, 0].tolist() == [*np.sort(values)[::-1][:depth].tolist(), *[-9] * (depth - rows)]
