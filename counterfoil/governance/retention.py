"""Retention: a node's shares are erased when their time is over, when their agreement ends, or when a party withdraws.

Erased means that the data key is destroyed, so that what a disk or a backup still holds of the shares opens for nobody,
and that the node has said so under its signature. Knows when, and nothing of what the shares are.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, Self, TypeAlias

from counterfoil.canonical import Ref, jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import CounterfoilError, NotFoundError, SignatureError
from counterfoil.exchange import Exchange
from counterfoil.governance.document import read_json, read_time, write_time
from counterfoil.governance.job import Event, Job, Stage, advance, stage_of
from counterfoil.governance.signing import SignedAgreement, fetch_agreement
from counterfoil.governance.submission import discard_envelope
from counterfoil.governance.withdrawal import heard, listen
from counterfoil.home import Home
from counterfoil.state import State

Reason: TypeAlias = Literal["withdrawn", "expired", "retention"]

ERASURES: Final = "erasures"
"""Where the nodes' receipts lie in an exchange."""

_KIND: Final = "erasure"
_HELD: Final = "held-shares"
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


def note_held(agreement: SignedAgreement, job: Job, state: State, today: date) -> None:
    """The node remembers until when it may hold the job's shares; what it knew of any of them already stands."""
    terms = agreement.terms
    last = today + timedelta(days=terms.share_retention_days)
    reason: Reason = "expired" if terms.expires < last else "retention"
    until = min(last, terms.expires).isoformat()
    held = {"agreement": str(agreement.ref), "job": job.id, "until": until, "reason": reason}
    known = set(state.keys(_HELD))
    for id in (job.id, *job.submissions.values()):
        if id not in known:
            state.put(_HELD, id, jcs(held))


def purge(home: Home, now: datetime) -> list[Erasure]:
    """Nothing that is due is left in this node's vault, and a signed receipt for each lies in the exchange.

    A crash on the way does no harm: the next call goes on from there. Raises: StoreError.
    """
    erased = []
    for id in home.state.keys(_HELD):
        if (content := home.state.get(_HELD, id)) != _ERASED:
            held = json.loads(content)
            agreement = Ref.parse(held["agreement"])
            withdrawn = _withdrawn(agreement, home)
            if withdrawn or now.date() > date.fromisoformat(held["until"]):
                reason: Reason = "withdrawn" if withdrawn else held["reason"]
                erased.append(Erasure(agreement.digest, id, home.party, reason, now))
                _erase(erased[-1], held["job"], home)
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


def _erase(erasure: Erasure, job: str, home: Home) -> None:
    home.vault.destroy(erasure.id)
    discard_envelope(erasure.id, home)
    # A job that is running fails by itself when it finds its shares gone.
    if stage_of(home.state, job) not in (Stage.RUNNING, Stage.ERASED):
        advance(home.state, job, Event.ERASE)
    home.log.append("shares-erased", subject=erasure.id, refs={"agreement": erasure.agreement})
    receipt = sign(_KIND, erasure.pack(), home.keys)
    home.exchange.put_named(_name(erasure.agreement, home.party, erasure.id), receipt, replace=True)
    home.state.put(_HELD, erasure.id, _ERASED)


def _withdrawn(agreement: Ref, home: Home) -> bool:
    with suppress(CounterfoilError):  # an exchange that lost the agreement has no withdrawal either that could be read
        listen(fetch_agreement(home.exchange, agreement), home)
    return bool(heard(agreement.digest, home.state))


def _name(agreement: str, node: str, id: str) -> tuple[str, ...]:
    return (ERASURES, agreement, node, id)
