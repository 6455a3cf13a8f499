"""Step at a node: check on shares that owners kept to their contracts."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import CHECK
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import attempt_of, note_step
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="range_check", version=1)
def range_check(attempt: Ref) -> Ref:
    """Void rows, or whole contributions, that are outside the contract's bounds; return the attempt."""
    with attempt_of(attempt) as computation:
        rejected = computation.check()
        note_step(computation, CHECK, "ranges-checked", {"rejected": rejected})
    say(f"{rejected} inputs were outside their contract's bounds and count for nothing")
    return attempt
