"""Stage at every node, on a schedule: how privacy parameters have changed, and how long budgets last."""

from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.budgets import budgets


@stage()
def audit_budgets(agreement: RefText) -> int:
    """A report is on the run's page; how much of it needs a person's eye."""
    return budgets(agreement)
