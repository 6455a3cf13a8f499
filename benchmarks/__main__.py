"""Run the whole comparison: `python -m benchmarks [--small] [--only WORKLOAD ...] [--without CONTESTANT ...]`.

Contestants take turns workload by workload, so that what the machine does meanwhile meets all of them. Their processes
run until the end; those whose turn it is not wait.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe
from benchmarks.plan import CONTESTANTS, FULL, SMALL, Contestant, Plan
from benchmarks.plot import draw
from benchmarks.report import markdown
from benchmarks.results import Measurement, Results
from benchmarks.workloads import WORKLOADS

_FIRST_PORT: Final = 29_500
_HERE: Final = Path(__file__).parent
_FULL_NOTE: Final = "Written by `make bench`."
_SMALL_NOTE: Final = "Written by `make bench SMALL=1`: a tenth of the sizes that the bars were set for."


class Host:
    """A contestant's processes, started when they are first needed."""

    def __init__(self, contestant: Contestant, port: int) -> None:
        python = Path(contestant.environment) / "bin" / "python"
        if not python.exists():
            sys.exit(f"{python} does not exist; `make bench` makes the environments")
        command = [str(python), "-m", "benchmarks.host", contestant.engine, contestant.setting, str(port)]
        log = (_results_folder() / f"{contestant.name.replace(' ', '-')}.log").open("w")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
        )
        self._log = log.name
        hello = self._answer()
        self.about, self.workloads = hello["about"], frozenset(hello["workloads"])

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one workload at one size."""
        assert self._process.stdin
        print(json.dumps(request), file=self._process.stdin)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"a contestant's processes have ended; see {self._log}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the processes."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)


def run(
    plan: Plan, contestants: Iterable[Contestant], only: frozenset[str], keep: Callable[[Results], None]
) -> Results:
    """Run all measurements of a plan. After each workload `keep` gets those so far, so that a run may be cut short."""
    hosts = {each: Host(each, _FIRST_PORT + 10 * place) for place, each in enumerate(contestants)}
    results = Results(describe(), {each.name: host.about for each, host in hosts.items()})
    for row in plan.rows:
        if only and row.workload not in only:
            continue
        for contestant, host in hosts.items():
            if row.workload not in host.workloads:
                continue
            for size in row.sizes_of(contestant):
                request = {"workload": row.workload, "size": size}
                limits = {"repetitions": plan.repetitions, "budget_s": plan.budget_s}
                answer = host.ask({**request, **limits})
                found = Measurement.of_answer(contestant.name, answer)
                results.add(found)
                print(found.line(), flush=True)
        keep(results)
    for host in hosts.values():
        host.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of the sizes, in about two minutes")
    parser.add_argument("--only", nargs="*", default=[], choices=sorted(WORKLOADS), help="these workloads alone")
    names = [each.name for each in CONTESTANTS]
    parser.add_argument("--without", nargs="*", default=[], choices=names, help="leave these out")
    chosen = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", str(_HERE.parent))
    plan = SMALL if chosen.small else FULL
    began = time.monotonic()
    contestants = [each for each in CONTESTANTS if each.name not in chosen.without]
    folder, note = _results_folder(), _SMALL_NOTE if chosen.small else _FULL_NOTE

    def keep(results: Results) -> None:
        results.write(folder)
        (folder / "table.md").write_text(markdown(results, plan, note))

    results = run(plan, contestants, frozenset(chosen.only), keep)
    draw(results, plan, folder)
    print(f"\n{folder / 'table.md'} after {time.monotonic() - began:.0f} s")


def _results_folder() -> Path:
    folder = _HERE / "results"
    folder.mkdir(exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
