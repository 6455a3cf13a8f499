"""Filters and flags, side by side: who satisfies one and not the other is a number that two results tell.

Where all who are in default are late, the rows that are late less those in default are a cell that neither table has.
So for any two exact tables of a contract, whose rows are filtered or cut in two by other columns, there is a table of
both, in the cells that both tables have in common. It is released only where another table has it. Each of its cells
has nobody, or is judged as one that leaves; where one fails, the table that is listed later leaves nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

from counterfoil.data.encode import columns_of
from counterfoil.disclosure.declaration import Cells, Declaration
from counterfoil.disclosure.evidence_tests import together
from counterfoil.disclosure.features import groups
from counterfoil.disclosure.lattice import Axes, Axis, Family, Grid
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.ring.shares import Arith, concat


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two plans, in the order of the agreement, and the table of what cuts each.

    `factors` are of sums that both have.
    """

    first: str
    second: str
    grid: Grid
    conditions: Mapping[str, Condition]
    factors: frozenset[tuple[str, ...]]

    def hides(self, leaving: Container[str]) -> str | None:
        """Name the plan that leaves nothing where a cell of the table fails: one of those that leave exactly at all."""
        return next((name for name in (self.second, self.first) if name in leaving), None)


def crossings(analyses: Mapping[str, Declaration], lattice: Family) -> tuple[Crossing, ...]:
    """List the pairs of exact plans of a contract that filters or flags tell apart by columns the other is not cut by.

    What is concluded is told apart by the flags in its sums, as if they cut a table. What a table of the lattice has as
    a margin is judged there.
    """
    found: dict[tuple[str, str, Axes], Crossing] = {}
    cuts = {axis.column: axis for table in lattice.tables.values() for axis in table}
    for pair in combinations(analyses, 2):
        filters = [each for name in pair for each in analyses[name].filters]
        conditions = {f"where {each.condition}": each.condition for each in filters}
        filtered = {each.column for each in filters}
        tables = [lattice.tables.get(name, ()) for name in pair]
        common = {each for each in tables[0] if each in tables[1] and each.column not in filtered}
        sums = [_sums(analyses[name]) for name in pair]
        mine, theirs = (
            list(_halves(analyses[name], cuts, {each.column for each in there}))
            for name, there in zip(pair, tables[::-1], strict=True)
        )
        for halves in product(mine, theirs):
            axes: Axes = tuple(sorted({*common, *halves[0], *halves[1]}))
            if halves[0] != halves[1] and not any(set(axes) <= set(known) for known in lattice.tables.values()):
                found[(*pair, axes)] = Crossing(*pair, Grid(axes, ()), conditions, sums[0] & sums[1])
    return tuple(found.values())


def _halves(analysis: Declaration, cuts: Mapping[str, Axis], there: Container[str]) -> Iterator[Axes]:
    """List in which ways rows are in a cell or elsewhere, by columns that another table is not cut by.

    By its filters, or by each column of two parts that cuts it, or is summed, among the rows that satisfy these.
    """
    filters = tuple(Axis(name := f"where {each.condition}", (name, "elsewhere")) for each in analysis.filters)
    known = {each.column for each in analysis.filters}
    cut = [cuts[column] for column, parts in analysis.own_axes() or () if len(parts) == 2]
    summed = [
        cuts.get(name, Axis(name, parts))
        for name in sorted({name for feature in analysis.features() for name in feature.columns})
        if (parts := groups(analysis.contract.column(name))) and len(parts) == 2
    ]
    flags = [each for each in dict.fromkeys((*cut, *summed)) if each.column not in known and each.column not in there]
    if flags:
        yield from ((*filters, each) for each in flags)
    elif any(name not in there for name in known):
        yield filters


def _sums(analysis: Declaration) -> frozenset[tuple[str, ...]]:
    """List the factors of the sums that it has of its rows, and of those with a flag."""
    sums = {feature.factors for feature in analysis.features()}
    parts = {
        name: groups(analysis.contract.column(name)) for feature in analysis.features() for name in feature.columns
    }
    flags = {name for name, each in parts.items() if each and len(each) == 2}
    rest = {tuple(each for each in factors if not flags & {*columns_of(each)}) for factors in sums}
    return frozenset(sums | rest)


def judged_as(rules: Rules) -> Rules:
    """Return the rules of such a table: its cells may have nobody, since filters may follow from one another."""
    return replace(rules, zeros_are_disclosive=False, full_cells_are_disclosive=False)


def crossed_cells(persons: Arith, made: Sequence[Mapping[str, Arith]]) -> Cells:
    """Make the cells that are judged. Who is in none now is excused from having changed: nobody was released in it.

    Shapes: persons (cells,).
    """
    return Cells(persons, {}, {"safe_threshold": concat(list(together(*made).values()))})
