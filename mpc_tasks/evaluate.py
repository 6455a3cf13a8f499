"""Step at a node: compute one planned analysis on shares."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil_prefect.mpc_tasks.held import attempt_of, note_step
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="evaluate", version=1, of="plan")
def evaluate(attempt: Ref, plan: str) -> Ref:
    """Compute the planned analysis, whose result exists in shares alone; return the attempt."""
    with attempt_of(attempt) as computation:
        computation.evaluate(plan)
        planned = computation.agreement.terms.planned(plan)
        note_step(computation, plan, "analysis-evaluated", {"version": planned.version}, **{plan: planned.plan_digest})
    return attempt
