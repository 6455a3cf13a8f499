"""A node's process is killed in the middle of the whole demo: the attempt dies at all nodes, and a new one goes on."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VICTIM = ["stage:analyse", "party:node-1"]


def kill_after_two_steps(demo: subprocess.Popen[str], folder: Path) -> None:
    """Returns when the victim's process was killed, or the demo ended."""
    log, pid = folder / "logs" / "prefect-server.log", 0
    while demo.poll() is None:
        time.sleep(0.05)
        with contextlib.suppress(httpx.TransportError, FileNotFoundError):
            address = re.search(r"http://127.0.0.1:\d+/api", log.read_text())
            if address is None:
                continue
            wanted = {"flow_runs": {"tags": {"all_": VICTIM}}}
            for run in httpx.post(f"{address[0]}/flow_runs/filter", json=wanted).raise_for_status().json():
                pid = int(run["infrastructure_pid"] or 0)
            if pid:
                break
    while demo.poll() is None and not list((folder / "homes" / "node-1" / "vault" / "items").glob("*/step-0002-*")):
        time.sleep(0.001)
    if demo.poll() is None:
        os.kill(pid, signal.SIGKILL)


def test_a_node_that_dies_costs_an_attempt(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    command = (str(Path(sys.executable).with_name("counterfoil")), "demo", "--rows", "1000", "--folder", str(folder))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        kill_after_two_steps(demo, folder)
        printed = demo.communicate()[0]
    assert demo.returncode == 0, printed
    with contextlib.closing(sqlite3.connect(folder / "prefect" / "prefect.db")) as database:
        query = "select name, state_type from flow_run where name like 'analyse exposure %' order by start_time"
        ends = database.execute(query).fetchall()
        said = [message for (message,) in database.execute("select message from log")]
    places = [(name.partition(" at ")[2], state) for name, state in ends if name.startswith("analyse ")]
    assert places.count(("node-1, attempt 1", "CRASHED")) == 1
    assert sorted(place for place, state in places if state == "COMPLETED") == [
        f"node-{node}, attempt 2" for node in range(3)
    ]
    assert len(places) == 6
    resumed = re.findall(r"resumed: (\d+) steps", "\n".join(said))
    assert len(resumed) == 3 and len(set(resumed)) == 1 and int(resumed[0]) >= 1
    assert sum("computed by attempt 1" in each for each in said) == 3 * int(resumed[0])
    assert printed.count("equal to the pooled tables") == 6
