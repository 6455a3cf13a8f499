"""Disclosure policies: what may leave the joint computation.

Knows the rules, not how they are enforced on shares.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from counterfoil.canonical import digest
from counterfoil.errors import AgreementError
from counterfoil.governance.document import read_document


@dataclass(frozen=True, slots=True)
class Policy:
    """`minimum_count`: no published cell stands on fewer rows; `digest` is SHA-256 of the file's bytes."""

    id: str
    version: str
    title: str
    minimum_count: int
    digest: str
    source: str
    raw: bytes = field(repr=False)


def parse_policy(raw: bytes, source: str) -> Policy:
    """The policy that the bytes write. Raises: AgreementError with file and line; DocumentError if not YAML."""
    value = read_document(raw, source, "policy", AgreementError).value
    return Policy(value["id"], value["version"], value["title"], value["minimumCount"], digest(raw), source, raw)
