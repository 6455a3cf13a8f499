"""The process that starts all others of a demo; when it ends, so do they.

It imports the heavy libraries once and forks every party and every command off itself: each is a process of its own,
with its own environment, that starts at once and shares the libraries' memory. A real party runs on its own machine:
`counterfoil worker`.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from counterfoil_prefect.flows import spawner
from counterfoil_prefect.flows.spawner import Admitted

FOREVER_S = 1e9


def gate(_run: str, what: str, parameters: Mapping[str, Any]) -> Admitted:
    """Admit `import`, which makes later forks share modules, `call`, which calls a function, and `run`, a program."""
    if what == "import":
        for module in parameters["modules"]:
            import_module(module)
        return Admitted(lambda: None, FOREVER_S)
    return Admitted(partial(_call if what == "call" else _run_program, **parameters), FOREVER_S)


def _call(target: str, argv: Sequence[str], env: Mapping[str, str], output: str) -> None:
    _enter(env, output)
    sys.argv = list(argv)
    module, function = target.split(":")
    getattr(import_module(module), function)()


def _run_program(argv: Sequence[str], env: Mapping[str, str], output: str) -> None:
    _enter(env, output)
    os.execve(argv[0], list(argv), os.environ)  # noqa: S606 (the demo's own command line)


def _enter(env: Mapping[str, str], output: str) -> None:
    os.environ.update(env)
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(handle, stream)


if __name__ == "__main__":
    spawner.serve(socket.socket(fileno=int(sys.argv[1])), gate)
