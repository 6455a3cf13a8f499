"""What a node remembers of releases: of which tables, about how many rows, how many numbers, and until when.

It outlives the agreement, and a withdrawal from it: it protects the rows that were released then. Knows no row: what
changed since, the tables' owners count.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

from counterfoil.canonical import Json, jcs
from counterfoil.errors import DifferenceError, ReconstructionError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.storage.state import State

_SPACE: Final = "released-sets"
_DRAFTS: Final = "drafted-sets"
MEMBERSHIP: Final = "membership-"
"""How the ids begin under which a node's vault has sketches of rows, which versions before 0.3 compared."""

LAST_KNOWN: Final = 48
"""So many of the last releases of a table its owner names for certain: the oldest it may have in another order."""


@dataclass(frozen=True, slots=True)
class PastRelease:
    """One release: exact results about rows under some contracts, by their ids.

    `owners` had rows in it. `tables` are those that the rows are of, by their owners' names for them, under each
    contract; one of before 0.3 says nothing of them: then each owner's table is named after the contract, and its owner
    remembers no rows of it. `inputs` maps these, as `owner/table`, to the manifests by which they were handed in.
    `agreement` is the digest of the one whose numbers they are; where one repeats another, that other one's. `spelling`
    is what versions before 0.3 spelt keys by. `events` are those of its tables, as `owner/table`, that are a period's
    events each: another period's release is about others.
    """

    job: str
    suite: str
    nodes: tuple[str, ...]
    owners: Mapping[str, Sequence[str]]
    rows: Mapping[str, int]
    numbers: Mapping[str, int]
    until: str
    spelling: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    agreement: str = ""
    period: str = ""
    day: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[str] = ()

    @property
    def counted(self) -> bool:
        """Whether the tables' owners count what changed since; before 0.3 nodes kept sketches for that."""
        return bool(self.inputs)

    @property
    def about(self) -> frozenset[str]:
        """All tables whose rows it is about, as `owner/table`."""
        return frozenset(table for contract in self.owners for table in self.tables_under(contract))

    def tables_under(self, contract: str) -> list[str]:
        """List whose tables its rows under a contract, by its id, are of, as `owner/table`."""
        return list(self.tables.get(contract, [f"{owner}/{contract}" for owner in self.owners[contract]]))


def remember(release: PastRelease, state: State) -> None:
    """Remember the release from now on, before anything of it leaves."""
    state.put(_SPACE, release.job, jcs(asdict(release)))


def earlier_releases(state: State, tables: Collection[str], job: str) -> list[PastRelease]:
    """List the other jobs' releases of exact numbers about these tables, as `owner/table`, in their order."""
    found = [each for each in _all(state) if each.job != job and not each.about.isdisjoint(tables)]
    return sorted(found, key=lambda each: (each.day, each.job))


def held_against(release: PastRelease, table: str, state: State, today: date) -> list[PastRelease]:
    """List the last releases of a table, as `owner/table`, that this one is compared with, in their order.

    One with the same numbers, as a second computation has, is none of them, nor is one of other events. One of before
    0.3, of which the table's owner remembers nothing, is until its last day.
    """
    found = [
        each
        for each in earlier_releases(state, {table}, release.job)
        if (each.counted or date.fromisoformat(each.until) >= today)
        and not (each.agreement == release.agreement and each.period == release.period)
        and (table not in release.events or each.period == release.period)
    ]
    return found[-LAST_KNOWN:]


def guarded(terms: Agreement) -> list[str]:
    """List the contracts, by the agreement's names, about whose rows it releases exact numbers that it has to guard."""
    if terms.rules.safe_difference <= 1:
        return []
    return sorted({plan.contract for plan in terms.analyses if plan.privacy is None})


def noise_instead(terms: Agreement) -> Iterator[str]:
    """Say in plain words what takes noise where its table waits."""
    for name in guarded(terms):
        told = [f"{plan.name}, {plan.instead}" for plan in terms.analyses if plan.contract == name and plan.instead]
        if told:
            yield (
                f"Where the table under {name} waits, these take noise instead, are charged for it, and show that they "
                f"did: {'; '.join(told)}. It hides what one person's rows say; of several who changed, less."
            )


def table_releases(state: State, terms: Agreement, release: PastRelease, today: date) -> list[PastRelease]:
    """List the other releases on the tables of this one, under whatever contract, suite and order of nodes.

    What a second computation gave once more is not among them.
    """
    tables = {table for contract in release.numbers for table in release.tables_under(contract)}
    here = (terms.suite, set(terms.nodes))
    return [
        each
        for each in _all(state)
        if each.job != release.job
        and tables & {table for contract in each.numbers for table in each.tables_under(contract)}
        and date.fromisoformat(each.until) >= today
        and not (each.agreement and each.agreement == release.agreement and (each.suite, set(each.nodes)) != here)
    ]


def check_numbers(earlier: Sequence[PastRelease], release: PastRelease, fewest: int) -> None:
    """Refuse when so many exact numbers about so few rows would be out that rows follow from them.

    Counted are the numbers that each owner's table is behind, whatever contract it was handed in under.

    Raises: ReconstructionError.

    `fewest` is the policy's rows for each number.
    """
    for table in sorted({table for contract in release.numbers for table in release.tables_under(contract)}):
        found = [
            (each.numbers[contract], each.rows[contract], each.job)
            for each in (release, *earlier)
            for contract in each.numbers
            if table in each.tables_under(contract)
        ]
        known, least = sum(numbers for numbers, _, _ in found), min(rows for _, rows, _ in found)
        if least < fewest * known:
            owner, _, name = table.partition("/")
            jobs = len({job for _, _, job in found} - {release.job})
            raise ReconstructionError(
                f"{known} exact numbers about {least} rows with those of table {name} of {owner} would be known, of "
                f"this job and {jobs} earlier releases; the rule safe_rows_per_number asks for {fewest} rows to each. "
                "Ask for fewer numbers, for more rows, or for noise"
            )


def note_draft(evidence: str, earlier: Sequence[str], release: PastRelease, state: State) -> None:
    """Note that the draft with this evidence was compared with these jobs' releases, and would be that release."""
    facts: Mapping[str, Json] = {"compared": list(earlier), "release": asdict(release)}
    state.put(_DRAFTS, evidence, jcs(facts))


def drafted(evidence: str, state: State) -> PastRelease:
    """Say what the draft with this evidence is about. Raises: NotFoundError."""
    return _read(json.loads(state.get(_DRAFTS, evidence))["release"])


def check_compared(evidence: str, state: State, today: date) -> None:
    """Refuse when a release came in between that the draft was not held against, though it has to be.

    Raises: DifferenceError; NotFoundError.
    """
    known, release = json.loads(state.get(_DRAFTS, evidence))["compared"], drafted(evidence, state)
    for table in sorted(release.about):
        for each in held_against(release, table, state, today):
            if each.job not in known:
                raise DifferenceError(
                    f"job {each.job} was released on the same table since this draft was made, and the two were not "
                    "compared; ask for changes, so that a new attempt compares them"
                )


def _all(state: State) -> Iterator[PastRelease]:
    for job in state.keys(_SPACE):
        yield _read(json.loads(state.get(_SPACE, job)))


def _read(facts: Mapping[str, Any]) -> PastRelease:
    return PastRelease(**{**facts, "nodes": tuple(facts["nodes"])})
