"""Revocation: a node takes back what it released, from recipients that have not fetched it yet.

What was fetched stays fetched: the recipient's receipt says so, and the node says it too. Otherwise the sealed shares
go from where they were delivered, and the recipient's own `open` refuses what a copy of the store may still hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from counterfoil.audit.event import Event
from counterfoil.canonical import Ref, digest, jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import NotEntitledError, NotFoundError, ReleaseRevokedError, SignatureError
from counterfoil.governance.documents import read_json, read_time, write_time
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.jobs.retention_register import Held, all_held, note_gone
from counterfoil.governance.releases.delivery import SEALED, open_store
from counterfoil.governance.releases.receipt import Receipt, fetched
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.home import Home
    from counterfoil.storage.state import State

REVOCATIONS: Final = "revocations"
"""Where revocations lie in an exchange: by evidence, recipient and node."""

_KIND: Final = "revocation"
_REVOKED: Final = "revoked-release"


@dataclass(frozen=True, slots=True)
class Revocation:
    """What a node states: it took its release to this recipient back, who had not signed for it."""

    job: str
    agreement: str
    evidence: str
    recipient: str
    node: str
    reason: str
    revoked: datetime

    def pack(self) -> bytes:
        """The bytes that the node signs."""
        return jcs({"format": "counterfoil/revocation/1", **asdict(self), "revoked": write_time(self.revoked)})

    @property
    def digest(self) -> str:
        """What the node's log refers to."""
        return digest(self.pack())

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """The revocation that the bytes state. Raises: DocumentError."""
        value = read_json(payload, "revocation", _KIND)
        value.pop("format")
        return cls(**{**value, "revoked": read_time(value["revoked"])})


def revoke(
    draft: Draft, recipients: Sequence[str], reason: str, home: Home, now: datetime
) -> tuple[list[Revocation], list[Receipt]]:
    """This node's release to each recipient is taken back, for good; or else the recipient's receipt, if it has it.

    A crash on the way does no harm: the same call goes on from there.

    Raises: RefusedError unless this party is a node of the agreement; NotEntitledError; StoreError.
    """
    terms, evidence = draft.agreement.terms, draft.evidence
    terms.check_node(home.party)
    if strangers := [id for id in recipients if id not in terms.recipients]:
        raise NotEntitledError(f"{', '.join(strangers)} is not a recipient in agreement {terms.id}")
    revoked, kept = [], []
    for recipient in recipients:
        if receipt := fetched(home.exchange, evidence.digest, terms.roster.party(recipient).keys):
            kept.append(receipt)
            continue
        word = Revocation(evidence.job, evidence.agreement, evidence.digest, recipient, home.party, reason, now)
        # Nothing more of it leaves this node, whatever happens next.
        home.state.put(_REVOKED, _key(evidence.digest, recipient), b"")
        refs = {"evidence": evidence.digest, f"to-{recipient}": word.digest}
        home.log.append("release-revoked", subject=evidence.job, refs=refs)
        name = (REVOCATIONS, evidence.digest, recipient, home.party)
        home.exchange.put_named(name, sign(_KIND, word.pack(), home.keys), replace=True)
        for held in all_held(home.state):
            if held.kind == "release" and (held.evidence, held.recipient) == (evidence.digest, recipient):
                take_back(held, home)
                note_gone(held.id, home.state)
        revoked.append(word)
    return revoked, kept


def relearn_revoked(events: Iterable[Event], state: State) -> None:
    """Remember what this party's own log says that it took back, and from whom."""
    for event in events:
        if event.type == "release-revoked":
            for name in event.refs:
                if name.startswith("to-"):
                    state.put(_REVOKED, _key(event.refs["evidence"], name.removeprefix("to-")), b"")


def take_back(held: Held, home: Home) -> None:
    """What this node delivered does not lie at the recipient's store any more. Raises: StoreError."""
    open_store(held.store, held.recipient, home.exchange).discard(Ref(SEALED, home.party, held.id))


def is_revoked(evidence: str, recipient: str, state: State) -> bool:
    """Whether this node took back what it released to the recipient."""
    return _key(evidence, recipient) in state.keys(_REVOKED)


def check_not_revoked(evidence: str, recipient: str, state: State) -> None:
    """Raises: ReleaseRevokedError if this node took back what it released to the recipient."""
    if is_revoked(evidence, recipient, state):
        raise ReleaseRevokedError(
            f"the release of {evidence} to {recipient} was revoked here; it is not released again"
        )


def read_revocation(exchange: Records, evidence: str, recipient: str, node: PublicKeys) -> Revocation:
    """What the node signed when it took its release back. Raises: NotFoundError, SignatureError, DocumentError."""
    try:
        envelope = exchange.get_named((REVOCATIONS, evidence, recipient, node.party))
    except NotFoundError:
        raise NotFoundError(f"{node.party} has not revoked its release of {evidence} to {recipient}") from None
    revocation = Revocation.unpack(verify(envelope, _KIND, [node]).payload)
    if (revocation.evidence, revocation.recipient, revocation.node) != (evidence, recipient, node.party):
        raise SignatureError(f"the revocation of {node.party} is of another release")
    return revocation


def _key(evidence: str, recipient: str) -> str:
    return f"{evidence}/{recipient}"
