"""Stage at every owner and node: make sure that the agreement binds."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.verify import verify


@stage(
    Stage(
        roles=("owner", "node"),
        limit_s=120,
        title="each verifies the agreement",
        repeatable=True,
        after="collaborate",
    )
)
def agree(agreement: RefText) -> Ref:
    """Verify that the agreement is signed by all, in force, and able to run; return its reference."""
    return verify(agreement)
