"""Two periods at once, by real processes: one waits for the other, both end well, and no attempt is used up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.noised import events

# `make test` has the same in test_limits, at parties that only wait.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


def test_two_periods_at_once_both_finish_and_burn_no_attempt(tmp_path: Path) -> None:
    folder = tmp_path / "two"
    command = (sys.executable, "-m", "tests.system.two_periods", str(folder))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((folder / "told.json").read_text())
    analysed = [run for run in told["runs"] if run["parameters"].get("attempt")]
    assert len(analysed) == 6
    assert {(run["state"]["type"], run["parameters"]["attempt"]) for run in analysed} == {("COMPLETED", 1)}
    assert {run["parameters"]["period"] for run in analysed} == set(told["periods"])
    for node in ("node-0", "node-1", "node-2"):
        one, other = sorted((run["start_time"], run["end_time"]) for run in analysed if f"party:{node}" in run["tags"])
        assert one[1] < other[0]
    waits = [line for line in told["logs"] if line.startswith("waits for node-0, which another job has: ")]
    assert all("analyse of exposure 20" in line and "attempt 1, since 20" in line for line in waits), waits
    for node in ("node-0", "node-1", "node-2"):
        types = [event.type for event in events(folder / "homes" / node)]
        assert (types.count("attempt-begun"), types.count("attempt-failed"), types.count("draft-made")) == (2, 0, 2)
