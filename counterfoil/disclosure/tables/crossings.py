"""Filters on other columns, side by side: who satisfies one and not the other is a number that two results tell.

Where all who are in default are late, the rows that are late less those in default are a cell that neither table has.
So for any two exact tables of a contract whose filters cut other columns there is a table of both filters, in the cells
that both tables have in common. It is never released. Each of its cells has nobody, or is judged as one that leaves;
where one fails, the table that is listed later leaves nothing.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from counterfoil.disclosure.declaration import Cells, Declaration
from counterfoil.disclosure.evidence_tests import together
from counterfoil.disclosure.lattice import Axes, Axis, Family, Grid
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.ring.shares import Arith, concat


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two plans, in the order of the agreement, and the table of both filters; `factors` are of sums that both have."""

    first: str
    second: str
    grid: Grid
    conditions: Mapping[str, Condition]
    factors: frozenset[tuple[str, ...]]

    def hides(self, leaving: Container[str]) -> str | None:
        """Name the plan that leaves nothing where a cell of the table fails: one of those that leave exactly at all."""
        return next((name for name in (self.second, self.first) if name in leaving), None)


def crossings(analyses: Mapping[str, Declaration], lattice: Family) -> tuple[Crossing, ...]:
    """List the pairs of plans of a contract whose filters cut other columns than either's table is cut by."""
    found = []
    for one, other in combinations([name for name in analyses if name in lattice.tables], 2):
        pair = (one, other)
        cut = [{axis.column for axis in lattice.tables[name]} for name in pair]
        filters = [analyses[name].filters for name in pair]
        if any(not {each.column for each in own} - there for own, there in zip(filters, cut[::-1], strict=True)):
            continue
        conditions = {f"where {each.condition}": each.condition for own in filters for each in own}
        filtered = {each.column for own in filters for each in own}
        common = {each for each in lattice.tables[one] if each in lattice.tables[other] and each.column not in filtered}
        axes: Axes = tuple(sorted({*common, *(Axis(name, (name, "elsewhere")) for name in conditions)}))
        shared = [{feature.factors for feature in analyses[name].features()} for name in pair]
        found.append(Crossing(one, other, Grid(axes, ()), conditions, frozenset(shared[0] & shared[1])))
    return tuple(found)


def judged_as(rules: Rules) -> Rules:
    """Return the rules of such a table: its cells may have nobody, since filters may follow from one another."""
    return replace(rules, zeros_are_disclosive=False, full_cells_are_disclosive=False)


def crossed_cells(persons: Arith, made: Sequence[Mapping[str, Arith]]) -> Cells:
    """Make the cells that are judged. Who is in none now is excused from having changed: nobody was released in it.

    Shapes: persons (cells,).
    """
    return Cells(persons, {}, {"safe_threshold": concat(list(together(*made).values()))})
