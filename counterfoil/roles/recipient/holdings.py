"""What a party was ever given and can still open, under all its agreements, as the attacker takes it. Read only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from counterfoil.canonical import Ref
from counterfoil.disclosure.attack.knowledge import Knowledge, Release
from counterfoil.errors import CounterfoilError, NotFoundError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.in_force import OPEN, load
from counterfoil.governance.agreements.signing.signed import KIND
from counterfoil.governance.jobs.evidence import Draft, drafts
from counterfoil.governance.releases.release import is_released
from counterfoil.governance.verification.verify import manifest_of
from counterfoil.home import Home
from counterfoil.roles.recipient.opening import unsealed
from counterfoil.storage.records import BLOBS


@dataclass
class Holdings:
    """By contract id what was released of its tables; the agreements; and what could not be opened any more."""

    releases: dict[str, list[Release]] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    drafts: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)

    @property
    def by_contract(self) -> dict[str, Knowledge]:
        return {contract: Knowledge(releases) for contract, releases in self.releases.items()}


def holdings(home: Home, now: datetime) -> Holdings:
    """Open everything that was released to this party, or shown to it as a checker, and write nothing of it."""
    found = Holdings()
    for name in home.exchange.list((BLOBS, KIND)):
        try:
            signed = load(home, Ref(*name[1:]), for_=OPEN)
        except CounterfoilError:  # of others, or not signed by all yet
            continue
        if home.party not in signed.terms.recipients:
            continue
        for draft in drafts(home.exchange, signed):
            if is_released(home.exchange, draft.evidence.digest, home.party):
                try:
                    _add(found, home, draft, now)
                except CounterfoilError as error:
                    found.lost.append(f"{draft.evidence.period} of {signed.terms.id}: {error}")
    return found


def _add(found: Holdings, home: Home, draft: Draft, now: datetime) -> None:
    opened, terms = unsealed(home, draft, now), draft.agreement.terms
    for name, contract in terms.contracts.items():
        given = {plan.name for plan in terms.plans_for(home.party) if plan.contract == name}
        if not given:
            continue
        plans = {each: opened.plans[each] for each in given}
        rows, releases = _rows(home, draft, name), found.releases.setdefault(contract.id, [])
        state = _state(draft, terms, rows, releases)
        releases.append(Release(state, plans, {each: opened.numbers[each] for each in given}, rows))
    found.agreements[terms.digest] = terms
    found.drafts.add(draft.evidence.digest)


def _rows(home: Home, draft: Draft, contract: str) -> tuple[int, int] | None:
    """Count the rows of the job's tables by their owners' signed manifests; None where one is gone."""
    parts = [part for part in draft.agreement.terms.parts if part.contract == contract]
    try:
        rows = sum(manifest_of(home.exchange, draft.agreement, draft.evidence, part).rows for part in parts)
    except NotFoundError:
        return None
    return rows, rows


def _state(draft: Draft, terms: Agreement, rows: tuple[int, int] | None, releases: list[Release]) -> str:
    """Name the rows that the job is about by its period; jobs of one period are on the same if they are as many."""
    period = draft.evidence.period
    same = [each for each in releases if each.state == period]
    return period if not same or any(each.rows == rows for each in same) else f"{period} under {terms.id}"
