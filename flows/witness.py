"""Stage at every node: cosign all parties' published logs."""

from counterfoil.canonical import Ref
from flows.parameters import RefText
from flows.stage import stage
from flows.stages import Stage
from mpc_tasks.cosign import cosign


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
