"""Retention: a node's shares are erased when their time is over, when their agreement ends, or when a party withdraws.

Erased means that the data key is destroyed, so that what a disk or a backup still holds of the shares opens for nobody,
and that the node has said so under its signature. What is held, and until when, is noted in `holding`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final, Self

from counterfoil.canonical import Ref, jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import CounterfoilError, NotFoundError, SignatureError
from counterfoil.exchange import Exchange
from counterfoil.governance.document import read_json, read_time, write_time
from counterfoil.governance.holding import HELD, Kind, Reason
from counterfoil.governance.job import Event, Stage, advance, stage_of
from counterfoil.governance.signing import fetch_agreement
from counterfoil.governance.submission import discard_envelope
from counterfoil.governance.withdrawal import heard, listen
from counterfoil.home import Home

ERASURES: Final = "erasures"
"""Where the nodes' receipts lie in an exchange."""

_KIND: Final = "erasure"
_ERASED: Final = b""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a node states: nothing that it held under this id, of a submission or a job, can be opened any more."""

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
        value = read_json(payload, "erasure", _KIND)
        value.pop("format")
        return cls(**{**value, "erased": read_time(value["erased"])})


def purge(home: Home, now: datetime) -> list[Erasure]:
    """Nothing that is due is left in this node's vault, and a signed receipt for each lies in the exchange.

    A crash on the way does no harm: the next call goes on from there. Raises: StoreError.
    """
    erased = []
    for id in home.state.keys(HELD):
        if (content := home.state.get(HELD, id)) != _ERASED:
            held = json.loads(content)
            agreement = Ref.parse(held["agreement"])
            withdrawn = _withdrawn(agreement, home)
            if withdrawn or now.date() > date.fromisoformat(held["until"]):
                reason: Reason = "withdrawn" if withdrawn else held["reason"]
                erased.append(Erasure(agreement.digest, id, home.party, reason, now))
                _erase(erased[-1], held["kind"], home)
    return erased


def read_erasure(exchange: Exchange, node: PublicKeys, agreement: str, id: str) -> Erasure:
    """The node's receipt for what it held under the id. Raises: NotFoundError, SignatureError, DocumentError."""
    try:
        envelope = exchange.get_named(_name(agreement, node.party, id))
    except NotFoundError:
        raise NotFoundError(f"{node.party} has not signed that it erased {id}") from None
    erasure = Erasure.unpack(verify(envelope, _KIND, [node]).payload)
    if (erasure.agreement, erasure.id, erasure.node) != (agreement, id, node.party):
        raise SignatureError(f"the receipt of {node.party} is for the erasure of something else than {id}")
    return erasure


def _erase(erasure: Erasure, kind: Kind, home: Home) -> None:
    home.vault.destroy(erasure.id)
    if kind == "submission":
        discard_envelope(erasure.id, home)
    # A job that is running fails by itself when it finds its shares gone.
    elif stage_of(home.state, erasure.id) not in (Stage.RUNNING, Stage.ERASED):
        advance(home.state, erasure.id, Event.ERASE)
    home.log.append("shares-erased", subject=erasure.id, refs={"agreement": erasure.agreement})
    receipt = sign(_KIND, erasure.pack(), home.keys)
    home.exchange.put_named(_name(erasure.agreement, home.party, erasure.id), receipt, replace=True)
    home.state.put(HELD, erasure.id, _ERASED)


def _withdrawn(agreement: Ref, home: Home) -> bool:
    with suppress(CounterfoilError):  # an exchange that lost the agreement has no withdrawal either that could be read
        listen(fetch_agreement(home.exchange, agreement), home)
    return bool(heard(agreement.digest, home.state))


def _name(agreement: str, node: str, id: str) -> tuple[str, ...]:
    return (ERASURES, agreement, node, id)
