"""Step at an owner: check its table against its contract."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.roles.owner import Contribution
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import hold, home
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="validate", version=1, of="contract")
def validate(agreement: Ref, contract: str, period: str) -> Ref:
    """Read the table in this owner's home and check every rule of its contract; return what is held of it."""
    now = clock.now()
    contribution = Contribution(home(), signed(agreement, now.date()), contract, period, now)
    verdict = contribution.validate(now)
    home().log.append(
        "table-validated",
        subject=contract,
        refs={"agreement": str(agreement), "contract": verdict.contract},
        counts={"rows": verdict.rows, "rules": verdict.rules_checked},
    )
    say(f"{verdict.rows} rows satisfy {verdict.rules_checked} rules of contract {contract}")
    return hold("table", contribution)
