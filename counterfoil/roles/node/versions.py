"""What nodes must run alike for a job: versions of protocols, circuits, formats and plans.

Each version is kept beside what it is of. Raise it with every change after which the nodes would mean something else.
"""

from __future__ import annotations

from counterfoil.disclosure import DISCLOSURE
from counterfoil.errors import RefusedError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.jobs.evidence import FORMAT as EVIDENCE
from counterfoil.governance.jobs.manifest import FORMAT as MANIFEST
from counterfoil.mpc.circuits import CIRCUITS
from counterfoil.mpc.session.session import HANDSHAKE
from counterfoil.mpc.session.step_checkpoint import CHECKPOINT
from counterfoil.mpc.transport.base import VERSION
from counterfoil.report.leakage import LEAKAGE


def versions(terms: Agreement) -> str:
    """List, in one form, every version that the nodes of the agreement compare before they compute."""
    plans = {f"plan {plan.analysis}/{plan.version}" for plan in terms.analyses}
    fixed = (HANDSHAKE, CHECKPOINT, CIRCUITS, DISCLOSURE, EVIDENCE, LEAKAGE, MANIFEST, f"mpc/frames/{VERSION}")
    return "; ".join(sorted({*fixed, *plans}))


def check_pinned(terms: Agreement, node: str, software: str) -> None:
    """Refuse a node whose software is none of those that the agreement pins. Raises: RefusedError."""
    if terms.software and software not in terms.software:
        raise RefusedError(
            f"{node} runs software sha256:{software}, and agreement {terms.id} {terms.version} pins "
            f"{', '.join(f'sha256:{each}' for each in terms.software)}; install that software at {node} "
            "(counterfoil --version shows its digest), or agree on a new version"
        )
