"""What a party was ever given and can still open, under all its agreements, as the attacker takes it. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class Told:
    """What papers say of a release's rows: what other manifests call them, and which states they were held against."""

    state: str
    names: frozenset[str]
    against: frozenset[str]


@dataclass
class Holdings:
    """By contract id what was released of its tables; the agreements; and what could not be opened any more."""

    releases: dict[str, list[Release]] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    drafts: set[str] = field(default_factory=set)
    told: dict[str, list[Told]] = field(default_factory=dict)
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
    for contract, releases in found.releases.items():
        found.releases[contract] = [
            replace(release, judged=_judged(told, found.told[contract]))
            for release, told in zip(releases, found.told[contract], strict=True)
        ]
    return found


def _judged(mine: Told, every: Sequence[Told]) -> frozenset[str]:
    """Say of which states it is certain that enough changed in all that was shown: owners counted that since these."""
    return frozenset(each.state for each in every if each.state != mine.state and each.names & mine.against)


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
        found.told.setdefault(contract.id, []).append(_told(home, draft, name, state))
    found.agreements[terms.digest] = terms
    found.drafts.add(draft.evidence.digest)


def _told(home: Home, draft: Draft, contract: str, state: str) -> Told:
    """Read from the owners' signed manifests what the job's rows were held against; nothing of those that are gone."""
    parts = [part for part in draft.agreement.terms.parts if part.contract == contract]
    against: set[str] = set()
    for part in parts:
        with suppress(NotFoundError):
            against |= set(manifest_of(home.exchange, draft.agreement, draft.evidence, part).states)
    inputs = [draft.evidence.inputs[str(part)] for part in parts]
    return Told(state, frozenset({draft.evidence.job, *inputs}), frozenset(against))


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
