"""Step: a node hands its shares of an approved result to the recipients."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.node import hand_over
from mpc_tasks.barrier import say
from mpc_tasks.held import home
from mpc_tasks.task import mpc_task
from mpc_tasks.verify import signed


@mpc_task(name="seal", version=1)
def seal(agreement: Ref, evidence: Ref) -> Ref:
    """The node counted the reviewers' signatures itself and sealed its shares to each recipient; the evidence."""
    released = hand_over(home(), signed(agreement), evidence.digest)
    say(f"released to {', '.join(item.recipient for item in released)}")
    return evidence
