"""What an owner's home remembers of its tables: the rows of states that were released or seen, sealed as a vault's are.

A state is handed in, and becomes a released one when a node's release of a job on it is in the exchange, to recipients
or to checkers. Persons whom the owner erases are erased here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import Ref
from counterfoil.data.reading.table import Table
from counterfoil.data.reading.table import load as read_table
from counterfoil.data.row_memory import as_kept, categories, encodings, packed, rows_of, without
from counterfoil.data.row_tags import domain_names, mostly_same, with_tags
from counterfoil.disclosure.tables.layout import Layout
from counterfoil.errors import CounterfoilError, LeaseError, NotFoundError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.in_force import OPEN, load
from counterfoil.governance.agreements.signing.signed import KIND, SignedAgreement, fetch_agreement
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.cumulative.source_tables import (
    TableState,
    all_states,
    forget_state,
    known_manifests,
    name_table,
    note_lease_used,
    note_state,
    released_states,
    table_name,
    tables,
)
from counterfoil.governance.documents import write_time
from counterfoil.governance.jobs.evidence import Evidence, load_draft, read_evidence
from counterfoil.governance.jobs.manifest import MANIFEST, Manifest
from counterfoil.governance.releases.release import RELEASE, Release
from counterfoil.home import Home
from counterfoil.joint.table_changes import released_sums
from counterfoil.storage.exchange import Exchange
from counterfoil.storage.records import BLOBS

ROWS: Final = "rows"
"""Under which the vault has the rows of a state."""

_SEEN: Final = "evidence-of-release"
MOST_WAITING: Final = 8
"""So many states of a table that were handed in and not released are kept, the last ones."""


def identify(contract: Contract, table: Table, home: Home) -> str:
    """Say which table of its owner this one is: as it was said before, or else it is named after its contract.

    Raises: LeaseError where another one with mostly the same persons has a name already.
    """
    known = table_name(contract.id, home.state)
    own = known or contract.id
    if table.who is not None:
        for other in tables(home.state):
            if other != own and _alike(other, table.who, domain_names(contract), home):
                raise LeaseError(
                    f"the table under {contract.id} has mostly the same {' and '.join(contract.unit)} as the table "
                    f"{other} that {home.party} has handed in before. If it is the same table, say so: counterfoil "
                    f"table name {contract.id} {other}; two names for one table would let numbers of it be subtracted"
                )
    return known or name_table(contract.id, own, home.state)


def holder_of(terms: Agreement, exchange: Exchange) -> str:
    """Return the id of the agreement that leases: where one repeats another, both are that other one.

    Raises: NotFoundError, TamperedError.
    """
    return fetch_agreement(exchange, terms.repeats.agreement).id if terms.repeats else terms.id


def numbers_of(terms: Agreement) -> str:
    """Return the digest of the agreement whose numbers a job has: where one repeats another, of that other one."""
    return terms.repeats.agreement.digest if terms.repeats else terms.digest


def keep(manifest: Manifest, table: Table, name: str, terms: Agreement, due: Layout | None, home: Home) -> TableState:
    """Keep the rows that are handed in by the manifest, before anybody can know of it.

    `due` is what is released exactly of them.
    """
    contract = terms.contracts[manifest.contract]
    found = TableState(
        table=name,
        manifest=manifest.digest,
        contract=contract.id,
        agreement=terms.id,
        period=manifest.period,
        owners=sorted(terms.owners_under(manifest.contract)),
        plans={plan.name: plan.plan_digest for plan in terms.analyses if due and plan.name in due.axes},
        columns=encodings(table),
        edges=due.edges if due else {},
        domain=domain_names(contract)[0],
        rows=table.rows,
        handed_in=write_time(manifest.not_after),
        categories=categories(table),
        sums=released_sums(due) if due else [],
        of=numbers_of(terms),
    )  # fmt: skip
    home.vault.keep(found.vault_id, ROWS, packed(rows_of(table)))
    note_state(found, home.state)
    waiting = [each for each in all_states(home.state) if each.table == name and not each.job]
    for each in waiting[:-MOST_WAITING]:
        if each.columns:
            _drop_rows(each, home)
    return found


def learn(home: Home, now: datetime) -> list[TableState]:
    """Learn from the exchange which states were released since, and forget those that are older than the last ones.

    What counts is a release that a node of the agreement signed, of a draft that all of them did: anybody may put
    something there, and a state that is taken for a released one would push another out of memory.
    """
    _find_own(home)
    waiting = {each.manifest: each for each in all_states(home.state) if not each.job}
    names = sorted({name[1] for name in home.exchange.list(RELEASE.name()) if len(name) == 4})
    unseen = [name for name in names if not home.state.seen(_SEEN, name)]
    found = []
    for name, evidence in _released_drafts(unseen, home):
        of = [(part, waiting[each]) for part, each in evidence.inputs.items() if each in waiting]
        noised = {line.plan for line in evidence.charge}
        for part, each in of:
            if part.partition("/")[2] in evidence.waiting or set(each.plans) <= noised:
                _drop(each, home)  # nothing exact of it left, and nothing will
            else:
                found.append(_released(each, evidence, home, now))
        home.state.remember_once(_SEEN, name)
    if found:
        home.log.append("releases-learned", counts={"states": len(found)})
    for table in {each.table for each in found}:
        note_lease_used(table, home.state)
        kept = {each.manifest for each in released_states(table, home.state)}
        for each in all_states(home.state):
            if each.table == table and each.job and each.manifest not in kept:
                _drop(each, home)
    return found


def erase(table: str, gone: NDArray[np.uint64], domain: str, home: Home, known: Sequence[str]) -> int:
    """Erase what is remembered of the persons with these tags of a domain; return of how many states something was.

    A state whose tags are of none of the known domains is erased whole: whom its rows are about cannot be told.
    """
    erased = 0
    for each in all_states(home.state):
        if each.table != table or not each.columns or (each.domain in known and each.domain != domain):
            continue
        with suppress(NotFoundError):
            arrays = home.vault.load(each.vault_id, ROWS)
            who = arrays.get("who")
            if each.domain != domain or who is None:
                _drop_rows(each, home)
                erased += 1
            elif np.isin(who, gone).any():
                _rewrite(each, arrays, gone, home)
                erased += 1
    return erased


def size_of(found: TableState, home: Home) -> int:
    """Return how many bytes what is remembered of the state takes."""
    folder = home.path / "vault" / "items" / found.vault_id
    return sum(path.stat().st_size for path in folder.glob("*")) if folder.is_dir() else 0


def _rewrite(found: TableState, arrays: Mapping[str, NDArray[np.uint64]], gone: NDArray[np.uint64], home: Home) -> None:
    """Keep a state without some persons under a new key, so that the old one opens nothing any more."""
    kept = without(as_kept(arrays, found.columns), gone)
    home.vault.destroy(found.vault_id)
    generation = found.generation + 1
    again = replace(found, generation=generation, rows=kept.size)
    home.vault.keep(again.vault_id, ROWS, packed(kept))
    note_state(again, home.state)


def _released_drafts(names: Sequence[str], home: Home) -> Iterator[tuple[str, Evidence]]:
    """Give the evidence of those of these digests that a node released, with what it is named by."""
    agreements = dict(_agreements(home)) if names else {}
    for name in names:
        with suppress(CounterfoilError, KeyError):  # of others' agreements, or planted
            signed = agreements[read_evidence(home.exchange, name).agreement]
            evidence = load_draft(home.exchange, signed, name).evidence
            nodes = {node: signed.terms.roster.party(node).keys for node in signed.terms.nodes}
            if next(Release.find(home.exchange, nodes, name), None) is not None:
                yield name, evidence


def _agreements(home: Home) -> Iterator[tuple[str, SignedAgreement]]:
    """Give the agreements that this owner and all others signed, by their digests."""
    for name in home.exchange.list((BLOBS, KIND)):
        with suppress(CounterfoilError):  # of others, or not signed by all yet
            signed = load(home, Ref(*name[1:]), for_=OPEN)
            yield signed.digest, signed


def _find_own(home: Home) -> None:
    """Find what this owner handed in exactly and does not remember, as it did after its home was backed up."""
    known = set(known_manifests(home.state))
    for name in home.exchange.list(MANIFEST.name()):
        if len(name) < 3 or name[2] != home.party:
            continue
        with suppress(CounterfoilError):  # anybody can put anything there
            envelope = home.exchange.get_named(name)
            said = Manifest.verified(envelope, home.keys.public)
            if said.table and said.digest not in known:
                note_state(_unknown(said), home.state)


def _unknown(said: Manifest) -> TableState:
    """Make a state of which no row is remembered: since then nothing has changed, as far as anybody can tell."""
    return TableState(
        table=said.table, manifest=said.digest, contract=said.contract, agreement=said.agreement, period=said.period,
        owners=(), plans=said.plans, columns={}, edges={}, domain="", rows=said.rows,
        handed_in=write_time(said.not_after),
    )  # fmt: skip


def _released(found: TableState, evidence: Evidence, home: Home, now: datetime) -> TableState:
    made = replace(found, job=evidence.job, released=write_time(now))
    note_state(made, home.state)
    return made


def _alike(other: str, who: NDArray[np.uint64], domains: list[str], home: Home) -> bool:
    """Tell whether the last rows of another table are mostly about these persons."""
    for each in reversed(all_states(home.state)):
        if each.table == other and each.columns and each.domain in domains:
            with suppress(NotFoundError):
                theirs = home.vault.load(each.vault_id, ROWS).get("who")
                return theirs is not None and mostly_same(who[:, domains.index(each.domain)], theirs)
    return False


def _drop(found: TableState, home: Home) -> None:
    home.vault.destroy(found.vault_id)
    forget_state(found, home.state)


def _drop_rows(found: TableState, home: Home) -> None:
    home.vault.destroy(found.vault_id)
    note_state(replace(found, columns={}, categories={}), home.state)


def erase_persons(contract: Contract, file: Path, home: Home) -> tuple[int, int]:
    """Erase the persons in a CSV file from what is remembered of a table; return how many, and from how many states.

    Raises: NotFoundError where nothing is handed in under the contract; DataError and its kin for the file.
    """
    name = table_name(contract.id, home.state)
    if name is None or not contract.unit:
        raise NotFoundError(f"no rows of persons are remembered under contract {contract.id}")
    only = replace(contract, columns=tuple(each for each in contract.columns if each.name in contract.unit))
    read = with_tags(read_table(file, only, home.data / f"{name}.erased.html"), home.membership_key)
    assert read.who is not None  # noqa: S101 (the contract has keys)
    domains = domain_names(contract)
    states = sum(erase(name, read.who[:, at], domain, home, domains) for at, domain in enumerate(domains))
    return len(set(read.who[:, 0].tolist())), states
