"""Many parties for tests, a worker each, in processes of their own: `python -m ... NAME...`; all end with this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

from prefect import Flow

from counterfoil_prefect.flows import spawner
from counterfoil_prefect.flows.gate import Gate
from counterfoil_prefect.flows.worker import CounterfoilWorker
from counterfoil_prefect.mpc_tasks.barrier import guard_logs
from tests.system.try_party import end


def work(party: str, flows: Sequence[Flow[..., object]]) -> None:
    """Work for the party, with these flows, until it is stopped."""
    channel = spawner.fork(Gate(flows, lambda run: None))
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(CounterfoilWorker(party, name=party, channel=channel).start())


def each_in_a_process(names: Sequence[str], do: Callable[[str], None]) -> None:
    """Do it for each name, side by side; stopped, all end."""
    guard_logs()
    children = []
    for name in names:
        pid = os.fork()
        if pid == 0:
            do(name)
            os._exit(0)
        children.append(pid)

    def stop(*_: object) -> None:
        for pid in children:
            os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    each_in_a_process(sys.argv[1:], lambda party: work(party, (end,)))
