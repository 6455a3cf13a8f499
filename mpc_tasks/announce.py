"""Step: a node says in its log what it is about to release."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.release import announce_release
from mpc_tasks.held import home
from mpc_tasks.task import mpc_task
from mpc_tasks.verify import signed


@mpc_task(name="announce", version=1)
def announce(agreement: Ref, evidence: Ref) -> Ref:
    """The node counted the reviewers' signatures itself, and its published log says what will leave; the evidence."""
    announce_release(home(), signed(agreement), evidence.digest)
    return evidence
