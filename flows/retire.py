"""Stage at every node, on a schedule: erase what it may not hold any longer.

A server may forget to ask, so a node's own timer runs `counterfoil purge` as well.
"""

from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Schedule, Stage
from counterfoil_prefect.mpc_tasks.erase import erase
from counterfoil_prefect.mpc_tasks.runs import About, call_run


@stage(
    Stage(
        roles=("node",),
        limit_s=600,
        title="erase what is due",
        repeatable=True,
        schedule=Schedule(slug="daily", cron="30 2 * * *"),
    )
)
def retire() -> int:
    """Erase what is past its time, or of an agreement that a party withdrew from; return how much."""
    call_run(About())
    return erase()
