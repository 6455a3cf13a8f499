"""Evidence and decisions: what every node says of a draft, and whether enough reviewers let it go.

Nodes sign one evidence document, word for word the same; reviewers sign decisions on its digest. Whoever must know
whether a draft is approved (each node, and the recipient) counts the decisions itself. Knows no share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, TypeAlias

from counterfoil.canonical import Json, Ref, digest, jcs
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.sign import sign, verify
from counterfoil.errors import (
    DocumentError,
    NotApprovedError,
    NotFoundError,
    RefusedError,
    ReplayError,
    ReviewError,
    SignatureError,
    TamperedError,
)
from counterfoil.exchange import Exchange
from counterfoil.governance.document import read_json, read_time, write_time
from counterfoil.governance.job import Job
from counterfoil.governance.signing import SignedAgreement

Verdict: TypeAlias = Literal["approve", "reject"]

_EVIDENCE, _DECISION = "evidence", "decision"
_DECISIONS = "decisions"
_ANYBODY = "nodes"  # evidence is nobody's alone


@dataclass(frozen=True, slots=True)
class OutputEvidence:
    """What is known of one analysis's output while it is still shared: `measures` are counts, never values."""

    plan: str
    recipients: tuple[str, ...]
    measures: Mapping[str, int]


@dataclass(frozen=True)
class Evidence:
    """What the nodes did, in words that are the same at every node.

    `keys` maps each recipient to the key that its copy will be sealed to; `checks` are counts of what was looked at;
    `leakage` is the digest of the leakage statement, `transcript` that of the attempt's handshake.
    """

    job: str
    attempt: int
    agreement: str
    period: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, OutputEvidence]
    keys: Mapping[str, str]
    checks: Mapping[str, int]
    leakage: str
    transcript: str

    def pack(self) -> bytes:
        """The bytes that every node signs."""
        outputs: Mapping[str, Json] = {
            name: {"plan": output.plan, "recipients": output.recipients, "measures": output.measures}
            for name, output in self.outputs.items()
        }
        return jcs(
            {
                "format": "counterfoil/evidence/1",
                "job": self.job,
                "attempt": self.attempt,
                "agreement": self.agreement,
                "period": self.period,
                "inputs": self.inputs,
                "outputs": outputs,
                "keys": self.keys,
                "checks": self.checks,
                "leakage": self.leakage,
                "transcript": self.transcript,
            }
        )

    @classmethod
    def unpack(cls, payload: bytes) -> Evidence:
        """The evidence that the bytes state. Raises: DocumentError."""
        value = read_json(payload, "evidence", "evidence")
        value.pop("format")
        outputs = {
            name: OutputEvidence(item["plan"], tuple(item["recipients"]), item["measures"])
            for name, item in value.pop("outputs").items()
        }
        return cls(**value, outputs=outputs)

    @cached_property
    def digest(self) -> str:
        """What decisions and releases refer to."""
        return digest(self.pack())


@dataclass(frozen=True, slots=True)
class Draft:
    """Output that exists in shares alone, with evidence that every node signed. Only `load_draft` makes one."""

    agreement: SignedAgreement
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Decision:
    """A reviewer's word on one draft."""

    job: str
    agreement: str
    evidence: str
    reviewer: str
    verdict: Verdict
    comment: str
    decided: datetime

    def pack(self) -> bytes:
        """The bytes that the reviewer signs."""
        return jcs(
            {
                "format": "counterfoil/decision/1",
                "job": self.job,
                "agreement": self.agreement,
                "evidence": self.evidence,
                "reviewer": self.reviewer,
                "verdict": self.verdict,
                "comment": self.comment,
                "decided": write_time(self.decided),
            }
        )

    @classmethod
    def unpack(cls, payload: bytes) -> Decision:
        """The decision that the bytes state. Raises: DocumentError."""
        value = read_json(payload, "decision", "decision")
        value.pop("format")
        return cls(**{**value, "decided": read_time(value["decided"])})


@dataclass(frozen=True, slots=True)
class Approved:
    """A draft that enough reviewers let go: `approvals` maps each of them to its decision's digest.

    Only `count_decisions` makes one.
    """

    draft: Draft
    approvals: Mapping[str, str]


# --- evidence ---------------------------------------------------------------------------------------------------


def make_evidence(
    job: Job,
    attempt: int,
    agreement: SignedAgreement,
    *,
    measures: Mapping[str, Mapping[str, int]],
    checks: Mapping[str, int],
    leakage: str,
    transcript: str,
) -> Evidence:
    """The evidence on a finished attempt: `measures` are given for each planned analysis."""
    terms = agreement.terms
    return Evidence(
        job=job.id,
        attempt=attempt,
        agreement=agreement.digest,
        period=job.period,
        inputs=dict(job.submissions),
        outputs={
            plan.name: OutputEvidence(plan.plan_digest, plan.recipients, dict(measures[plan.name]))
            for plan in terms.analyses
        },
        keys={id: terms.roster.party(id).keys.seal_id for id in terms.recipients},
        checks=dict(checks),
        leakage=leakage,
        transcript=transcript,
    )


def sign_evidence(evidence: Evidence, keys: PrivateKeys, exchange: Exchange) -> None:
    """The node's signature on the evidence lies in the exchange."""
    exchange.put(_EVIDENCE, _ANYBODY, evidence.pack())
    envelope = sign(_EVIDENCE, evidence.pack(), keys)
    exchange.put_named((_EVIDENCE, evidence.digest, keys.party), envelope, replace=True)


def load_draft(exchange: Exchange, agreement: SignedAgreement, evidence: str) -> Draft:
    """The draft whose evidence has this digest, signed by every node, word for word the same.

    Raises: NotFoundError, SignatureError, RefusedError, DocumentError.
    """
    terms = agreement.terms
    for node in terms.nodes:
        try:
            envelope = exchange.get_named((_EVIDENCE, evidence, node))
        except NotFoundError:
            raise NotFoundError(f"{node} has not signed the evidence {evidence}") from None
        if digest(verify(envelope, _EVIDENCE, terms.roster.keys([node])).payload) != evidence:
            raise TamperedError(f"{node} signed other evidence than {evidence}")
    read = read_evidence(exchange, evidence)
    _check_evidence(read, agreement)
    return Draft(agreement, read)


def read_evidence(exchange: Exchange, evidence: str) -> Evidence:
    """What the digest names, whoever signed it: tells which agreement to check it against.

    Raises: NotFoundError, TamperedError, DocumentError.
    """
    return Evidence.unpack(exchange.get(Ref(_EVIDENCE, _ANYBODY, evidence)))


def drafts(exchange: Exchange, agreement: SignedAgreement) -> list[Draft]:
    """The drafts of this agreement that every node signed; what lies there besides is left out."""
    found = []
    for evidence in sorted({name[1] for name in exchange.list((_EVIDENCE,)) if len(name) == 3}):
        try:
            found.append(load_draft(exchange, agreement, evidence))
        except (NotFoundError, SignatureError, TamperedError, RefusedError):
            continue
    return found


def _check_evidence(evidence: Evidence, agreement: SignedAgreement) -> None:
    terms = agreement.terms
    job = Job(evidence.agreement, evidence.period, evidence.inputs)
    parts = {str(part) for part in terms.parts}
    if evidence.agreement != agreement.digest or evidence.job != job.id or set(evidence.inputs) != parts:
        raise RefusedError(f"the evidence {evidence.digest} is on another job than agreement {terms.id} has")
    planned = {plan.name: (plan.plan_digest, plan.recipients) for plan in terms.analyses}
    if {name: (output.plan, output.recipients) for name, output in evidence.outputs.items()} != planned:
        raise RefusedError(f"the outputs in the evidence {evidence.digest} are not those of agreement {terms.id}")
    if evidence.keys != {id: terms.roster.party(id).keys.seal_id for id in terms.recipients}:
        raise RefusedError(f"the evidence {evidence.digest} names other recipients' keys than the roster")


# --- decisions --------------------------------------------------------------------------------------------------


def decide(
    draft: Draft, verdict: Verdict, *, comment: str, keys: PrivateKeys, exchange: Exchange, now: datetime
) -> Decision:
    """The reviewer's signed decision lies in the exchange, for good.

    Raises: ReviewError unless the agreement names the reviewer; ReplayError when it has decided on this draft.
    """
    terms, evidence = draft.agreement.terms, draft.evidence
    if keys.party not in terms.reviewers:
        raise ReviewError(f"{keys.party} is not a reviewer in agreement {terms.id}")
    decision = Decision(evidence.job, evidence.agreement, evidence.digest, keys.party, verdict, comment, now)
    try:
        envelope = sign(_DECISION, decision.pack(), keys)
        exchange.put_named((_DECISIONS, evidence.digest, keys.party), envelope)
    except ReplayError:
        raise ReplayError(f"{keys.party} has decided on {evidence.digest} already; a decision stands") from None
    return decision


def decisions(exchange: Exchange, draft: Draft) -> dict[str, bytes]:
    """Every decision that lies in the exchange for the draft, by reviewer, unchecked."""
    found = {}
    for name in exchange.list((_DECISIONS, draft.evidence.digest)):
        if len(name) == 3:
            found[name[2]] = exchange.get_named(name)
    return found


def check_decision(draft: Draft, reviewer: str, envelope: bytes) -> Decision:
    """The reviewer's decision on exactly this draft.

    Raises: ReviewError when it is nobody's who may decide, or is on another draft; SignatureError; DocumentError.
    """
    terms, evidence = draft.agreement.terms, draft.evidence
    if reviewer not in terms.reviewers:
        raise ReviewError(f"{reviewer} is not a reviewer in agreement {terms.id}")
    decision = Decision.unpack(verify(envelope, _DECISION, terms.roster.keys([reviewer])).payload)
    if decision.reviewer != reviewer:
        raise ReviewError(f"{reviewer} signed a decision in the name of {decision.reviewer}")
    if (decision.job, decision.agreement, decision.evidence) != (evidence.job, evidence.agreement, evidence.digest):
        raise ReviewError(f"the decision of {reviewer} is on another draft; ask {reviewer} to decide on this one")
    return decision


def count_decisions(draft: Draft, envelopes: Mapping[str, bytes]) -> Approved:
    """The draft as approved: at least the agreed number of reviewers approved, each counted once.

    What is not a valid decision counts for nothing; a rejection is not an approval and vetoes nothing.

    Raises: NotApprovedError, which says who is missing and what did not count.
    """
    terms = draft.agreement.terms
    approvals, notes = {}, []
    for reviewer, envelope in sorted(envelopes.items()):
        try:
            decision = check_decision(draft, reviewer, envelope)
        except (ReviewError, SignatureError, DocumentError) as error:
            notes.append(f"not counted: {error}")
            continue
        if decision.verdict == "approve":
            approvals[reviewer] = digest(decision.pack())
        else:
            notes.append(f"{reviewer} rejected")
    if len(approvals) < terms.quorum:
        waiting = ", ".join(id for id in terms.reviewers if id not in envelopes) or "nobody"
        detail = "".join(f"; {note}" for note in notes)
        raise NotApprovedError(f"{len(approvals)} of {terms.quorum} approvals; undecided: {waiting}{detail}")
    return Approved(draft, approvals)
