"""What became of each period of an agreement, and which one a coordinator is to order next.

A period's state follows from what nodes and reviewers signed; that it was ever asked for, ordered or given up follows
from the coordinator's own log. A server that orders the work may forget or make up runs: it changes nothing here. Nodes
and owners do not read this; they check each period that they are asked for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterfoil.audit.event import Event
from counterfoil.governance.agreements.schedule import Schedule
from counterfoil.governance.review.airlock import Review, State


class Standing(StrEnum):
    """How far a period is."""

    DUE = "due"
    """Nothing was ordered yet."""
    INTERRUPTED = "interrupted"
    """It was ordered, and whoever ordered it ended before the job did."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """An owner has no table of then any more, and the agreement has such periods skipped."""
    IN_REVIEW = "in-review"
    CHANGES_REQUESTED = "changes-requested"
    """A reviewer asked for another draft."""
    REJECTED = "rejected"
    """Its draft was rejected, or withdrawn by an owner."""
    RELEASED = "released"


TO_ORDER: Final = (Standing.DUE, Standing.INTERRUPTED)
"""What is ordered without anybody asking for it again."""
UNDECIDED: Final = (Standing.IN_REVIEW, Standing.CHANGES_REQUESTED)
"""What the next period waits for."""
ASKED: Final[Mapping[str, Standing]] = {
    "period-due": Standing.DUE,
    "period-ordered": Standing.INTERRUPTED,
    "period-failed": Standing.FAILED,
    "period-skipped": Standing.SKIPPED,
}
"""The entries of a coordinator's log on a period, which is their subject."""

_DRAFTED: Final[Mapping[State, Standing]] = {
    State.WITHDRAWN: Standing.REJECTED,
    State.REJECTED: Standing.REJECTED,
    State.CHANGES_REQUESTED: Standing.CHANGES_REQUESTED,
    State.SUBMITTED: Standing.IN_REVIEW,
    State.PARTIALLY_REVIEWED: Standing.IN_REVIEW,
    State.APPROVED: Standing.IN_REVIEW,
    State.RELEASED: Standing.RELEASED,
}
"""Of several drafts of a period the last one here counts."""
_ORDER: Final = list(_DRAFTED)


@dataclass(frozen=True, slots=True)
class Period:
    """A period's state, and the evidence of the draft that it follows from, if there is one."""

    name: str
    standing: Standing
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Periods:
    """What is known of an agreement's periods, and the first of those that are run in order.

    What somebody asked for by its name is known, and begins no order.
    """

    known: Mapping[str, Period]
    first: str | None

    def get(self, name: str) -> Period:
        """Return the period's state; nobody ordered it if nothing is known of it."""
        return self.known.get(name) or Period(name, Standing.DUE)

    def next(self, schedule: Schedule, latest: str) -> Period:
        """Choose what is to be looked at next, when the latest period is due: its state says if it is to be ordered.

        Periods come in order: the first that was never ordered, or whose order was interrupted, unless one before it
        waits for a decision. Failed ones are passed by, but for the latest: it was asked for again.
        """
        for name in self._in_order(schedule, latest):
            period = self.get(name)
            if period.standing in (*TO_ORDER, *UNDECIDED) or (name == latest and period.standing is Standing.FAILED):
                return period
        return self.get(latest)

    def left(self, schedule: Schedule, latest: str) -> list[str]:
        """List the periods until the latest that were never ordered, or whose order was interrupted."""
        names = self._in_order(schedule, latest) if self.first is not None and self.first <= latest else []
        return [name for name in names if self.get(name).standing in TO_ORDER]

    def _in_order(self, schedule: Schedule, latest: str) -> list[str]:
        """Return all from the first, or the latest alone if the agreement has missed ones left out."""
        first = latest if self.first is None or schedule.missed == "never" else min(self.first, latest)
        return schedule.until(first, latest)


def periods(agreement: str, reviews: Iterable[Review], events: Iterable[Event]) -> Periods:
    """Find what is known of each period: by these drafts of the agreement, and by a coordinator's log.

    `agreement` is its digest. Where there is a draft, what the log says of orders is past. The order begins with the
    first period that the log calls due; where it says nothing, a draft's period is the last that anybody ran.
    """
    known: dict[str, Period] = {}
    for each in sorted(reviews, key=lambda each: _ORDER.index(each.state) if each.state in _ORDER else -1):
        evidence = each.draft.evidence
        if each.state in _DRAFTED:
            known[evidence.period] = Period(evidence.period, _DRAFTED[each.state], evidence.digest)
    last = max(known, default=None)
    told: dict[str, Standing] = {}
    due: list[str] = []
    for event in events:
        if event.type in ASKED and event.subject and event.refs.get("agreement") == agreement:
            told[event.subject] = ASKED[event.type]
            due += [event.subject] if told[event.subject] is Standing.DUE else []
    for name, standing in told.items():
        known.setdefault(name, Period(name, standing))
    return Periods(known, min(due, default=last))
