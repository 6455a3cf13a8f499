"""Stage at every node: cosign all parties' published logs."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.cosign import cosign


@stage(
    Stage(
        roles=("node",),
        limit_s=120,
        title="cosign each other's logs",
        repeatable=True,
        after="attest",
    )
)
def witness(agreement: RefText) -> Ref:
    """Check that all parties' published logs only grew, and cosign them; return the agreement."""
    return cosign(agreement)
