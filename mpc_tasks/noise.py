"""Step at a node: add noise, while they are shared, to results whose plans ask for differential privacy."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import NOISE
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import attempt_of, note_step
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="noise", version=1)
def noise(attempt: Ref) -> Ref:
    """Add noise that no node knows to every cell of such a result, the same in every attempt; return the attempt."""
    with attempt_of(attempt) as computation:
        cells = computation.add_noise()
        plans = {plan.name: plan.plan_digest for plan in computation.noised}
        note_step(computation, NOISE, "noise-added", {"cells": cells}, **plans)
    say(f"{cells} cells were given noise" if plans else "no plan asks for noise; results are exact")
    return attempt
