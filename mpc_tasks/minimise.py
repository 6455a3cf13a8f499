"""Step at an owner: keep of its table only what a planned analysis needs."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.roles.owner import Contribution
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import held, home
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="minimise", version=1)
def minimise(table: Ref) -> Ref:
    """Drop what no analysis needs, and make the rest as coarse as the contract asks for; return the same reference."""
    contribution = held(table, Contribution)
    kept = contribution.minimise()
    dropped = (*kept.identifiers, *kept.unused)
    home().log.append(
        "table-minimised",
        subject=contribution.contract,
        counts={
            "identifiers": len(kept.identifiers),
            "unused": len(kept.unused),
            "generalised": len(kept.generalised),
            "kept": len(kept.table.names),
            "filled": kept.filled,
            "rows": kept.table.rows,
        },
    )
    say(f"kept {', '.join(kept.table.names)}; dropped {', '.join(dropped) or 'nothing'}")
    return table
