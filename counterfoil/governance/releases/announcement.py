"""What a node is about to release is in its log before any of it leaves, and all other nodes have cosigned that.

So no node can release behind the others' backs, nor deny it later: each of them has seen its log with the entry, and
refuses any log without it from then on. Knows no share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from counterfoil.audit.event import Event
from counterfoil.audit.proof import Proof, check_proof
from counterfoil.audit.publish import publish
from counterfoil.audit.witness import prove_witnessed
from counterfoil.errors import NotWitnessedError, TamperedError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.review.leaving import CheckerPreview, Releasable

if TYPE_CHECKING:
    from counterfoil.home import Home

ANNOUNCED: Final = "release-approved"
"""The type of the entry."""

SHOWN: Final = "release-to-checkers"
"""The type of the entry on what the agreement's checkers see before it is approved."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A draft whose release, to all or to its checkers, this node announced, before the eyes of all others.

    `entry` is the announcement in the node's log; `proofs` show it under checkpoints that all other nodes cosigned.
    Only `check_announced` makes one.
    """

    approved: Releasable
    entry: bytes
    proofs: tuple[Proof, ...]

    @property
    def approvals(self) -> dict[str, str]:
        """The decisions that the announcement rests on, by reviewer."""
        return _approvals(Event.parse(self.entry))


def announce(approved: Releasable, home: Home) -> None:
    """Announce the release in this node's log, once however often this is called, and publish the log.

    Raises: TamperedError, BusyError, StoreError.
    """
    if _standing(approved, home) is None:
        evidence, terms = approved.draft.evidence, approved.draft.agreement.terms
        home.log.append(
            _type(approved),
            subject=evidence.job,
            refs={
                "evidence": evidence.digest,
                "agreement": evidence.agreement,
                **{f"by-{reviewer}": decision for reviewer, decision in approved.approvals.items()},
            },
            counts={"approvals": len(approved.approvals), "quorum": terms.quorum},
        )
    publish(home.log, home.exchange)


def check_announced(approved: Releasable, home: Home) -> Announced:
    """Check that this node announced the draft. Raises: NotWitnessedError, which says what or who is missing."""
    found = _standing(approved, home)
    if found is None:
        raise NotWitnessedError(
            f"job {approved.draft.evidence.job}: {home.party} has not announced its release in its log; announce first"
        )
    terms = approved.draft.agreement.terms
    others = [terms.roster.party(node).keys for node in terms.nodes if node != home.party]
    index, entry = found
    return Announced(approved, entry, prove_witnessed(home.log, index, others, home.exchange))


def check_announcement(
    draft: Draft, node: str, entry: bytes, proofs: Sequence[str], *, checker: bool = False
) -> dict[str, str]:
    """Check that the entry announces the draft's release in the node's log, and that all other nodes cosigned that.

    To a checker it may have been released on no approval.

    Returns the decisions that it rests on, by reviewer, as the node says; whoever counts decisions compares.

    Raises: TamperedError, NotWitnessedError, SignatureError, DocumentError, naming the node.
    """
    terms = draft.agreement.terms
    event = Event.parse(entry)
    if event.actor != node or not (
        _announces(event, draft, ANNOUNCED) or (checker and _announces(event, draft, SHOWN))
    ):
        raise TamperedError(f"the entry in the release of {node} announces something else than job {event.subject}")
    others = [terms.roster.party(other).keys for other in terms.nodes if other != node]
    seen: dict[str, int] = {}
    for text in proofs:
        proof = Proof.parse(text)
        if proof.index != event.index:
            raise TamperedError(f"the release of {node} proves entry {proof.index}; its own is {event.index}")
        seen |= check_proof(proof, entry, terms.roster.party(node).keys, others)[1]
    if missing := sorted({other.party for other in others} - seen.keys()):
        raise NotWitnessedError(f"log of {node}: entry {event.index} is not cosigned by {', '.join(missing)}")
    return _approvals(event)


def _standing(approved: Releasable, home: Home) -> tuple[int, bytes] | None:
    """Return the latest entry of this node's log that announces this release on decisions that count still."""
    entries = home.log.entries()
    for index in range(len(entries) - 1, -1, -1):
        if _type(approved).encode() in entries[index]:
            event = Event.parse(entries[index])
            if (
                _announces(event, approved.draft, _type(approved))
                and _approvals(event).items() <= approved.approvals.items()
            ):
                return index, entries[index]
    return None


def _announces(event: Event, draft: Draft, type: str) -> bool:
    evidence, terms = draft.evidence, draft.agreement.terms
    needed = terms.quorum if type == ANNOUNCED else 0
    return (
        (event.type, event.subject) == (type, evidence.job)
        and (event.refs.get("evidence"), event.refs.get("agreement")) == (evidence.digest, evidence.agreement)
        and len(_approvals(event).keys() & set(terms.reviewers)) >= needed
    )


def _type(leaving: Releasable) -> str:
    return SHOWN if isinstance(leaving, CheckerPreview) else ANNOUNCED


def _approvals(event: Event) -> dict[str, str]:
    return {name.removeprefix("by-"): ref for name, ref in event.refs.items() if name.startswith("by-")}
