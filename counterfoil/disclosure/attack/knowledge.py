"""What a recipient holds, as sums over boxes of rows: every number that was released to it, under any agreement.

A released number tells between which ends a sum of one state of a table is; a hidden one which sum it is that the
recipient would like to know. Nothing else is taken from an analysis but what it declares.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from counterfoil.disclosure.attack.boxes import Box, Cuts
from counterfoil.disclosure.declaration import Declaration, Opened
from counterfoil.disclosure.features import Feature
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import rounded_from


@dataclass(frozen=True)
class Release:
    """What one job released about one table: its analyses, and what of them the recipient opened, by their names.

    `state` names the rows that it is about, a period as a rule: releases of one state are about the same rows. `rows`
    is between how many rows are known to be in it, from manifests or else. Of the states in `judged` the nodes
    made sure that nothing follows from the change: in every cell that is shown enough persons changed.
    """

    state: str
    plans: Mapping[str, Declaration]
    opened: Mapping[str, Opened]
    rows: tuple[int, int] | None = None
    judged: frozenset[str] = frozenset()

    @property
    def exact(self) -> list[tuple[str, Declaration]]:
        """The analyses of which exact results were released."""
        return [(name, plan) for name, plan in self.plans.items() if plan.features() and name in self.opened]


@dataclass(frozen=True, slots=True)
class Number:
    """A sum of the state's rows in the box: of 1, of a column or of a product, which is from `low` to `high`.

    `cell` says in words which rows, as the analysis cuts them.
    """

    state: str
    analysis: str
    cell: str
    factors: tuple[str, ...]
    box: Box
    low: float
    high: float

    @property
    def what(self) -> str:
        """Name what is summed."""
        return f"sum of {' · '.join(self.factors)}" if self.factors else "count"

    @property
    def exact(self) -> bool:
        """Whether it is known to the last unit."""
        return self.high - self.low < 1


@dataclass(frozen=True)
class Knowledge:
    """Everything that one recipient got about one table."""

    releases: Sequence[Release]

    @cached_property
    def cuts(self) -> Cuts:
        return Cuts.over(plan for each in self.releases for _, plan in each.exact)

    @cached_property
    def rules(self) -> Rules:
        """The strictest rules of all releases."""
        found = [plan.limits.rules for each in self.releases for plan in each.plans.values()]
        rules = found[0] if found else Rules()
        for other in found[1:]:
            rules = rules.stricter(other)
        return rules

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The states, in the order of their names."""
        return tuple(sorted({each.state for each in self.releases}))

    @cached_property
    def linked(self) -> bool:
        """Whether states are about mostly the same rows, and not about new ones each time."""
        return any(plan.contract.kind == "stock" for each in self.releases for plan in each.plans.values())

    @cached_property
    def judged(self) -> frozenset[tuple[str, str]]:
        """The pairs of states whose change was judged when the later one was released, or is about everybody."""
        if not self.linked:
            return frozenset(combinations(self.states, 2))
        return frozenset((then, each.state) for each in self.releases for then in each.judged)

    @cached_property
    def known(self) -> tuple[Number, ...]:
        """Every number that was released."""
        return tuple(number for each in self.releases for number in self._numbers(each, shown=True))

    @cached_property
    def hidden(self) -> tuple[Number, ...]:
        """Every number that was not, of the cells of what was released."""
        return tuple(number for each in self.releases for number in self._numbers(each, shown=False))

    def _numbers(self, release: Release, *, shown: bool) -> Iterator[Number]:
        if shown and release.rows is not None:
            yield Number(release.state, "rows", "all", (), (), *release.rows)
        for name, plan in release.exact:
            opened = release.opened[name]
            if plan.axes() is not None:
                yield from self._of_table(release, name, plan, opened, shown=shown)
            if shown:
                for each in plan.told(opened):
                    if not each.coefficient and (found := self.cuts.reduced(each.feature, ())) is not None:
                        columns, box = found
                        yield Number(release.state, name, _said(each.feature, ()), columns, box, each.low, each.high)

    def _of_table(
        self, release: Release, name: str, plan: Declaration, opened: Opened, *, shown: bool
    ) -> Iterator[Number]:
        labels = labels_of(plan)
        stated = plan.sums_in_cells()
        off = {array: rounded_from(plan.base_of(array) if array in plan.rounded else 1) for array in stated}
        for place, box in self.cuts.of(plan):
            if bool(opened["safe"].ravel()[place]) is not shown:
                continue
            for array, factors in stated.items():
                found = self.cuts.reduced(Feature(factors), box)
                if found is None or array not in opened:
                    continue
                low, high = self._ends(opened, array, place, off[array]) if shown else (0.0, float("inf"))
                yield Number(release.state, name, labels[place], *found, low, high)

    @staticmethod
    def _ends(opened: Opened, array: str, place: int, off: Bound) -> tuple[float, float]:
        value = float(opened[array].ravel()[place])
        return value + off.low, value + off.high


def labels_of(plan: Declaration) -> list[str]:
    """Say of each released cell, by its place in the outputs, which rows are in it: its parts, by sorted columns."""
    axes = [(column, parts) for column, parts in plan.axes() or ()]
    order = sorted((at for at, (_, parts) in enumerate(axes) if len(parts) > 1), key=lambda at: axes[at][0])
    cells = list(itertools.product(*(parts for _, parts in axes)))
    return [", ".join(cells[place][at] for at in order) or "all" for place in plan.cells().tolist()]


def _said(feature: Feature, by: Iterable[str]) -> str:
    return ", ".join(by) or ("all" if not feature.factors else " · ".join(feature.factors))
