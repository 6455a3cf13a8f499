"""Checks every release and erasure in an exchange from signed documents alone, as an auditor would: trusting nobody.

For each release: the agreement that all parties signed, the owners' manifests and every node's receipt for them, the
evidence of every node, the reviewers' decisions, and the entries in each node's own log, which all other nodes had
cosigned before; that what was sealed is where it should be, or that the node signed for taking it away; and what the
recipient signed, if it opened it.
For each erasure: the node's receipt and its log's entry.
Opens nothing; it needs no key of its own, and no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from counterfoil.audit.bundle import Verified
from counterfoil.audit.proof import Proof
from counterfoil.audit.verify import VerifiedLog
from counterfoil.canonical import Ref
from counterfoil.errors import DocumentError, IntegrityError, NotFoundError, SignatureError, TamperedError
from counterfoil.governance.agreements.agreement import Part
from counterfoil.governance.agreements.signing.in_force import AUDIT, load
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.cumulative.charge import check_charged
from counterfoil.governance.jobs.acceptance import check_intakes
from counterfoil.governance.jobs.evidence import Draft, Evidence, load_draft, read_evidence
from counterfoil.governance.jobs.manifest import MANIFEST, Manifest
from counterfoil.governance.releases.delivery import SEALED, store_of
from counterfoil.governance.releases.receipt import Receipt
from counterfoil.governance.releases.release import (
    RELEASE,
    Release,
    check_approvals,
    read_release,
    review_anew,
)
from counterfoil.governance.releases.revocation import Revocation
from counterfoil.governance.retention.erasure import ERASURE, Erasure
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.review.leaving import CheckerPreview, Releasable, as_given
from counterfoil.storage.records import BLOBS, Copy, Records


def check_releases(verified: Verified) -> Iterator[str]:
    """Check each job that was released, and each that strangers say was; yield one line for each.

    Raises: SignatureError, NotApprovedError, BudgetError, NotFoundError, TamperedError, naming the party and the
        document.
    """
    exchange = verified.records
    for digest in sorted({name[1] for name in exchange.list(RELEASE.name()) if len(name) == 4}):
        if _is_foreign(verified, digest):
            yield f"{RELEASE.folder}/{digest}: nobody here signed any of it, and no log knows of it; passed over"
            continue
        evidence = read_evidence(exchange, digest)
        agreement = bound_agreement(verified, evidence.agreement)
        draft = load_draft(exchange, agreement, digest)
        approved = _leaving(exchange, draft)
        for part in agreement.terms.parts:
            ref, manifest = find_manifest(exchange, agreement, evidence, part)
            check_intakes(manifest, agreement, exchange)
            _check_account(verified, agreement, ref, manifest)
        recipients = [
            recipient for recipient in agreement.terms.recipients if _check_released(verified, approved, recipient)
        ]
        if recipients:
            _check_charged(verified, agreement, evidence)
        yield (
            f"job {evidence.job} of {evidence.period} under {agreement.terms.id} {agreement.terms.version}: signed by "
            f"{len(agreement.terms.parties)} parties, {_on_whose_word(approved)}, "
            f"released to {', '.join(recipients)} by {len(agreement.terms.nodes)} nodes"
            + "".join(f"; {line}" for recipient in recipients for line in _became(verified, approved, recipient))
            + "".join(f"; {node} ran software sha256:{evidence.ran(node)}" for node in agreement.terms.nodes)
        )


def _is_foreign(verified: Verified, evidence: str) -> bool:
    """Tell whether anybody could have put these releases there: no log has such a one, and no node signed any."""
    if any(True for log in verified.logs.values() for _ in log.of("released", "evidence", evidence)):
        return False
    exchange, keys = verified.records, verified.keys
    for name in exchange.list(RELEASE.name(evidence)):
        with suppress(SignatureError, DocumentError):
            if name[-1] in keys and Release.verified(exchange.get_named(name), keys[name[-1]]):
                return False
    return True


def _leaving(exchange: Records, draft: Draft) -> Releasable:
    """Return the draft as approved; or, if only checkers have it yet, as shown to them. Raises: NotApprovedError."""
    given = {name[2] for name in exchange.list(RELEASE.name(draft.evidence.digest)) if len(name) == 4}
    return as_given(review_anew(exchange, draft, decisions(exchange, draft)), given)


def _on_whose_word(leaving: Releasable) -> str:
    if isinstance(leaving, CheckerPreview):
        return "not approved yet"
    return f"approved by {', '.join(leaving.approvals)}"


def check_erasures(verified: Verified) -> Iterator[str]:
    """Check what nodes erased; yield one line for each agreement of whose shares they erased any.

    Raises: SignatureError, NotFoundError, TamperedError, naming the node and what it says to have erased.
    """
    exchange = verified.records
    receipts = [name[1:] for name in exchange.list(ERASURE.name()) if len(name) == 4]
    for digest in sorted({agreement for agreement, _, _ in receipts}):
        terms = bound_agreement(verified, digest).terms
        told = []
        for node in terms.nodes:
            ids = [id for agreement, by, id in receipts if (agreement, by) == (digest, node)]
            logged = {event.subject for event in verified.log(node).of("shares-erased", "agreement", digest)}
            for id in ids:
                Erasure.read(exchange, terms.roster.party(node).keys, agreement=digest, id=id)
                if id not in logged:
                    raise TamperedError(f"the log of {node} has no entry for its erasure of {id}")
            told.append(f"{node} erased {len(ids)}")
        yield f"shares under {terms.id} {terms.version}: {', '.join(told)}"


def bound_agreement(verified: Verified, digest: str) -> SignedAgreement:
    """Load the agreement, signed by all under keys that sign their logs. Raises: NotFoundError, SignatureError."""
    exchange, keys = verified.records, verified.keys
    for name in exchange.list((BLOBS, "agreement")):
        if name[-1] == digest:
            agreement = load(exchange, Ref(*name[1:]), for_=AUDIT)
            break
    else:
        raise NotFoundError(f"the agreement {digest} is not in {exchange.url}")
    for party in agreement.terms.parties:
        if party in keys and agreement.terms.roster.party(party).keys.sign != keys[party].sign:
            raise SignatureError(f"the roster of {agreement.terms.id} lists another key for {party} than signs its log")
    return agreement


def manifest_of(exchange: Records, agreement: SignedAgreement, evidence: Evidence, part: Part) -> Manifest:
    """Return what the part's owner signed of the submission that the job computed on. Raises: NotFoundError."""
    return find_manifest(exchange, agreement, evidence, part)[1]


def find_manifest(
    exchange: Records, agreement: SignedAgreement, evidence: Evidence, part: Part
) -> tuple[Ref, Manifest]:
    """Return the reference and the content of the manifest that the job computed on. Raises: NotFoundError."""
    for name in exchange.list((BLOBS, MANIFEST.kind, part.owner)):
        # Anybody may put something there; what the owner did not sign is passed over.
        with suppress(SignatureError, DocumentError, TamperedError):
            manifest = Manifest.verified(exchange.get(Ref(*name[1:])), agreement.terms.roster.party(part.owner).keys)
            if (manifest.digest, manifest.part) == (evidence.inputs[str(part)], part):
                return Ref(*name[1:]), manifest
    raise NotFoundError(f"no manifest signed by {part.owner} is what job {evidence.job} says it computed on for {part}")


def _check_account(verified: Verified, agreement: SignedAgreement, ref: Ref, manifest: Manifest) -> None:
    """Check that the owner's log says where the rows of its table went, and that its numbers add up."""
    submitted = list(verified.log(ref.owner).of("shares-submitted", "manifest", str(ref)))
    if not submitted and agreement.terms.contracts[manifest.part.contract].opt_out:
        raise TamperedError(f"the log of {ref.owner} does not say how many rows opted out of {manifest.part}")
    for event in submitted:
        counts = event.counts
        stayed = (counts.get(name, 0) for name in ("opted-out", "incomplete", "left-behind"))
        if counts.get("shared") != manifest.rows or counts.get("read") != sum(stayed) + manifest.rows:
            raise TamperedError(f"the log of {ref.owner} accounts for other rows than it submitted for {manifest.part}")


def _check_released(verified: Verified, approved: Releasable, recipient: str) -> bool:
    """Check that every node released to the recipient, or none; tell which. Each node's own log must say so."""
    exchange, evidence, nodes = verified.records, approved.draft.evidence, approved.draft.agreement.terms.nodes
    given = {name[3] for name in exchange.list(RELEASE.name(evidence.digest, recipient)) if len(name) == 4}
    if not given:
        return False
    if missing := sorted(set(nodes) - given):
        raise IntegrityError(f"job {evidence.job} was released to {recipient}, but not by {', '.join(missing)}")
    for node in nodes:
        _check_begun(verified.log(node), evidence)
        document = read_release(exchange, approved.draft, recipient, node)
        _check_delivered(exchange, approved, document)
        check_approvals(document, approved)
        released = verified.log(node).of("released", "evidence", evidence.digest)
        if not any(event.refs.get(f"to-{recipient}") == document.sealed for event in released):
            raise TamperedError(f"the log of {node} has no entry for its release of job {evidence.job} to {recipient}")
        # The published log is the one that the other nodes cosigned before the release, and goes on from there.
        verified.log(node).check_continues(Proof.parse(text).note for text in document.proofs)
    return True


def _check_charged(verified: Verified, agreement: SignedAgreement, evidence: Evidence) -> None:
    """Check that every node signed what the job's noised results cost, and that its log says so."""
    check_charged(agreement.terms, evidence.job, evidence.charge, verified.records)
    for node in agreement.terms.nodes if evidence.charge else ():
        charged = verified.log(node).of("budget-charged", "agreement", agreement.digest)
        if evidence.job not in {event.subject for event in charged}:
            raise TamperedError(f"the log of {node} has no entry for what job {evidence.job} cost its recipients")


def _check_begun(log: VerifiedLog, evidence: Evidence) -> None:
    """Check that the node's log said, before the attempt, what it might let anybody learn, and by which software."""
    software = evidence.ran(log.owner.party)
    said = {"leakage": evidence.leakage, "software": software, "transcript": evidence.transcript}
    for event in log.of("attempt-begun", "agreement", evidence.agreement):
        if event.subject == evidence.job and event.counts.get("attempt") == evidence.attempt:
            if said.items() <= event.refs.items():
                return
            raise TamperedError(f"the log of {log.owner.party} began job {evidence.job} otherwise than evidence says")
    raise TamperedError(f"the log of {log.owner.party} has no entry for the beginning of job {evidence.job}")


def _check_delivered(exchange: Records, approved: Releasable, document: Release) -> None:
    """Check that what was sealed is in the exchange, or for another store, or that its node signed for removing it."""
    terms, node = approved.draft.agreement.terms, document.node
    if isinstance(exchange, Copy) and exchange.is_bundle:  # holds nothing that was sealed
        return
    if store_of(terms, document.recipient):
        return
    try:
        exchange.get(Ref(SEALED, node, document.sealed))
    except NotFoundError:
        keys = terms.roster.party(node).keys
        with suppress(NotFoundError):
            Erasure.read(exchange, keys, agreement=document.agreement, id=document.sealed)
            return
        with suppress(NotFoundError):
            Revocation.read(exchange, keys, evidence=document.evidence, recipient=document.recipient)
            return
        raise


def _became(verified: Verified, approved: Releasable, recipient: str) -> Iterator[str]:
    """Yield what came of the release: the recipient's receipt, and the nodes' revocations."""
    exchange, evidence, terms = verified.records, approved.draft.evidence, approved.draft.agreement.terms
    with suppress(NotFoundError):
        receipt = Receipt.read(exchange, terms.roster.party(recipient).keys, evidence=evidence.digest)
        _check_receipt(verified, receipt, terms.nodes)
        yield f"{recipient} opened it on {receipt.opened:%Y-%m-%d}"
    revoked = []
    for node in terms.nodes:
        with suppress(NotFoundError):
            keys = terms.roster.party(node).keys
            revocation = Revocation.read(exchange, keys, evidence=evidence.digest, recipient=recipient)
            told = verified.log(node).of("release-revoked", "evidence", evidence.digest)
            if not any(event.refs.get(f"to-{recipient}") == revocation.digest for event in told):
                raise TamperedError(f"the log of {node} has no entry for its revocation of job {evidence.job}")
            revoked.append(node)
    if revoked:
        yield f"{', '.join(revoked)} revoked it for {recipient}"


def _check_receipt(verified: Verified, receipt: Receipt, nodes: Sequence[str]) -> None:
    """Check that each node's log says that it released what the recipient signed for. Raises: TamperedError."""
    if set(receipt.copies) != set(nodes):
        raise TamperedError(f"the receipt of {receipt.recipient} is not for copies of every node")
    for node, sealed in receipt.copies.items():
        released = verified.log(node).of("released", "evidence", receipt.evidence)
        if not any(event.refs.get(f"to-{receipt.recipient}") == sealed for event in released):
            raise TamperedError(f"{receipt.recipient} signed for a copy that {node} says not to have released")
