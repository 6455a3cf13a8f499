"""What may leave the nodes, and for whom: decided here, from a reviewed draft alone, for everybody who has to know.

| draft | may leave for |
|---|---|
| submitted, partially reviewed | the agreement's checkers, if it has any |
| approved, released | all recipients |
| not signed by all nodes, to change, rejected, withdrawn | nobody |

Nodes, recipients, auditors and the coordinator's page each take the decisions that they see themselves, make a `Review`
of them by the airlock's table, and ask here. Nobody takes another one's answer. What they hold against it besides, each
in its own place: a node, that the agreement is in force, its job the only one of the period, its rows compared, its
noise charged, its release announced and not revoked; a recipient, that no node revoked and nobody withdrew before it
first opened, and that each node announced on decisions that count; an auditor, that all logs say so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterfoil.errors import NotApprovedError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.review.airlock import STOPS, Review, State
from counterfoil.governance.review.decisions import Decision


class Audience(StrEnum):
    """For whom a draft may leave the nodes."""

    NOBODY = "nobody"
    CHECKERS = "checkers"
    RECIPIENTS = "recipients"


_FOR: Final = {
    State.DRAFT: Audience.NOBODY,
    State.SUBMITTED: Audience.CHECKERS,
    State.PARTIALLY_REVIEWED: Audience.CHECKERS,
    State.APPROVED: Audience.RECIPIENTS,
    State.RELEASED: Audience.RECIPIENTS,
    State.CHANGES_REQUESTED: Audience.NOBODY,
    State.REJECTED: Audience.NOBODY,
    State.WITHDRAWN: Audience.NOBODY,
}


@dataclass(frozen=True, slots=True)
class Releasable:
    """A draft that may leave the nodes, and the approvals on which: for whom is for its subclass to say."""

    draft: Draft
    decisions: tuple[Decision, ...]

    @property
    def approvals(self) -> dict[str, str]:
        """Who approved, and the digest of each one's decision."""
        return {decision.party: decision.digest for decision in self.decisions}


@dataclass(frozen=True, slots=True)
class Approved(Releasable):
    """A draft that enough reviewers approved and nobody stopped: for all recipients. Only `for_all` makes one."""


@dataclass(frozen=True, slots=True)
class CheckerPreview(Releasable):
    """A draft that is to be reviewed, and that nobody stopped: for the agreement's checkers alone, on no approval.

    Only this module makes one.
    """


def audience(found: Review) -> Audience:
    """Say for whom the draft may leave, by its state; for nobody where the agreement has no such party."""
    to = _FOR[found.state]
    return Audience.NOBODY if to is Audience.CHECKERS and not found.draft.agreement.terms.checkers else to


def for_all(found: Review) -> Approved:
    """Let the draft leave for all recipients.

    Raises: NotApprovedError, which says who is missing, who stopped it, and what did not count.
    """
    if audience(found) is not Audience.RECIPIENTS:
        waiting = ", ".join(found.undecided) or "nobody"
        stopped = [f"{party} {words}" for verdict, words in STOPS.items() for party in found.by(verdict)]
        raise NotApprovedError(
            f"{len(found.by('approve'))} of {found.draft.agreement.terms.quorum} approvals; undecided: {waiting}"
            + "".join(f"; {note}" for note in (*stopped, *found.uncounted))
        )
    return Approved(found.draft, tuple(decision for decision in found.decisions if decision.verdict == "approve"))


def for_checkers(found: Review) -> CheckerPreview:
    """Let the draft leave for its checkers, who may see it before anybody else.

    Raises: NotApprovedError when the agreement has no checkers, or the draft was stopped.
    """
    terms = found.draft.agreement.terms
    if not terms.checkers or audience(found) is Audience.NOBODY:
        raise NotApprovedError(
            f"the draft is {found.state}, and agreement {terms.id} lets nobody see it before the quorum"
        )
    return CheckerPreview(found.draft, ())


def from_node(found: Review) -> Releasable:
    """Let the draft leave a node: for its checkers until it is approved, for all recipients then.

    Raises: NotApprovedError.
    """
    return for_checkers(found) if audience(found) is Audience.CHECKERS else for_all(found)


def to_party(found: Review, party: str) -> Releasable:
    """Let the draft be opened by a recipient: approved, or before that by a checker. Raises: NotApprovedError."""
    terms = found.draft.agreement.terms
    early = party in terms.checkers and audience(found) is not Audience.RECIPIENTS
    return for_checkers(found) if early else for_all(found)


def as_given(found: Review, given: Collection[str]) -> Releasable:
    """Find as what the draft left when these recipients were given it: as a preview where all of them are checkers.

    Raises: NotApprovedError when any of the others was given what is not approved.
    """
    terms = found.draft.agreement.terms
    if set(given).intersection(terms.recipients) <= set(terms.checkers):
        return CheckerPreview(found.draft, ())
    return for_all(found)
