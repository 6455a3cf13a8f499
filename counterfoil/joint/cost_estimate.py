"""What a job will cost, before anybody runs it: the agreed computation in plain on made-up inputs of the agreed shapes.

Rounds and bytes follow from public sizes alone, so that the plain run counts what the nodes will send. Seconds are an
estimate by the pace that the suite assumes of its nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.joint.computation import JointComputation, array_specs
from counterfoil.mpc.session.step_checkpoint import ROUNDS as CHECKPOINT_ROUNDS
from counterfoil.mpc.suites.plain import Cost, Plain, price
from counterfoil.mpc.suites.registry import SUITES, Suite

ROWS: Final = 10_000
"""How many rows each owner brings, unless told."""

ROUND_TRIP_S: Final = 0.001
"""For how long a message is under way between two nodes, and its answer, unless told."""

CHECK, GUARD, COMPARE, HIDE = (
    "check of ranges",
    "comparison with earlier releases",
    "comparison of sums",
    "noise and hiding",
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One attempt of a job: `steps` maps the checks, each analysis and the hiding to rounds and bytes over all links.

    What nodes keep after each step, and compare, is among its rounds. Without earlier releases: each that the nodes
    remember costs a few rounds and a product for each owner more.
    """

    suite: Suite
    rows: Mapping[str, int]
    steps: Mapping[str, Cost]

    @property
    def total(self) -> Cost:
        """Rounds and bytes of all steps."""
        return Cost(
            sum(step.rounds for step in self.steps.values()), sum(step.sent_bytes for step in self.steps.values())
        )

    @property
    def processor_s(self) -> float:
        """Processor seconds of all nodes together."""
        return self.suite.pace.seconds(self.total.rounds, self.total.sent_bytes)

    def seconds(self, round_trip_s: float = ROUND_TRIP_S) -> float:
        """Return how long nodes on machines of their own take from the first step to the last, with waiting."""
        return self.processor_s / self.suite.nodes + self.total.rounds * round_trip_s


def estimate(agreement: Agreement, rows: int = ROWS) -> Estimate:
    """Estimate a job to which every owner brings so many rows under each contract, or as many as that allows.

    Raises: PlanError, RangeError when the agreement cannot run.
    """
    brought = {name: min(rows, contract.most_rows) for name, contract in agreement.contracts.items()}
    p, steps, counted = Plain(), dict[str, Cost](), 0
    joint = JointComputation(p, agreement)

    def count(step: str, checkpoints: int = 1) -> None:
        nonlocal counted
        cost = price(p.calls[counted:], agreement.suite)
        steps[step] = Cost(cost.rounds + checkpoints * CHECKPOINT_ROUNDS, cost.sent_bytes)
        counted = len(p.calls)

    shares = {
        part: {
            name: p.constant(np.full(spec.shape, min(max(spec.low, 0), spec.high), np.int64))
            for name, spec in array_specs(agreement, part.contract, brought[part.contract]).items()
        }
        for part in agreement.parts
    }
    guards, compares = bool(guarded(agreement)), "sums" in agreement.cross_checks
    joint.check(shares, {part: brought[part.contract] for part in agreement.parts})
    count(CHECK)
    if guards:
        joint.look_back()
        count(GUARD)
    for plan in agreement.analyses:
        joint.evaluate(plan.name)
        count(plan.name)
    joint.compare()
    if compares:
        count(COMPARE)
    joint.add_noise()
    joint.suppress()
    count(HIDE, 2 + (not guards) + (not compares))
    return Estimate(SUITES[agreement.suite], brought, steps)
