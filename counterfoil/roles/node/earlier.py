"""What a node holds a job's tables against: the releases that it remembers, and the states that their owners name.

Owners count what changed since these states (`roles.table_comparison`); a node sees to it that none is left out that it
knows of. Knows no share and no row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from counterfoil.canonical import Json
from counterfoil.errors import DifferenceError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.release_history import (
    PastRelease,
    drafted,
    earlier_releases,
    guarded,
    held_against,
    remember,
)
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from counterfoil.joint.table_changes import Since, grouped, is_waiting
from counterfoil.roles.table_memory import numbers_of
from counterfoil.storage.state import State


@dataclass(frozen=True, slots=True)
class Past:
    """The jobs that a job is compared with, and by contract what of that which owners counted it goes by."""

    jobs: Sequence[str] = ()
    since: Mapping[str, Sequence[Since]] = field(default_factory=dict)

    def json(self) -> Json:
        """State it, as nodes compare it."""
        return {
            "jobs": list(self.jobs),
            "since": {name: [list(at) for at in each] for name, each in self.since.items()},
        }


def table_of(manifest: Manifest, terms: Agreement) -> str:
    """Say which table a manifest is about, as `owner/table`."""
    return f"{manifest.owner}/{manifest.table or terms.contracts[manifest.contract].id}"


def past_of(terms: Agreement, job: Job, manifests: Sequence[Manifest], state: State, today: date) -> Past:
    """Say what a job is compared with: every state that one of its owners names, and what this node remembers besides.

    Raises: DifferenceError where an owner leaves a state out that this node remembers.
    """
    jobs: dict[str, None] = {}
    since: dict[str, list[Since]] = {}
    release = release_of(terms, job, manifests, ())
    for name in guarded(terms):
        own = {each.owner: each for each in manifests if each.contract == name}
        places = {owner: _places(own[owner], terms, job, state) for owner in terms.owners_under(name)}
        every = dict.fromkeys(key for found in places.values() for key in found)
        for manifest in own.values():
            for each in held_against(release, table_of(manifest, terms), state, today):
                if each.counted and each.job not in places[manifest.owner]:
                    raise DifferenceError(
                        f"job {job.id}: {manifest.owner} does not say what changed in its table "
                        f"{table_of(manifest, terms)} since job {each.job}, which was released; the two together "
                        f"could tell about few. Have {manifest.owner} correct what it handed in, if the agreement "
                        "allows that, or go on with the next period: its home learns of releases when it contributes"
                    )
                every[each.job] = None
        jobs |= every
        since[name] = list(dict.fromkeys(tuple(found.get(key) for found in places.values()) for key in every))
    return Past(sorted(jobs), {name: found for name, found in since.items() if found})


def _places(manifest: Manifest, terms: Agreement, job: Job, state: State) -> dict[str, int]:
    """Map the jobs that released states which the manifest names to the group that its owner counted each in."""
    table = table_of(manifest, terms)
    jobs = {each.inputs.get(table): each.job for each in earlier_releases(state, {table}, job.id)}
    found = {}
    for group, places in enumerate(grouped(manifest.states)):
        for name in (manifest.states[at] for at in places):
            released = jobs.get(name) if is_waiting(name) else name
            if released is not None:
                found[released] = group
    return found


def release_of(terms: Agreement, job: Job, manifests: Sequence[Manifest], withheld: Collection[str]) -> PastRelease:
    """Say what a job's release would be about: rows of tables, and exact numbers of them, but those withheld."""
    plans = {name: plan for name, plan in analyses(terms).items() if name not in withheld and not plan.planned.privacy}
    names = [name for name in guarded(terms) if any(plan.planned.contract == name for plan in plans.values())]
    under = {name: [each for each in manifests if each.contract == name] for name in names}
    ids = {name: terms.contracts[name].id for name in names}
    return PastRelease(
        job=job.id,
        suite=terms.suite,
        nodes=terms.nodes,
        owners={ids[name]: sorted(each.owner for each in under[name]) for name in names},
        rows={ids[name]: sum(each.rows for each in under[name]) for name in names},
        numbers={ids[name]: sum(p.numbers() for p in plans.values() if p.planned.contract == name) for name in names},
        until="",
        tables={ids[name]: sorted(table_of(each, terms) for each in under[name]) for name in names},
        agreement=numbers_of(terms),
        period=job.period,
        inputs={table_of(each, terms): each.digest for name in names for each in under[name]},
        events=[
            table_of(each, terms) for name in names if terms.contracts[name].kind == "events" for each in under[name]
        ],
    )


def keep_release(draft: Draft, home: Home, today: date) -> None:
    """Remember from now on what the draft is about as released, before anything of it leaves. Raises: NotFoundError."""
    release = drafted(draft.evidence.digest, home.state)
    if not release.owners:
        return
    contracts = [draft.terms.contracts[name] for name in guarded(draft.terms)]
    last = today + timedelta(days=max(each.retention_days for each in contracts))
    remember(replace(release, until=last.isoformat(), day=today.isoformat()), home.state)
