"""Owners and nodes that agree to all and compute nothing: `python -m tests.flows.try_consortium HOME...`.

What the coordinator does is what is tried. A node signs evidence on made-up inputs, the same as the others' for a
period. An owner has no table for a period that a file of its home names.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
from pathlib import Path

from counterfoil.canonical import Ref
from counterfoil.errors import PeriodTableError
from counterfoil.governance.evidence import make_evidence, sign_evidence
from counterfoil.governance.job import Job
from flows import spawner
from flows.gate import Gate
from flows.parameters import Count, Id, Refs, RefText
from flows.stage import stage
from flows.worker import CounterfoilWorker
from mpc_tasks.barrier import guard_logs
from mpc_tasks.held import home
from mpc_tasks.verify import signed

WITHOUT = "without-table"


@stage(timeout_s=60)
def agree(agreement: RefText) -> Ref:
    return agreement


@stage(timeout_s=60)
def contribute(agreement: RefText, contract: Id, period: Id) -> Ref:
    missing = home().path / WITHOUT
    if missing.exists() and period in missing.read_text().split():
        raise PeriodTableError(f"data: no {contract}.{period}.csv")
    return Ref("manifest", home().party, hashlib.sha256(f"{home().party} {period}".encode()).hexdigest())


@stage(timeout_s=60)
def analyse(agreement: RefText, period: Id, submissions: Refs, attempt: Count) -> Ref:
    terms = signed(agreement)
    made = make_evidence(
        Job(terms.digest, period, {str(part): _made_up(period) for part in terms.terms.parts}),
        attempt,
        terms,
        measures={plan.name: {"cells": 24, "hidden-cells": 1} for plan in terms.terms.analyses},
        commitments={plan.name: [bytes(32) for _ in terms.terms.nodes] for plan in terms.terms.analyses},
        checks={},
        leakage="1" * 64,
        transcript=_made_up(period),
    )
    sign_evidence(made, home().keys, home().exchange)
    return Ref("evidence", home().party, made.digest)


def _made_up(period: str) -> str:
    return hashlib.sha256(period.encode()).hexdigest()


def work(folder: str) -> None:
    os.environ["COUNTERFOIL_HOME"] = folder
    channel = spawner.fork(Gate((agree, contribute, analyse), lambda run: None))
    party = Path(folder).name
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(CounterfoilWorker(party, name=party, channel=channel).start())


def main() -> None:
    guard_logs()
    children = []
    for folder in sys.argv[1:]:
        pid = os.fork()
        if pid == 0:
            work(folder)
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
