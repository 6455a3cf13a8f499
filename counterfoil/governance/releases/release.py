"""Releases: each node's output shares on their way to one recipient, sealed, and signed with why they may leave.

A node releases only what is `Announced`, to a recipient of the agreement, to the key that the evidence names, and for
each period only one job. The recipient checks the same again, and that the release was neither revoked nor past its
time. PROTOCOLS 6. Knows nothing of what the shares mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

from counterfoil.canonical import Ref, bind, digest
from counterfoil.clock import reckoned
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.seal import seal, unseal
from counterfoil.errors import (
    DocumentError,
    NotApprovedError,
    NotEntitledError,
    NotFoundError,
    NotWitnessedError,
    RefusedError,
    ReleaseExpiredError,
    ReleaseRevokedError,
    ReplayError,
    SignatureError,
    StoreError,
    TamperedError,
)
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import KIND, fetch_agreement, own_keys
from counterfoil.governance.agreements.signing.withdrawal import check_not_withdrawn
from counterfoil.governance.documents import write_time
from counterfoil.governance.jobs.evidence import Draft, read_evidence
from counterfoil.governance.jobs.retention_register import note_released
from counterfoil.governance.papers import Paper, Statement
from counterfoil.governance.releases.announcement import ANNOUNCED, SHOWN, Announced, check_announcement
from counterfoil.governance.releases.delivery import SEALED, open_store, store_of
from counterfoil.governance.releases.receipt import fetched
from counterfoil.governance.releases.revocation import Revocation, check_not_revoked, is_revoked
from counterfoil.governance.review.airlock import Review, review
from counterfoil.governance.review.decisions import Signed
from counterfoil.governance.review.leaving import CheckerPreview, Releasable
from counterfoil.secret import Secret
from counterfoil.storage.records import BLOBS, Records

if TYPE_CHECKING:
    from counterfoil.audit.event import Event
    from counterfoil.home import Home

RELEASE: Final = Paper(
    kind="release",
    schema="release",
    says="a node released its sealed shares to a recipient, on which decisions",
    folder="releases",
    place=("evidence", "recipient", "node"),
    signer="node",
    absent="{node} has not released {evidence} to {recipient} yet",
    other="the release of {node} is for another job or recipient",
    refusal=TamperedError,
    bundled="evidence",
)

_RELEASED = "released-job"


@dataclass(frozen=True, slots=True)
class Release(Statement):
    """What one node states about what it hands to one recipient; `sealed` is the digest of the sealed shares.

    `entry` announced it in the node's log, and `proofs` show that all other nodes cosigned the log with it.
    """

    PAPER: ClassVar = RELEASE

    job: str
    agreement: str
    evidence: str
    node: str
    recipient: str
    key: str
    plans: Mapping[str, str]
    approvals: Mapping[str, str]
    sealed: str
    entry: str
    proofs: tuple[str, ...]
    released: datetime

    def last_day(self, terms: Agreement) -> date:
        """Until when it may be opened; it is taken away then."""
        return self.released.date() + timedelta(days=terms.release_retention_days)


def check_only_job(draft: Draft, home: Home) -> None:
    """Refuse when this node released another job of the draft's period to any recipient. Raises: ReplayError."""
    agreement, evidence = draft.agreement, draft.evidence
    for recipient in agreement.terms.recipients:
        home.state.check_bound(_RELEASED, f"{agreement.digest}/{evidence.period}/{recipient}", evidence.job)


def relearn_released(home: Home, events: Iterable[Event]) -> int:
    """Remember which jobs this node released to whom, or may have; return how many.

    By its releases in the exchange, and by what its log announced, which came before anything left.

    An exchange that hides a release, or puts something else in its place, makes nobody forget it.

    Raises: NotFoundError, TamperedError, DocumentError where it does not show what was announced.
    """
    found = dict.fromkeys(_shown(home))  # these first: of what was announced, something else may have left
    for event in events:
        if event.type in (ANNOUNCED, SHOWN) and event.subject:
            agreement, evidence = event.refs["agreement"], event.refs["evidence"]
            terms = _fetched(home, agreement)
            to = terms.recipients if event.type == ANNOUNCED else terms.checkers
            found |= {(agreement, evidence, recipient, event.subject): None for recipient in to}
    for agreement, evidence, recipient, job in found:
        period = read_evidence(home.exchange, evidence).period
        with suppress(ReplayError):
            home.state.bind(_RELEASED, f"{agreement}/{period}/{recipient}", job)
    return len(found)


def _shown(home: Home) -> Iterable[tuple[str, str, str, str]]:
    """Return this node's own releases in the exchange: agreement, evidence, recipient and job of each."""
    for name in home.exchange.list(RELEASE.name()):
        if name[3:] == (home.party,):
            with suppress(SignatureError, DocumentError, StoreError, NotFoundError):  # anybody can put anything there
                said = Release.verified(home.exchange.get_named(name), home.keys.public)
                yield said.agreement, said.evidence, said.recipient, said.job


def _fetched(home: Home, agreement: str) -> Agreement:
    for name in home.exchange.list((BLOBS, KIND)):
        if name[-1] == agreement:
            return fetch_agreement(home.exchange, Ref(*name[1:]))
    raise NotFoundError(
        f"the exchange does not show agreement {agreement}, under which {home.party} announced a release"
    )


@dataclass(frozen=True, slots=True, repr=False)
class Delivered(Secret):
    """What one node handed over, and what it states about that."""

    release: Release
    shares: bytes


def release(announced: Announced, recipient: str, shares: bytes, home: Home, now: datetime) -> Release:
    """Deliver this node's packed output shares, sealed to the recipient, under a signed release in the exchange.

    Raises: NotEntitledError, RefusedError, ReleaseRevokedError, ReplayError when another job of this period was
    released.
    """
    approved = announced.approved
    agreement, evidence = approved.draft.agreement, approved.draft.evidence
    terms = agreement.terms
    if home.party not in terms.nodes:
        raise RefusedError(f"{home.party} is not a node in agreement {terms.id}")
    plans = _plans(approved.draft, recipient)
    if isinstance(approved, CheckerPreview) and recipient not in terms.checkers:
        raise NotApprovedError(
            f"job {evidence.job} is not approved, and {recipient} is no checker; it waits like others"
        )
    # One job of a period for each recipient; the same one may be released again after a crash.
    home.state.bind(_RELEASED, f"{agreement.digest}/{evidence.period}/{recipient}", evidence.job)
    keys = terms.roster.party(recipient).keys
    check_not_revoked(evidence.digest, recipient, home.state)
    sealed = seal(shares, keys, _info(approved, home.party, keys))
    document = Release(
        job=evidence.job,
        agreement=evidence.agreement,
        evidence=evidence.digest,
        node=home.party,
        recipient=recipient,
        key=keys.seal_id,
        plans=plans,
        approvals=announced.approvals,
        sealed=digest(sealed),
        entry=announced.entry.decode(),
        proofs=tuple(proof.pack() for proof in announced.proofs),
        released=now,
    )
    place, last = store_of(terms, recipient), document.last_day(terms)
    at = {"evidence": evidence.digest, "recipient": recipient, "store": place}
    note_released(agreement, document.sealed, home.state, last, **at)
    store = open_store(place, recipient, home.exchange)
    store.put(SEALED, home.party, sealed)
    document.publish(home.keys, home.exchange)
    if is_revoked(evidence.digest, recipient, home.state):  # while it was being delivered
        store.discard(Ref(SEALED, home.party, document.sealed))
    return document


def open_release(approved: Releasable, home: Home, now: datetime) -> dict[str, Delivered]:
    """Open what each node released to this recipient, by node, in the agreement's order.

    Raises: ReleaseRevokedError and WithdrawnError, unless this recipient signed before that it has it;
    ReleaseExpiredError; NotEntitledError, NotFoundError, SignatureError, TamperedError, NotWitnessedError, SealError,
    DocumentError.
    """
    terms, evidence = approved.draft.agreement.terms, approved.draft.evidence.digest
    _plans(approved.draft, home.party)
    if fetched(home.exchange, evidence, home.keys.public) is None:
        check_not_withdrawn(terms, home)
        _check_in_force(approved, home)
    documents = {node: read_release(home.exchange, approved.draft, home.party, node) for node in terms.nodes}
    for document in documents.values():
        check_approvals(document, approved)
    last = min(document.last_day(terms) for document in documents.values())
    if now.date() > last:
        raise ReleaseExpiredError(
            f"job {approved.draft.evidence.job} could be opened until {last}; agree to keep releases for longer"
            f"{reckoned(now)}"
        )
    keys = own_keys(terms, home)
    store = open_store(store_of(terms, home.party), home.party, home.exchange)
    return {
        node: Delivered(
            document,
            unseal(store.get(Ref(SEALED, node, document.sealed)), keys, _info(approved, node, keys.public)),
        )
        for node, document in documents.items()
    }


def _check_in_force(approved: Releasable, home: Home) -> None:
    """Refuse if any node took back what it released to this recipient. Raises: ReleaseRevokedError."""
    terms, evidence = approved.draft.agreement.terms, approved.draft.evidence
    for node in terms.nodes:
        try:
            revocation = Revocation.read(
                home.exchange, terms.roster.party(node).keys, evidence=evidence.digest, recipient=home.party
            )
        except NotFoundError:
            continue
        when = write_time(revocation.revoked)
        raise ReleaseRevokedError(f"{node} revoked its release of job {evidence.job} at {when}: {revocation.reason}")


def check_approvals(document: Release, approved: Releasable) -> None:
    """Check that the release rests on decisions that count. Raises: TamperedError."""
    if not document.approvals.items() <= approved.approvals.items():
        raise TamperedError(f"{document.node} released job {document.job} on other approvals than are there")


def is_released(exchange: Records, evidence: str, recipient: str) -> bool:
    """Tell whether anything is in the exchange for the recipient; nothing of it is checked."""
    return bool(exchange.list(RELEASE.name(evidence, recipient)))


def is_complete(exchange: Records, draft: Draft) -> bool:
    """Tell whether every node has signed a release of the draft to every recipient: what comes later stops nothing."""
    terms = draft.agreement.terms
    try:
        for recipient in terms.recipients:
            for node in terms.nodes:
                read_release(exchange, draft, recipient, node)
    except (NotFoundError, SignatureError, TamperedError, NotWitnessedError, DocumentError):
        return False
    return True


def review_anew(exchange: Records, draft: Draft, envelopes: Iterable[Signed]) -> Review:
    """Review the draft as one that may have left: what comes after its release is complete stops nothing."""
    return review(draft, envelopes, released=is_complete(exchange, draft))


def read_release(exchange: Records, draft: Draft, recipient: str, node: str) -> Release:
    """Read what the node signed when it released to the recipient, for exactly this draft and recipient.

    It was announced in the node's log, and all other nodes cosigned that.

    Raises: NotEntitledError, NotFoundError, SignatureError, TamperedError, NotWitnessedError, DocumentError.
    """
    evidence, terms = draft.evidence, draft.agreement.terms
    plans = _plans(draft, recipient)
    try:
        document = Release.read(exchange, terms.roster.party(node).keys, evidence=evidence.digest, recipient=recipient)
    except NotFoundError:
        raise NotFoundError(f"{node} has not released job {evidence.job} to {recipient} yet") from None
    if (document.job, document.agreement, document.plans) != (evidence.job, evidence.agreement, plans):
        raise TamperedError(f"the release of {node} is for another job or recipient")
    checker = recipient in terms.checkers
    said = check_announcement(draft, node, document.entry.encode(), document.proofs, checker=checker)
    if said != document.approvals:
        raise TamperedError(f"the release of {node} names other decisions than its log")
    return document


def _plans(draft: Draft, recipient: str) -> dict[str, str]:
    terms = draft.agreement.terms
    plans = {plan.name: plan.plan_digest for plan in terms.plans_for(recipient)}
    if not plans:
        raise NotEntitledError(f"{recipient} is not a recipient in agreement {terms.id}")
    return plans


def _info(approved: Releasable, node: str, recipient: PublicKeys) -> bytes:
    """Return what shares are sealed for: one evidence, one node, one recipient's key."""
    evidence = approved.draft.evidence.digest
    return bind("mpc/release/1", evidence.encode(), node.encode(), recipient.seal_id.encode())
