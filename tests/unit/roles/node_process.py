"""One node of a consortium as a process of its own, that tests can kill, stop, and equip with a wrong key."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError
from counterfoil.governance.agreements.signing.in_force import REVIEW, load
from counterfoil.home import Home
from counterfoil.roles.node import attempt as role
from counterfoil.roles.node.intake import take_in
from tests.lib.consortium import compute, today

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])

SIGNING = "signing"
"""The moment at which a draft is kept, and nobody has heard of it."""


@dataclass(frozen=True)
class Order:
    """What a node is told to do, by whoever coordinates; `pause_at` and `tls` are what befalls it."""

    home: Path
    agreement: Ref
    period: str
    submissions: tuple[Ref, ...]
    attempt: int
    timeout_s: float
    pause_at: str | None = None
    tls: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How a node's process ended: with evidence, or with an error of that class and text, or without a word."""

    seconds: float
    exit_code: int | None
    evidence: Ref | None = None
    error: str = ""
    text: str = ""


class NodeProcess:
    """A node at work."""

    def __init__(self, order: Order) -> None:
        self._heard, theirs = _CONTEXT.Pipe(duplex=False)
        self._started = time.monotonic()
        self._process = _CONTEXT.Process(target=_work, args=(order, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def wait_for(self, step: str, timeout_s: float = 200.0) -> None:
        """The node has come that far. Raises: EOFError if it ends before, TimeoutError."""
        while self._heard.poll(timeout_s):
            if self._heard.recv() == step:
                return
        raise TimeoutError(step)

    def send(self, number: signal.Signals) -> None:
        """The operating system sends the process this signal."""
        assert self._process.pid
        os.kill(self._process.pid, number)

    def end(self) -> None:
        """The process is gone, whatever it was doing."""
        self._process.kill()
        self._process.join()

    def outcome(self, timeout_s: float = 200.0) -> Outcome:
        """How it ended, and after how long."""
        last: Mapping[str, Any] = {}
        while self._heard.poll(timeout_s):
            try:
                heard = self._heard.recv()
            except EOFError:
                break
            if isinstance(heard, dict):
                last = heard
        seconds = time.monotonic() - self._started
        self._process.join(timeout_s)
        return Outcome(seconds, self._process.exitcode, **last)


def _work(order: Order, tell: Connection) -> None:
    def done(step: str) -> None:
        tell.send(step)
        if step == order.pause_at:
            signal.pause()

    try:
        home = Home.open(order.home)
        signed = load(home, order.agreement, for_=REVIEW, today=today().date())
        job, manifests = take_in(home, signed, order.period, order.submissions, clock.now())
        computation = role.Computation(home, signed, job, manifests, order.attempt, order.timeout_s)
        if order.tls:
            for file in order.tls.glob("tls*"):
                shutil.copy(file, order.home / "keys")
        if order.pause_at == SIGNING:
            vars(role)["sign_evidence"] = lambda *_: done(SIGNING)
        tell.send({"evidence": compute(computation, done)})
    except CounterfoilError as error:
        tell.send({"error": type(error).__name__, "text": str(error)})
        os._exit(error.exit_code)
