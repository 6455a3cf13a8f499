"""Evidence: what every node says of a draft, word for word the same, and under its signature.

Whatever is decided of a draft is decided on the digest of its evidence. Knows no share, and no decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from counterfoil.canonical import Json, Ref, digest
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import NotFoundError, RefusedError, SignatureError, TamperedError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.cumulative.charge import Line, as_charged, check_lines
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.papers import Paper, Statement
from counterfoil.software import software_digest
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

HIDDEN: Final = "hidden-cells"
"""The measure of how many cells of an exact result are hidden."""

FORMAT: Final = "counterfoil/evidence/2"
_BEFORE = "counterfoil/evidence/1"  # of version 0.1, which had one digest for the software of all nodes

EVIDENCE: Final = Paper(
    kind="evidence",
    schema="evidence",
    says="what a node did to make a draft; the payload's digest is its name, at every node",
    folder="evidence",
    place=("digest", "node"),
    signer="node",
    absent="{node} has not signed the evidence {digest}",
    bundled="evidence",
)
_ANYBODY = "nodes"  # evidence is nobody's alone


@dataclass(frozen=True, slots=True)
class OutputEvidence:
    """What is known of one analysis's output while it is still shared: `measures` are counts, never values.

    `commitments` are to its components, in their order, so that it is this output which is decided on.
    """

    plan: str
    recipients: tuple[str, ...]
    measures: Mapping[str, int]
    commitments: tuple[str, ...]

    @property
    def hidden(self) -> int | None:
        """How many cells are hidden; None where the result has noise, and nobody has counted them."""
        return self.measures.get(HIDDEN)

    @property
    def hidden_words(self) -> str:
        """How many cells are hidden, of how many."""
        return "not counted" if self.hidden is None else f"{self.hidden} of {self.measures.get('cells', 0)}"


@dataclass(frozen=True)
class Evidence(Statement):
    """What the nodes did, in words that are the same at every node.

    `keys` maps each recipient to the key that its copy will be sealed to; `checks` are counts of what was looked at;
    `leakage` is the digest of the leakage statement, `transcript` that of the attempt's handshake; `software` maps each
    node to the digest of what it said that it ran (evidence of version 0.1 has one for all nodes);
    `charge` is what the noised results cost their recipients; `rehearsal` the digest of the answers on synthetic data,
    if there were any. `waiting` are the contracts in whose tables too little changed since an earlier release.
    """

    PAPER: ClassVar = EVIDENCE

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
    software: Mapping[str, str] | str
    charge: tuple[Line, ...] = ()
    rehearsal: str = ""
    waiting: tuple[str, ...] = ()

    def to_json(self) -> Mapping[str, Json]:
        """State the fields as JSON."""
        outputs: Mapping[str, Json] = {
            name: {
                "plan": output.plan,
                "recipients": output.recipients,
                "measures": output.measures,
                "commitments": output.commitments,
            }
            for name, output in self.outputs.items()
        }
        return {
            **{name: each for name, each in super().to_json().items() if name != "waiting" or each},
            "format": _BEFORE if isinstance(self.software, str) else FORMAT,
            "outputs": outputs,
            "charge": [line.json() for line in self.charge],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Read the fields from JSON of the schema's shape."""
        outputs = {
            name: OutputEvidence(item["plan"], tuple(item["recipients"]), item["measures"], tuple(item["commitments"]))
            for name, item in value["outputs"].items()
        }
        charge = tuple(map(Line.read, value["charge"]))
        return {**value, "outputs": outputs, "charge": charge, "waiting": tuple(value.get("waiting", ()))}

    def ran(self, node: str) -> str:
        """Return the digest of the software that the node said it ran; "" if it is no node of the job."""
        return self.software if isinstance(self.software, str) else self.software.get(node, "")

    @cached_property
    def digest(self) -> str:
        """What decisions and releases refer to."""
        return digest(self.pack())


@dataclass(frozen=True, slots=True)
class Draft:
    """Output that exists in shares alone, with evidence that every node signed. Only `load_draft` makes one."""

    agreement: SignedAgreement
    evidence: Evidence

    @property
    def terms(self) -> Agreement:
        """What of the agreement held for its job: what took noise in place of being refused asks for noise here."""
        return as_charged(self.agreement.terms, self.evidence.charge)

    @property
    def instead(self) -> tuple[str, ...]:
        """The analyses that took noise in place of being refused."""
        return tuple(
            now.name
            for now, agreed in zip(self.terms.analyses, self.agreement.terms.analyses, strict=True)
            if now.privacy != agreed.privacy
        )

    @property
    def withheld(self) -> tuple[str, ...]:
        """The exact analyses of which nothing leaves: their tables wait, or they are not due in this period."""
        return tuple(
            plan.name
            for plan in self.terms.analyses
            if not plan.privacy
            and (plan.contract in self.evidence.waiting or not self.terms.is_due(plan, self.evidence.period))
        )


def make_evidence(
    job: Job,
    attempt: int,
    agreement: SignedAgreement,
    *,
    measures: Mapping[str, Mapping[str, int]],
    commitments: Mapping[str, Sequence[bytes]],
    checks: Mapping[str, int],
    leakage: str,
    transcript: str,
    software: Sequence[str] = (),
    charge: tuple[Line, ...] = (),
    rehearsal: str = "",
    waiting: Sequence[str] = (),
) -> Evidence:
    """Make the evidence on a finished attempt: `measures` and `commitments` are given for each planned analysis.

    `software` is what each node said that it runs, in their order; without it, what runs here.
    """
    terms = agreement.terms
    return Evidence(
        job=job.id,
        attempt=attempt,
        agreement=agreement.digest,
        period=job.period,
        inputs=dict(job.submissions),
        outputs={
            plan.name: OutputEvidence(
                plan.plan_digest,
                plan.recipients,
                dict(measures[plan.name]),
                tuple(commitment.hex() for commitment in commitments[plan.name]),
            )
            for plan in terms.analyses
        },
        keys={id: terms.roster.party(id).keys.seal_id for id in terms.recipients},
        checks=dict(checks),
        leakage=leakage,
        transcript=transcript,
        software=dict(zip(terms.nodes, software or [software_digest()] * len(terms.nodes), strict=True)),
        charge=charge,
        rehearsal=rehearsal,
        waiting=tuple(waiting),
    )


def sign_evidence(evidence: Evidence, keys: PrivateKeys, exchange: Exchange) -> None:
    """Publish the evidence and the node's signature on it."""
    evidence.check()
    exchange.put(EVIDENCE.kind, _ANYBODY, evidence.pack())
    EVIDENCE.publish(evidence.pack(), keys, exchange, digest=evidence.digest, node=keys.party)


def load_draft(exchange: Records, agreement: SignedAgreement, evidence: str) -> Draft:
    """Load the draft whose evidence has this digest, signed by every node, word for word the same.

    Raises: NotFoundError, SignatureError, RefusedError, DocumentError.
    """
    terms = agreement.terms
    for node in terms.nodes:
        envelope = EVIDENCE.fetch(exchange, digest=evidence, node=node)
        if digest(EVIDENCE.verify(envelope, terms.roster.party(node).keys)) != evidence:
            raise TamperedError(f"{node} signed other evidence than {evidence}")
    read = read_evidence(exchange, evidence)
    _check_evidence(read, agreement)
    return Draft(agreement, read)


def read_evidence(exchange: Records, evidence: str) -> Evidence:
    """Read the evidence of that digest, whichever nodes signed it: it tells which agreement to check it against.

    Raises: NotFoundError, TamperedError, DocumentError.
    """
    return Evidence.unpack(exchange.get(Ref(EVIDENCE.kind, _ANYBODY, evidence)))


def drafts(exchange: Records, agreement: SignedAgreement) -> list[Draft]:
    """List the drafts of this agreement that every node signed; what else is there is left out."""
    found = []
    for evidence in sorted({name[1] for name in exchange.list(EVIDENCE.name()) if len(name) == 3}):
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
    if bool(evidence.rehearsal) is not ("synthetic" in terms.cross_checks):
        raise RefusedError(
            f"the evidence {evidence.digest} does not have the rehearsal that agreement {terms.id} asks for"
        )
    if any(len(output.commitments) != len(terms.nodes) for output in evidence.outputs.values()):
        raise RefusedError(f"the evidence {evidence.digest} does not commit to every component of its outputs")
    if evidence.keys != {id: terms.roster.party(id).keys.seal_id for id in terms.recipients}:
        raise RefusedError(f"the evidence {evidence.digest} names other recipients' keys than the roster")
    if not isinstance(evidence.software, str) and set(evidence.software) != set(terms.nodes):
        raise RefusedError(
            f"the evidence {evidence.digest} names software of other nodes than agreement {terms.id} has"
        )
    if terms.software and not {evidence.ran(node) for node in terms.nodes} <= set(terms.software):
        raise RefusedError(f"the evidence {evidence.digest} names software that agreement {terms.id} does not pin")
    if not set(evidence.waiting) <= {plan.contract for plan in terms.analyses if not plan.privacy}:
        raise RefusedError(f"the evidence {evidence.digest} has tables wait of which agreement {terms.id} asks nothing")
    check_lines(evidence.charge, terms)
