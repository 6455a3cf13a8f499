"""What analyses of the sum of one column over all owners' rows have in common: all but what leaves the nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Analysis, Checked
from counterfoil.analyses.cell_sums import sums_cells, sums_inputs, sums_of
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.units import places
from counterfoil.data.encode import encode
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Input
from counterfoil.disclosure.evidence_tests import SUMS
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.noise import Moves
from counterfoil.governance.contracts.column import Column
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.protocol import Protocol

if TYPE_CHECKING:
    from counterfoil.data.reading.table import Table


class OneSum(Analysis):
    """The sum of `column` and the number of rows behind it, as shares; what of them is released, a subclass says."""

    params: ClassVar[Mapping[str, Parameter]] = {
        "column": parameters.column("the column to add up", parameters.NUMBERS, "balance")
    }
    statistics = frozenset({"counts", "sums"})
    enforces: ClassVar[frozenset[str]] = SUMS

    def inputs(self) -> tuple[Input, ...]:
        return sums_inputs((), self._bound, self.limits)

    def own_features(self) -> tuple[Feature, ...]:
        return (Feature(), Feature((self._column.name,))) if self.noise is None else ()

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        values = encode(table, self._column.name).values
        return sums_of(values, np.zeros(values.size, np.int64), ())

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        return sums_cells(owners)

    def sums(self) -> frozenset[str]:
        return frozenset({"rows", f"sum of {self._column.name}"})

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        return {"rows": Stated(cells.count), f"sum of {self._column.name}": Stated(cells.values["sum"])}

    def scale(self, array: str) -> int:
        return int(10 ** places(self._column)) if array == "sum" else 1

    @property
    def _reach(self) -> Bound:
        """Of the sum over all rows."""
        return self._bound.joined(Bound(0, 0)).summed(self.limits.total_rows)

    @property
    def _moves(self) -> Mapping[str, Moves]:
        """Of the sum, where noise is in that."""
        low, high = self.bounds(self._column)
        width, reach = high - low, max(abs(low), abs(high)) * self.limits.total_rows
        # The number of rows is public, and the same for neighbours.
        return {"sum": Moves(width, width * width, cells=1, size=1, reach=reach)}

    @property
    def _bound(self) -> Bound:
        return Bound(*self.bounds(self._column))

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer", "number")
