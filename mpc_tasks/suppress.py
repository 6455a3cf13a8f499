"""Step: what the disclosure rules forbid is hidden while still shared."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import SUPPRESS
from mpc_tasks.barrier import say
from mpc_tasks.held import attempt_of, note_step
from mpc_tasks.task import mpc_task


@mpc_task(name="suppress", version=1)
def suppress(attempt: Ref) -> Ref:
    """Cells that a disclosure rule forbids are zero, with what would restore them, and nobody has seen them."""
    with attempt_of(attempt) as computation:
        hidden = computation.suppress()
        minimum = computation.agreement.terms.min_count
        note_step(computation, SUPPRESS, "cells-suppressed", {"hidden": hidden, "minimum": minimum})
    say(f"{hidden} cells were hidden by the agreement's disclosure rules")
    return attempt
