"""Step at an owner: upload its part of the analyses as sealed shares."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.roles.owner import Contribution
from counterfoil_prefect.mpc_tasks.held import drop, held, home
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="share", version=1)
def share(table: Ref) -> Ref:
    """Compute what the analyses need, split it, seal it to each node and upload it; return the signed manifest."""
    contribution = held(table, Contribution)
    manifest = contribution.share(clock.now())
    drop(table)
    home().log.append(
        "shares-submitted-before" if contribution.again else "shares-submitted",
        subject=contribution.contract,
        refs={"agreement": contribution.agreement.digest, "manifest": str(manifest)},
        counts={} if contribution.again else contribution.account,
    )
    return manifest
