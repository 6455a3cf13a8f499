"""Minimise a table at its owner to what a planned analysis needs: columns, detail, rows, and people who stand out.

Knows what the contract asks for. What it measures on the way is for the owner's eyes; a refusal names the demand alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.minimising.pseudonym import pseudonyms
from counterfoil.data.minimising.risk import classes
from counterfoil.data.reading.cells import TYPES
from counterfoil.data.reading.table import Table
from counterfoil.data.row_tags import told_apart
from counterfoil.errors import DataError, RefusedError
from counterfoil.governance.contracts.column import Column


@dataclass(frozen=True, slots=True)
class Minimised:
    """A minimised table, and what is not in it any more. Names and counts may leave the owner.

    `identifiers` were dropped because no analysis may ever have them, `unused` because none of these needs them;
    `generalised` are coarser than they were, or pseudonyms. Rows that are not in it: `opted_out` of people who did,
    `incomplete` without a needed cell, `left_behind` not sampled, or in too small a class. `filled` cells were empty.
    """

    table: Table
    identifiers: tuple[str, ...]
    unused: tuple[str, ...]
    generalised: tuple[str, ...]
    opted_out: int
    incomplete: int
    left_behind: int
    filled: int

    @property
    def account(self) -> dict[str, int]:
        """The rows that were read, by what became of them: they add up. May leave the owner."""
        stayed = {"opted-out": self.opted_out, "incomplete": self.incomplete, "left-behind": self.left_behind}
        return {"read": sum(stayed.values()) + self.table.rows, **stayed, "shared": self.table.rows}


def minimise(table: Table, needed: Iterable[str], link_key: bytes | None = None) -> Minimised:
    """Reduce the table to the needed columns, as coarse and as few rows as its contract asks for.

    Columns stay in the table's order. Keys become pseudonyms under the link key.

    Raises: RefusedError when an analysis asks for a direct identifier, or for a key and there is no link key;
        DataError when no row is left; ContractError for a column that nobody declared.
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
    willing = taking_part(told_apart(table))
    kept, filled = _filled(willing.select([name for name in table.names if name in wanted]))
    complete = _complete(kept)
    columns = [table.contract.column(name) for name in complete.names]
    coarse = {column.name: _coarser(complete.data[column.name], column) for column in columns if column.generalise}
    for column in columns:
        if column.role == "key":
            if link_key is None or not column.pseudonym:
                raise RefusedError(f"column {column.name} of contract {table.contract.id} leaves as a pseudonym alone")
            coarse[column.name] = pseudonyms(complete.data[column.name], link_key, column.key_spelling)
    data = pa.table({name: coarse.get(name, complete.data[name]) for name in complete.names})
    small = _without_small_classes(_sampled(replace(complete, contract=table.contract.shared(), data=data)))
    return Minimised(
        small,
        identifiers,
        unused,
        tuple(coarse),
        opted_out=table.rows - willing.rows,
        incomplete=willing.rows - complete.rows,
        left_behind=complete.rows - small.rows,
        filled=filled,
    )


def taking_part(table: Table) -> Table:
    """Keep the rows of people who did not opt out. Raises: RefusedError when the table cannot tell; DataError."""
    column = table.contract.opt_out
    if column is None:
        return table
    if column.name not in table.names or table.data[column.name].null_count:
        raise RefusedError(f"{table.source}: without the column {column.name} nobody can tell who opted out")
    return _left(table, pc.invert(table.data[column.name]), "every row is of somebody who opted out")


def _filled(table: Table) -> tuple[Table, int]:
    """Replace empty cells where the contract says by what, and count them."""
    data, filled = table.data, 0
    for at, name in enumerate(table.names):
        column = table.contract.column(name)
        if column.missing.rule == "replace" and (empty := data[name].null_count):
            value = pa.scalar(column.cell(column.missing.replacement), TYPES[column.type])
            data, filled = data.set_column(at, name, pc.fill_null(data[name], value)), filled + empty
    return replace(table, data=data), filled


def _complete(table: Table) -> Table:
    """Keep the rows without an empty cell in a column whose rows are left out then. Raises: DataError."""
    complete = pa.array(np.ones(table.rows, np.bool_))
    for name in table.names:
        if table.contract.column(name).missing.rule == "leave-out":
            complete = pc.and_(complete, pc.is_valid(table.data[name]).combine_chunks())
    return _left(table, complete, "every row lacks a cell that an analysis needs")


def _left(table: Table, which: Any, problem: str) -> Table:
    left = table.take(np.flatnonzero(which.to_numpy(zero_copy_only=False)))
    if table.rows and not left.rows:
        raise DataError(f"{table.source}: nothing is left to share: {problem}; check the export")
    return left


def _coarser(cells: Any, column: Column) -> Any:
    assert column.generalise  # noqa: S101 (the caller's condition)
    if column.type == "string":
        return pc.utf8_slice_codeunits(cells, 0, column.generalise.prefix)
    numbers = cells.cast(pa.int32()) if column.type == "date" else cells
    values = column.generalise.coarsen(pc.fill_null(numbers.cast(pa.int64()), 0).to_numpy())
    made = pa.array(values, mask=pc.is_null(cells).to_numpy())
    return made.cast(pa.int32()).cast(TYPES["date"]) if column.type == "date" else made


def _sampled(table: Table) -> Table:
    """Sample as many rows as the contract asks for, by the system's randomness, in their order."""
    size = max(round(table.rows * table.contract.demands.sample / 100), 1)
    if size >= table.rows:
        return table
    order = np.frombuffer(os.urandom(8 * table.rows), np.uint64)
    return table.take(np.sort(np.argpartition(order, size)[:size]))


def _without_small_classes(table: Table) -> Table:
    """Drop the rows of classes below k, unless more would stay behind than the contract tolerates."""
    of_row = classes(table)
    large = np.bincount(of_row)[of_row] >= table.contract.demands.k
    behind = table.rows - int(large.sum())
    if behind > table.rows * table.contract.demands.left_behind / 100:
        return table
    return table.take(np.flatnonzero(large))
