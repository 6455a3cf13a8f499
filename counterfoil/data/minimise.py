"""Leave at the owner whatever no planned analysis needs. Knows names and roles; looks at no cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from counterfoil.data.table import Table
from counterfoil.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Minimised:
    """The table that is left, and the names of the columns that are not in it any more. The names may leave the owner.

    `identifiers` were dropped because no analysis may ever have them, `unused` because none of these needs them.
    """

    table: Table
    identifiers: tuple[str, ...]
    unused: tuple[str, ...]


def minimise(table: Table, needed: Iterable[str]) -> Minimised:
    """The table with the needed columns alone, in its own order.

    Raises: RefusedError when an analysis asks for a direct identifier; ContractError for a column that nobody declared.
    """
    wanted = set(needed)
    roles = {name: table.contract.column(name).role for name in sorted(wanted.union(table.names))}
    identifiers = tuple(name for name in table.names if roles[name] == "identifier")
    for name in sorted(wanted):
        if roles[name] == "identifier":
            raise RefusedError(
                f"column {name} of contract {table.contract.id} is a direct identifier and stays at its owner; "
                "take it out of the analysis"
            )
    unused = tuple(name for name in table.names if name not in wanted and name not in identifiers)
    kept = [name for name in table.names if name in wanted]
    return Minimised(table.select(kept), identifiers, unused)
