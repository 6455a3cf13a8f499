"""By which rules the keys of a contract's rows are spelt, now and before: releases are compared within one such domain.

Persons that are spelt by other rules have other tags (`data.row_tags`), and would pass for others. So owners tag
their rows by the present rules, by every spelling that the contract names as a former one, and as cells were written,
which is how tags were made before there were rules. Knows no row and no tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.canonical import jcs
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.key_spelling import AS_WRITTEN, RULES, KeySpelling, Spellings

UNSPELT: Final = ""
"""The name of the domain in which cells are tagged as they were written."""


@dataclass(frozen=True, slots=True)
class KeyDomain:
    """How keys are spelt, by column; others as written. With None, no cell is spelt at all."""

    spellings: Spellings | None

    @property
    def name(self) -> str:
        """What nodes remember of it: the rules themselves. Spellings that change nothing have no part in it."""
        if self.spellings is None:
            return UNSPELT
        keys = {name: each.json() for name, each in self.spellings.items() if each != AS_WRITTEN}
        return jcs({"rules": RULES, "keys": keys}).decode()

    def of(self, column: str) -> KeySpelling | None:
        """Return how cells of the column are spelt, or None if not at all."""
        return None if self.spellings is None else self.spellings.get(column, AS_WRITTEN)


def key_domains(contract: Contract) -> tuple[KeyDomain, ...]:
    """List the domains in which owners tag rows under the contract: the present one, the unspelt one, former ones."""
    now = {column.name: column.key_spelling for column in contract.columns}
    former = tuple(KeyDomain({**now, **each}) for each in contract.former_spellings)
    return (KeyDomain(now), KeyDomain(None), *former)


def place_of(contract: Contract, domain: str) -> int | None:
    """Say which of the contract's domains has that name, if one has."""
    names = [each.name for each in key_domains(contract)]
    return names.index(domain) if domain in names else None
