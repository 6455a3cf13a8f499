"""The sum of one column over all owners' rows, and their number; what of them is released, a subclass says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from counterfoil.analyses import parameters
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.summed import Summed, Term
from counterfoil.governance.contracts.column import Column


class OneSum(Summed):
    """The sum of `column` over all rows."""

    params: ClassVar[Mapping[str, Parameter]] = {
        "column": parameters.column("the column to add up", parameters.NUMBERS, "balance")
    }

    def terms(self) -> tuple[Term, ...]:
        return (Term("sum", (self._column.name,)),)

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer", "number")
