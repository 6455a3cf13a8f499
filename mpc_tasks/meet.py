"""Step at a node: link up with its peers for the same job, under fresh keys."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.mpc.runtime.host_memory import keep_freed_memory
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import attempt_of
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="meet", version=2)
def meet(attempt: Ref) -> Ref:
    """Link this node to its peers over TLS, both ends pinned, under keys of this attempt alone; return the attempt."""
    keep_freed_memory()  # this process computes from here on, and does nothing else
    with attempt_of(attempt) as computation:
        computation.meet(clock.today())
        kept = computation.steps.kept
    if kept:
        say(f"resumed: {kept} steps of earlier attempts are kept by all nodes, and not computed again")
    return attempt
