"""What a node signs when it has taken a submission in, and how anybody reads that. Knows no share and no envelope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import NotFoundError
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.papers import Paper, Readable, Statement, Writable

INTAKE: Final = Paper(
    kind="receipt",
    schema="receipt",
    says="a node took a submission in",
    folder="receipts",
    place=("manifest", "node"),
    signer="node",
    absent="{node} has not taken in the submission of manifest {manifest}",
    other="the receipt of {node} is for another submission",
    bundled="manifest",
)


@dataclass(frozen=True, slots=True)
class Intake(Statement):
    """What a node states: the shares of this submission, whose manifest has the digest, are in its vault."""

    PAPER: ClassVar = INTAKE

    submission: str
    manifest: str
    node: str
    accepted: datetime


def sign_intake(manifest: Manifest, keys: PrivateKeys, exchange: Writable, now: datetime) -> None:
    """Sign and publish the node's receipt for the submission, whose shares are in its vault."""
    Intake(manifest.submission, manifest.digest, keys.party, now).publish(keys, exchange)


def check_intakes(manifest: Manifest, agreement: SignedAgreement, exchange: Readable) -> None:
    """Check that every node signed that it took the submission in. Raises: NotFoundError, SignatureError."""
    for node in agreement.terms.nodes:
        try:
            Intake.read(exchange, agreement.terms.roster.party(node).keys, manifest=manifest.digest)
        except NotFoundError:
            raise NotFoundError(f"{node} has not taken in submission {manifest.submission}") from None
