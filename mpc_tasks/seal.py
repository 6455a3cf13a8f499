"""Step at a node: hand its shares of an approved result to the recipients."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.roles.node.handover import hand_over
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="seal", version=2)
def seal(agreement: Ref, evidence: Ref) -> Ref:
    """Seal the node's shares of what was approved and announced to each recipient; return the evidence."""
    now = clock.now()
    released = hand_over(home(), signed(agreement, now.date()), evidence.digest, now)
    say(f"released to {', '.join(item.recipient for item in released)}")
    return evidence
