"""Counts and sums of one column by cell: what totals and means by group have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Checked, total_of
from counterfoil.disclosure.declaration import Cells, Input, Limits
from counterfoil.mpc.circuits.core.bound import Bound


def sums_inputs(shape: tuple[int, ...], value: Bound, limits: Limits) -> tuple[Input, ...]:
    """List, for each cell, its count and sum. Raises: RangeError."""
    reach = value.joined(Bound(0, 0))
    return (
        Input("count", shape, 0, limits.rows),
        Input("sum", shape, reach.low * limits.rows, reach.high * limits.rows),
    )


def sums_of(values: NDArray[np.int64], cell: NDArray[np.int64], shape: tuple[int, ...]) -> dict[str, NDArray[np.int64]]:
    """Make the same of an owner's own rows, each of which is in one cell of the flattened shape."""
    size = int(np.prod(shape))
    sums = np.zeros(size, np.int64)
    np.add.at(sums, cell, values)
    return {"count": np.bincount(cell, minlength=size).reshape(shape), "sum": sums.reshape(shape)}


def sums_cells(owners: Sequence[Checked]) -> Cells:
    """Make the same of all owners' rows, at the nodes. Local."""
    count, total = (total_of([owner.values[name] for owner in owners]) for name in ("count", "sum"))
    return Cells(count, {"sum": total})
