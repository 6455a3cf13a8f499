"""Stage at every party: the agreement binds."""

from counterfoil.canonical import Ref
from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.verify import verify


@stage()
def agree(agreement: RefText) -> Ref:
    """The agreement is signed by all, in force, and can run; its reference."""
    return verify(agreement)
