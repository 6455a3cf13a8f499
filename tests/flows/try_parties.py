"""Many parties for tests, a worker each, in processes of their own: `python -m ... NAME...`; all end with this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from flows import spawner
from flows.gate import Gate
from flows.worker import CounterfoilWorker
from mpc_tasks.barrier import guard_logs
from tests.flows.try_party import end


def work(party: str) -> None:
    channel = spawner.fork(Gate((end,), lambda run: None))
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(CounterfoilWorker(party, name=party, channel=channel).start())


def main() -> None:
    guard_logs()
    children = []
    for party in sys.argv[1:]:
        pid = os.fork()
        if pid == 0:
            work(party)
            os._exit(0)
        children.append(pid)

    def stop(*_: object) -> None:
        for pid in children:
            os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
