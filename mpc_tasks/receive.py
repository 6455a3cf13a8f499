"""Step at a node: take in the owners' submissions, and the job that they make."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.roles.node.attempt import Computation
from counterfoil.roles.node.intake import take_in
from counterfoil_prefect.mpc_tasks.held import hold, home
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="receive", version=1)
def receive(agreement: Ref, period: str, submissions: tuple[Ref, ...], attempt: int) -> Ref:
    """Verify every submission against the agreement and put it into this node's vault; return the attempt to come."""
    now = clock.now()
    terms = signed(agreement, now.date())
    job, manifests = take_in(home(), terms, period, submissions, now)
    received = {f"submission-{number}": Ref("submission", m.owner, m.digest) for number, m in enumerate(manifests)}
    home().log.append(
        "submissions-received",
        subject=job.id,
        refs={"agreement": terms.digest, **{name: str(reference) for name, reference in received.items()}},
        counts=dict(zip(received, (m.rows for m in manifests), strict=True)),
    )
    return hold("attempt", Computation(home(), terms, job, manifests, attempt))
