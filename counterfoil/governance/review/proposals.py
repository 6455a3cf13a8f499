"""Proposed decisions: what somebody typed on the coordinator's page in a reviewer's name, under no signature.

A proposal counts for nothing and spares a reviewer the typing, no more: whoever reaches the page may have made it. The
reviewer's own signature makes a decision of it, or does not. Knows no page and no share.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from counterfoil.errors import DocumentError, NotFoundError, ReviewError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.papers import Paper, Statement
from counterfoil.governance.review.airlock import Review
from counterfoil.governance.review.decisions import STRICTNESS, Verdict

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

PROPOSAL: Final = Paper(
    kind="proposal",
    schema="proposal",
    says="a verdict that somebody typed in a reviewer's name, under no signature",
    folder="proposals",
    place=("evidence", "reviewer", "digest"),
    bundled="evidence",
)


@dataclass(frozen=True, slots=True)
class Proposal(Statement):
    """A verdict on one draft that the reviewer may sign, or not."""

    PAPER: ClassVar = PROPOSAL

    evidence: str
    reviewer: str
    verdict: Verdict
    comment: str


def propose(draft: Draft, reviewer: str, verdict: Verdict, comment: str, exchange: Exchange) -> Proposal:
    """Publish the proposal, once however often it is made.

    Raises: ReviewError unless the agreement names the reviewer; DocumentError.
    """
    if reviewer not in draft.agreement.terms.reviewers:
        raise ReviewError(f"{reviewer} is not a reviewer in agreement {draft.agreement.terms.id}")
    made = Proposal(draft.evidence.digest, reviewer, verdict, comment)
    made.check()
    exchange.put_named(PROPOSAL.name(made.evidence, reviewer, made.digest), made.pack(), replace=True)
    return made


def proposals(exchange: Exchange, found: Review) -> list[Proposal]:
    """List what was proposed in each reviewer's name and is stricter than what that reviewer signed."""
    signed = {decision.party: STRICTNESS[decision.verdict] for decision in found.decisions}
    open_: list[Proposal] = []
    for name in exchange.list(PROPOSAL.name(found.draft.evidence.digest)):
        if len(name) == 4 and name[2] in found.draft.agreement.terms.reviewers:
            with suppress(DocumentError, NotFoundError):
                made = Proposal.unpack(exchange.get_named(name))
                if (made.evidence, made.reviewer) != (name[1], name[2]):
                    continue
                if STRICTNESS[made.verdict] > signed.get(made.reviewer, -1):
                    open_.append(made)
    return open_
