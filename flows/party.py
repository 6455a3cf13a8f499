"""A party's processes: which flows its roles run, the spawner that has them imported, and the worker.

`python -m flows.party` is the whole party at work: its home is COUNTERFOIL_HOME, its work pool has its name.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterable
from importlib import import_module

from prefect import Flow

from counterfoil.terminal import say
from flows import spawner
from flows.gate import Gate
from flows.stages import stages_of
from flows.worker import CounterfoilWorker
from mpc_tasks.barrier import guard_logs
from mpc_tasks.held import home

FLOWS = {role: stages_of([role]) for role in ("owner", "node", "coordinator")}
"""The flows of each role, by name."""


def flows_of(roles: Iterable[str]) -> list[Flow[..., object]]:
    """The flows that a party with these roles runs, imported."""
    return [getattr(import_module(f"flows.{name}"), name) for name in stages_of(roles)]


def gate() -> Gate:
    """The gate of the party in COUNTERFOIL_HOME; a refusal is an entry in its log."""
    guard_logs()
    return Gate(flows_of(home().roles), _note_refusal)


def _note_refusal(run: str) -> None:
    home().log.append("run-refused", subject=run)


def work() -> None:
    """The party works until it gets SIGTERM or SIGINT. The process must have no other thread yet."""
    channel = spawner.fork(gate())
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_work(channel))


async def _work(channel: socket.socket) -> None:
    party = home().party
    worker = CounterfoilWorker(party, name=party, channel=channel)
    working = asyncio.create_task(worker.start(printer=say))
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, working.cancel)
    await working


if __name__ == "__main__":
    if len(sys.argv) > 1:  # started by a worker, to be its spawner
        spawner.serve(socket.socket(fileno=int(sys.argv[1])), gate())
    work()
