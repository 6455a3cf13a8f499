"""Step at a node: find the tables that changed too little since they were released, while all of it is shared."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import LOOK_BACK
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import attempt_of, note_step
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="look-back", version=1)
def look_back(attempt: Ref) -> Ref:
    """Let nothing exact leave of tables in which fewer changed, since some release, than the policy asks for."""
    with attempt_of(attempt) as computation:
        releases = computation.look_back(clock.today())
        note_step(computation, LOOK_BACK, "releases-compared", {"releases": releases})
    say(f"compared with {releases} earlier releases of the same tables")
    return attempt
