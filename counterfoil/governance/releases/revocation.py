"""Revocation: a node takes back what it released, from recipients that have not fetched it yet.

What was fetched stays fetched: the recipient's receipt says so, and the node says it too. Otherwise the sealed shares
go from where they were delivered, and the recipient's own `open` refuses what a copy of the store may still hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.errors import NotEntitledError, ReleaseRevokedError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.jobs.retention_register import Held, all_held, note_gone
from counterfoil.governance.papers import Paper, Statement
from counterfoil.governance.releases.delivery import SEALED, open_store
from counterfoil.governance.releases.receipt import Receipt, fetched

if TYPE_CHECKING:
    from counterfoil.home import Home
    from counterfoil.storage.state import State

REVOCATION: Final = Paper(
    kind="revocation",
    schema="revocation",
    says="a node took back what it released to a recipient that had not opened it",
    folder="revocations",
    place=("evidence", "recipient", "node"),
    signer="node",
    absent="{node} has not revoked its release of {evidence} to {recipient}",
    other="the revocation of {node} is of another release",
    bundled="evidence",
)

_REVOKED: Final = "revoked-release"


@dataclass(frozen=True, slots=True)
class Revocation(Statement):
    """What a node states: it took its release to this recipient back, who had not signed for it."""

    PAPER: ClassVar = REVOCATION

    job: str
    agreement: str
    evidence: str
    recipient: str
    node: str
    reason: str
    revoked: datetime


def revoke(
    draft: Draft, recipients: Sequence[str], reason: str, home: Home, now: datetime
) -> tuple[list[Revocation], list[Receipt]]:
    """Take back this node's release to each recipient, for good; of one that has opened it, return the receipt.

    A crash on the way does no harm: the same call goes on from there.

    Raises: RefusedError unless this party is a node of the agreement; NotEntitledError; DocumentError for a reason that
        no reader takes; StoreError.
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
        revocation = Revocation(evidence.job, evidence.agreement, evidence.digest, recipient, home.party, reason, now)
        revocation.check()
        # Nothing more of it leaves this node, whatever happens next.
        home.state.put(_REVOKED, _key(evidence.digest, recipient), b"")
        refs = {"evidence": evidence.digest, f"to-{recipient}": revocation.digest}
        home.log.append("release-revoked", subject=evidence.job, refs=refs)
        revocation.publish(home.keys, home.exchange)
        for held in all_held(home.state):
            if held.kind == "release" and (held.evidence, held.recipient) == (evidence.digest, recipient):
                take_back(held, home)
                note_gone(held.id, home.state)
        revoked.append(revocation)
    return revoked, kept


def relearn_revoked(events: Iterable[Event], state: State) -> None:
    """Remember what this party's own log says that it took back, and from whom."""
    for event in events:
        if event.type == "release-revoked":
            for name in event.refs:
                if name.startswith("to-"):
                    state.put(_REVOKED, _key(event.refs["evidence"], name.removeprefix("to-")), b"")


def take_back(held: Held, home: Home) -> None:
    """Remove what this node delivered from the recipient's store. Raises: StoreError."""
    open_store(held.store, held.recipient, home.exchange).discard(Ref(SEALED, home.party, held.id))


def is_revoked(evidence: str, recipient: str, state: State) -> bool:
    """Tell whether this node took back what it released to the recipient."""
    return _key(evidence, recipient) in state.keys(_REVOKED)


def check_not_revoked(evidence: str, recipient: str, state: State) -> None:
    """Refuse if this node took back what it released to the recipient. Raises: ReleaseRevokedError."""
    if is_revoked(evidence, recipient, state):
        raise ReleaseRevokedError(
            f"the release of {evidence} to {recipient} was revoked here; it is not released again"
        )


def _key(evidence: str, recipient: str) -> str:
    return f"{evidence}/{recipient}"
