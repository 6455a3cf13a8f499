"""Step: analyses that state the same sum are compared while it is shared."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import COMPARE
from mpc_tasks.barrier import say
from mpc_tasks.held import attempt_of, note_step
from mpc_tasks.task import mpc_task


@mpc_task(name="compare", version=1)
def compare(attempt: Ref) -> Ref:
    """Where the agreement asks for it, sums that come out of two analyses agree; the attempt is over if they do not."""
    with attempt_of(attempt) as computation:
        made = computation.compare()
        note_step(computation, COMPARE, "sums-compared", {"comparisons": made})
    say(f"{made} sums came out of two analyses alike" if made else "no sums were compared")
    return attempt
