"""Stage at every node: send what the reviewers approved to its recipients."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.seal import seal


@stage(
    Stage(
        roles=("node",),
        limit_s=600,
        title="seal to the recipients",
        repeatable=True,
        after="countersign",
    )
)
def release(agreement: RefText, evidence: RefText) -> Ref:
    """Seal this node's shares to each recipient and upload them; return the evidence on them."""
    return seal(agreement, evidence)
