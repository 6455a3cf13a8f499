"""Rows of a handed-in table as their owner keeps them, so that it can say later what has changed since.

Kept are tags and encoded columns, and of each column what it was encoded by. Where that is not how the contract encodes
it now, the column is unknown: nothing that is made of it has changed, as far as anybody can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import jcs
from counterfoil.data.changes import Rows
from counterfoil.data.encode import encode
from counterfoil.data.reading.table import Table
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract

_WHO: Final = "who"
_SIZE: Final = "size"


def encodings(table: Table) -> dict[str, str]:
    """Say what encodes each column of a minimised table that can be encoded."""
    columns = [table.contract.column(name) for name in table.names if not table.data[name].null_count]
    return {column.name: _encoding(column) for column in columns if column.bounds is not None}


def categories(table: Table) -> dict[str, tuple[str, ...]]:
    """Say by which categories columns of texts are encoded."""
    columns = [table.contract.column(name) for name in encodings(table)]
    return {column.name: tuple(column.categories) for column in columns if column.categories}


def rows_of(table: Table, domain: int = 0) -> Rows:
    """Encode a minimised table whose rows have tags in so many key domains. Raises: as `encode`."""
    who = None if table.who is None else table.who[:, domain]
    return Rows(who, {name: encode(table, name).values for name in encodings(table)}, table.rows)


def packed(rows: Rows) -> dict[str, NDArray[np.uint64]]:
    """Pack the rows as arrays of a vault, columns in the order of their names: what names them may lose another one."""
    columns = {f"c{at}": rows.columns[name].view(np.uint64) for at, name in enumerate(sorted(rows.columns))}
    tags = {} if rows.tags is None else {_WHO: rows.tags}
    return {**columns, **tags, _SIZE: np.array([rows.size], np.uint64)}


def unpacked(
    arrays: Mapping[str, NDArray[np.uint64]],
    encoded: Mapping[str, str],
    named: Mapping[str, Sequence[str]],
    edges: Mapping[str, Sequence[int]],
    contract: Contract,
) -> Rows:
    """Unpack rows whose columns were encoded so, by these categories, as the contract encodes them now."""
    kept, columns = as_kept(arrays, encoded), {}
    for name, values in kept.columns.items():
        column = _column(contract, name)
        if column is None or _encoding(column) != encoded[name]:
            continue
        if column.categories:
            places = {category: place for place, category in enumerate(column.categories)}
            if not set(named[name]) <= places.keys():
                continue
            columns[name] = np.array([places[category] for category in named[name]], np.int64)[values]
        else:
            columns[name] = values
    return replace(kept, columns=columns, edges={name: tuple(each) for name, each in edges.items()})


def as_kept(arrays: Mapping[str, NDArray[np.uint64]], columns: Iterable[str]) -> Rows:
    """Unpack rows with these columns as they were packed, whatever the contract says of them now."""
    values = {name: arrays[f"c{at}"].view(np.int64) for at, name in enumerate(sorted(columns))}
    return Rows(arrays.get(_WHO), values, int(arrays[_SIZE][0]))


def without(rows: Rows, gone: NDArray[np.uint64]) -> Rows:
    """Leave out the rows of persons with these tags."""
    if rows.tags is None:
        return rows
    kept = ~np.isin(rows.tags, gone)
    columns = {name: values[kept] for name, values in rows.columns.items()}
    return Rows(rows.tags[kept], columns, int(kept.sum()), rows.edges)


def _column(contract: Contract, name: str) -> Column | None:
    try:
        return contract.column(name)
    except ContractError:
        return None


def _encoding(column: Column) -> str:
    coarser = column.generalise.describe(column.resolution) if column.generalise else ""
    kind = "category" if column.categories else "number"
    return jcs([column.type, kind, str(column.resolution), coarser, column.unit, str(column.zone)]).decode()
