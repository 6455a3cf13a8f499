"""A node's part after the review: announce in its log what it is about to release, and hand it over when all saw that.

A node believes the signed documents and nobody else: each time it counts the decisions itself, and remembers them, so a
job whose draft was rejected is over here. Every step may be taken again after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from counterfoil.errors import (
    DocumentError,
    NotFoundError,
    NotWitnessedError,
    RefusedError,
    SignatureError,
    TamperedError,
)
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.agreements.signing.in_force import check_in_force
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.cumulative import budget_ledger
from counterfoil.governance.cumulative.charge import check_charged
from counterfoil.governance.cumulative.release_history import check_compared
from counterfoil.governance.jobs.evidence import Draft, load_draft
from counterfoil.governance.jobs.job import Event, Stage, advance, stage_of
from counterfoil.governance.releases.announcement import announce, check_announced
from counterfoil.governance.releases.release import Release, check_only_job, read_release, release
from counterfoil.governance.releases.revocation import is_revoked
from counterfoil.governance.review.airlock import State, review
from counterfoil.governance.review.decisions import collect
from counterfoil.governance.review.leaving import CheckerPreview, Releasable, from_node
from counterfoil.home import Home
from counterfoil.mpc.ring.shares import Words
from counterfoil.roles.committed import check_committed
from counterfoil.roles.node.earlier import keep_release
from counterfoil.roles.result_names import released_name
from counterfoil.storage.arrays import pack

_RELEASABLE: Final = (Stage.DRAFTED, Stage.APPROVED, Stage.RELEASED)  # the last two after a crash


def announce_release(home: Home, agreement: SignedAgreement, evidence_digest: str, now: datetime) -> None:
    """Announce in this node's published log what is about to leave, and on which decisions, for others to cosign.

    What is not approved yet is announced to the agreement's checkers alone, if it has any. Before that, what noised
    results cost is charged to their recipients' budgets, for good.

    Raises: NotApprovedError; BudgetError; ReplayError when another job of the period was released; DifferenceError when
        one on the same contract was in between; NotFoundError if there is no such draft; SignatureError, TamperedError;
        WithdrawnError, RevokedError; RefusedError, also when the job was halted or erased since.
    """
    leaving = _leaving(home, agreement, evidence_digest, now.date())
    check_only_job(leaving.draft, home)
    keep_release(leaving.draft, home, now.date())
    evidence = leaving.draft.evidence
    budget_ledger.charge(agreement.terms, evidence.job, evidence.digest, evidence.charge, home, now.date())
    announce(leaving, home)


def hand_over(home: Home, agreement: SignedAgreement, evidence_digest: str, now: datetime) -> list[Release]:
    """Deliver this node's shares of every approved output, sealed to each of its recipients.

    One from whom it took its release back, since it last did this, gets none.

    Of a draft that waits for its review, to the agreement's checkers alone; they are not given it a second time.

    Raises: NotWitnessedError until all other nodes cosigned the announcement; BudgetError until all nodes charged it;
        NotFoundError if this node holds no such
        draft; ReplayError; and as `announce_release`.
    """
    leaving = _leaving(home, agreement, evidence_digest, now.date())
    announced = check_announced(leaving, home)
    draft, terms = leaving.draft, agreement.terms
    evidence = draft.evidence
    check_charged(terms, evidence.job, evidence.charge, home.exchange)
    first = isinstance(leaving, CheckerPreview)
    releases = [
        release(announced, recipient, _packed(home, draft, terms.plans_for(recipient)), home, now)
        for recipient in (terms.checkers if first else terms.recipients)
        if not is_revoked(evidence.digest, recipient, home.state)
        and not (recipient in terms.checkers and _has_released(home, draft, recipient))
    ]
    if stage_of(home.state, evidence.job) is Stage.APPROVED:
        advance(home.state, evidence.job, Event.RELEASE)
    if first and not releases:
        return []
    sealed = {f"to-{item.recipient}": item.sealed for item in releases}
    home.log.append("released", subject=evidence.job, refs={"evidence": evidence.digest, **sealed})
    return releases


def _has_released(home: Home, draft: Draft, recipient: str) -> bool:
    """Tell whether this node's release to the recipient is in the exchange, whole."""
    try:
        read_release(home.exchange, draft, recipient, home.party)
    except (NotFoundError, SignatureError, TamperedError, NotWitnessedError, DocumentError):
        return False
    return True


def _leaving(home: Home, agreement: SignedAgreement, evidence_digest: str, today: date) -> Releasable:
    """Load the draft and let it leave by the decisions that this node collected and counted itself.

    Before it is approved it may be for the agreement's checkers.
    """
    agreement.terms.check_node(home.party)
    draft = load_draft(home.exchange, agreement, evidence_digest)
    evidence, decided = draft.evidence, collect(draft, home)
    stage = stage_of(home.state, evidence.job)
    if stage not in _RELEASABLE:
        raise RefusedError(f"job {evidence.job} is {stage}; only a draft is released")
    check_in_force(agreement.terms, home, today)
    found = review(draft, decided)
    if stage is Stage.DRAFTED and found.state is State.REJECTED:
        advance(home.state, evidence.job, Event.REJECT)
    leaving = from_node(found)
    check_compared(evidence.digest, home.state, today)
    if isinstance(leaving, CheckerPreview):
        return leaving
    if stage is Stage.DRAFTED:
        advance(home.state, evidence.job, Event.APPROVE)
    return leaving


def _packed(home: Home, draft: Draft, plans: Sequence[Planned]) -> bytes:
    """Return this node's shares of these plans' results, as they were when it signed the evidence.

    Raises: NotFoundError, TamperedError.
    """
    evidence, arrays = draft.evidence, dict[str, Words]()
    for plan in plans:
        items = home.vault.load(evidence.job, plan.name, aad=evidence.digest.encode())
        check_committed(draft, plan.name, home.party, items)
        arrays |= {released_name(plan.name, item): array for item, array in items.items()}
    return pack(arrays)
