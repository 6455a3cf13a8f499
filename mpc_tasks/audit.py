"""Step at a node: compare what was opened with what was declared; then make a draft, and evidence on it."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil_prefect.mpc_tasks.held import attempt_of, drop, home
from counterfoil_prefect.mpc_tasks.show import table
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="audit", version=1)
def audit(attempt: Ref) -> Ref:
    """Put the result into this node's vault as a draft and publish signed evidence on it; return the evidence."""
    with attempt_of(attempt) as computation:
        evidence = computation.audit(clock.today())
        cost = computation.cost()
        home().log.append(
            "draft-made",
            subject=computation.job.id,
            refs={"evidence": evidence.digest, "agreement": computation.agreement.digest},
            counts={
                "attempt": computation.attempt,
                "rounds": cost.rounds,
                "bytes-sent": cost.data_bytes + cost.control_bytes + cost.header_bytes,
                "milliseconds": round(1000 * cost.seconds),
            },
        )
    table(
        f"draft-{home().party}",
        [
            {
                "analysis": plan.name,
                "hidden cells": computation.hidden.get(plan.name, "not counted"),
                "rejected": sum(computation.rejected_by(plan.name).values()),
            }
            for plan in computation.agreement.terms.analyses
        ],
        f"Draft of job {computation.job.id}: {cost.rounds} rounds, {cost.seconds:.2f} s. The results exist in shares "
        f"alone. Evidence {evidence.digest}.",
    )
    drop(attempt)
    return evidence
