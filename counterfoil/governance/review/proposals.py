"""Proposed decisions: what somebody typed on the coordinator's page in a reviewer's name, under no signature.

A proposal counts for nothing and spares a reviewer the typing, no more: whoever reaches the page may have made it. The
reviewer's own signature makes a decision of it, or does not. Knows no page and no share.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final

from counterfoil.canonical import digest, jcs
from counterfoil.errors import DocumentError, NotFoundError, ReviewError
from counterfoil.governance.documents import read_json
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.review.airlock import Review
from counterfoil.governance.review.decisions import STRICTNESS, Verdict
from counterfoil.storage.exchange import Exchange

_PROPOSALS: Final = "proposals"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A verdict on one draft that the reviewer may sign, or not."""

    evidence: str
    reviewer: str
    verdict: Verdict
    comment: str

    def pack(self) -> bytes:
        """The bytes that lie in the exchange, under no signature."""
        return jcs({"format": "counterfoil/proposal/1", **asdict(self)})

    @classmethod
    def unpack(cls, payload: bytes) -> Proposal:
        """The proposal that the bytes state. Raises: DocumentError."""
        value = read_json(payload, "proposal", "proposal")
        value.pop("format")
        return cls(**value)


def propose(draft: Draft, reviewer: str, verdict: Verdict, comment: str, exchange: Exchange) -> Proposal:
    """The proposal lies in the exchange, once however often it is made.

    Raises: ReviewError unless the agreement names the reviewer; DocumentError.
    """
    if reviewer not in draft.agreement.terms.reviewers:
        raise ReviewError(f"{reviewer} is not a reviewer in agreement {draft.agreement.terms.id}")
    made = Proposal(draft.evidence.digest, reviewer, verdict, comment)
    raw = made.pack()
    Proposal.unpack(raw)  # what others would not read is not put there
    exchange.put_named((_PROPOSALS, made.evidence, reviewer, digest(raw)), raw, replace=True)
    return made


def proposals(exchange: Exchange, found: Review) -> list[Proposal]:
    """What was proposed in each reviewer's name and is stricter than what that reviewer signed; the rest is over."""
    signed = {decision.party: STRICTNESS[decision.verdict] for decision in found.decisions}
    open_: list[Proposal] = []
    for name in exchange.list((_PROPOSALS, found.draft.evidence.digest)):
        if len(name) == 4 and name[2] in found.draft.agreement.terms.reviewers:
            with suppress(DocumentError, NotFoundError):
                made = Proposal.unpack(exchange.get_named(name))
                if (made.evidence, made.reviewer) != (name[1], name[2]):
                    continue
                if STRICTNESS[made.verdict] > signed.get(made.reviewer, -1):
                    open_.append(made)
    return open_
