"""A party for tests whose only flows sleep, end, or die; its worker is the real one."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from counterfoil.canonical import Ref
from counterfoil.errors import StoreError
from counterfoil_prefect.flows import spawner
from counterfoil_prefect.flows.gate import Gate
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.flows.worker import CounterfoilWorker
from counterfoil_prefect.mpc_tasks.barrier import guard_logs


def leave_pid(name: str) -> None:
    (Path(os.environ["COUNTERFOIL_HOME"]) / name).write_text(str(os.getpid()))


@stage(Stage(limit_s=600))
def sleep(agreement: RefText) -> Ref:
    leave_pid("sleep")
    time.sleep(600)
    return agreement


@stage(Stage(limit_s=2))
def overdue(agreement: RefText) -> Ref:
    leave_pid("overdue")
    time.sleep(600)
    return agreement


@stage(Stage(limit_s=60))
def die(agreement: RefText) -> Ref:
    os.kill(os.getpid(), signal.SIGKILL)
    return agreement


@stage(Stage(limit_s=60))
def stumble(agreement: RefText) -> Ref:
    raise KeyError("customer 4711")


@stage(Stage(limit_s=120))
def slow(agreement: RefText) -> Ref:
    leave_pid("slow")
    time.sleep(10)  # a server that test_limits kills is away for longer
    return agreement


@stage(Stage(limit_s=60))
def once(agreement: RefText) -> Ref:
    if not (Path(os.environ["COUNTERFOIL_HOME"]) / "once").exists():
        leave_pid("once")
        raise StoreError("the exchange is away")
    return agreement


@stage(Stage(limit_s=60))
def end(agreement: RefText) -> Ref:
    return agreement


if __name__ == "__main__":
    guard_logs()
    channel = spawner.fork(Gate((sleep, overdue, die, stumble, slow, once, end), lambda run: None))

    async def work() -> None:
        worker = CounterfoilWorker(sys.argv[1], name=sys.argv[1], channel=channel)
        working = asyncio.create_task(worker.start())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
        await working

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(work())
