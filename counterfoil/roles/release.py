"""A node's part after the review: announce in its log what it is about to release, and hand it over when all saw that.

A node believes the signed documents and nobody else: each time it counts the decisions itself, and remembers them, so a
job whose draft was rejected is over here. Every step may be taken again after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from counterfoil.arrays import pack
from counterfoil.errors import RefusedError
from counterfoil.governance import budget
from counterfoil.governance.agreement import Planned
from counterfoil.governance.airlock import Approved, State, count_decisions, review
from counterfoil.governance.announcement import announce, check_announced
from counterfoil.governance.charge import check_charged
from counterfoil.governance.decisions import hear
from counterfoil.governance.evidence import Draft, load_draft
from counterfoil.governance.job import Event, Stage, advance, stage_of
from counterfoil.governance.memory import check_compared, remembered
from counterfoil.governance.release import Release, check_only_job, release
from counterfoil.governance.revocation import is_revoked
from counterfoil.governance.signing import SignedAgreement
from counterfoil.governance.standing import check_standing
from counterfoil.home import Home
from counterfoil.mpc.shares import Words
from counterfoil.roles.committed import check_committed
from counterfoil.roles.membership import keep_membership
from counterfoil.roles.names import released_name

_RELEASABLE: Final = (Stage.DRAFTED, Stage.APPROVED, Stage.RELEASED)  # the last two after a crash


def announce_release(home: Home, agreement: SignedAgreement, evidence_digest: str) -> None:
    """What is about to leave, and on whose word, is in this node's published log, for the other nodes to cosign.

    Before that, what noised results cost is charged to their recipients' budgets, for good.

    Raises: NotApprovedError; BudgetError; ReplayError when another job of the period was released; DifferenceError when
        one on the same contract was in between; NotFoundError if there is no such draft; SignatureError, TamperedError;
        WithdrawnError, RevokedError; RefusedError, also when the job was halted or erased since.
    """
    approved = _approved(home, agreement, evidence_digest)
    check_only_job(approved.draft, home)
    keep_membership(approved.draft, home)
    evidence = approved.draft.evidence
    budget.charge(agreement.terms, evidence.job, evidence.digest, evidence.charge, home, datetime.now(UTC).date())
    announce(approved, home)


def hand_over(home: Home, agreement: SignedAgreement, evidence_digest: str) -> list[Release]:
    """This node's shares of every approved output are delivered, sealed to each of its recipients.

    One from whom it took its release back, since it last did this, gets none.

    Raises: NotWitnessedError until all other nodes cosigned the announcement; BudgetError until all nodes charged it;
        NotFoundError if this node holds no such
        draft; ReplayError; and as `announce_release`.
    """
    approved = _approved(home, agreement, evidence_digest)
    announced = check_announced(approved, home)
    evidence, terms = approved.draft.evidence, agreement.terms
    check_charged(terms, evidence.job, evidence.charge, home.exchange)
    releases = [
        release(
            announced, recipient, _packed(home, approved.draft, terms.plans_for(recipient)), home, datetime.now(UTC)
        )
        for recipient in terms.recipients
        if not is_revoked(evidence.digest, recipient, home.state)
    ]
    if stage_of(home.state, evidence.job) is Stage.APPROVED:
        advance(home.state, evidence.job, Event.RELEASE)
    sealed = {f"to-{item.recipient}": item.sealed for item in releases}
    home.log.append("released", subject=evidence.job, refs={"evidence": evidence.digest, **sealed})
    return releases


def _approved(home: Home, agreement: SignedAgreement, evidence_digest: str) -> Approved:
    """The draft, approved by decisions that this node heard and counted itself, of a job that stands here."""
    draft = load_draft(home.exchange, agreement, evidence_digest)
    evidence, heard = draft.evidence, hear(draft, home)
    stage = stage_of(home.state, evidence.job)
    if stage not in _RELEASABLE:
        raise RefusedError(f"job {evidence.job} is {stage}; only a draft that stands is released")
    check_standing(agreement.terms, home, datetime.now(UTC).date())
    if stage is Stage.DRAFTED and review(draft, heard).state is State.REJECTED:
        advance(home.state, evidence.job, Event.REJECT)
    approved = count_decisions(draft, heard)
    terms, today = agreement.terms, datetime.now(UTC).date()
    check_compared(evidence.digest, remembered(home.state, terms, evidence.job, today), home.state)
    if stage is Stage.DRAFTED:
        advance(home.state, evidence.job, Event.APPROVE)
    return approved


def _packed(home: Home, draft: Draft, plans: Sequence[Planned]) -> bytes:
    """This node's shares of these plans' results, as they were when it signed the evidence.

    Raises: NotFoundError, TamperedError.
    """
    evidence, arrays = draft.evidence, dict[str, Words]()
    for plan in plans:
        items = home.vault.load(evidence.job, plan.name, aad=evidence.digest.encode())
        check_committed(draft, plan.name, home.party, items)
        arrays |= {released_name(plan.name, item): array for item, array in items.items()}
    return pack(arrays)
