"""Receipts: a recipient's signed word that it has a release, and which nodes' copies it compared.

Whoever only reads sealed blobs, and opens them with tools of its own, leaves none: a receipt shows that a release was
fetched, and its absence shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from counterfoil.canonical import jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import NotFoundError, ReplayError, SignatureError
from counterfoil.governance.agreements.signing.signed import own_keys
from counterfoil.governance.documents import read_json, read_time, write_time
from counterfoil.governance.review.airlock import Leaving
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.home import Home

RECEIPTS: Final = "opened"
"""Where receipts lie in an exchange: by evidence and recipient."""

_KIND: Final = "opened"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a recipient states: these copies (node to digest of what it sealed) were opened, compared, and agree."""

    job: str
    agreement: str
    evidence: str
    recipient: str
    key: str
    copies: Mapping[str, str]
    opened: datetime

    def pack(self) -> bytes:
        """The bytes that the recipient signs."""
        return jcs({"format": "counterfoil/opened/1", **asdict(self), "opened": write_time(self.opened)})

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """The receipt that the bytes state. Raises: DocumentError."""
        value = read_json(payload, "receipt", _KIND)
        value.pop("format")
        return cls(**{**value, "opened": read_time(value["opened"])})


def sign_receipt(approved: Leaving, copies: Mapping[str, str], home: Home, now: datetime) -> Receipt:
    """This recipient's receipt for what every node released to it lies in the exchange; the first one stands.

    Raises: StoreError; SignatureError if somebody else's lies there.
    """
    evidence, key = approved.draft.evidence, own_keys(approved.draft.agreement.terms, home).public
    receipt = Receipt(evidence.job, evidence.agreement, evidence.digest, home.party, key.seal_id, copies, now)
    with suppress(ReplayError):
        home.exchange.put_named((RECEIPTS, evidence.digest, home.party), sign(_KIND, receipt.pack(), home.keys))
    return read_receipt(home.exchange, evidence.digest, key)


def read_receipt(exchange: Records, evidence: str, recipient: PublicKeys) -> Receipt:
    """What the recipient signed when it first opened its release.

    Raises: NotFoundError, SignatureError, DocumentError.
    """
    try:
        envelope = exchange.get_named((RECEIPTS, evidence, recipient.party))
    except NotFoundError:
        raise NotFoundError(f"{recipient.party} has not signed that it opened {evidence}") from None
    receipt = Receipt.unpack(verify(envelope, _KIND, [recipient]).payload)
    if (receipt.evidence, receipt.recipient) != (evidence, recipient.party):
        raise SignatureError(f"the receipt of {recipient.party} is for another release")
    return receipt


def fetched(exchange: Records, evidence: str, recipient: PublicKeys) -> Receipt | None:
    """The recipient's receipt, if a valid one lies in the exchange."""
    with suppress(NotFoundError, SignatureError):
        return read_receipt(exchange, evidence, recipient)
    return None
