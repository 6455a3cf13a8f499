"""A server that is killed in the middle of a job, and away for half a minute, costs a line a party, and no run."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil_prefect.deployments.demo import NODES, OWNERS

# `make test` has the same in test_limits, at parties that only wait.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


def test_a_job_goes_on_when_its_server_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "away"
    command = (sys.executable, "-m", "tests.system.server_away", str(folder))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with contextlib.closing(sqlite3.connect(folder / "prefect" / "prefect.db")) as database:
        ends = database.execute("select state_type, count(*) from flow_run group by state_type").fetchall()
        analysed = database.execute("select count(*) from flow_run where name like 'analyse %'").fetchone()
    assert set(dict(ends)) - {"SCHEDULED"} == {"COMPLETED", "PAUSED"}, ends
    assert analysed == (3,)  # one attempt
    for party in (*OWNERS, *NODES, "coordinator"):
        said = (folder / "logs" / f"{party}.log").read_text()
        assert "Traceback" not in said, said
        # One for the outage; on a busy machine a server that is only slow may be told of, too.
        assert said.count("does not answer (") == said.count("answers again, after ") <= 4, said
