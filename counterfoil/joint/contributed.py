"""The arrays that an owner hands in under one contract: what is analysed, and what exact results are judged by.

Their names and ranges follow from the plans, so that an owner cannot hand in others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis
from counterfoil.disclosure.declaration import Input
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.errors import OutOfBoundsError, ShapeError
from counterfoil.governance.jobs.manifest import ArraySpec

if TYPE_CHECKING:
    from counterfoil.data.reading.table import Table


def array_name(plan: str, item: str) -> str:
    """Return the name under which one input of one analysis is submitted."""
    return f"{plan}--{item}"


def inputs_of(found: Mapping[str, Analysis], contract: str) -> dict[str, Input]:
    """Return the arrays by their submitted names; none of an analysis is called as one that results are judged by."""
    layout = layouts(found).get(contract)
    own = {item.name: item for item in (layout.inputs if layout else ())}
    return own | {
        array_name(name, item.name): item
        for name, analysis in found.items()
        if analysis.planned.contract == contract
        for item in analysis.inputs()
    }


def specs_of(inputs: Mapping[str, Input], rows: int) -> dict[str, ArraySpec]:
    """Return these arrays as a manifest of an owner of so many rows lists them."""
    return {name: ArraySpec(item.shape_for(rows), item.low, item.high, item.frac_bits) for name, item in inputs.items()}


def made_of(found: Mapping[str, Analysis], contract: str, table: Table) -> dict[str, NDArray[np.int64]]:
    """Make these arrays of an owner's table, each of its shape and in its range. Raises: ShapeError, OutOfBoundsError.

    A name is that of the plan, or of the judged sum, so a refusal says which.
    """
    arrays: dict[str, NDArray[np.int64]] = {}
    for name, analysis in found.items():
        if analysis.planned.contract == contract:
            own = analysis.local(analysis.used(table))
            arrays |= {array_name(name, item): array for item, array in own.items()}
    if layout := layouts(found).get(contract):
        arrays |= layout.local(table)
    for name, item in inputs_of(found, contract).items():
        if arrays[name].shape != item.shape_for(table.rows):
            raise ShapeError(f"{name} is {arrays[name].shape}, planned {item.shape_for(table.rows)}")
        if arrays[name].size and not item.low <= int(arrays[name].min()) <= int(arrays[name].max()) <= item.high:
            raise OutOfBoundsError(f"{name} leaves the range that the contract's bounds allow")
    return arrays
