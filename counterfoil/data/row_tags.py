"""Tag rows by whom they are about, so that their owner finds a person again in what it remembers of a table.

A tag is a keyed hash of the cells that tell persons apart, spelt as the contract says. The key never leaves the owner,
and no agreement and no contract is part of a tag: two contracts for one table have the same tags for the same persons.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import bind, jcs
from counterfoil.data.legible import spelt
from counterfoil.deferred import deferred
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.key_domain import KeyDomain, key_domains

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

    from counterfoil.data.reading.table import Table
else:
    pa, pc = deferred("pyarrow"), deferred("pyarrow.compute")

KEY_BYTES: Final = 32
"""How long the key is under which an owner tags rows."""

SAME: Final = 2
"""Two tables are mostly about the same persons where one in so many of the smaller one is in both."""


def with_tags(table: Table, key: bytes) -> Table:
    """Tag each row of the table as it was read, in each of its contract's key domains; tags go where the row goes.

    A table whose rows are nobody's, and have no key, has no tags; one that has tags keeps them.

    Cost: about 2 s a million rows and domain.
    """
    if not table.contract.unit or table.who is not None:
        return table
    own = hmac.digest(key, bind("counterfoil/person/1"), "sha256")
    return replace(table, who=np.stack([_tags(table, own, each) for each in key_domains(table.contract)], axis=1))


def told_apart(table: Table) -> Table:
    """Tag rows by whom they are about, under a key that nobody keeps, unless they have tags, or lack what tells."""
    return with_tags(table, secrets.token_bytes(KEY_BYTES)) if set(table.contract.unit) <= set(table.names) else table


def persons_of(table: Table) -> NDArray[np.int64]:
    """Return a number for each row, the same for rows of one person, from 0 on without gaps.

    Raises: PlanError when the table has neither tags nor the columns that its contract tells persons apart by.
    """
    unit = table.contract.unit
    if not unit:  # each row is counted for itself
        return np.arange(table.rows, dtype=np.int64)
    who = told_apart(table).who
    if who is None:
        raise PlanError(f"{table.contract.id}: persons are told apart by {' and '.join(unit)} before it is minimised")
    return np.unique(who[:, 0], return_inverse=True)[1].astype(np.int64)


def without_identifiers(table: Table) -> Table:
    """Leave out the direct identifiers, whose tags say all that anybody needs of them."""
    columns = table.contract.columns
    gone = {each.name for each in columns if each.role == "identifier" and not each.opt_out}
    return table.select([name for name in table.names if name not in gone])


def domain_names(contract: Contract) -> list[str]:
    """Say of each domain that rows are tagged in by what persons are told apart; tags of other names do not compare."""
    unit: list[Any] = list(contract.unit)
    return [jcs({"persons": unit, "spelling": each.name}).decode() for each in key_domains(contract)]


def mostly_same(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> bool:
    """Tell whether two tables are mostly about the same persons, by their tags."""
    mine, theirs = np.unique(one), np.unique(other)
    smaller = min(mine.size, theirs.size)
    return bool(smaller) and SAME * np.intersect1d(mine, theirs, assume_unique=True).size >= smaller


def _tags(table: Table, own: bytes, domain: KeyDomain) -> NDArray[np.uint64]:
    columns = [_texts(table.data[name], domain, name) for name in table.contract.unit]
    made = np.empty(table.rows, np.uint64)
    for at, cells in enumerate(zip(*columns, strict=True)):
        made[at] = int.from_bytes(hmac.digest(own, repr(cells).encode(), "sha256")[:8], "big")
    return made


def _texts(cells: Any, domain: KeyDomain, name: str) -> list[str | None]:
    spelling = domain.of(name)
    found: list[str | None] = pc.cast(cells if spelling is None else spelt(cells, spelling), pa.string()).to_pylist()
    return found
