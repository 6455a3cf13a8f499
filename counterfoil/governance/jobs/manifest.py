"""Manifests: what an owner states about a submission, in public and under its signature (PROTOCOLS 3.2).

Knows no share, no file and no exchange.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Final

from counterfoil.canonical import Json, digest
from counterfoil.clock import reckoned
from counterfoil.errors import CorrectionError, ExpiredError, KeySpellingError, RefusedError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.contracts.column import LARGEST
from counterfoil.governance.contracts.key_spelling import RULES
from counterfoil.governance.documents import write_time
from counterfoil.governance.papers import Paper, Statement

FORMAT: Final = "counterfoil/manifest/1"

MANIFEST: Final = Paper(
    kind="manifest",
    schema="manifest",
    says="an owner submitted shares: of what, for which agreement, analyses and period",
    folder="submissions",
    place=("agreement", "owner", "contract", "period", "correction"),
    signer="owner",
    absent="{owner} has not submitted number {correction} under {contract} for {period}",
    other="the manifest of {owner} is of another submission",
)
"""By its name nodes find corrections; the one that a job computes on is among the blobs of its owner."""

_BEFORE: Final[Mapping[str, Json]] = {"spelling": 1, "correction": 0, "table": "", "states": ()}
"""What holds where a manifest does not say so, as those of before."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What is public of a submitted array: its shape, and the bounds of its integers, scaled by 2^frac_bits."""

    shape: tuple[int, ...]
    low: int
    high: int
    frac_bits: int = 0

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Manifest(Statement):
    """What an owner states about its submission. `plans` are the digests of the analyses that it consents to.

    `spelling` is the version of the rules by which keys are spelt; `correction` numbers the owner's submissions of one
    part for one period, from 0. `table` is what its owner calls the table, whatever contract it is handed in under;
    `states` are those since which changes are counted, in their order: by the jobs by which they were released, or, if
    they may still be, by the digests of the manifests by which they were handed in.
    """

    PAPER: ClassVar = MANIFEST

    submission: str
    owner: str
    agreement: str
    roster: str
    contract: str
    contract_digest: str
    suite: str
    period: str
    plans: Mapping[str, str]
    rows: int
    arrays: Mapping[str, ArraySpec]
    commitments: tuple[bytes, ...]
    not_after: datetime
    spelling: int = RULES
    correction: int = 0
    table: str = ""
    states: tuple[str, ...] = ()

    def to_json(self) -> Mapping[str, Json]:
        """State the fields as JSON, without what earlier manifests did not have where it is as it was then."""
        stated = dict(super().to_json())
        stated["arrays"] = {
            name: {
                "dtype": "int64",
                "shape": list(spec.shape),
                "low": str(spec.low),
                "high": str(spec.high),
                "frac_bits": spec.frac_bits,
            }
            for name, spec in self.arrays.items()
        }
        stated["commitments"] = [commitment.hex() for commitment in self.commitments]
        return {name: value for name, value in stated.items() if value != _BEFORE.get(name)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Read the fields from JSON of the schema's shape. Raises: DocumentError."""
        arrays = {
            name: ArraySpec(tuple(spec["shape"]), int(spec["low"]), int(spec["high"]), spec["frac_bits"])
            for name, spec in sorted(value["arrays"].items())
        }
        commitments = tuple(bytes.fromhex(text) for text in value["commitments"])
        return {**_BEFORE, **super().from_json(value), "arrays": arrays, "commitments": commitments}

    @cached_property
    def digest(self) -> str:
        """The manifest's name in jobs, receipts and evidence."""
        return digest(self.pack())

    @property
    def key(self) -> str:
        """What nodes remember the submission by: another owner that states the same id keeps it from nothing."""
        return f"{self.owner}/{self.submission}"

    @property
    def part(self) -> Part:
        """Whose submission it is, and under which contract."""
        return Part(self.owner, self.contract)

    @property
    def size(self) -> int:
        """How many ring elements it describes."""
        return sum(spec.size for spec in self.arrays.values())


def consented_plans(terms: Agreement, contract: str) -> dict[str, str]:
    """Return the digest of every analysis that uses the contract: what a submission under it consents to."""
    return {plan.name: plan.plan_digest for plan in terms.analyses if plan.contract == contract}


def check_manifest(manifest: Manifest, agreement: SignedAgreement, now: datetime) -> None:
    """Check that the manifest is what the agreement asks of its owner. Raises: RefusedError; ExpiredError."""
    terms, at = agreement.terms, f"submission {manifest.submission} of {manifest.owner}"
    if manifest.agreement != agreement.digest or manifest.roster != terms.roster.digest:
        raise RefusedError(f"{at} is for another agreement or roster; submit again under {terms.id} {terms.version}")
    if manifest.owner not in terms.owners:
        raise RefusedError(f"{at}: {manifest.owner} is not an owner in agreement {terms.id}")
    contract = terms.contracts.get(manifest.contract)
    if contract is not None and manifest.part not in terms.parts:
        raise RefusedError(f"{at}: in agreement {terms.id} {manifest.owner} has no table under {manifest.contract}")
    if contract is None or manifest.contract_digest != contract.digest:
        raise RefusedError(f"{at} rests on another contract than agreement {terms.id}")
    if manifest.suite != terms.suite or len(manifest.commitments) != len(terms.nodes):
        raise RefusedError(f"{at} is split for {manifest.suite}, the agreement says {terms.suite}")
    if manifest.plans != consented_plans(terms, manifest.contract):
        raise RefusedError(f"{at} consents to other analyses than those agreed; submit again")
    if manifest.rows > contract.most_rows:
        raise RefusedError(f"{at} has {manifest.rows} rows, contract {contract.id} allows {contract.most_rows}")
    for name, spec in manifest.arrays.items():
        if not -LARGEST <= spec.low <= spec.high <= LARGEST:
            raise RefusedError(f"{at}: the bounds of {name} cannot be checked on shares")
    if manifest.spelling != RULES:
        raise KeySpellingError(
            f"{at} spells keys by rules of version {manifest.spelling}, here is {RULES}; install one version of the "
            "software at all owners and nodes, and submit again"
        )
    if manifest.correction and not terms.corrections:
        raise CorrectionError(
            f"{at} is a correction, and agreement {terms.id} allows none; agree on 'corrections: until-computed'"
        )
    terms.schedule.check_period(manifest.period, terms.starts, now.date())
    if now > manifest.not_after:
        raise ExpiredError(
            f"{at} was to be taken in until {write_time(manifest.not_after)}, by its owner's clock; submit again"
            f"{reckoned(now)}"
        )
