"""Stage at an owner: its table becomes sealed shares."""

from counterfoil.canonical import Ref
from flows.parameters import Id, RefText
from flows.stage import stage
from mpc_tasks.minimise import minimise
from mpc_tasks.share import share
from mpc_tasks.validate import validate


@stage()
def contribute(agreement: RefText, contract: Id, period: Id) -> Ref:
    """The owner's part for the period lies in the exchange, sealed to each node; the signed manifest."""
    table = validate(agreement, contract, period)
    return share(minimise(table))
