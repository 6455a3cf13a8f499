"""The airlock: how far a draft is on its way out, by one table of states and events, the same for everybody.

After the airlocks of trusted research environments. A draft's state follows from signed documents and the day alone:
no party keeps it, and whoever reads the same documents finds the same state. Events are taken in one fixed order,
whatever the order in which documents came: approvals, then a release, then what stops the draft. So a rejection stops
what has not left, whoever approved it before, and what has left stays released.
Knows how decisions are counted. Knows neither shares nor where releases lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import DocumentError, ReviewError, SignatureError
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.review.decisions import (
    Decision,
    Signed,
    Verdict,
    check_decision,
    check_may,
    decisions,
    sign_decision,
)

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange


class State(StrEnum):
    """How far a draft is."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    PARTIALLY_REVIEWED = "partially-reviewed"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes-requested"
    REJECTED = "rejected"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What may happen to a draft: some party, or the calendar, has said so."""

    SUBMIT = "submit"
    """Every node has signed the evidence."""
    COMMENT = "comment"
    """A party remarks something."""
    APPROVE = "approve"
    """One more approval; the quorum is not reached by it, or was before."""
    COMPLETE = "complete"
    """The approval that makes the quorum."""
    RELEASE = "release"
    """Every node has released to every recipient."""
    REQUEST_CHANGES = "request-changes"
    """A reviewer asks for another draft."""
    REJECT = "reject"
    """A reviewer says no, for good."""
    WITHDRAW = "withdraw"
    """An owner takes its part back, or a party leaves the agreement."""
    REPLACE = "replace"
    """A later attempt at the job has its own draft, or another job of the period was released."""
    EXPIRE = "expire"
    """The agreement is over."""


OPEN: Final = (State.SUBMITTED, State.PARTIALLY_REVIEWED, State.APPROVED, State.CHANGES_REQUESTED)
"""Where a draft can still be stopped."""

NEXT: Final[Mapping[tuple[State, Event], State]] = {
    (State.DRAFT, Event.SUBMIT): State.SUBMITTED,
    (State.SUBMITTED, Event.APPROVE): State.PARTIALLY_REVIEWED,
    (State.SUBMITTED, Event.COMPLETE): State.APPROVED,
    (State.PARTIALLY_REVIEWED, Event.APPROVE): State.PARTIALLY_REVIEWED,
    (State.PARTIALLY_REVIEWED, Event.COMPLETE): State.APPROVED,
    (State.APPROVED, Event.APPROVE): State.APPROVED,
    (State.APPROVED, Event.RELEASE): State.RELEASED,
    **{(state, Event.REQUEST_CHANGES): State.CHANGES_REQUESTED for state in OPEN},
    **{(state, Event.REJECT): State.REJECTED for state in OPEN},
    **{
        (state, event): State.WITHDRAWN
        for state in (State.DRAFT, *OPEN)
        for event in (Event.WITHDRAW, Event.REPLACE, Event.EXPIRE)
    },
    **{(state, Event.COMMENT): state for state in State if state is not State.DRAFT},
}
"""Every pair that is not here is refused. What was asked to change is never approved: the next draft may be."""

STOPS: Final[Mapping[Verdict, str]] = {
    "request-changes": "asked for changes",
    "reject": "rejected",
    "withdraw": "took its part back",
}
"""The verdicts that stop a draft, and what messages say of who gave one."""


def follow(state: State, event: Event) -> State:
    """Return the state after the event. Raises: ReviewError when the event does not follow on the state."""
    following = NEXT.get((state, event))
    if following is None:
        raise ReviewError(f"the draft is {state}: {event} does not follow")
    return following


@dataclass(frozen=True, slots=True)
class Review:
    """A draft's state, the valid decisions on it, and why others did not count. Only `review` makes one."""

    draft: Draft
    state: State
    decisions: tuple[Decision, ...]
    uncounted: tuple[str, ...]

    def by(self, verdict: Verdict) -> tuple[str, ...]:
        """List who gave this verdict."""
        return tuple(decision.party for decision in self.decisions if decision.verdict == verdict)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The reviewers of whom there is no valid decision."""
        decided = {decision.party for decision in self.decisions}
        return tuple(id for id in self.draft.agreement.terms.reviewers if id not in decided)

    @property
    def missing(self) -> int:
        """How many more approvals the quorum takes."""
        return max(0, self.draft.agreement.terms.quorum - len(self.by("approve")))


def review(
    draft: Draft,
    envelopes: Iterable[Signed],
    *,
    released: bool = False,
    left: Sequence[str] = (),
    replaced: bool = False,
    today: date | None = None,
) -> Review:
    """Review a draft by these decisions; the same one counts once, and what is not a valid decision for nothing.

    `released` says that every node released it to every recipient, `left` who withdrew from the agreement, `replaced`
    that another draft took its place; no day is no calendar.
    """
    given: dict[tuple[str, Verdict], Decision] = {}
    uncounted: dict[str, None] = {}
    for party, envelope in sorted(envelopes):
        try:
            decision = check_decision(draft, party, envelope)
        except (ReviewError, SignatureError, DocumentError) as error:
            uncounted[f"not counted: {error}"] = None
        else:
            given.setdefault((party, decision.verdict), decision)
    terms = draft.agreement.terms
    stops = {
        Event.WITHDRAW: bool(left),
        Event.REPLACE: replaced,
        Event.EXPIRE: today is not None and today > terms.expires,
    }
    state = State.DRAFT
    for event in _events([verdict for _, verdict in given], terms.quorum, released, stops):
        # In their fixed order events follow on one another, but for those that come after the draft's end.
        state = NEXT.get((state, event), state)
    return Review(draft, state, tuple(given.values()), tuple(uncounted))


def _events(given: Sequence[Verdict], quorum: int, released: bool, stops: Mapping[Event, bool]) -> Iterator[Event]:
    """Yield what happened to a draft that every node signed, in the one order in which everybody takes it."""
    yield Event.SUBMIT
    for count in range(1, given.count("approve") + 1):
        yield Event.COMPLETE if count == quorum else Event.APPROVE
    if released:
        yield Event.RELEASE
    for verdict in STOPS:
        if verdict in given:
            yield Event(verdict)
    yield from (event for event, happened in stops.items() if happened)


def decide(
    draft: Draft, verdict: Verdict, *, comment: str, keys: PrivateKeys, exchange: Exchange, now: datetime
) -> Decision:
    """Sign the party's decision and publish it.

    Raises: ReviewError unless the agreement lets the party decide so, the draft's state does too, and it says why;
        ReplayError when it said as much before.
    """
    terms, evidence = draft.agreement.terms, draft.evidence
    check_may(terms, keys.party, verdict)
    if verdict != "approve" and not comment.strip():
        raise ReviewError(f"{verdict}: say why, for those who must act on it: --comment")
    decision = Decision(evidence.job, evidence.agreement, evidence.digest, keys.party, verdict, comment, now)
    decision.check()
    others = [each for each in decisions(exchange, draft) if each[0] != keys.party]
    follow(review(draft, others, today=now.date()).state, Event(verdict))
    sign_decision(draft, decision, keys, exchange)
    return decision
