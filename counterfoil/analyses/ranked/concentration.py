"""How concentrated a sum is among groups: the Herfindahl-Hirschman index, and the largest groups' shares.

Both follow from the groups' sums, which stay on shares and are judged as if all of them were released.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.grouped import GROUPS, Grouped
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.summed import Term
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Cells, Limits, Opened, Output
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.compare import less_than
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.rounding import round_to
from counterfoil.mpc.circuits.core.suppress import at_least
from counterfoil.mpc.circuits.core.truncate import trunc_exact
from counterfoil.mpc.circuits.numeric.divide import divide
from counterfoil.mpc.circuits.numeric.fixed import Fixed, settle
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

_STEPS: Final = 1000
"""Indices and shares leave as thousandths."""

_FRAC: Final = 22
"""Binary places of shares before they are squared, and of what is rounded to steps."""

_MOST: Final = 64
"""So many groups at most: every two of them are compared."""


class Concentration(Grouped):
    """How concentrated the sum of `column` is among the groups of `by`: HHI, and the shares of the `top` largest.

    The index (Herfindahl and Hirschman's) is the sum of the groups' squared shares: 1 where one group has all, 1/k
    where k groups have the same. It and the shares are rounded to 0.001; no sum is opened, nor which groups are the
    largest. They show where a table of all the groups' sums could show every cell.
    """

    key = "concentration"
    version = 1
    title = "Concentration"
    learns: ClassVar[Mapping[str, str]] = {
        "hhi": "the sum of the squared shares that the groups have of the column's sum, in thousandths",
        "top": "which share of the column's sum the largest groups have together, in thousandths",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "column": parameters.column("the column whose sum is shared out", parameters.NUMBERS, "balance"),
        "by": parameters.columns("the columns whose categories make the groups", GROUPS, ["region"]),
        "top": Parameter(
            "of how many of the largest groups the share is wanted, in rising order; of the largest one by default",
            {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 5},
            required=False,
            example=[1, 3],
        ),
    }

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        groups = int(np.prod(self.shape))
        if not 2 <= groups <= _MOST:
            raise PlanError(f"{planned.name}: {groups} groups; a sum is concentrated among 2 to {_MOST} of them")
        if self.ends(self.terms()[0])[0] < 0:
            raise PlanError(
                f"{planned.name}: shares of a sum need parts of one sign; raise the minimum of {self._column.name} to 0"
            )
        if self.step("sum") > 1:
            self.check_rounding("sum", self._reach)

    def terms(self) -> tuple[Term, ...]:
        return (Term("sum", (self._column.name,)),)

    def outputs(self) -> tuple[Output, ...]:
        return (Output("safe", self.shape), Output("hhi", ()), Output("top", (len(self._top),)))

    def counted(self) -> Mapping[str, Bound]:
        return {}

    @property
    def whole_from(self) -> int:
        return 0

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        """Conclude the index and the largest groups' shares from sums.

        Cost: some 90 rounds: a comparison of every two groups, a division, and rounding.
        Reveals: nothing.
        """
        sums = cells.values["sum"].reshape(-1)
        if self.step("sum") > 1:
            sums = round_to(p, sums, self.base_of("sum"), self._reach)
        # 1. Which groups are among the largest: those that few come before, of equal ones the first.
        count = sums.size
        one, other = (np.array(each) for each in zip(*itertools.combinations(range(count), 2), strict=True))
        later = b2a(p, less_than(p, sums[one], sums[other]))
        before = concat([self._before(p, later, one, other, at) for at in range(count)])
        asked = concat([p.add_public(-before, each - 1) for each in self._top])
        among = at_least(p, asked, 0).reshape(len(self._top), count)
        top = p.multiply(among, sums.reshape(1, count).broadcast_to(among.shape)).sum(axis=1)
        # 2. Their shares, and those of all groups.
        parts, total = concat([sums, top]), sums.sum().reshape(1)
        width = Bound(0, self.reach(self.terms()[0], self.limits.total_rows).high)
        quotient, _ = divide(p, Fixed(parts, 0, width), Fixed(total.broadcast_to(parts.shape), 0, width), limit=1)
        shares = settle(p, quotient, _FRAC).value
        # 3. The index, and all in thousandths, to the nearest.
        hhi = p.multiply(shares[:count], shares[:count]).sum().reshape(1)
        raised = concat([hhi, shares[count:] * (1 << _FRAC)]) * _STEPS
        found = trunc_exact(p, p.add_public(raised, 1 << (2 * _FRAC - 1)), 2 * _FRAC)
        return replace(cells, values={"hhi": found[0], "top": found[1:]})

    @staticmethod
    def _before(p: Protocol, later: Arith, one: np.ndarray, other: np.ndarray, at: int) -> Arith:
        """Count the groups that come before one. Local. Shapes: (1,)."""
        first, second = np.flatnonzero(one == at), np.flatnonzero(other == at)
        found = p.add_public(-later[second], 1).sum() if second.size else later[:0].sum()
        return (found + later[first].sum() if first.size else found).reshape(1)

    def present(self, opened: Opened) -> Result:
        shown, name, by = bool(opened["safe"].all()), self._column.name, " and ".join(self.group_names)
        numbers = [opened["hhi"].item(), *opened["top"].tolist()]
        whole = shown and numbers[0] > 0
        frame = self._frame([each / _STEPS if whole else None for each in numbers])
        title = f"Concentration of {name} by {by}"
        if whole:
            finding = self._finding(numbers[0] / _STEPS, numbers[1] / _STEPS)
        elif shown:
            finding = f"{name} adds up to nothing, so it is not concentrated anywhere."
        else:
            finding = "Some group has too few rows, or too much of its sum comes from too few, to say how they compare."
        rounded = [] if self.step("sum") == 1 else [f"Sums were rounded to the nearest {self.step('sum'):,} before."]
        return self.result(
            opened, title, [finding], [ResultTable(title, frame, {"value": Measure("", 0.5 / _STEPS + 1e-6)})], rounded
        )

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        sums = self.pooled(tables).groupby(self.group_names, observed=True)[self._column.name].sum()
        shares = np.sort(sums.to_numpy(float))[::-1] / max(int(sums.sum()), 1)
        return self._frame([float((shares**2).sum()), *(float(shares[:each].sum()) for each in self._top)])

    def _finding(self, hhi: float, top: float) -> str:
        groups = int(np.prod(self.shape))
        first = "largest group" if self._top[0] == 1 else f"{self._top[0]} largest groups"
        has = "has" if self._top[0] == 1 else "have"
        return (
            f"Of {self._column.name}, the {first} of {groups} {has} {100 * top:.1f} %; "
            f"the index of concentration is {hhi:.3f}, as if {1 / hhi:.1f} groups had the same share each."
        )

    def _frame(self, numbers: Sequence[float | None]) -> pd.DataFrame:
        names = ["Herfindahl-Hirschman index"]
        names += ["share of the largest" if each == 1 else f"share of the {each} largest" for each in self._top]
        return pd.DataFrame({"measure": names, "value": pd.array(numbers, "Float64")})

    @property
    def _top(self) -> tuple[int, ...]:
        given, groups = self.planned.params.get("top", (1,)), int(np.prod(self.shape))
        found = tuple(given) if isinstance(given, list | tuple) else ()
        if not found or list(found) != sorted(set(found)) or not 0 < found[0] <= found[-1] < groups:
            raise PlanError(
                f"{self.planned.name}: `top` rises from one to the next, under the number of groups, which is {groups}"
            )
        return found

    @property
    def _column(self) -> Column:
        return self.column(self.planned.params.get("column"), "integer", "number")

    @property
    def _reach(self) -> Bound:
        return self.reach(self.terms()[0], self.limits.total_rows)
