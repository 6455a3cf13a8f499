"""Step: results whose plans ask for differential privacy get noise while still shared."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import NOISE
from mpc_tasks.barrier import say
from mpc_tasks.held import attempt_of, note_step
from mpc_tasks.task import mpc_task


@mpc_task(name="noise", version=1)
def noise(attempt: Ref) -> Ref:
    """Every cell of a noised result has noise that no node knows, the same in every attempt of the job."""
    with attempt_of(attempt) as computation:
        cells = computation.add_noise()
        plans = {plan.name: plan.plan_digest for plan in computation.noised}
        note_step(computation, NOISE, "noise-added", {"cells": cells}, **plans)
    say(f"{cells} cells were given noise" if plans else "no plan asks for noise; results are exact")
    return attempt
