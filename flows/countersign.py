"""Stage at every node, between announcement and release: the other nodes' logs only grew, and the node says so."""

from counterfoil.canonical import Ref
from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.cosign import cosign_nodes


@stage()
def countersign(agreement: RefText) -> Ref:
    """The other nodes' logs, with what they are about to release, bear this node's cosignature; the agreement."""
    return cosign_nodes(agreement)
