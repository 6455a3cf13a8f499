"""What became of each release: who may open it until when, who has, and what was taken back. Signed papers alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from counterfoil.errors import NotFoundError
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.evidence import Draft, drafts
from counterfoil.governance.releases.receipt import fetched
from counterfoil.governance.releases.release import is_released, read_release
from counterfoil.governance.releases.revocation import Revocation

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Status:
    """One release to one recipient; `nodes` have released it, `revoked` are those that took it back."""

    evidence: str
    period: str
    recipient: str
    nodes: tuple[str, ...]
    last_day: date
    opened: datetime | None
    revoked: tuple[str, ...]

    def words(self, today: date) -> str:
        """Say the same in words."""
        if self.opened:
            told = f"opened on {self.opened:%Y-%m-%d}"
        elif self.revoked:
            told = f"revoked by {', '.join(self.revoked)}"
        else:
            told = "not opened yet"
        ends = f"opens until {self.last_day}" if today <= self.last_day else f"expired after {self.last_day}"
        return f"released by {', '.join(self.nodes)}; {told}; {ends}"


def statuses(exchange: Exchange, agreement: SignedAgreement) -> Iterator[Status]:
    """Yield the status of each draft of the agreement and recipient to whom any node released it.

    Raises: SignatureError, TamperedError, DocumentError.
    """
    for draft in drafts(exchange, agreement):
        given = [id for id in agreement.terms.recipients if is_released(exchange, draft.evidence.digest, id)]
        for recipient in given:
            with suppress(NotFoundError):
                yield _status(exchange, draft, recipient)


def _status(exchange: Exchange, draft: Draft, recipient: str) -> Status:
    """Refuse when what is there is no node's. Raises: NotFoundError."""
    evidence, terms = draft.evidence, draft.agreement.terms
    releases, revoked = {}, []
    for node in terms.nodes:
        with suppress(NotFoundError):
            releases[node] = read_release(exchange, draft, recipient, node)
        with suppress(NotFoundError):
            Revocation.read(exchange, terms.roster.party(node).keys, evidence=evidence.digest, recipient=recipient)
            revoked.append(node)
    if not releases:
        raise NotFoundError(f"no node has released {evidence.digest} to {recipient}")
    receipt = fetched(exchange, evidence.digest, terms.roster.party(recipient).keys)
    return Status(
        evidence=evidence.digest,
        period=evidence.period,
        recipient=recipient,
        nodes=tuple(releases),
        last_day=min(release.last_day(terms) for release in releases.values()),
        opened=receipt.opened if receipt else None,
        revoked=tuple(revoked),
    )
