"""Step: publish a party's log in the exchange, so that anybody can verify it offline."""

from __future__ import annotations

from counterfoil.audit import publish as publication
from counterfoil.canonical import Ref, digest
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="publish", version=1)
def publish() -> Ref:
    """Publish this party's log with a signed checkpoint; return the checkpoint."""
    note = publication.publish(home().log, home().exchange)
    return Ref("checkpoint", home().party, digest(note))
