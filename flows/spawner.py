"""A process with everything imported that forks one child per flow run.

It forks because importing Prefect and the data libraries takes seconds and memory that a fork shares. Over its socket
come a flow's name, a run's id and plain parameters; the gate decides, and no code, command or environment can be asked
for. When the other end of the socket closes, the children are killed.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from counterfoil.errors import CounterfoilError
from counterfoil.terminal import say

MESSAGE_BYTES = 64 * 1024

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Admitted:
    """What may run, in a process of its own, for so long."""

    execute: Callable[[], None]
    limit_s: float


Gate = Callable[[str, str, Mapping[str, Any]], Admitted]
"""From a run's id, a flow's name and its parameters to what may run. Raises CounterfoilError."""


def fork(gate: Gate) -> socket.socket:
    """Fork a spawner off this process, which must have no other thread; return its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        serve(theirs, gate)
    theirs.close()
    return ours


def serve(channel: socket.socket, gate: Gate) -> NoReturn:
    """Fork flow runs on request until the channel closes."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    children: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not channel:
                    number, pid = children.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    _, status = os.waitpid(pid, 0)
                    _send(channel, {"order": number, "exit": os.waitstatus_to_exitcode(status)})
                    continue
                message = channel.recv(MESSAGE_BYTES)
                if not message:
                    for _, pid in children.values():
                        os.killpg(pid, signal.SIGKILL)
                    sys.exit()
                order = json.loads(message)
                if "stop" in order:
                    for number, pid in children.values():
                        if number == order["stop"]:
                            os.killpg(pid, signal.SIGKILL)
                    continue
                started = _start(channel, gate, order)
                if started is not None:
                    handle = os.pidfd_open(started)
                    children[handle] = (order["order"], started)
                    selector.register(handle, selectors.EVENT_READ)


def _start(channel: socket.socket, gate: Gate, order: Mapping[str, Any]) -> int | None:
    try:
        admitted = gate(order["run"], order["flow"], order["parameters"])
    except CounterfoilError as error:
        _send(channel, {"order": order["order"], "refused": f"{type(error).__name__}: {error}"})
        return None
    pid = os.fork()
    if pid == 0:
        channel.close()
        os.setpgid(0, 0)
        for restored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(restored, signal.SIG_DFL)
        _be(admitted)
    with contextlib.suppress(PermissionError, ProcessLookupError):  # the child did it already, and went on
        os.setpgid(pid, pid)
    _send(channel, {"order": order["order"], "pid": pid, "limit_s": admitted.limit_s})
    return pid


def _be(admitted: Admitted) -> NoReturn:
    # Without the interpreter's own way out: it would touch, and so copy, every page that the fork shares.
    code = 1
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # or else it would outlive a spawner that was killed
    try:
        admitted.execute()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        say(*traceback.format_exc().split("\n"), aside=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _send(channel: socket.socket, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the worker is gone; the next read says so
        channel.send(json.dumps(message).encode())
