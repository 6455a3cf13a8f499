"""Step: a release about nearly the same rows as an earlier one is refused, while all of it is still shared."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import GUARD
from mpc_tasks.barrier import say
from mpc_tasks.held import attempt_of, note_step
from mpc_tasks.task import mpc_task


@mpc_task(name="guard", version=1)
def guard(attempt: Ref) -> Ref:
    """The rows differ from those of each remembered release in none, or in as many as the policy asks for."""
    with attempt_of(attempt) as computation:
        releases = computation.guard()
        note_step(computation, GUARD, "releases-compared", {"releases": releases})
    say(f"held against {releases} earlier releases on the same contract")
    return attempt
