"""What the benchmark computes is right, what it compares is measured, and rounds are what the cost table says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engines.counterfoil_tls import PROGRAMS, CounterfoilDealer, bare
from benchmarks.plan import CONTESTANTS, FULL, SMALL, Key
from benchmarks.results import Measurement
from benchmarks.round_trip import PRIMITIVES, rounds_apart
from benchmarks.workloads import WORKLOADS
from counterfoil.mpc.session.in_process import run_local
from counterfoil.mpc.session.session import SUITES

ROWS = 1500
ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_workload_is_computed_right(name):
    workload, program = WORKLOADS[name], PROGRAMS[name]
    data = workload.data(ROWS)
    shares = run_local("rep3-sh/1", program.run, inputs=program.encode(*data))
    found = program.decode(CounterfoilDealer("rep3-sh/1").reveal([bare(share) for share in shares]), ROWS)
    assert workload.errors(workload.answer(*data), found).max() <= workload.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("suite", list(SUITES))
def test_real_processes_are_timed(suite):
    request = {"workload": "multiply", "size": ROWS, "repetitions": 2, "budget_s": 60}
    command = [sys.executable, "-m", "benchmarks.host", "counterfoil", suite, str(_first_port())]
    ended = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True, cwd=ROOT)
    found = Measurement.of_answer("ours", json.loads(ended.stdout.splitlines()[1]))
    assert (found.wrong, found.of, found.rounds, len(found.all_seconds)) == (0, ROWS, 1, 2)
    assert found.seconds > 0 and found.peak_mb > 1
    assert found.wire_bytes_per_row > found.payload_bytes_per_row >= 24


def _first_port():
    """Of four that no other test process takes: below those that the system hands out."""
    return 20_000 + os.getpid() % 2_000 * 4


@pytest.mark.parametrize("plan", [FULL, SMALL], ids=["full", "small"])
def test_every_bar_is_measured(plan):
    measured = {Key(c.name, row.workload, size) for row in plan.rows for c in CONTESTANTS for size in row.sizes_of(c)}
    bars = [*plan.peer_bars(), *plan.own_bars()]
    assert {each for bar in bars for each in (bar.above, bar.below)} <= measured
    assert {row.workload for row in plan.rows} == set(WORKLOADS) == set(PROGRAMS)


@pytest.mark.slow
@pytest.mark.parametrize("place, suite", list(enumerate(SUITES)))
def test_rounds_over_a_long_way(place, suite):
    for name, primitive in PRIMITIVES.items():
        counted, chain = rounds_apart(suite, primitive)
        assert counted == primitive.rounds[place], name
        assert 1 <= chain <= counted, name
