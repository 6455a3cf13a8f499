"""What a node signs when it has erased shares, and how anybody reads that. Knows nothing of how shares are erased."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Self

from counterfoil.canonical import jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.sign import verify
from counterfoil.errors import NotFoundError, SignatureError
from counterfoil.governance.documents import read_json, read_time, write_time
from counterfoil.governance.jobs.retention_register import Reason
from counterfoil.storage.records import Name, Records

ERASURES: Final = "erasures"
"""Where the nodes' receipts lie in an exchange."""

KIND: Final = "erasure"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a node states: nothing that it held under this id, of a submission or a job, can be opened any more.

    Or, where the id is the digest of sealed shares: it took them out of the store where it had delivered them.
    """

    agreement: str
    id: str
    node: str
    reason: Reason
    erased: datetime

    def pack(self) -> bytes:
        """The bytes that the node signs."""
        return jcs({"format": "counterfoil/erasure/1", **asdict(self), "erased": write_time(self.erased)})

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """The erasure that the bytes state. Raises: DocumentError."""
        value = read_json(payload, "erasure", KIND)
        value.pop("format")
        return cls(**{**value, "erased": read_time(value["erased"])})


def read_erasure(exchange: Records, node: PublicKeys, agreement: str, id: str) -> Erasure:
    """The node's receipt for what it held under the id. Raises: NotFoundError, SignatureError, DocumentError."""
    try:
        envelope = exchange.get_named(erasure_name(agreement, node.party, id))
    except NotFoundError:
        raise NotFoundError(f"{node.party} has not signed that it erased {id}") from None
    erasure = Erasure.unpack(verify(envelope, KIND, [node]).payload)
    if (erasure.agreement, erasure.id, erasure.node) != (agreement, id, node.party):
        raise SignatureError(f"the receipt of {node.party} is for the erasure of something else than {id}")
    return erasure


def erasure_name(agreement: str, node: str, id: str) -> Name:
    """Where the node's receipt lies in an exchange."""
    return (ERASURES, agreement, node, id)
