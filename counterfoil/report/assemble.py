"""Put a report together: what its reader gets, and all that it says of the agreement, in one place for every report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from counterfoil.joint.computation import analyses
from counterfoil.joint.openings import declared
from counterfoil.report.explain import entitlements
from counterfoil.report.guarantees import guarantees
from counterfoil.report.leakage import statement
from counterfoil.report.model import Evidence, Report

if TYPE_CHECKING:
    from counterfoil.analyses.base import Result
    from counterfoil.governance.agreements.agreement import Agreement


def assemble(terms: Agreement, recipient: str, results: Sequence[Result], evidence: Evidence, **facts: Any) -> Report:
    """Make the recipient's report on a job of the agreement. `facts` are the fields that the job alone knows."""
    return Report(
        title=terms.title,
        purpose=terms.purpose,
        agreement=terms.id,
        agreement_version=terms.version,
        agreement_digest=terms.digest,
        suite=terms.suite,
        parties={
            "Owners": terms.owners,
            "Nodes": terms.nodes,
            "Reviewers": terms.reviewers,
            "Recipients": terms.recipients,
            "Coordinator": (terms.coordinator,),
        },
        results=tuple(results),
        quorum=terms.quorum,
        evidence=evidence,
        leakage=statement(terms, tuple(analyses(terms).values()), declared(terms)),
        guarantees=tuple(guarantees(terms)),
        entitled=tuple(entitlements(terms, recipient)),
        licence=terms.licence,
        **facts,
    )
