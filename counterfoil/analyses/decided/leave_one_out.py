"""How much a total rests on any one owner: within which steps it falls without the one that brings most.

The total without each owner in turn is the total less that owner's part, so opening those totals would open the parts.
Only the step that the largest fall is in leaves the nodes, of an owner that is not named. Nor does that leave where it
would narrow a part down to less than the policy's p-ratio: for another owner, who knows its own part and the total; or,
of two parts that are under a step, for anybody who knows all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from counterfoil.analyses.base import Checked, Measure, Result, ResultTable
from counterfoil.analyses.one_sum import OneSum
from counterfoil.analyses.parameters import Parameter
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Cells, Limits, Opened, Output
from counterfoil.disclosure.evidence_tests import SUMS, together
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.largest import largest
from counterfoil.mpc.circuits.core.suppress import at_least
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

OWNERS: Final = 3
"""At least: of two, each would learn the other's step."""

RATIO: Final = Fraction(1, 10)
"""How closely nobody may work out what an owner brought, where the policy asks for no p-ratio."""

_RULE: Final = "safe_pratio_p"
_LEAST, _MOST = "falls by at least", "falls by less than"


@dataclass(frozen=True, slots=True)
class _Largest:
    """On shares: a total, and the two largest parts of it. Shapes: (1,)."""

    total: Arith
    first: Arith
    second: Arith


class LeaveOneOut(OneSum):
    """The step of `percent` that the fall of `column`'s sum, and of its rows, is in without the owner that brings most.

    Exact. No sum is opened, and no owner is named.
    """

    key = "leave_one_out"
    version = 1
    title = "Leave one owner out"
    learns: ClassVar[Mapping[str, str]] = {
        "sum-step": (
            "between which two of the agreed steps the sum of the column falls without the owner that brings most of it"
        ),
        "rows-step": "the same of the number of rows",
    }
    tabled = False
    params: ClassVar[Mapping[str, Parameter]] = {
        **OneSum.params,
        "percent": Parameter(
            "one to five steps in percent, in rising order, each well under the next",
            {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 99}, "minItems": 1, "maxItems": 5},
            example=[40, 60, 80],
        ),
    }
    #: steps are those of exact sums, and say nothing of rounded ones
    enforces = SUMS - {"safe_round_counts", "safe_round_sums"}

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        if limits.owners < OWNERS:
            raise PlanError(f"{planned.name}: {self.key} takes {OWNERS} owners or more; of two, one learns the other's")
        if self.ends(self.terms()[0])[0] < 0:
            raise PlanError(f"{planned.name}: what an owner brings may be negative; raise the column's minimum to 0")
        self._ratio = self.rules.safe_pratio_p or RATIO
        self._steps = self._read_steps(planned.params.get("percent"))
        self._check_room()

    def outputs(self) -> tuple[Output, ...]:
        return (Output("safe", ()), Output("sum-step", ()), Output("rows-step", ()))

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        cells = super().secure(p, owners)
        brought = self._largest(p, cells.values["sum"], [owner.values["sum"] for owner in owners], self._most("sum"))
        rows = self._largest(p, cells.count, [owner.values["count"] for owner in owners], self._most("count"))
        asked = [*self._reached(brought), *self._reached(rows), *self._apart(brought)]
        bits, steps = at_least(p, concat(asked), 0), len(self._steps)
        reached, apart = bits[:steps], bits[2 * steps :]
        # A step that is passed bounds nothing from above, so it need not be far.
        told = p.add_public(reached + apart, -1).reshape(steps, *cells.count.shape)
        values = {**cells.values, "sum-step": reached.sum(), "rows-step": bits[steps : 2 * steps].sum()}
        return replace(cells, values=values, tests=together(cells.tests, {_RULE: told}, self._uneven(p, brought)))

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        return replace(cells, values={name: cells.values[name] for name in ("sum-step", "rows-step")})

    def present(self, opened: Opened) -> Result:
        safe = bool(opened["safe"].item())
        steps = [int(opened[name].item()) if safe else None for name in ("sum-step", "rows-step")]
        frame, name = self._frame(steps), self._column.name
        title = f"Total {name} without any one owner"
        least, most = (frame[column].iloc[0] for column in (_LEAST, _MOST))
        finding = (
            f"Without the owner that brings most of it, {name} adds up to at least {least} % less, and to less "
            f"than {most} % less; without any other owner it falls by no more."
        )
        hidden = "Too few rows, or too much of the total with too few owners, to say how much rests on one of them."
        return Result(
            self.planned.name, self.key, self.version, title, (finding if safe else hidden,),
            (ResultTable(title, frame, {_LEAST: Measure("%"), _MOST: Measure("%")}, chart="bars"),),
            suppressed=int(not safe), cells=1,
            assumptions=("Which owner brings most is not known, and need not be the same for the sum and the rows.",),
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        sums = [int(table[self._column.name].sum()) for table in tables]
        rows = [len(table) for table in tables]
        return self._frame([sum(max(each) >= step * sum(each) for step in self._steps) for each in (sums, rows)])

    # --- on shares ----------------------------------------------------------------------------------------------

    def _largest(self, p: Protocol, total: Arith, parts: Sequence[Arith], most: int) -> _Largest:
        nothing = p.constant(np.zeros((1, 1), np.int64))
        lists = [concat([part.reshape(1, 1), nothing]) for part in parts]
        top = largest(p, lists, Bound(0, most).width + 1)
        return _Largest(total.reshape(1), top[0], top[1])

    def _reached(self, of: _Largest) -> list[Arith]:
        """Return numbers that are not negative where the largest part makes up the step of the total. Shapes: (1,)."""
        return [of.first * step.denominator - of.total * step.numerator for step in self._steps]

    def _apart(self, of: _Largest) -> list[Arith]:
        """Return numbers that are not negative where two parts under the step, whose sum is known, stay unknown."""
        # Of x + y = R, both under s, x is from R - s to s: 2s - R wide, and that is the ratio of the largest or more.
        ratio = self._ratio
        return [
            of.total * (2 * step.numerator * ratio.denominator)
            - of.first * (step.denominator * (ratio.denominator + ratio.numerator))
            - of.second * (step.denominator * ratio.denominator)
            for step in self._steps
        ]

    def _uneven(self, p: Protocol, of: _Largest) -> Mapping[str, Arith]:
        """Test the policy's p-ratio with whole owners in place of rows: the total gives the first away to no second.

        Strictly, so that a total of nothing has no step.
        """
        rest = of.total - of.first - of.second
        test = rest * self._ratio.denominator - of.first * self._ratio.numerator
        return {_RULE: p.add_public(test, -1).reshape(1)}

    # --- public -------------------------------------------------------------------------------------------------

    def _read_steps(self, percent: object) -> tuple[Fraction, ...]:
        given = percent if isinstance(percent, tuple) else ()
        if not given or not all(type(each) is int and 0 < each < 100 for each in given) or len(given) > 5:
            raise PlanError(f"{self.planned.name}: `percent` lists one to five whole numbers from 1 to 99")
        for low, high in pairwise(given):
            if high * (1 - self._ratio) < low:
                raise PlanError(
                    f"{self.planned.name}: the steps {low} and {high} of `percent` are too near to each other; let "
                    f"each be {float(100 * self._ratio):g} % under the next, as the policy's p-ratio asks, or more"
                )
        return tuple(Fraction(each, 100) for each in given)

    def _check_room(self) -> None:
        """Check that no comparison can wrap. Raises: RangeError."""
        parts = self._ratio.denominator + self._ratio.numerator
        total = Bound(0, max(self._most("sum"), self._most("count")) * self.limits.owners)
        try:
            for step in self._steps:
                total.times(2 * step.numerator * parts) - total.times(step.denominator * parts)
        except RangeError:
            raise RangeError(
                f"{self.planned.name}: a comparison of an owner's part with the total could wrap; narrow the column's "
                "bounds in the contract, or give rounder `percent`"
            ) from None

    def _most(self, array: str) -> int:
        """Return what one owner can bring of it."""
        return next(item.high for item in self.inputs() if item.name == array)

    def _frame(self, steps: Sequence[int | None]) -> pd.DataFrame:
        """Make the table from the number of steps that the sum and the rows reach; None where it is hidden."""
        edges = [100 // self.limits.owners, *(int(100 * step) for step in self._steps), 100]
        return pd.DataFrame(
            {
                "without the owner that brings most": [f"sum of {self._column.name}", "rows"],
                _LEAST: pd.array([None if at is None else max(edges[0], edges[at]) for at in steps], "Int64"),
                _MOST: pd.array([None if at is None else edges[at + 1] for at in steps], "Int64"),
            }
        )
