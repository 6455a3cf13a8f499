"""Step at a node: log what it is about to release."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.governance.cumulative.budget_ledger import balances, ledger
from counterfoil.roles.node.handover import announce_release
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.show import table
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="announce", version=1)
def announce(agreement: Ref, evidence: Ref) -> Ref:
    """Count the reviewers' signatures and announce in the published log what will leave; return the evidence."""
    now = clock.now()
    terms = signed(agreement, now.date())
    announce_release(home(), terms, evidence.digest, now)
    if standing := balances(terms.terms, ledger(home().state), now.date()):
        rows = [
            {
                "recipient": each.recipient,
                "dataset": each.dataset,
                "spent": f"{each.percent} %",
                "of": str(each.cap),
                "alert": f"past {each.alert} %" if each.alarming else "",
            }
            for each in standing
        ]
        table(f"budgets-{home().party}", rows, "What noised results have cost their recipients, with this job's.")
    return evidence
