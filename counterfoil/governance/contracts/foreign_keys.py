"""Foreign keys between data contracts: ODCS v3.1's relationships of one property, in their short form with the file.

A table alone cannot show whether they hold. They say how tables belong together: `contract lint` follows them, and made
tables keep to them.
"""

from __future__ import annotations

from collections.abc import Callable

from counterfoil.errors import ContractError, NotFoundError
from counterfoil.governance.contracts.column import Column, Reference
from counterfoil.governance.contracts.contract import Contract


def check_references(contract: Contract, find: Callable[[str], Contract]) -> None:
    """Check that every foreign key leads to a column of the same type that is never empty and never twice.

    `find` gives the contract in a file.

    Raises: ContractError, one line a foreign key; whatever `find` raises but NotFoundError.
    """
    wrong = []
    for reference in contract.references:
        try:
            problem = _problem(contract.column(reference.column), reference, find(reference.file))
        except NotFoundError:
            problem = f"there is no {reference.file} beside this file; correct the name, or add it"
        if problem:
            wrong.append(f"{reference.place}: {problem}")
    if wrong:
        raise ContractError("\n".join(wrong))


def _problem(column: Column, reference: Reference, other: Contract) -> str | None:
    if other.table != reference.table:
        return f"{reference.file} is about the table {other.table!r}, not {reference.table!r}"
    target = next((each for each in other.columns if each.name == reference.target), None)
    if target is None:
        return f"{reference.file} has no column {reference.target!r}; name one that it has"
    if (target.type, target.resolution) != (column.type, column.resolution):
        return f"{reference.target} is of type {target.type}, {column.name} of type {column.type}; make them one"
    if target.key_spelling != column.key_spelling:
        return f"{reference.target} is spelt {target.key_spelling}, {column.name} {column.key_spelling}; make them one"
    if not (target.unique and target.required) and other.primary_key != (target.name,):
        return f"{reference.target} is neither the primary key of {reference.file} nor required and unique; make it so"
    return None
