"""What `contract lint` says of any contract of the standard: warnings, and what a joint analysis cannot do without."""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.canonical import Yaml, load_yaml
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.contract import Contract, read_contract
from counterfoil.governance.contracts.standard.conformance import conform
from counterfoil.governance.documents import Problems

_MOST = 500


@dataclass(frozen=True, slots=True)
class Linted:
    """`warnings` are parts of the standard that nothing here uses, a line each."""

    warnings: tuple[str, ...]
    document: Yaml
    raw: bytes
    needed: tuple[tuple[int, str], ...]

    def contract(self) -> Contract:
        """Return the contract without what is not used.

        Raises: ContractError, one line for each thing that it needs.
        """
        problems = Problems(self.document, ContractError, _MOST)
        for line, text in self.needed:
            problems.take(line, text)
        contract = read_contract(self.document, self.raw, problems)
        problems.raise_if_any()
        return contract


def lint(raw: bytes, source: str) -> Linted:
    """Read the contract as one of the standard's. Raises: DocumentError if it is none at all."""
    found = conform(load_yaml(raw, source))
    return Linted(tuple(text for _, text in sorted(found.unused)), found.document, raw, found.needed)
