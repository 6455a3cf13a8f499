"""The way from owners' tables to what a recipient opens, in one process: the only part of histories that knows how.

Whatever owners hand in beside their arrays, and whatever homes and nodes remember of earlier releases, is done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.reading.table import Table
from counterfoil.data.row_sketch import KINDS, tagged
from counterfoil.errors import CounterfoilError, LeaseError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.cumulative.source_tables import lease, lease_days
from counterfoil.joint.computation import MEMBERSHIP, JointComputation, local_parts
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.suites.plain.protocol import Plain
from counterfoil.storage.state import State

REMEMBERED = 3
"""With so many of the latest releases a job is compared; with more, histories would take minutes."""

BEGAN = date(2026, 12, 28)
"""The Monday of week 0."""

Opened = Mapping[str, Mapping[str, NDArray[np.int64]]]


@dataclass
class Homes:
    """What owners and nodes remember from job to job, over all agreements on the same tables."""

    sketches: list[dict[Part, Arith]] = field(default_factory=list)
    leases: State = field(default_factory=lambda: State.open(Path(mkdtemp()) / "state.sqlite"))

    def release(
        self, terms: Agreement, tables: Mapping[Part, Table], week: int
    ) -> tuple[Opened, frozenset[str]] | None:
        """What is released of the job on the tables of this week, and of which earlier states nodes judged the change.

        None where nothing leaves.
        """
        p = Plain()
        try:
            self._lease(terms, BEGAN + timedelta(weeks=week))
        except LeaseError:
            return None
        given = {part: tagged(table, part.owner.encode()) for part, table in tables.items()}
        shares = {
            part: {name: p.constant(array) for name, array in local_parts(terms, part.contract, table).items()}
            for part, table in given.items()
        }
        joint = JointComputation(p, terms)
        try:
            joint.check(shares, {part: table.rows for part, table in given.items()})
            sketches = {part: made[MEMBERSHIP][:KINDS] for part, made in shares.items() if MEMBERSHIP in made}
            if any(joint.guard([(sketches, then) for then in self.sketches[-REMEMBERED:]])):
                return None
            for plan in terms.analyses:
                joint.evaluate(plan.name)
            joint.compare()
            joint.add_noise()
            joint.suppress()
        except CounterfoilError:
            return None
        self.sketches.append(sketches)
        opened = {
            name: {output: as_signed(share.parts[0]) for output, share in arrays.items()}
            for name, arrays in joint.finish().items()
        }
        return opened, frozenset()

    def _lease(self, terms: Agreement, day: date) -> None:
        """All owners lease alike, so one of them stands for all; a table has the name of its contract. LeaseError."""
        for name, contract in terms.contracts.items():
            days = lease_days(terms, name, terms.schedule.period(day))
            if days is not None:
                lease(contract.id, terms.id, days, self.leases, day)
