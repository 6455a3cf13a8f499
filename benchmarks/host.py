"""Run one engine: a process that deals and reveals, and one process for each party. Driven by lines of JSON.

`python -m benchmarks.host ENGINE SETTING` reads requests from standard input and answers each with one line on
standard output. What libraries print goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final

import numpy as np

from benchmarks.measure import Span, forget_peak, span
from benchmarks.workloads import WORKLOADS

ENGINES: Final = {
    "counterfoil": "benchmarks.engines.counterfoil_tls",
    "spu": "benchmarks.engines.spu_aby3",
    "mpyc": "benchmarks.engines.mpyc_shamir",
}
_PATIENCE_S: Final = 3600.0


class Parties:
    """The computing processes of one engine, from their start until they are closed."""

    def __init__(self, engine: str, meetings: list[Any]) -> None:
        context = get_context("spawn")
        gate = context.Barrier(len(meetings))
        self._pipes: list[Connection] = []
        for meeting in meetings:
            ours, theirs = context.Pipe()
            context.Process(target=_compute, args=(engine, meeting, gate, theirs), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)
        self._answers()

    def order(self, what: str, parts: list[Any] | None = None) -> list[Any]:
        """Send the same order to all parties, each with its part, and return their answers."""
        for rank, pipe in enumerate(self._pipes):
            pipe.send((what, None if parts is None else parts[rank]))
        return self._answers()

    def _answers(self) -> list[Any]:
        answers = []
        for rank, pipe in enumerate(self._pipes):
            if not pipe.poll(_PATIENCE_S):
                raise TimeoutError(f"party {rank} did not answer in {_PATIENCE_S:g} s")
            failed, answer = pipe.recv()
            if failed:
                raise RuntimeError(f"party {rank}: {answer}")
            answers.append(answer)
        return answers


def _compute(engine: str, meeting: Any, gate: Any, pipe: Connection) -> None:
    """Run one party: carry out orders until the pipe is closed."""
    try:
        party = importlib.import_module(engine).party(meeting)
        pipe.send((False, None))
        while True:
            what, part = pipe.recv()
            answer = None
            if what == "load":
                party.load(part)
                forget_peak()
            elif what == "run":
                answer = span(lambda: gate.wait(_PATIENCE_S), party.run, party.meter)
            elif what == "result":
                answer = party.result()
            elif what == "rest":
                party.rest()
                forget_peak()
            elif what == "close":
                party.close()
            pipe.send((False, answer))
    except EOFError:
        return
    except BaseException as error:
        traceback.print_exc()
        pipe.send((True, f"{type(error).__name__}: {error}"))


def trial(parties: Parties, dealer: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Run one workload at one size: a warm-up, timed runs, then check the result of the last one against numpy."""
    workload, size = WORKLOADS[request["workload"]], request["size"]
    data = workload.data(size)
    parties.order("load", dealer.deal(workload, data))
    parties.order("run")
    runs: list[list[Span]] = []
    while len(runs) < request["repetitions"] and _seconds(runs) < request["budget_s"]:
        runs.append(parties.order("run"))
    found = dealer.programs[workload.name].decode(dealer.reveal(parties.order("result")), size)
    parties.order("rest")
    errors = workload.errors(workload.answer(*data), np.asarray(found))
    return {
        **request,
        "runs": [[asdict(each) for each in run] for run in runs],
        "max_error": float(errors.max()),
        "wrong": int((errors > workload.tolerance).sum()),
        "of": int(errors.size),
    }


def _seconds(runs: list[list[Span]]) -> float:
    return sum(each.ended - each.began for run in runs for each in run[:1])


@contextmanager
def _answering() -> Iterator[Any]:
    """Keep the real standard output for answers, and send everything else that is printed to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with answers:
        yield answers


def main() -> None:
    engine, setting, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with _answering() as answers:
        dealer = importlib.import_module(ENGINES[engine]).dealer(setting)
        parties = Parties(ENGINES[engine], dealer.meeting(port))
        print(json.dumps({"about": dealer.about, "workloads": list(dealer.programs)}), file=answers)
        for line in sys.stdin:
            print(json.dumps(trial(parties, dealer, json.loads(line))), file=answers)
        parties.order("close")


if __name__ == "__main__":
    main()
