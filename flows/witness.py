"""Stage at every node: the other parties' logs only grew, and the node says so."""

from counterfoil.canonical import Ref
from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.cosign import cosign


@stage()
def witness(agreement: RefText) -> Ref:
    """The published checkpoints of all parties bear this node's cosignature; the agreement that names them."""
    return cosign(agreement)
