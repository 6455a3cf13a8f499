"""Stage at every node, on a schedule: what it may not hold any longer is erased."""

from flows.stage import stage
from mpc_tasks.erase import erase
from mpc_tasks.held import home
from mpc_tasks.runs import About, call_run


@stage()
def retire() -> int:
    """Nothing is left at this node that is past its time, or from whose agreement a party withdrew; how much went."""
    call_run(About(), "retire", home().party)
    return erase()
