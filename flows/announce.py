"""Stage at every node, before anything leaves: its log says what is about to."""

from counterfoil.canonical import Ref
from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.announce import announce as announce_


@stage()
def announce(agreement: RefText, evidence: RefText) -> Ref:
    """What the reviewers approved is announced in this node's published log; the evidence that it stands on."""
    return announce_(agreement, evidence)
