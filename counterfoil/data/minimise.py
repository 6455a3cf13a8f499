"""Leave at the owner whatever no planned analysis needs: columns, detail, rows, and people who stand out.

Knows what the contract asks for. What it measures on the way is for the owner's eyes; a refusal names the demand alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from counterfoil.data import risk_page
from counterfoil.data.cells import TYPES
from counterfoil.data.pseudonym import pseudonyms
from counterfoil.data.risk import Risk, classes, measure
from counterfoil.data.table import Table
from counterfoil.errors import AnonymityError, RefusedError
from counterfoil.governance.contract import Column


@dataclass(frozen=True, slots=True)
class Minimised:
    """The table that is left, and what is not in it any more. Names and counts may leave the owner.

    `identifiers` were dropped because no analysis may ever have them, `unused` because none of these needs them;
    `generalised` are coarser than they were, or pseudonyms; `left_behind` rows were not sampled, or stood in
    too small a class.
    """

    table: Table
    identifiers: tuple[str, ...]
    unused: tuple[str, ...]
    generalised: tuple[str, ...]
    left_behind: int


def minimise(table: Table, needed: Iterable[str], link_key: bytes | None = None) -> Minimised:
    """The table with the needed columns alone, in its own order, as coarse and as few as its contract asks for. Keys
    become pseudonyms under the link key.

    Raises: RefusedError when an analysis asks for a direct identifier, or for a key and there is no link key;
        ContractError for a column that nobody declared.
    """
    wanted = set(needed)
    roles = {name: table.contract.column(name).role for name in sorted(wanted)}
    identifiers = tuple(column.name for column in table.contract.columns if column.role == "identifier")
    for name in sorted(wanted):
        if roles[name] == "identifier":
            raise RefusedError(
                f"column {name} of contract {table.contract.id} is a direct identifier and stays at its owner; "
                "take it out of the analysis"
            )
    unused = tuple(name for name in table.names if name not in wanted and name not in identifiers)
    kept = table.select([name for name in table.names if name in wanted])
    columns = [table.contract.column(name) for name in kept.names]
    coarse = {column.name: _coarser(kept.data[column.name], column) for column in columns if column.generalise}
    for column in columns:
        if column.role == "key":
            if link_key is None or not column.pseudonym:
                raise RefusedError(f"column {column.name} of contract {table.contract.id} leaves as a pseudonym alone")
            coarse[column.name] = pseudonyms(kept.data[column.name], link_key)
    data = pa.table({name: coarse.get(name, kept.data[name]) for name in kept.names})
    small = _without_small_classes(_sampled(Table(table.contract.shared(), table.source, data)))
    return Minimised(small, identifiers, unused, tuple(coarse), table.rows - small.rows)


def protect(table: Table, needed: Iterable[str], page: Path, link_key: bytes | None = None) -> Minimised:
    """The table, minimised, satisfies its contract's demands. `page` tells the owner how it was and how it is.

    Raises: AnonymityError when it does not; otherwise as `minimise`.
    """
    kept = minimise(table, needed, link_key)
    before, after = measure(table), measure(kept.table)
    broken = _broken(kept.table, after)
    risk_page.write(page, table, kept.generalised, before, after, broken)
    if broken:
        raise AnonymityError(
            f"{table.source}: even minimised it does not have what contract {table.contract.id} demands: "
            f"{'; '.join(broken)}. Details are in {page.name} beside it"
        )
    return kept


def _coarser(cells: Any, column: Column) -> Any:
    assert column.generalise  # noqa: S101 (the caller's condition)
    if column.type == "string":
        return pc.utf8_slice_codeunits(cells, 0, column.generalise.prefix)
    numbers = cells.cast(pa.int32()) if column.type == "date" else cells
    values = column.generalise.coarsen(pc.fill_null(numbers.cast(pa.int64()), 0).to_numpy())
    made = pa.array(values, mask=pc.is_null(cells).to_numpy())
    return made.cast(pa.int32()).cast(TYPES["date"]) if column.type == "date" else made


def _sampled(table: Table) -> Table:
    """As many rows as the contract's sample asks for, taken by the system's randomness, in their order."""
    size = max(round(table.rows * table.contract.demands.sample / 100), 1)
    if size >= table.rows:
        return table
    order = np.frombuffer(os.urandom(8 * table.rows), np.uint64)
    return _rows(table, np.sort(np.argpartition(order, size)[:size]))


def _without_small_classes(table: Table) -> Table:
    """The rows of classes of at least k, unless more would stay behind than the contract tolerates."""
    of_row = classes(table)
    large = np.bincount(of_row)[of_row] >= table.contract.demands.k
    behind = table.rows - int(large.sum())
    if behind > table.rows * table.contract.demands.left_behind / 100:
        return table
    return _rows(table, np.flatnonzero(large))


def _rows(table: Table, at: NDArray[np.int64]) -> Table:
    return Table(table.contract, table.source, table.data.take(pa.array(at)))


def _broken(table: Table, risk: Risk) -> list[str]:
    """The demands of the contract that do not hold."""
    demands = table.contract.demands
    broken = []
    if risk.k < demands.k:
        broken.append(
            f"{demands.k} rows alike in {', '.join(risk.quasi)} (generalise these more, or let more rows stay behind)"
        )
    for name, diversity in risk.diversity.items():
        if diversity < demands.diversity:
            broken.append(f"{demands.diversity} different values of {name} in every class")
    for name, closeness in risk.closeness.items():
        if closeness > demands.closeness:
            broken.append(f"every class within {demands.closeness} of the table's distribution of {name}")
    return broken
