"""Stage at every node, side by side: from submissions to a draft that exists in shares alone."""

from counterfoil.canonical import Ref
from flows.parameters import Count, Id, Refs, RefText
from flows.stage import stage
from flows.stages import Stage
from mpc_tasks.audit import audit
from mpc_tasks.compare import compare
from mpc_tasks.evaluate import evaluate
from mpc_tasks.guard import guard
from mpc_tasks.meet import meet
from mpc_tasks.noise import noise
from mpc_tasks.range_check import range_check
from mpc_tasks.receive import receive
from mpc_tasks.suppress import suppress
from mpc_tasks.take_turn import take_turn
from mpc_tasks.verify import signed


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
    guard(running)
    for plan in signed(agreement).terms.analyses:
        evaluate(running, plan.name)
    compare(running)
    noise(running)
    suppress(running)
    return audit(running)
