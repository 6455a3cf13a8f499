"""Decisions and comments: what parties sign on a draft. A decision is final, but its party can only add a stricter one.

An approval may be followed by a request for changes, that by a rejection; never the other way round. So it does not
matter in which order decisions are read, and everybody who reads the same ones says the same. Knows no share.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import DocumentError, NotFoundError, ReplayError, ReviewError, SignatureError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.papers import Paper, Statement
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.home import Home
    from counterfoil.storage.exchange import Exchange

Verdict: TypeAlias = Literal["approve", "request-changes", "reject", "withdraw"]

STRICTNESS: Final[Mapping[Verdict, int]] = {"approve": 0, "request-changes": 1, "reject": 2, "withdraw": 3}
"""A party that said one of these may still say a stricter one."""

Signed: TypeAlias = tuple[str, bytes]
"""A party, and the envelope published as its decision, unchecked."""

DECISION: Final = Paper(
    kind="decision",
    schema="decision",
    says="a reviewer's verdict on a draft, or an owner's that it takes its part back",
    folder="decisions",
    place=("evidence", "party", "verdict"),
    signer="party",
    absent="{party} has not decided so on {evidence}",
    other="the decision of {party} is another one",
    refusal=ReviewError,
    bundled="evidence",
)
COMMENT: Final = Paper(
    kind="comment",
    schema="comment",
    says="what a party remarks on a draft",
    folder="comments",
    place=("evidence", "party", "digest"),
    signer="party",
    absent="{party} has not made that comment on {evidence}",
    other="the comment of {party} is another one",
    bundled="evidence",
)
_SEEN: Final = "decision-heard"


@dataclass(frozen=True, slots=True)
class Decision(Statement):
    """A party's word on one draft: a reviewer's verdict, or an owner's that it takes its part back."""

    PAPER: ClassVar = DECISION

    job: str
    agreement: str
    evidence: str
    party: str
    verdict: Verdict
    comment: str
    decided: datetime


@dataclass(frozen=True, slots=True)
class Comment(Statement):
    """What a party remarks on a draft. It decides nothing."""

    PAPER: ClassVar = COMMENT

    agreement: str
    evidence: str
    party: str
    text: str
    said: datetime


# --- decisions --------------------------------------------------------------------------------------------------


def check_may(terms: Agreement, party: str, verdict: Verdict) -> None:
    """Check that the agreement lets the party give the verdict: owners withdraw, reviewers decide.

    Raises: ReviewError.
    """
    if verdict == "withdraw":
        if party not in terms.owners:
            raise ReviewError(f"{party} is not an owner in agreement {terms.id}, and has nothing to withdraw")
    elif party not in terms.reviewers:
        raise ReviewError(f"{party} is not a reviewer in agreement {terms.id}")
    elif party == terms.proposer:
        raise ReviewError(f"{party} proposed the analyses of agreement {terms.id} and cannot decide on their results")


def sign_decision(draft: Draft, decision: Decision, keys: PrivateKeys, exchange: Exchange) -> None:
    """Sign the decision and publish it beside milder ones of the same party.

    Raises: ReplayError when the party said as much before, or more.
    """
    evidence, party = draft.evidence.digest, decision.party
    before: list[Verdict] = []
    for _, envelope in (each for each in decisions(exchange, draft) if each[0] == party):
        with suppress(ReviewError, SignatureError, DocumentError):
            # What does not hold is not the party's word, and does not keep it from speaking.
            before.append(check_decision(draft, party, envelope).verdict)
    said = max(before, key=STRICTNESS.__getitem__, default=None)
    if said and STRICTNESS[said] >= STRICTNESS[decision.verdict]:
        raise ReplayError(
            f"{party} has decided on {evidence} already ({said}); a decision is kept, and only a stricter one follows"
        )
    decision.publish(keys, exchange)


def decisions(exchange: Records, draft: Draft) -> list[Signed]:
    """Return every decision on the draft in the exchange, unchecked."""
    found = []
    for name in exchange.list(DECISION.name(draft.evidence.digest)):
        if len(name) == 4:
            with suppress(NotFoundError):
                found.append((name[2], exchange.get_named(name)))
    return found


def check_decision(draft: Draft, party: str, envelope: bytes) -> Decision:
    """Check that this is the party's decision on exactly this draft, and return it.

    Raises: ReviewError when it is nobody's who may decide, or is on another draft; SignatureError; DocumentError.
    """
    terms, evidence = draft.agreement.terms, draft.evidence
    if party not in (*terms.reviewers, *terms.owners):
        raise ReviewError(f"{party} is not a reviewer in agreement {terms.id}")
    decision = Decision.verified(envelope, terms.roster.party(party).keys)
    if decision.party != party:
        raise ReviewError(f"{party} signed a decision in the name of {decision.party}")
    check_may(terms, party, decision.verdict)
    if (decision.job, decision.agreement, decision.evidence) != (evidence.job, evidence.agreement, evidence.digest):
        raise ReviewError(f"the decision of {party} is on another draft; ask {party} to decide on this one")
    return decision


def collect(draft: Draft, home: Home) -> list[Signed]:
    """Collect every decision on the draft, unchecked: what the exchange shows, and what it once showed this party.

    A valid decision is remembered here for good, so that an exchange which hides a rejection later changes nothing.
    """
    prefix = f"{draft.evidence.digest}/"
    shown = decisions(home.exchange, draft)
    for party, envelope in shown:
        with suppress(ReviewError, SignatureError, DocumentError):
            said = check_decision(draft, party, envelope)
            home.state.put(_SEEN, f"{prefix}{party}/{said.verdict}", envelope)
    seen = [key for key in home.state.keys(_SEEN) if key.startswith(prefix)]
    return [*shown, *((key.split("/")[1], home.state.get(_SEEN, key)) for key in seen)]


# --- comments ---------------------------------------------------------------------------------------------------


def comment(draft: Draft, text: str, keys: PrivateKeys, exchange: Exchange, now: datetime) -> Comment:
    """Sign and publish the party's comment beside those before. Raises: ReviewError unless it has a part.

    A comment is public among the parties, like all evidence.
    """
    terms, evidence = draft.agreement.terms, draft.evidence
    if keys.party not in terms.parties:
        raise ReviewError(f"{keys.party} is no party of agreement {terms.id}")
    said = Comment(evidence.agreement, evidence.digest, keys.party, text, now)
    said.publish(keys, exchange)
    return said


def comments(exchange: Records, draft: Draft) -> list[Comment]:
    """List what parties of the agreement remarked on the draft, oldest first; what is not signed so is left out."""
    terms, evidence = draft.agreement.terms, draft.evidence
    signers = {party: terms.roster.party(party).keys for party in terms.parties}
    found = (said for said in Comment.find(exchange, signers, evidence.digest) if said.agreement == evidence.agreement)
    return sorted(found, key=lambda said: (said.said, said.party, said.text))
