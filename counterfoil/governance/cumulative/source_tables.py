"""Which tables an owner has, to which agreement it leases the exact numbers of each, and which states of it are out.

A table has one name at its owner, under whichever contracts and agreements it is handed in: all that counts over time,
counts by owner and table. For an interval its exact numbers go to one agreement alone, so that no other agreement's
numbers can be subtracted from them. Knows no row: what a state held is in the owner's vault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from counterfoil.canonical import check_id, jcs
from counterfoil.clock import reckoned
from counterfoil.errors import LeaseError, NotFoundError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.schedule import window
from counterfoil.storage.state import State

MOST_STATES: Final = 52
"""So many states of a table are remembered, the last ones."""

REMEMBERED: Final = "remembered-"
"""How the ids begin under which an owner's vault has rows of handed-in and released states."""

_NAMES: Final = "table-of-contract"
_LEASES: Final = "table-lease"
_STATES: Final = "table-state"


@dataclass(frozen=True, slots=True)
class Lease:
    """To which agreement a table's exact numbers go, by its id, from when and until which day, that one included.

    `released` says that something of it was, so that it cannot be given back any more.
    """

    table: str
    agreement: str
    since: str
    until: str
    released: bool = False


@dataclass(frozen=True, slots=True)
class TableState:
    """One state of a table: what an owner handed in by one manifest, and the job by which it was released, if it was.

    `plans` are the exact analyses that it served, by name and digest; `columns` maps those that are remembered to what
    encodes them, `edges` to where releases cut them. `domain` says by what its persons are told apart. `owners` are all
    that handed in. One without `columns` was released, and nobody remembers its rows. `generation` counts how often
    persons were erased from it. `sums` are those that are known once it is released, each by its factors and the
    columns of its grid; `of` is the digest of the agreement whose numbers they are.
    """

    table: str
    manifest: str
    contract: str
    agreement: str
    period: str
    owners: Sequence[str]
    plans: Mapping[str, str]
    columns: Mapping[str, str]
    edges: Mapping[str, Sequence[int]]
    domain: str
    rows: int
    handed_in: str
    job: str = ""
    released: str = ""
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    generation: int = 0
    sums: Sequence[Sequence[Sequence[str]]] = ()
    of: str = ""

    @property
    def vault_id(self) -> str:
        """Under what the owner's vault has its rows."""
        return f"{REMEMBERED}{self.manifest[:32]}-{self.generation}"


# --- names ----------------------------------------------------------------------------------------------------------


def table_name(contract: str, state: State) -> str | None:
    """Return the name of the table that is handed in under the contract of this id; None before it was."""
    try:
        return state.get(_NAMES, contract).decode()
    except NotFoundError:
        return None


def name_table(contract: str, table: str, state: State) -> str:
    """Say that what is handed in under the contract of this id is that table.

    Returns the table's name. Raises: LeaseError when it was said to be another one, of which something is out.
    """
    check_id(contract, "id of a contract")
    check_id(table, "name of a table")
    before = table_name(contract, state)
    if before not in (None, table) and (released_states(str(before), state) or lease_of(str(before), state)):
        raise LeaseError(
            f"what is handed in under {contract} is the table {before}, of which something was handed in or released; "
            "it keeps this name"
        )
    state.put(_NAMES, contract, table.encode())
    return table


def tables(state: State) -> dict[str, list[str]]:
    """List the tables by their names, each with the ids of the contracts that it is handed in under."""
    found: dict[str, list[str]] = {}
    for contract in state.keys(_NAMES):
        found.setdefault(state.get(_NAMES, contract).decode(), []).append(contract)
    return dict(sorted(found.items()))


# --- leases ---------------------------------------------------------------------------------------------------------


def lease_of(table: str, state: State) -> Lease | None:
    """Return the table's latest lease, which may be over."""
    kept = _kept(table, state)
    return Lease(**json.loads(kept)) if kept else None


def lease(table: str, holder: str, days: int, state: State, today: date) -> Lease:
    """Lease the table's exact numbers to the agreement of this id for so many days, or for longer than it has them.

    Raises: LeaseError while another agreement has them.
    """
    while True:
        kept = _kept(table, state)
        before = Lease(**json.loads(kept)) if kept else None
        if before and before.agreement != holder and date.fromisoformat(before.until) >= today:
            free = date.fromisoformat(before.until) + timedelta(days=1)
            raise LeaseError(
                f"the exact numbers of table {table} go to agreement {before.agreement} until {before.until}; "
                f"{holder} may have them from {free}. Until then ask for noise ('privacy') in {holder}, or have its "
                f"recipients receive the tables of {before.agreement}{reckoned(today)}"
            )
        until = (today + timedelta(days=days - 1)).isoformat()
        mine = before if before and before.agreement == holder else None
        made = Lease(table, holder, mine.since if mine else today.isoformat(), until)
        if mine:
            made = replace(made, until=max(until, mine.until), released=mine.released)
        if state.replace(_LEASES, table, kept, jcs(asdict(made))):
            return made


def lease_days(terms: Agreement, contract: str, period: str) -> int | None:
    """Say for how many days an agreement leases a table of this contract in a period: None where it is not exact."""
    exact = [plan for plan in terms.analyses if plan.contract == contract and not plan.privacy]
    days = [plan.interval or terms.schedule.shortest_days for plan in exact if terms.is_due(plan, period)]
    return max(days, default=terms.schedule.shortest_days) if exact else None


def give_back(table: str, state: State) -> Lease:
    """End the table's lease before its time. Raises: NotFoundError; LeaseError when something was released under it."""
    check_id(table, "name of a table")
    kept = _kept(table, state)
    if not kept:
        raise NotFoundError(f"no exact numbers of a table {table} are leased; counterfoil table list shows which are")
    held = Lease(**json.loads(kept))
    if held.released:
        raise LeaseError(
            f"exact numbers of table {table} were released under agreement {held.agreement}, so its lease lasts until "
            f"{held.until}"
        )
    if not state.replace(_LEASES, table, kept, b""):
        raise LeaseError(f"the lease of table {table} was renewed meanwhile; look at it again: counterfoil table list")
    return held


def note_lease_used(table: str, state: State) -> None:
    """Note that something was released under the table's lease."""
    while kept := _kept(table, state):
        made = replace(Lease(**json.loads(kept)), released=True)
        if state.replace(_LEASES, table, kept, jcs(asdict(made))):
            return


def check_window(table: str, period: str, state: State) -> None:
    """Check that a table of events has no exact numbers of other periods with days in common with this one.

    Those of a month less those of its weeks are numbers of the days that are left.

    Raises: LeaseError.
    """
    first, last = window(period)
    for each in (*released_states(table, state), *waiting_states(table, state)):
        begins, ends = window(each.period)
        if each.period != period and begins <= last and first <= ends:
            raise LeaseError(
                f"table {table} is a period's events, and its exact numbers of {each.period} went to agreement "
                f"{each.agreement}: {period} has days in common with it. Ask for the same periods, for one that begins "
                f"after {ends}, or for noise ('privacy')"
            )


# --- states ---------------------------------------------------------------------------------------------------------


def note_state(found: TableState, state: State) -> None:
    """Remember a state, handed in or released, in place of what was known of it."""
    state.put(_STATES, found.manifest, jcs(asdict(found)))


def all_states(state: State) -> list[TableState]:
    """List all states that are known, in the order in which they were handed in."""
    kept = [state.get(_STATES, manifest) for manifest in state.keys(_STATES)]
    found = [_read(json.loads(each)) for each in kept if each]
    return sorted(found, key=lambda each: (each.handed_in, each.manifest))


def waiting_states(table: str, state: State) -> list[TableState]:
    """List the states of a table that were handed in and may still be released, in the order in which they were."""
    return [each for each in all_states(state) if each.table == table and not each.job and each.columns]


def released_states(table: str, state: State) -> list[TableState]:
    """List the states of a table that were released, in the order of their release: the last MOST_STATES of them."""
    found = [each for each in all_states(state) if each.table == table and each.job]
    return sorted(found, key=lambda each: (each.released, each.handed_in, each.manifest))[-MOST_STATES:]


def known_manifests(state: State) -> list[str]:
    """List the manifests of all states that are, or were, known."""
    return state.keys(_STATES)


def forget_state(found: TableState, state: State) -> None:
    """Know of the state no longer."""
    state.put(_STATES, found.manifest, b"")


def _read(facts: Mapping[str, Any]) -> TableState:
    return TableState(**facts)


def _kept(table: str, state: State) -> bytes | None:
    try:
        return state.get(_LEASES, table)
    except NotFoundError:
        return None
