"""Stage at every node, on a schedule: how privacy parameters have changed, and how long budgets last."""

from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.budgets import budgets
from mpc_tasks.held import home
from mpc_tasks.runs import About, call_run
from mpc_tasks.verify import signed


@stage()
def audit_budgets(agreement: RefText) -> int:
    """A report is on the run's page; how much of it needs a person's eye."""
    call_run(About(signed(agreement).terms.id), "audit_budgets", home().party)
    return budgets(agreement)
