"""Sums in groups that a plan names: by categories and few whole values, by bands of numbers, by periods of days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from counterfoil.analyses import parameters
from counterfoil.analyses.groupings import BANDS_FORM, Grouping, by_bands, by_groups
from counterfoil.analyses.parameters import Parameter, Takes
from counterfoil.analyses.summed import Summed
from counterfoil.errors import PlanError

GROUPS: Final = Takes(("string", "integer", "boolean"), needs="groups")

BY: Final = parameters.columns(
    "the columns whose categories make the groups", GROUPS, ["region", "product"], required=False
)
BANDS: Final = Parameter(
    "by column of numbers, days or times, where bands begin (the column's minimum, the first, is left out), or week, "
    "month, quarter or year",
    BANDS_FORM,
    required=False,
)


class Grouped(Summed):
    """An analysis of the groups that `by` and `bands` make; of all rows where both may be left out, and are."""

    def by(self) -> tuple[Grouping, ...]:
        by, bands = self.planned.params.get("by", ()), self.planned.params.get("bands", {})
        if not isinstance(by, list | tuple) or not isinstance(bands, Mapping):
            raise PlanError(f"{self.planned.name}: `by` lists columns, and `bands` gives bands by column")
        if twice := [name for name in bands if name in by]:
            raise PlanError(f"{self.planned.name}: {twice[0]!r} is in `by` and in `bands`; keep one")
        banded = (self.column(name, "integer", "number", "date", "timestamp") for name in bands)
        return (
            *(self.grouping(name) for name in by),
            *(by_bands(self.planned.name, column, bands[column.name]) for column in banded),
        )

    def grouping(self, name: object) -> Grouping:
        """Return the groups of one column. Raises: PlanError where it does not tell few apart."""
        column = self.column(name, *GROUPS.types)
        found = by_groups(column)
        if found is None:
            raise PlanError(f"{self.planned.name}: {GROUPS.misfit(column, self.key, self.contract.id)}")
        return found

    @property
    def group_names(self) -> list[str]:
        """The columns that make the groups."""
        return [each.column.name for each in self.by()]
