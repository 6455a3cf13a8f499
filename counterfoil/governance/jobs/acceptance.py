"""What a node signs when it has taken a submission in, and how anybody reads that. Knows no share and no envelope."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from counterfoil.canonical import jcs
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import NotFoundError, SignatureError
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.documents import read_json, write_time
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

INTAKES: Final = "receipts"
"""Where the nodes' receipts lie in an exchange: by manifest and node."""
_KIND: Final = "receipt"


def sign_intake(manifest: Manifest, keys: PrivateKeys, exchange: Exchange, now: datetime) -> None:
    """The node's receipt for the submission, whose shares are in its vault, lies in the exchange."""
    receipt = {
        "format": "counterfoil/receipt/1",
        "submission": manifest.submission,
        "manifest": manifest.digest,
        "node": keys.party,
        "accepted": write_time(now),
    }
    exchange.put_named((INTAKES, manifest.digest, keys.party), sign(_KIND, jcs(receipt), keys), replace=True)


def check_intakes(manifest: Manifest, agreement: SignedAgreement, exchange: Records) -> None:
    """Raises: NotFoundError or SignatureError unless every node signed that it took the submission in."""
    for node in agreement.terms.nodes:
        try:
            envelope = exchange.get_named((INTAKES, manifest.digest, node))
        except NotFoundError:
            raise NotFoundError(f"{node} has not taken in submission {manifest.submission}") from None
        signed = verify(envelope, _KIND, agreement.terms.roster.keys([node]))
        receipt = read_json(signed.payload, f"receipt of {node}", _KIND)
        if (receipt["manifest"], receipt["node"]) != (manifest.digest, node):
            raise SignatureError(f"the receipt of {node} is for another submission")
