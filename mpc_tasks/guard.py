"""Step at a node: refuse a release about nearly the same rows as an earlier one, while all of it is shared."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import GUARD
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import attempt_of, note_step
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="guard", version=1)
def guard(attempt: Ref) -> Ref:
    """Check that the rows differ from each past release's in none, or in as many as the policy asks for."""
    with attempt_of(attempt) as computation:
        releases = computation.guard(clock.today())
        note_step(computation, GUARD, "releases-compared", {"releases": releases})
    say(f"compared with {releases} earlier releases on the same contract")
    return attempt
