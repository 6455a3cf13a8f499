"""Step at a node: erase what it may not hold any longer."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.governance.retention.purge import destroy_unused_keys, purge
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.task import mpc_task


@mpc_task(name="erase", version=1)
def erase() -> int:
    """Erase shares that are due, and publish a signed receipt for each; return how many.

    Destroy keys that this party renewed, too, once no roster honours them.
    """
    now = clock.now()
    erased = purge(home(), now)
    destroy_unused_keys(home(), now.date())
    say(f"erased the shares of {len(erased)} submissions and jobs")
    return len(erased)
