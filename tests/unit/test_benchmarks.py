"""What the benchmark computes is right, what it compares is measured, and rounds are what the cost table says."""

import pytest

from benchmarks.engines.counterfoil_tls import PROGRAMS, CounterfoilDealer
from benchmarks.plan import CONTESTANTS, FULL, SMALL, Key
from benchmarks.round_trip import PRIMITIVES, rounds_apart
from benchmarks.workloads import WORKLOADS
from counterfoil.mpc.local import run_local
from counterfoil.mpc.session import SUITES

ROWS = 1500


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_workload_is_computed_right(name):
    workload, program = WORKLOADS[name], PROGRAMS[name]
    data = workload.data(ROWS)
    shares = run_local("rep3-sh/1", program.run, inputs=program.encode(*data))
    found = program.decode(CounterfoilDealer("rep3-sh/1").reveal(shares), ROWS)
    assert workload.errors(workload.answer(*data), found).max() <= workload.tolerance


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
