"""A party attacks what it was given, or would be given of synthetic data, and may tell reviewers of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from counterfoil.disclosure.attack.findings import Attack, attack_all
from counterfoil.disclosure.attack.knowledge import Knowledge
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.references import evidence_digest
from counterfoil.governance.review.attacked import Attacked
from counterfoil.governance.review.decisions import comment
from counterfoil.home import Home
from counterfoil.joint.attack_rehearsal import rehearsed
from counterfoil.roles.recipient.holdings import Holdings, holdings


@dataclass(frozen=True, slots=True)
class Made:
    """What was attacked, in words; what was found, by contract; and what was lost to the attacker."""

    about: str
    found: Mapping[str, Attack]
    lost: tuple[str, ...]
    said: Attacked
    drafts: frozenset[str]
    real: bool


def attack_held(
    home: Home,
    agreement: SignedAgreement,
    now: datetime,
    *,
    synthetic: bool,
    churn: float,
    seconds: float,
    told: Callable[[str], object],
) -> Made:
    """Attack everything that this party holds of the tables of the agreement's contracts.

    Where it holds nothing under the agreement, or is asked for it, on `synthetic` data, beside what its other
    agreements would release of that. Its log says that it did.

    Raises: PlanError, ContractError, IntegrityError where the analyses do not run.
    """
    terms = agreement.terms
    home.log.append("release-attacked", subject=terms.id, refs={"agreement": agreement.digest})
    held = holdings(home, now)
    real = not synthetic and agreement.digest in held.agreements
    knowledge: Mapping[str, Knowledge]
    if real:
        ids = {contract.id for contract in terms.contracts.values()}
        knowledge = {contract: each for contract, each in held.by_contract.items() if contract in ids}
    else:
        told("computing on synthetic data")
        others = [each for digest, each in held.agreements.items() if digest != agreement.digest]
        knowledge = rehearsed(terms, others, home.party if home.party in terms.recipients else None)
    end = time.monotonic() + seconds
    found = {
        contract: attack_all(
            each, churn=churn, seconds=max(0.0, end - time.monotonic()), told=told, window=2 if real else 1
        )
        for contract, each in sorted(knowledge.items())
    }
    said = Attacked(
        draft=False,
        earlier=_earlier(knowledge, real=real),
        tried=sum(each.tried for each in found.values()),
        narrowed=sum(len(each.findings) for each in found.values()),
        complete=all(each.complete for each in found.values()),
    )
    return Made(
        _about(knowledge, held, real=real), found, tuple(held.lost) if real else (), said, frozenset(held.drafts), real
    )


def tell(home: Home, agreement: SignedAgreement, draft: str, made: Made, now: datetime) -> str:
    """Sign a comment on the draft that says how many numbers could be narrowed down, and none of them.

    Raises: NotFoundError, ReviewError.
    """
    digest = evidence_digest(home.exchange, agreement.digest, draft)
    seen = made.real and digest in made.drafts
    said = Attacked(seen, made.said.earlier - seen, made.said.tried, made.said.narrowed, made.said.complete)
    words = said.words()
    comment(load_draft(home.exchange, agreement, digest), words, home.keys, home.exchange, now)
    home.log.append("review-comment", subject=agreement.terms.id, refs={"evidence": digest})
    return words


def _earlier(knowledge: Mapping[str, Knowledge], *, real: bool) -> int:
    return sum(len(each.releases) for each in knowledge.values()) if real else 0


def _about(knowledge: Mapping[str, Knowledge], held: Holdings, *, real: bool) -> str:
    releases = sum(len(each.releases) for each in knowledge.values())
    agreements = max((len(each.releases) // len(each.states) for each in knowledge.values()), default=0)
    if real:
        return f"{releases} releases that you were given, under {len(held.agreements)} agreements"
    return f"what {agreements} agreement{'s' * (agreements != 1)} would release of synthetic data"
