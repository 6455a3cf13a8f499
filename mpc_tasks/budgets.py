"""Step at a node: report what noise has cost, from release to release, and how long budgets last."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.governance.cumulative.budget_audit import drift
from counterfoil.governance.cumulative.budget_ledger import learn, ledger
from counterfoil.joint.computation import losses
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.show import table
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="budgets", version=1)
def budgets(agreement: Ref) -> int:
    """Show on the run's page and log what the audit found; return how much of it needs a person's eye."""
    today = clock.today()
    terms = signed(agreement, today).terms
    learn(terms, home())
    found = drift(terms, losses(terms), ledger(home().state), today)
    looks = sum(each.look for each in found)
    home().log.append(
        "budgets-audited",
        subject=terms.id,
        refs={"agreement": terms.digest},
        counts={"found": len(found), "look": looks},
    )
    rows = [{"level": "look" if each.look else "ok", "about": each.about, "what": each.words} for each in found]
    table(f"budget-audit-{home().party}", rows, f"Privacy parameters of {terms.title}, from release to release.")
    say(f"{looks} of {len(found)} findings on privacy budgets need a look")
    return looks
