"""Stage at every node, before anything leaves: log what is about to."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.announce import announce as announce_


@stage(
    Stage(
        roles=("node",),
        limit_s=120,
        title="each log says what will leave",
        repeatable=True,
        after="review",
    )
)
def announce(agreement: RefText, evidence: RefText) -> Ref:
    """Announce in this node's published log what the reviewers approved; return the evidence on it."""
    return announce_(agreement, evidence)
