"""Stage at every node, between announcement and release: cosign the other nodes' logs."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.cosign import cosign_nodes


@stage(
    Stage(
        roles=("node",),
        limit_s=120,
        title="the other nodes cosign that",
        repeatable=True,
        after="announce",
    )
)
def countersign(agreement: RefText) -> Ref:
    """Check that the other nodes' logs only grew, and cosign what they are about to release; return the agreement."""
    return cosign_nodes(agreement)
