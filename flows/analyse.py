"""Stage at every node, side by side: from submissions to a draft that exists in shares alone."""

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import Count, Id, Refs, RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.audit import audit
from counterfoil_prefect.mpc_tasks.compare import compare
from counterfoil_prefect.mpc_tasks.evaluate import evaluate
from counterfoil_prefect.mpc_tasks.look_back import look_back
from counterfoil_prefect.mpc_tasks.meet import meet
from counterfoil_prefect.mpc_tasks.noise import noise
from counterfoil_prefect.mpc_tasks.range_check import range_check
from counterfoil_prefect.mpc_tasks.receive import receive
from counterfoil_prefect.mpc_tasks.suppress import suppress
from counterfoil_prefect.mpc_tasks.take_turn import take_turn
from counterfoil_prefect.mpc_tasks.verify import signed


@stage(
    Stage(
        roles=("node",),
        limit_s=3600,
        title="compute on shares",
        together=True,
        after="contribute",
    )
)
def analyse(agreement: RefText, period: Id, submissions: Refs, attempt: Count) -> Ref:
    """Compute one attempt of the job, which ends as a whole; return this node's signed evidence on the draft."""
    take_turn(agreement, period, attempt)
    running = meet(receive(agreement, period, submissions, attempt))
    range_check(running)
    look_back(running)
    for plan in signed(agreement, clock.today()).terms.analyses:
        evaluate(running, plan.name)
    compare(running)
    noise(running)
    suppress(running)
    return audit(running)
