"""The way from owners' tables to what a recipient opens, in one process: the only part of histories that knows how.

Whatever owners hand in beside their arrays, and whatever homes and nodes remember of earlier releases, is done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.reading.table import Table
from counterfoil.data.row_sketch import KINDS, tagged
from counterfoil.errors import CounterfoilError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.joint.computation import MEMBERSHIP, JointComputation, local_parts
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.suites.plain.protocol import Plain

REMEMBERED = 3
"""With so many of the latest releases a job is compared; with more, histories would take minutes."""

Opened = Mapping[str, Mapping[str, NDArray[np.int64]]]


@dataclass
class Homes:
    """What owners and nodes remember from job to job, over all agreements on the same tables."""

    sketches: list[dict[Part, Arith]] = field(default_factory=list)

    def release(self, terms: Agreement, tables: Mapping[Part, Table]) -> tuple[Opened, frozenset[str]] | None:
        """What is released of the job on these tables, and of which earlier states its nodes judged the change.

        None where nothing leaves.
        """
        p = Plain()
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
