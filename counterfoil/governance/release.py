"""Releases: each node's output shares on their way to one recipient, sealed, and signed with why they may leave.

A node releases only what is `Announced`, to a recipient of the agreement, to the key that the evidence names, and for
each period only one job. The recipient checks the same again. PROTOCOLS 6. Knows nothing of what the shares mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from counterfoil.canonical import Ref, bind, jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.seal import seal, unseal
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import (
    DocumentError,
    NotEntitledError,
    NotFoundError,
    NotWitnessedError,
    RefusedError,
    SignatureError,
    TamperedError,
)
from counterfoil.exchange import Exchange
from counterfoil.governance.airlock import Approved, count_decisions
from counterfoil.governance.announcement import Announced, check_announcement
from counterfoil.governance.decisions import Signed
from counterfoil.governance.document import read_json
from counterfoil.governance.evidence import Draft
from counterfoil.home import Home

RELEASES, SEALED = "releases", "sealed"
"""Where releases lie in an exchange, and the kind of what they hand over."""

_RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Release:
    """What one node states about what it hands to one recipient; `sealed` is the digest of the sealed shares.

    `entry` announced it in the node's log, and `proofs` show that all other nodes cosigned the log with it.
    """

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

    def pack(self) -> bytes:
        """The bytes that the node signs."""
        return jcs({"format": "counterfoil/release/1", **asdict(self)})

    @classmethod
    def unpack(cls, payload: bytes) -> Release:
        """The release that the bytes state. Raises: DocumentError."""
        value = read_json(payload, "release", "release")
        value.pop("format")
        return cls(**{**value, "proofs": tuple(value["proofs"])})


def release(announced: Announced, recipient: str, shares: bytes, home: Home) -> Release:
    """This node's packed output shares lie in the exchange, sealed to the recipient, under a signed release.

    Raises: NotEntitledError, RefusedError, ReplayError when another job of this period was released.
    """
    approved = announced.approved
    agreement, evidence = approved.draft.agreement, approved.draft.evidence
    terms = agreement.terms
    if home.party not in terms.nodes:
        raise RefusedError(f"{home.party} is not a node in agreement {terms.id}")
    plans = _plans(approved.draft, recipient)
    # One job of a period for each recipient; the same one may be released again after a crash.
    home.state.bind("released-job", f"{agreement.digest}/{evidence.period}/{recipient}", evidence.job)
    keys = terms.roster.party(recipient).keys
    sealed = home.exchange.put(SEALED, home.party, seal(shares, keys, _info(approved, home.party, keys)))
    document = Release(
        job=evidence.job,
        agreement=evidence.agreement,
        evidence=evidence.digest,
        node=home.party,
        recipient=recipient,
        key=keys.seal_id,
        plans=plans,
        approvals=announced.approvals,
        sealed=sealed.digest,
        entry=announced.entry.decode(),
        proofs=tuple(proof.pack() for proof in announced.proofs),
    )
    name = (RELEASES, evidence.digest, recipient, home.party)
    home.exchange.put_named(name, sign(_RELEASE, document.pack(), home.keys), replace=True)
    return document


def open_release(approved: Approved, home: Home) -> dict[str, bytes]:
    """The packed shares that each node released to this recipient, by node, in the agreement's order.

    Raises: NotEntitledError, NotFoundError, SignatureError, TamperedError, NotWitnessedError, SealError, DocumentError.
    """
    shares = {}
    for node in approved.draft.agreement.terms.nodes:
        document = read_release(home.exchange, approved.draft, home.party, node)
        check_approvals(document, approved)
        sealed = home.exchange.get(Ref(SEALED, node, document.sealed))
        shares[node] = unseal(sealed, home.keys, _info(approved, node, home.keys.public))
    return shares


def check_approvals(document: Release, approved: Approved) -> None:
    """Raises: TamperedError unless the release stands on decisions that count."""
    if not document.approvals.items() <= approved.approvals.items():
        raise TamperedError(f"{document.node} released job {document.job} on other approvals than are there")


def is_released(exchange: Exchange, evidence: str, recipient: str) -> bool:
    """Whether anything lies in the exchange for the recipient; nothing of it is checked."""
    return bool(exchange.list((RELEASES, evidence, recipient)))


def is_complete(exchange: Exchange, draft: Draft) -> bool:
    """Whether every node has signed a release of the draft to every recipient: what comes later stops nothing."""
    terms = draft.agreement.terms
    try:
        for recipient in terms.recipients:
            for node in terms.nodes:
                read_release(exchange, draft, recipient, node)
    except (NotFoundError, SignatureError, TamperedError, NotWitnessedError, DocumentError):
        return False
    return True


def count_anew(exchange: Exchange, draft: Draft, envelopes: Iterable[Signed]) -> Approved:
    """As `count_decisions`, for those who come when the draft may have left already. Raises: NotApprovedError."""
    return count_decisions(draft, envelopes, released=is_complete(exchange, draft))


def read_release(exchange: Exchange, draft: Draft, recipient: str, node: str) -> Release:
    """What the node signed when it released to the recipient, for exactly this draft and recipient.

    It was announced in the node's log, and all other nodes cosigned that.

    Raises: NotEntitledError, NotFoundError, SignatureError, TamperedError, NotWitnessedError, DocumentError.
    """
    evidence, terms = draft.evidence, draft.agreement.terms
    plans = _plans(draft, recipient)
    try:
        envelope = exchange.get_named((RELEASES, evidence.digest, recipient, node))
    except NotFoundError:
        raise NotFoundError(f"{node} has not released job {evidence.job} to {recipient} yet") from None
    document = Release.unpack(verify(envelope, _RELEASE, terms.roster.keys([node])).payload)
    stated = (document.job, document.agreement, document.evidence, document.node, document.recipient)
    if stated != (evidence.job, evidence.agreement, evidence.digest, node, recipient) or document.plans != plans:
        raise TamperedError(f"the release of {node} is for another job or recipient")
    if check_announcement(draft, node, document.entry.encode(), document.proofs) != document.approvals:
        raise TamperedError(f"the release of {node} names other decisions than its log")
    return document


def _plans(draft: Draft, recipient: str) -> dict[str, str]:
    terms = draft.agreement.terms
    plans = {plan.name: plan.plan_digest for plan in terms.plans_for(recipient)}
    if not plans:
        raise NotEntitledError(f"{recipient} is not a recipient in agreement {terms.id}")
    return plans


def _info(approved: Approved, node: str, recipient: PublicKeys) -> bytes:
    """What shares are sealed for: one evidence, one node, one recipient's key."""
    evidence = approved.draft.evidence.digest
    return bind("mpc/release/1", evidence.encode(), node.encode(), recipient.seal_id.encode())
