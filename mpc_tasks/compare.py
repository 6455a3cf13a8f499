"""Step at a node: compare sums that several analyses state, while they are shared."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import COMPARE
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import attempt_of, note_step
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="compare", version=1)
def compare(attempt: Ref) -> Ref:
    """Check that sums of two analyses agree where the agreement asks for it; if not, the attempt is over."""
    with attempt_of(attempt) as computation:
        made = computation.compare()
        note_step(computation, COMPARE, "sums-compared", {"comparisons": made})
    say(f"{made} sums came out of two analyses alike" if made else "no sums were compared")
    return attempt
