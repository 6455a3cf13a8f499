"""What a node signs when it begins to compute on a submission that could be corrected until then.

All nodes meet before any of them begins. One that ended in between learns by this that the others began, and on what:
otherwise it would take the correction that the others refuse, and refuse the submission that they computed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.papers import Paper, Readable, Statement

BEGUN: Final = Paper(
    kind="begun",
    schema="begun",
    says="a node began to compute on a submission, so that nothing corrects it any more",
    folder="begun",
    place=("manifest", "node"),
    signer="node",
    absent="{node} has not begun to compute on the submission of manifest {manifest}",
    other="what {node} signed is about another submission",
    bundled="manifest",
)


@dataclass(frozen=True, slots=True)
class Begun(Statement):
    """What a node states: it computes on the submission whose manifest has the digest, in this job and no other."""

    PAPER: ClassVar = BEGUN

    manifest: str
    job: str
    node: str


def begun_in(manifest: str, terms: Agreement, exchange: Readable) -> str:
    """Return the job in which a node of the agreement says that it began on the submission; "" if none says so."""
    nodes = {node: terms.roster.party(node).keys for node in terms.nodes}
    return next((said.job for said in Begun.find(exchange, nodes, manifest)), "")
