"""A spawner for tests, in a process of its own: what it runs only sleeps, ends, or writes a file."""

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from counterfoil.errors import RefusedError
from counterfoil_prefect.flows import spawner
from counterfoil_prefect.flows.spawner import Admitted


def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def tell_pid(file: str) -> None:
    Path(file).write_text(str(os.getpid()))
    time.sleep(60)


def gate(run: str, name: str, parameters: Mapping[str, Any]) -> Admitted:
    doings = {
        "end": lambda: None,
        "exit": lambda: sys.exit(parameters["code"]),
        "fail": lambda: 1 // 0,
        "sleep": lambda: time.sleep(60),
        "stubborn": stubborn,
        "pid": lambda: tell_pid(parameters["file"]),
    }
    if name not in doings:
        raise RefusedError("not here")
    return Admitted(partial(doings[name]), 5.0)


if __name__ == "__main__":
    spawner.serve(socket.socket(fileno=int(sys.argv[1])), gate)
