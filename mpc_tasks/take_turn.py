"""Step at a node: wait until no other job is computed there, before anything of this one is begun."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from counterfoil.canonical import Ref
from counterfoil.turns import Holder
from counterfoil.turns import take_turn as take
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.task import mpc_task

LIMIT_S: Final = 1200.0
"""For how long; the coordinator orders one job at a time, so that only what is left of an earlier attempt is met."""

_kept: Final = ExitStack()
"""The turn is this process's until it ends, however it ends."""


@mpc_task(name="take_turn", version=1)
def take_turn(agreement: Ref, period: str, attempt: int) -> None:
    """Take this node's turn to compute, which no other process has; what it waits for is on the run's page.

    Raises: BusyNodeError, naming the other job, its attempt and since when; this one's attempt is not used up.
    """
    what = f"attempt {attempt} for {period} of agreement {agreement.owner}:{agreement.digest[:12]}"

    def waiting(holder: Holder) -> None:
        say(f"waits for its turn at {home().party}, which computes {holder}; it goes on by itself when that ends")

    take(_kept, home().path / "turns" / "compute", what, limit_s=LIMIT_S, waiting=waiting)
