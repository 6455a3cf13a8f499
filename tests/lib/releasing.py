"""The way from owners' tables to what a recipient opens, in one process: the only part of histories that knows how.

Whatever owners hand in beside their arrays, and whatever homes and nodes remember of earlier releases, is done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.reading.table import Table
from counterfoil.data.row_memory import rows_of
from counterfoil.data.row_tags import domain_names, mostly_same, with_tags
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.errors import CounterfoilError, LeaseError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.governance.cumulative.source_tables import MOST_STATES, lease, lease_days
from counterfoil.joint.computation import JointComputation, analyses, local_parts
from counterfoil.joint.table_changes import NAME as CHANGES
from counterfoil.joint.table_changes import due_layout, grouped, released_sums
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain.protocol import Plain
from counterfoil.roles.table_comparison import Known, changes_since
from counterfoil.storage.state import State

BEGAN = date(2026, 12, 28)
"""The Monday of week 0."""

Opened = Mapping[str, Mapping[str, NDArray[np.int64]]]


@dataclass(frozen=True)
class Remembered:
    """A released state of an owner's table, in which week, and which owners there were."""

    known: Known
    week: int
    owners: tuple[str, ...]


@dataclass
class Homes:
    """What owners and nodes remember from job to job, over all agreements on the same tables."""

    states: dict[Part, list[Remembered]] = field(default_factory=dict)
    leases: State = field(default_factory=lambda: State.open(Path(mkdtemp()) / "state.sqlite"))
    jobs: int = 0

    def release(
        self, terms: Agreement, tables: Mapping[Part, Table], week: int
    ) -> tuple[Opened, frozenset[str]] | None:
        """What is released of the job on the tables of this week, and of which earlier states nodes judged the change.

        None where nothing leaves.
        """
        p, day = Plain(), BEGAN + timedelta(weeks=week)
        period = terms.schedule.period(day)
        given = {part: with_tags(table, part.owner.encode()) for part, table in tables.items()}
        try:
            self._check_names(given)
            self._lease(terms, day)
        except LeaseError:
            return None
        since, shares, known = {}, {}, dict[Part, list[Known]]()
        for part, table in given.items():
            arrays = local_parts(terms, part.contract, table)
            known[part] = self._known(part, table, week, terms.owners_under(part.contract))
            if known[part] and part.contract in guarded(terms):
                arrays[CHANGES] = changes_since(layouts(analyses(terms))[part.contract], table, known[part])
            shares[part] = {name: p.constant(array) for name, array in arrays.items()}
        for name in guarded(terms):
            places = [self._places(known[Part(owner, name)]) for owner in terms.owners_under(name)]
            since[name] = list(dict.fromkeys(tuple(own.get(job) for own in places) for own in places for job in own))
        joint = JointComputation(p, terms, period=period, since=since)
        try:
            joint.check(shares, {part: table.rows for part, table in given.items()})
            joint.look_back()
            for plan in terms.analyses:
                joint.evaluate(plan.name)
            joint.compare()
            joint.add_noise()
            joint.suppress()
        except CounterfoilError:
            return None
        if len(joint.withheld) == len(terms.analyses):
            return None
        self.jobs += 1
        for part, table in given.items():
            due = due_layout(analyses(terms), terms, part.contract, period)
            if due is not None and part.contract not in joint.progress.waiting:
                rows = replace(rows_of(table), edges=due.edges)
                state = Known(f"{self.jobs:032}", domain_names(table.contract)[0], rows, released_sums(due))
                made = Remembered(state, week, terms.owners_under(part.contract))
                self.states[self._table(part, table)] = [*self.states.get(self._table(part, table), []), made]
        opened = {
            name: {output: as_signed(share.parts[0]) for output, share in arrays.items()}
            for name, arrays in joint.finish().items()
        }
        return opened, frozenset(f"w{then:02}" for then in range(week))

    def _table(self, part: Part, table: Table) -> Part:
        return Part(part.owner, table.contract.id)

    def _known(self, part: Part, table: Table, week: int, owners: tuple[str, ...]) -> list[Known]:
        """What `known_states` finds: where other owners handed in, nothing changed as far as anybody can tell."""
        found = []
        for each in self.states.get(self._table(part, table), [])[-MOST_STATES:]:
            if table.contract.kind == "stock" or each.week == week:
                alike = each.owners == owners
                found.append(each.known if alike else Known(each.known.name, each.known.domain, None))
        return found

    def _places(self, known: list[Known]) -> dict[str, int]:
        groups = grouped([each.name for each in known])
        return {known[at].name: group for group, places in enumerate(groups) for at in places}

    def _check_names(self, given: Mapping[Part, Table]) -> None:
        """Two names for one table are refused, as `identify` does."""
        for part, table in given.items():
            for other, states in self.states.items():
                tags = states[-1].known.rows.tags if states[-1].known.rows else None
                another = other.owner == part.owner and other != self._table(part, table)
                if another and tags is not None and table.who is not None and mostly_same(table.who[:, 0], tags):
                    raise LeaseError("two names for one table")

    def _lease(self, terms: Agreement, day: date) -> None:
        """All owners lease alike, so one of them stands for all; a table has the name of its contract. LeaseError."""
        for name, contract in terms.contracts.items():
            days = lease_days(terms, name, terms.schedule.period(day))
            if days is not None:
                lease(contract.id, terms.id, days, self.leases, day)
