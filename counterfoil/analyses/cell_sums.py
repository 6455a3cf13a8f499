"""Counts and sums of one column by cell: what totals and means by group have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Checked, Input, total_of
from counterfoil.disclosure import cell_tests
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.protocol import Protocol


def sums_inputs(name: str, shape: tuple[int, ...], value: Bound, limits: Limits, wanted: Rules) -> tuple[Input, ...]:
    """List, for each cell, its count, sum and, if a dominance rule is in force, largest contributions.

    Raises: PlanError, RangeError.
    """
    cell_tests.check_dominance(name, wanted, value, limits.total_rows)
    reach = value.joined(Bound(0, 0))
    depth = cell_tests.depth(wanted)
    return (
        Input("count", shape, 0, limits.rows),
        Input("sum", shape, reach.low * limits.rows, reach.high * limits.rows),
        *([Input("largest", (depth, *shape), 0, reach.high)] if depth else []),
    )


def sums_of(
    values: NDArray[np.int64], cell: NDArray[np.int64], shape: tuple[int, ...], depth: int
) -> dict[str, NDArray[np.int64]]:
    """Make the same of an owner's own rows, each of which is in one cell of the flattened shape."""
    size = int(np.prod(shape))
    sums = np.zeros(size, np.int64)
    np.add.at(sums, cell, values)
    made = {"count": np.bincount(cell, minlength=size).reshape(shape), "sum": sums.reshape(shape)}
    if depth:
        made["largest"] = cell_tests.largest_by_cell(values, cell, size, depth).reshape(depth, *shape)
    return made


def sums_cells(p: Protocol, wanted: Rules, value: Bound, owners: Sequence[Checked]) -> Cells:
    """Make the same of all owners' rows, at the nodes, with the tests that the rules ask for."""
    counts = [owner.values["count"] for owner in owners]
    count, total = total_of(counts), total_of([owner.values["sum"] for owner in owners])
    tops = [owner.values["largest"] for owner in owners if cell_tests.depth(wanted)]
    tests = cell_tests.joined(
        cell_tests.owners_test(p, wanted, counts),
        cell_tests.dominance_tests(p, wanted, total, tops, value),
        cell_tests.sum_tests(p, wanted, count, total, value),
        cell_tests.line_tests(p, wanted, count),
    )
    return Cells(count, {"sum": total}, tests)
