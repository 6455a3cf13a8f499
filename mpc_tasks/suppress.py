"""Step at a node: hide what the disclosure rules forbid, while it is shared."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import SUPPRESS
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import attempt_of, note_step
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="suppress", version=1)
def suppress(attempt: Ref) -> Ref:
    """Set cells that a disclosure rule forbids to zero, with what would restore them, unseen; return the attempt."""
    with attempt_of(attempt) as computation:
        hidden = computation.suppress()
        minimum = computation.agreement.terms.min_count
        note_step(computation, SUPPRESS, "cells-suppressed", {"hidden": hidden, "minimum": minimum})
    say(f"{hidden} cells of exact results were hidden by the agreement's disclosure rules")
    return attempt
