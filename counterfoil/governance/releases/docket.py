"""The docket: every draft of an agreement with its state, as one party sees it in the exchange. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from counterfoil.errors import CounterfoilError
from counterfoil.governance.agreements.signing.in_force import check_in_force
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.agreements.signing.withdrawal import remember_withdrawals, withdrawn_by
from counterfoil.governance.jobs.evidence import Draft, drafts
from counterfoil.governance.releases.release import is_complete
from counterfoil.governance.review.airlock import Review, review
from counterfoil.governance.review.decisions import collect
from counterfoil.home import Home


def docket(agreement: SignedAgreement, home: Home, today: date) -> list[Review]:
    """List every draft that all nodes signed, in the order of periods and attempts."""
    every = drafts(home.exchange, agreement)
    found = [_review(draft, every, home, today) for draft in every]
    return sorted(found, key=lambda each: (each.draft.evidence.period, each.draft.evidence.attempt))


def look(draft: Draft, home: Home, today: date) -> Review:
    """Review one draft among the others."""
    return _review(draft, drafts(home.exchange, draft.agreement), home, today)


def impediments(draft: Draft, home: Home, today: date) -> list[str]:
    """Say why the agreement is not in force any more, if it is not."""
    try:
        check_in_force(draft.agreement.terms, home, today)
    except CounterfoilError as error:
        return [str(error)]
    return []


def _review(draft: Draft, every: Sequence[Draft], home: Home, today: date) -> Review:
    terms = draft.agreement.terms
    remember_withdrawals(terms, home)
    return review(
        draft,
        collect(draft, home),
        released=is_complete(home.exchange, draft),
        left=withdrawn_by(terms.digest, home.state),
        replaced=any(_replaces(other, draft, home) for other in every),
        today=today,
    )


def _replaces(other: Draft, draft: Draft, home: Home) -> bool:
    """Tell whether the other draft took this one's place: a later attempt at its job, or a release of its period."""
    mine, theirs = draft.evidence, other.evidence
    if theirs.job == mine.job:
        return theirs.attempt > mine.attempt
    return theirs.period == mine.period and is_complete(home.exchange, other)
