"""Which owner has most: the millionaires' problem, with any number of them. Who it is opens, and no sum.

An answer compares one owner's part with another's, so it is about single owners, whom no union hides. It leaves once
in the term of an agreement, since who could move its own rows and ask again would weigh the others; and beside no exact
sum of the column, with which it would narrow their parts down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from counterfoil.analyses.base import Checked, Measure, Result, ResultTable
from counterfoil.analyses.one_sum import OneSum
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Cells, Limits, Opened, Output
from counterfoil.disclosure.noise import Moves
from counterfoil.disclosure.tables.layout import rows_per_person
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.compare import is_zero, less_than
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.rounding import round_to
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import concat

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")


class Argmax(OneSum):
    """Which owner has the largest sum of `column`; several, where theirs are equal. A sum of 0 and 1 is a count.

    Exact; no sum is opened, nor who is second. With noise noised sums are compared, with a rounding base rounded
    ones. It leaves once in the term of an agreement, or noised, and beside no other exact sum of the column.
    """

    key = "argmax"
    version = 1
    title = "Who has most"
    learns: ClassVar[Mapping[str, str]] = {
        "largest": "which owner has the largest sum of the column, or which ones, if theirs are equal"
    }
    tabled = False
    takes_noise = True

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        if limits.owners < 2:
            raise PlanError(f"{planned.name}: {self.key} compares owners, and here is one; name two or more")
        if self.step("sum") > 1:
            self.check_rounding("sum", self._own)

    @property
    def once(self) -> bool:
        return True

    @property
    def alone(self) -> tuple[str, ...]:
        return (self._column.name,)

    def outputs(self) -> tuple[Output, ...]:
        return (Output("safe", ()), Output("largest", (self.limits.owners,)))

    def moves(self) -> Mapping[str, Moves]:
        return {name: replace(each, size=self.limits.owners) for name, each in super().moves().items()}

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        cells = super().secure(p, owners)
        parts = concat([owner.values["sum"].reshape(1) for owner in owners])
        # A part is of one owner alone, so that it is of enough persons is asked of each.
        least = self.rules.safe_threshold * rows_per_person(self.contract)
        rows = concat([owner.values["count"].reshape(1) for owner in owners])
        tests = {} if self.noise else {"safe_threshold": p.add_public(rows, -least)}
        return replace(cells, values={"sum": parts}, tests={**cells.tests, **tests})

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        """Compare every two parts; who has none above has most.

        Cost: 10 rounds, and 7 at most for whether anybody is above; where sums are rounded, that of `round_to` before.
        Reveals: nothing.
        """
        parts, owners = cells.values["sum"], self.limits.owners
        if self.noise is None and self.step("sum") > 1:
            parts = round_to(p, parts, self.base_of("sum"), self._own)
        one, other = (each.ravel() for each in np.meshgrid(np.arange(owners), np.arange(owners), indexing="ij"))
        above = b2a(p, less_than(p, parts[one], parts[other])).reshape(owners, owners).sum(axis=1)
        most = b2a(p, is_zero(p, above, owners.bit_length()))
        return replace(cells, values={"largest": most})

    def present(self, opened: Opened) -> Result:
        safe = bool(opened["safe"].item())
        frame, name = self._frame([bool(each) for each in opened["largest"]] if safe else None), self._column.name
        found = [who for who, most in zip(self._who, opened["largest"], strict=True) if most]
        measure = Measure(interval=np.nan if self.noise else None)
        return self.result(
            opened,
            f"Who has the largest sum of {name}",
            [self._finding(found) if safe else "Too few rows, of all owners or of one, to say who has most."],
            [ResultTable(f"Who has the largest sum of {name}", frame, {"has most": measure})],
            [
                "By how much, and who is second, is not known.",
                "An owner whose contribution was refused counts as nothing.",
                *self._off(),
            ],
        )

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        sums = [int(table[self._column.name].sum()) for table in tables]
        return self._frame([each == max(sums) for each in sums])

    def _finding(self, found: Sequence[str]) -> str:
        name = self._column.name
        if len(found) == 1:
            return f"{found[0]} has the largest sum of {name}, of {self.limits.owners} owners."
        every = "All owners" if len(found) == self.limits.owners else f"{', '.join(found[:-1])} and {found[-1]}"
        rounded = " when they are rounded" if self.step("sum") > 1 and self.noise is None else ""
        more = "" if len(found) == self.limits.owners else ", and nobody has more"
        return f"{every} have the same sum of {name}{rounded}{more}."

    def _off(self) -> list[str]:
        if self.noise:
            half = self.measure("sum").interval
            return [f"Each sum got noise before they were compared; 95 % within ± {half:,}."]
        if self.step("sum") > 1:
            return [f"Each sum was rounded to the nearest {self.step('sum'):,} before they were compared."]
        return []

    def _frame(self, most: Sequence[bool] | None) -> pd.DataFrame:
        told = pd.array([None] * self.limits.owners if most is None else list(most), "boolean")
        return pd.DataFrame({"owner": self._who, "has most": told})

    @property
    def _who(self) -> list[str]:
        """The owners by name, in the agreement's order."""
        return [*self.limits.who] or [f"owner {at + 1}" for at in range(self.limits.owners)]

    @property
    def _own(self) -> Bound:
        """Of one owner's sum."""
        return self.reach(self.terms()[0], self.limits.rows)
