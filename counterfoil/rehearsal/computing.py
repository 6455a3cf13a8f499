"""Compute what an agreement releases of tables, by its suite: a thread for each node, on shares, over links in memory.

What the nodes of a job do, in their order. Nothing is kept from anybody, so it can say more: by which rules a cell is
hidden, and what each step costs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from counterfoil.disclosure.suppression import Judged
from counterfoil.errors import IntegrityError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.governance.jobs.job import Job
from counterfoil.joint.computation import JointComputation
from counterfoil.joint.cost_estimate import CHECK, COMPARE, GUARD, HIDE, Estimate
from counterfoil.joint.openings import declared
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.runtime.host_memory import check_room
from counterfoil.mpc.session.in_process import deal, reveal, run_local
from counterfoil.mpc.session.step_checkpoint import ROUNDS as CHECKPOINT_ROUNDS
from counterfoil.mpc.suites.plain import Cost
from counterfoil.mpc.suites.registry import SUITES
from counterfoil.mpc.suites.replicated import Replicated
from counterfoil.rehearsal.brought import Brought
from counterfoil.roles.node.drafting import check_openings

Numbers: TypeAlias = Mapping[str, Mapping[str, NDArray[np.int64]]]
"""By analysis and output, or rule."""

PATIENCE_S: Final = 600.0
"""For so long a node waits for another's message: all of them share the processors of this machine."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What came out: `numbers` as the recipients would open them, `fails` is 1 where a rule forbids a cell.

    `rejected` counts inputs out of range by owner and analysis, `opened` openings by their labels, `hidden` cells of
    exact results, `by_rule` what the policy lets reviewers know of these; `cost` is what the nodes sent one another,
    `seconds` how long it took here.
    """

    numbers: Numbers
    fails: Numbers
    rejected: Mapping[tuple[str, str], int]
    opened: Mapping[str, int]
    hidden: Mapping[str, int]
    by_rule: Mapping[str, Mapping[str, int]]
    cost: Estimate
    seconds: float


def compute(terms: Agreement, brought: Mapping[Part, Brought], job: Job, seed: bytes | None = None) -> Computed:
    """Compute what the agreement releases of what owners brought. With a seed noise is the same each time, too.

    Raises: IntegrityError where sums that should agree do not, or something else was opened than is declared;
        PlanError, RangeError; LimitError when it does not fit into memory.
    """
    began, suite = time.monotonic(), SUITES[terms.suite]
    rows = {part: each.table.rows for part, each in brought.items()}
    arrays = {part: each.arrays for part, each in brought.items()}
    check_room(suite.nodes * sum(each.size for own in arrays.values() for each in own.values()), suite.nodes - 1)
    shares = _shared(arrays, suite.nodes)
    ended = run_local(
        suite.protocol,
        lambda p: _Course(p, terms, job).run(shares[p.party.index], rows),
        seed=seed,
        declared=declared(terms),
        timeout_s=PATIENCE_S,
    )
    first = ended[0]
    return Computed(
        numbers=_opened([each.results for each in ended]),
        fails=_opened([each.fails for each in ended]),
        rejected=dict(first.joint.progress.rejected),
        opened=first.opened,
        hidden=dict(first.joint.progress.hidden),
        by_rule={name: dict(counts) for name, counts in first.joint.progress.by_rule.items()},
        cost=_cost(terms, ended, rows),
        seconds=time.monotonic() - began,
    )


Shares: TypeAlias = Mapping[Part, Mapping[str, Arith]]


def _shared(arrays: Mapping[Part, Mapping[str, NDArray[np.int64]]], nodes: int) -> list[Shares]:
    """Split every array that the owners hand in, for each node."""
    shares: list[dict[Part, dict[str, Arith]]] = [{} for _ in range(nodes)]
    for part, own in arrays.items():
        for name, array in own.items():
            for mine, share in zip(shares, deal(array, nodes), strict=True):
                mine.setdefault(part, {})[name] = cast(Arith, share)  # of an array of integers
    return list(shares)


class _Course:
    """One node's way through the computation, with what each step cost it."""

    def __init__(self, p: Replicated, terms: Agreement, job: Job) -> None:
        self.joint = JointComputation(p, terms, told=self._told)
        self.steps: dict[str, Cost] = {}
        self.kept: dict[str, int] = {}  # rounds in which the nodes of a job compare what they keep after a step
        self.fails: dict[str, dict[str, Arith]] = {}
        self.results: Mapping[str, Mapping[str, Arith]] = {}
        self.opened: Mapping[str, int] = {}
        self._p, self._terms, self._job = p, terms, job

    def run(self, shares: Shares, rows: Mapping[Part, int]) -> _Course:
        """Compute all, from the check of ranges to results that may leave. Raises: as `compute`."""
        joint, terms = self.joint, self._terms
        joint.check(shares, rows)
        self._count(CHECK)
        if guarded(terms):
            joint.look_back()
            self._count(GUARD)
        for plan in terms.analyses:
            joint.evaluate(plan.name)
            self._count(plan.name)
        if wrong := [str(each) for each, same in joint.compare().items() if not same]:
            raise IntegrityError(f"{'; '.join(wrong)} do not agree: an analysis is wrong; do not run it")
        if "sums" in terms.cross_checks:
            self._count(COMPARE)
        joint.add_noise()
        joint.suppress()
        self._count(HIDE, 2 + (not guarded(terms)) + ("sums" not in terms.cross_checks))
        with np.errstate(over="ignore"):  # of single words, which are added modulo 2^64
            self.results = joint.finish()
        self.opened = check_openings(self._job, self._p.party.ledger, declared(terms))
        return self

    def _told(self, judged: Mapping[str, Judged]) -> None:
        self.fails = {name: dict(each.fails) for name, each in judged.items()}

    def _count(self, step: str, checkpoints: int = 1) -> None:
        cost = self._p.party.cost()
        rounds = sum(each.rounds for each in self.steps.values())
        sent = sum(each.sent_bytes for each in self.steps.values())
        self.steps[step] = Cost(cost.rounds - rounds, cost.data_bytes - sent)
        self.kept[step] = checkpoints * CHECKPOINT_ROUNDS


def _opened(of_nodes: list[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Recombine all nodes' shares, after comparing them."""
    return {
        name: {item: as_signed(reveal([each[name][item] for each in of_nodes])) for item in items}
        for name, items in of_nodes[0].items()
    }


def _cost(terms: Agreement, ended: list[_Course], rows: Mapping[Part, int]) -> Estimate:
    """Add up what the nodes sent, over all links."""
    steps = {
        step: Cost(cost.rounds + ended[0].kept[step], sum(each.steps[step].sent_bytes for each in ended))
        for step, cost in ended[0].steps.items()
    }
    most = {name: max(count for part, count in rows.items() if part.contract == name) for name in terms.contracts}
    return Estimate(SUITES[terms.suite], most, steps)
