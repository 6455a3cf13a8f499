"""Stage at every node, on a schedule: look at how privacy parameters have changed, and how long budgets last."""

from counterfoil import clock
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Schedule, Stage
from counterfoil_prefect.mpc_tasks.budgets import budgets
from counterfoil_prefect.mpc_tasks.runs import About, call_run
from counterfoil_prefect.mpc_tasks.verify import signed


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
    call_run(About(signed(agreement, clock.today()).terms.id))
    return budgets(agreement)
