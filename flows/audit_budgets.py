"""Stage at every node, on a schedule: look at how privacy parameters have changed, and how long budgets last."""

from flows.parameters import RefText
from flows.stage import stage
from flows.stages import Schedule, Stage
from mpc_tasks.budgets import budgets
from mpc_tasks.runs import About, call_run
from mpc_tasks.verify import signed


@stage(
    Stage(
        roles=("node",),
        limit_s=600,
        title="look over privacy parameters and budgets",
        repeatable=True,
        schedule=Schedule(slug="monthly", cron="0 3 1 * *"),
    )
)
def audit_budgets(agreement: RefText) -> int:
    """Report on privacy parameters and budgets on the run's page; return how much of it needs a person's eye."""
    call_run(About(signed(agreement).terms.id))
    return budgets(agreement)
