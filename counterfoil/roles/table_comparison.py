"""What an owner holds its table of now against: the states of it that are known elsewhere, or may come to be.

How many persons' parts changed, and by how much, it counts itself; what is not known has not changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.changes import Asked, Changes, Rows, count_changes
from counterfoil.data.reading.table import Table
from counterfoil.data.row_memory import rows_of, unpacked
from counterfoil.data.row_tags import domain_names, mostly_same
from counterfoil.disclosure.tables.layout import Layout
from counterfoil.errors import NotFoundError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.governance.cumulative.source_tables import TableState, released_states, table_name, waiting_states
from counterfoil.home import Home
from counterfoil.joint.table_changes import Counted, Sums, change_array, counted, shows
from counterfoil.roles.table_memory import ROWS, learn, numbers_of


@dataclass(frozen=True, slots=True)
class Known:
    """A state as manifests name it, with its rows; None where nobody remembers them, or owners were others.

    `domain` says by what its persons are told apart, `sums` what is known of it once it is released.
    """

    name: str
    domain: str
    rows: Rows | None
    sums: Sums = ()

    def shows(self, each: Counted, layout: Layout) -> bool:
        """Tell whether this sum could be subtracted from anything that is known of the state."""
        known = self.rows is not None and bool(self.sums) and each.asked.columns <= self.rows.columns.keys()
        return not known or shows(self.sums, each, layout)


def known_states(name: str, terms: Agreement, table: Table, period: str, home: Home) -> list[Known]:
    """List the states that a table's rows are held against: of a stock all, of events the period's own.

    Those that were released come first, in their order; then those that may still be. One by which a second
    computation has the same numbers of the same rows is none of them. Where other owners handed in then, nothing counts
    as changed until most persons are others. Raises: TamperedError.
    """
    contract = table.contract
    named = next(each for each, one in terms.contracts.items() if one.id == contract.id)
    owners, own = sorted(terms.owners_under(named)), numbers_of(terms)
    by_name: dict[str, TableState] = {}
    for each in (*released_states(name, home.state), *waiting_states(name, home.state)):
        if contract.kind != "stock" and each.period != period:
            continue
        if each.of == own and each.period == period and (not each.job or _same(each, table, home)):
            continue
        key = each.job or each.manifest
        if key not in by_name or each.contract == contract.id:
            by_name[key] = each
    found = []
    for key, each in by_name.items():
        rows = load_rows(each, contract, home)
        if rows is not None and sorted(each.owners) != owners and not _others(rows, each, table):
            rows = None
        sums = [(tuple(factors), tuple(by)) for factors, by in each.sums]
        found.append(Known(key, each.domain, rows, sums))
    return found


def _same(then: TableState, table: Table, home: Home) -> bool:
    """Tell whether a state has the very rows of a table."""
    rows, now = load_rows(then, table.contract, home), rows_of(table)
    if rows is None or rows.columns.keys() != now.columns.keys() or rows.size != now.size:
        return False
    alike = rows.tags is now.tags if rows.tags is None or now.tags is None else np.array_equal(rows.tags, now.tags)
    return alike and all(np.array_equal(rows.columns[name], now.columns[name]) for name in now.columns)


def _others(then: Rows, state: TableState, table: Table) -> bool:
    """Tell whether most persons of a state are not those of a table."""
    if then.tags is None or table.who is None or state.domain not in domain_names(table.contract):
        return False
    return not mostly_same(table.who[:, domain_names(table.contract).index(state.domain)], then.tags)


def changes_since(layout: Layout, table: Table, known: Sequence[Known]) -> NDArray[np.int64]:
    """Count what changed in a minimised table since its known states, as it is handed in. Raises: as `encode`.

    Of those whose numbers a sum cannot be subtracted from, as much may have changed as can have.
    """
    sums = counted(layout)
    known = [_by_value(state, layout.contract) for state in known]
    shown = {each.asked.name: [state.shows(each, layout) for state in known] for each in sums}
    found: dict[str, Changes] = {}
    for pattern in {tuple(each) for each in shown.values()}:
        asked = [each.asked for each in sums if tuple(shown[each.asked.name]) == pattern]
        of_pattern = [
            state if there else replace(state, rows=None) for state, there in zip(known, pattern, strict=True)
        ]
        found |= count_since(asked, table, of_pattern)
    return change_array(layout, [each.name for each in known], found, shown)


def _by_value(state: Known, contract: Contract) -> Known:
    """Add where a state's releases told single values of a column apart: it was cut at each of them."""
    if state.rows is None:
        return state
    edges = dict(state.rows.edges)
    for column in {column for _, by in state.sums for column in by} - edges.keys():
        bounds = contract.column(column).bounds
        if bounds and column in state.rows.columns:
            edges[column] = (*range(bounds[0], bounds[1] + 1), bounds[1])
    return replace(state, rows=replace(state.rows, edges=edges))


def count_since(asked: Sequence[Asked], table: Table, known: Sequence[Known]) -> dict[str, Changes]:
    """Count what changed in a minimised table since each of its known states, in their order.

    States whose persons were told apart otherwise, as the contract says that they may have been, are compared so;
    of others nothing changed, as far as anybody can tell. Raises: as `encode`.
    """
    names = domain_names(table.contract)
    counts = count_changes(asked, rows_of(table), [each.rows if each.domain == names[0] else None for each in known])
    for place, name in enumerate(names[1:], 1):
        former = [each.rows if each.domain == name else None for each in known]
        if table.who is not None and any(former):
            for more, found in zip(
                count_changes(asked, rows_of(table, place), former).values(), counts.values(), strict=True
            ):
                at = [each is not None for each in former]
                for each in fields(Changes):
                    getattr(found, each.name)[at] = getattr(more, each.name)[at]
    return counts


def too_few(table: Table, terms: Agreement, period: str, home: Home, now: datetime) -> str:
    """Say where the rows of too few persons differ from a table that was released; "" where they are enough.

    No sum changes for more persons than have other rows, so the nodes will not find more here, whatever is asked. The
    table is minimised, and its tags are the home's own. Raises: TamperedError.
    """
    contract, wanted = table.contract, terms.rules.safe_difference
    name = table_name(contract.id, home.state)
    if name is None or contract.id not in {terms.contracts[each].id for each in guarded(terms)}:
        return ""
    learn(home, now)
    periods = {each.job: each.period for each in released_states(name, home.state)}
    found = {
        each.name: _differing(rows_of(table), each.rows)
        for each in known_states(name, terms, table, period, home)
        if each.rows is not None and each.name in periods and each.domain == domain_names(contract)[0]
    }
    few = [job for job, persons in found.items() if persons < wanted]
    if not few:
        return ""
    then, persons = periods[few[-1]], found[few[-1]]
    return (
        f"of {then}, which was released, the rows of {persons} {'person' if persons == 1 else 'persons'} differ here. "
        f"Exact numbers leave where those of {wanted} do, of all owners together and without any one's; else they "
        f"wait, and reports repeat those of {then}. Hand it in all the same, or agree on longer periods, or on noise"
    )


def _differing(now: Rows, then: Rows) -> int:
    """Count the persons that have a row in one of the two which they have not, or not as often, in the other."""
    names = sorted(now.columns.keys() & then.columns.keys())
    both = []
    for rows in (now, then):
        tags = np.zeros(rows.size, np.int64) if rows.tags is None else rows.tags.view(np.int64)
        both.append(np.column_stack([tags, *(rows.columns[each] for each in names)]))
    found, at = np.unique(np.vstack(both), axis=0, return_inverse=True)
    more = np.bincount(at.reshape(-1), np.repeat([1, -1], [now.size, then.size]), len(found))
    odd = found[more != 0]
    told_apart = now.tags is not None and then.tags is not None
    return len(np.unique(odd[:, 0])) if told_apart else len(odd)


def load_rows(found: TableState, contract: Contract, home: Home) -> Rows | None:
    """Load the rows of a state, as the contract encodes them now; None where they are not remembered."""
    if not found.columns:
        return None
    try:
        arrays = home.vault.load(found.vault_id, ROWS)
    except NotFoundError:
        return None
    return unpacked(arrays, found.columns, found.categories, found.edges, contract.shared())
