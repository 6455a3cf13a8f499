"""A party's processes: which flows its roles run, the spawner that has them imported, and the worker.

`counterfoil worker` is the whole party at work: its home is COUNTERFOIL_HOME, its work pool has its name. A home has
one worker: what the server says of its runs is then true, or nobody's.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from importlib import import_module
from typing import Final, NoReturn

from prefect import Flow

from counterfoil.errors import BusyError, CounterfoilError, StoreError
from counterfoil.proxies import spare_loopback
from counterfoil.terminal import complain, say
from counterfoil_prefect.flows import spawner
from counterfoil_prefect.flows.gate import Gate
from counterfoil_prefect.flows.stages import ALONE, STAGES, stages_of
from counterfoil_prefect.flows.worker import WAIT_S, CounterfoilWorker
from counterfoil_prefect.mpc_tasks.barrier import guard_logs
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.server import reach

FLOWS = {role: stages_of([role]) for role in ("owner", "node", "coordinator")}
"""The flows of each role, by name."""

_LOCK_S: Final = 10.0


def flows_of(roles: Iterable[str]) -> list[Flow[..., object]]:
    """Import the flows that a party with these roles runs."""
    return [getattr(import_module(STAGES[name].module), name) for name in stages_of(roles)]


def gate() -> Gate:
    """Make the gate of the party in COUNTERFOIL_HOME, which logs what it refuses.

    What the party's stages load is loaded, too, so that every run forked from here shares it.
    """
    guard_logs()
    for module in loads_of(home().roles):
        import_module(module)
    return Gate(flows_of(home().roles), _note_refusal)


def loads_of(roles: Iterable[str]) -> list[str]:
    """List the modules that the stages of a party with these roles load."""
    return [module for name in stages_of(roles) for module in STAGES[name].loads]


def _note_refusal(run: str) -> None:
    home().log.append("run-refused", subject=run)


def work(wait_s: float = WAIT_S) -> None:
    """Work for the party until SIGTERM or SIGINT. The process must have no other thread yet.

    A server that never answered is waited for `wait_s`, before the libraries of the flows take their seconds. Exits
    with an error's code, and one line that says it.
    """
    spare_loopback()
    try:
        lock_home()
        asyncio.run(reach(wait_s))
        channel = spawner.fork(gate())
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_work(channel, wait_s))
    except CounterfoilError as error:
        _exit(error)


def lock_home() -> None:
    """Keep other workers of this party away until this process and all that it forked are gone.

    Raises: BusyError, naming the process that does; StoreError.
    """
    path, deadline = home().path / "worker.lock", time.monotonic() + _LOCK_S
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # or the last worker's processes, which end with it
                if time.monotonic() > deadline:
                    other = os.pread(handle, 20, 0).decode(errors="replace").strip()
                    raise BusyError(
                        f"{home().path}: process {other} works for this party already; a home has one worker, stop "
                        "the other one first"
                    ) from None
                time.sleep(0.1)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise StoreError(f"cannot lock {path}: {error.strerror}") from None


async def _work(channel: socket.socket, wait_s: float) -> None:
    party = home().party
    alone = any(STAGES[name].queue == ALONE for name in stages_of(home().roles))
    worker = CounterfoilWorker(party, name=party, channel=channel, wait_s=wait_s, alone=alone)
    working = asyncio.create_task(worker.start(printer=say))
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, working.cancel)
    await working


def _spawn(handle: int) -> None:
    """Serve as the spawner of the worker that started this process."""
    try:
        lock_home()
        through = gate()
    except CounterfoilError as error:
        _exit(error)
    spawner.serve(socket.socket(fileno=handle), through)


def _exit(error: CounterfoilError) -> NoReturn:
    complain(error)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    _spawn(int(sys.argv[1]))
