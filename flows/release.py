"""Stage at every node: what the reviewers approved goes to its recipients."""

from counterfoil.canonical import Ref
from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.seal import seal


@stage()
def release(agreement: RefText, evidence: RefText) -> Ref:
    """This node's shares lie in the exchange, sealed to each recipient; the evidence that they stand on."""
    return seal(agreement, evidence)
