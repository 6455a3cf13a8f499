"""What a node signs when it has erased shares, and how anybody reads that. Knows nothing of how shares are erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from counterfoil.governance.jobs.retention_register import Reason
from counterfoil.governance.papers import Paper, Statement

ERASURE: Final = Paper(
    kind="erasure",
    schema="erasure",
    says="a node erased shares, or took them out of a store",
    folder="erasures",
    place=("agreement", "node", "id"),
    signer="node",
    absent="{node} has not signed that it erased {id}",
    other="the receipt of {node} is for the erasure of something else than {id}",
    bundled="agreement",
)


@dataclass(frozen=True, slots=True)
class Erasure(Statement):
    """What a node states: nothing that it held under this id, of a submission or a job, can be opened any more.

    Or, where the id is the digest of sealed shares: it took them out of the store where it had delivered them.
    """

    PAPER: ClassVar = ERASURE

    agreement: str
    id: str
    node: str
    reason: Reason
    erased: datetime
