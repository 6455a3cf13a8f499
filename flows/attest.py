"""Stage at every owner and node: publish its log."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.publish import publish


@stage(
    Stage(
        roles=("owner", "node"),
        limit_s=120,
        title="publish the logs",
        repeatable=True,
        after="release",
    )
)
def attest() -> Ref:
    """Publish this party's log with a signed checkpoint, so that anybody can verify it; return the checkpoint."""
    return publish()
