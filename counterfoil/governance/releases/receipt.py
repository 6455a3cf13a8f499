"""Receipts: a recipient's signed word that it has a release, and which nodes' copies it compared.

Whoever only reads sealed blobs, and opens them with tools of its own, leaves none: a receipt shows that a release was
fetched, and its absence shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import DocumentError, NotFoundError, ReplayError, SignatureError
from counterfoil.governance.agreements.signing.signed import own_keys
from counterfoil.governance.papers import Paper, Readable, Statement
from counterfoil.governance.review.leaving import Releasable

if TYPE_CHECKING:
    from counterfoil.home import Home

RECEIPT: Final = Paper(
    kind="opened",
    schema="opened",
    title="receipt",
    says="a recipient opened a release, and which nodes' copies it compared",
    folder="opened",
    place=("evidence", "recipient"),
    signer="recipient",
    absent="{recipient} has not signed that it opened {evidence}",
    other="the receipt of {recipient} is for another release",
    bundled="evidence",
    replaces=False,
)


@dataclass(frozen=True, slots=True)
class Receipt(Statement):
    """What a recipient states: these copies (node to digest of what it sealed) were opened, compared, and agree."""

    PAPER: ClassVar = RECEIPT

    job: str
    agreement: str
    evidence: str
    recipient: str
    key: str
    copies: Mapping[str, str]
    opened: datetime


def sign_receipt(approved: Releasable, copies: Mapping[str, str], home: Home, now: datetime) -> Receipt:
    """Sign and publish this recipient's receipt for what every node released to it; return the first one, which counts.

    Raises: StoreError; SignatureError if somebody else put one there.
    """
    evidence, key = approved.draft.evidence, own_keys(approved.draft.agreement.terms, home).public
    receipt = Receipt(evidence.job, evidence.agreement, evidence.digest, home.party, key.seal_id, copies, now)
    with suppress(ReplayError):
        receipt.publish(home.keys, home.exchange)
    return Receipt.read(home.exchange, key, evidence=evidence.digest)


def fetched(exchange: Readable, evidence: str, recipient: PublicKeys) -> Receipt | None:
    """Return the recipient's receipt for the release on this evidence, if there is a valid one.

    What it signed that is no receipt is none, and keeps nobody from taking back or erasing.
    """
    with suppress(NotFoundError, SignatureError, DocumentError):
        return Receipt.read(exchange, recipient, evidence=evidence)
    return None
