"""A node takes in the submissions that a job names: verified against the agreement, and serving no other job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.reaffirmation import check_reviewed
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.correction import begin, check_counts, count
from counterfoil.governance.jobs.job import Job, plan_job
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.jobs.retention_register import note_held
from counterfoil.governance.jobs.submission import accept, read_manifest, taken_in
from counterfoil.home import Home
from counterfoil.joint.computation import array_specs

_USED_BY: Final = "submission-job"


def take_in(
    home: Home, agreement: SignedAgreement, period: str, submissions: Sequence[Ref], now: datetime
) -> tuple[Job, list[Manifest]]:
    """Take every submission's shares into this node's vault; return the job that they make. None served another job.

    One that is in the vault already, from an attempt that failed, is not taken in again. Of each owner one counts for a
    period, or where the agreement allows it the last correction that came before the nodes began to compute.

    Raises: CorrectionError, SignatureError, RefusedError, ExpiredError, TamperedError, SealError, ReplayError,
        NotFoundError; ReviewDueError when a review date has passed.
    """
    agreement.terms.check_node(home.party)
    check_reviewed(agreement.terms, home.exchange, now.date())
    manifests = [read_manifest(reference, agreement, home.exchange, now) for reference in submissions]
    job = plan_job(agreement, period, manifests, now.date())
    for reference, manifest in zip(submissions, manifests, strict=True):
        home.state.check_bound(_USED_BY, manifest.key, job.id)
        check_counts(manifest, agreement.terms, home, now)
        if not taken_in(manifest, home):
            accept(reference, agreement, home, array_specs, now)
        if before := count(manifest, agreement.terms, home, now):
            home.log.append(
                "submission-corrected" if manifest.correction > before.correction else "correction-too-late",
                subject=manifest.contract,
                refs={"agreement": agreement.digest, "submission": manifest.digest, "corrected": before.manifest},
                counts={"correction": manifest.correction},
            )
    note_held(agreement, "job", job.id, home.state, now.date())
    return job, manifests


def use_up(manifests: Sequence[Manifest], job: Job, terms: Agreement, home: Home) -> None:
    """Use the submissions up for this job: they serve no other, and nothing corrects them any more.

    Raises: ReplayError when one serves another; CorrectionError when one was corrected meanwhile.
    """
    begin(manifests, job.id, terms, home)
    for manifest in manifests:
        home.state.bind(_USED_BY, manifest.key, job.id)
