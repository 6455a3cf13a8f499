"""Stage at an owner: make sealed shares of its table."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import Id, RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.minimise import minimise
from counterfoil_prefect.mpc_tasks.share import share
from counterfoil_prefect.mpc_tasks.validate import validate


@stage(
    Stage(
        roles=("owner",),
        limit_s=3600,
        title="check, minimise, share, seal",
        repeatable=True,
        after="agree",
        loads=("great_expectations",),
        ends={
            "LateTableError": "at the owner: put the table into its home, as the message says; it is looked for each "
            "minute until the agreement's hours are over",
            "PeriodTableError": "at the owner: put the table of then into its home as `data/<contract>.<period>.csv` "
            "or `.parquet`; then order the period again by its name",
        },
    )
)
def contribute(agreement: RefText, contract: Id, period: Id) -> Ref:
    """Check, minimise and share the owner's table, and upload it sealed to each node; return the signed manifest."""
    table = validate(agreement, contract, period)
    return share(minimise(table))
