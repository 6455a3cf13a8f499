"""Whose row each row is, so that a person's rows are judged as one: known to the owner alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.legible import spelt
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.contract import Contract

if TYPE_CHECKING:
    from counterfoil.data.reading.table import Table


def told_apart(table: Table) -> Table:
    """Give each person of a table that has its keys still a number; it goes where the row goes."""
    return replace(table, persons=_persons(table))


def persons_of(table: Table) -> NDArray[np.int64]:
    """Return a number for each row, the same for rows of one person, from 0 on without gaps.

    Raises: PlanError when the table does not have the columns that its contract tells persons apart by.
    """
    found = table.persons if table.persons is not None else _persons(table)
    if found is None:
        names = " and ".join(person_columns(table.contract))
        raise PlanError(f"{table.contract.id}: persons are told apart by {names} before a table is minimised")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def person_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns that tell persons apart; none where each row is another person's."""
    return contract.person.columns if contract.person else contract.primary_key


def _persons(table: Table) -> NDArray[np.int64] | None:
    """Give each row its person's number; None where the columns that tell persons apart are not there."""
    if table.who is not None:  # tagged before its identifiers went
        return np.unique(table.who[:, 0], return_inverse=True)[1].astype(np.int64)
    names = person_columns(table.contract)
    if not names:
        return np.arange(table.rows, dtype=np.int64)
    if not set(names) <= set(table.names):
        return None
    persons = np.zeros(table.rows, np.int64)
    for name in names:
        cells = spelt(table.data[name], table.contract.column(name).key_spelling)
        codes = cells.combine_chunks().dictionary_encode("encode").indices.to_numpy(zero_copy_only=False)
        codes = codes.astype(np.int64)
        persons = np.unique(persons * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)[1].astype(np.int64)
    return persons
