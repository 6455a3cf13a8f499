"""What a node remembers of releases: on which contracts, about how many rows, how many numbers, and until when.

Shares of the sketches of their sets of rows lie in its vault under `vault_id`. They outlive the agreement, and a
withdrawal from it, to the contract's last day of keeping shares: they protect the rows that were released then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

from counterfoil.canonical import Json, digest, jcs
from counterfoil.errors import DifferenceError, KeySpellingError, ReconstructionError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.contracts.key_domain import UNSPELT, place_of, told
from counterfoil.storage.state import State

_SPACE: Final = "released-sets"
_DRAFTS: Final = "drafted-sets"
MEMBERSHIP: Final = "membership-"
"""How the ids begin under which a node's vault has sketches."""


@dataclass(frozen=True, slots=True)
class PastRelease:
    """One release: exact results about rows under some contracts, by their ids.

    `owners` had rows in it. `spelling` is the name of the key domain of its sketches, where there was one. `tables` are
    those that the rows are of, by their owners' names for them, under each contract; where it says nothing, each
    owner's table is named after the contract. `agreement` is the digest of the one whose numbers they are; where one
    repeats another, that other one's.
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

    def tables_under(self, contract: str) -> list[str]:
        """List whose tables its rows under a contract, by its id, are of, as `owner/table`."""
        return list(self.tables.get(contract, [f"{owner}/{contract}" for owner in self.owners[contract]]))

    def domain(self, contract: str) -> str:
        """Return the name of the key domain in which its rows under a contract, by its id, were tagged."""
        return self.spelling.get(contract, UNSPELT)

    @property
    def vault_id(self) -> str:
        """Under what a node's vault has the shares of its sketches."""
        return f"{MEMBERSHIP}{self.job}"


def item_name(owner: str, contract: str) -> str:
    """Say what the sketch of an owner's rows under a contract is called in a vault."""
    return digest(jcs([owner, contract]))[:32]


def remember(release: PastRelease, state: State) -> None:
    """Remember the release from now on, before anything of it leaves."""
    state.put(_SPACE, release.job, jcs(asdict(release)))


def past_releases(state: State, terms: Agreement, job: str, today: date) -> list[PastRelease]:
    """List the other releases on this agreement's guarded contracts that its nodes can still compare with.

    Other nodes, or another suite, have no shares of a release, so theirs are not among them.
    """
    contracts = {terms.contracts[name].id for name in guarded(terms)}
    return [
        each
        for each in _all(state)
        if each.job != job
        and (each.suite, each.nodes) == (terms.suite, terms.nodes)
        and contracts & set(each.owners)
        and date.fromisoformat(each.until) >= today
    ]


def guarded(terms: Agreement) -> list[str]:
    """List the contracts, by the agreement's names, about whose rows it releases exact numbers that it has to guard."""
    if terms.rules.safe_difference <= 1:
        return []
    return sorted({plan.contract for plan in terms.analyses if plan.privacy is None})


def noise_instead(terms: Agreement) -> Iterator[str]:
    """Say in plain words what takes noise where its rows differ too little from those of an earlier release."""
    for name in guarded(terms):
        exact = [plan for plan in terms.analyses if plan.contract == name and plan.privacy is None]
        if all(plan.instead for plan in exact):
            told = "; ".join(f"{plan.name}, {plan.instead}" for plan in exact)
            yield (
                f"Where the rows under {name} differ too little, these take noise instead, are charged for it, and "
                f"show that they did: {told}. It hides what one person's rows say; of several who changed, less."
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


def check_spelling(earlier: Sequence[PastRelease], terms: Agreement) -> None:
    """Check that keys are spelt by the rules of earlier releases, or that owners tag rows by those as well.

    Raises: KeySpellingError when the two could not be compared.
    """
    for name in guarded(terms):
        contract = terms.contracts[name]
        for each in earlier:
            if contract.id in each.owners and place_of(contract, each.domain(contract.id)) is None:
                spelt = told(each.domain(contract.id), contract)
                raise KeySpellingError(
                    f"contract {contract.id} {contract.version}: in job {each.job}, which was released, keys were "
                    f"spelt {spelt} to the contract and agree anew, or wait until {each.until} is over; else nobody "
                    "can tell whether these rows differ too little from those"
                )


def note_draft(evidence: str, earlier: Sequence[PastRelease], release: PastRelease, state: State) -> None:
    """Note that the draft with this evidence was compared with these releases, and would be that release."""
    facts: Mapping[str, Json] = {"compared": [each.job for each in earlier], "release": asdict(release)}
    state.put(_DRAFTS, evidence, jcs(facts))


def drafted(evidence: str, state: State) -> PastRelease:
    """Say what the draft with this evidence is about. Raises: NotFoundError."""
    return _read(json.loads(state.get(_DRAFTS, evidence))["release"])


def check_compared(evidence: str, earlier: Sequence[PastRelease], state: State) -> None:
    """Refuse when a release came in between that the draft was not held against.

    Raises: DifferenceError; NotFoundError.
    """
    known = json.loads(state.get(_DRAFTS, evidence))["compared"]
    if between := sorted({each.job for each in earlier} - set(known)):
        raise DifferenceError(
            f"job {between[0]} was released on the same contract since this draft was made, and the two were not "
            "compared; ask for changes, so that a new attempt compares them"
        )


def _all(state: State) -> Iterator[PastRelease]:
    for job in state.keys(_SPACE):
        yield _read(json.loads(state.get(_SPACE, job)))


def _read(facts: Mapping[str, Any]) -> PastRelease:
    return PastRelease(**{**facts, "nodes": tuple(facts["nodes"])})
