"""No run goes on for ever, and none is ended that is over: workers and servers that are off, die, and come back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.home import Home
from counterfoil.turns import turn
from tests.system.prefect_server import PrefectServer, within

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST_S = 180
REF = f"agreement:bank-a:{'0' * 64}"


class Server(PrefectServer):
    """A Prefect server, pools whose workers a test starts, and a coordinator that orders stages."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.create(folder / "coordinator", "coordinator", str(folder / "exchange"), ("coordinator",))
        super().__init__(folder, self.home)

    def party(self, pool: str) -> subprocess.Popen[bytes]:
        """The worker of a party with this pool, at work."""
        before = self.workers(pool)
        worker = self.start([sys.executable, "-m", "tests.system.try_party", pool])
        while self.workers(pool) <= before:
            assert worker.poll() is None, self.log_of(worker)
            time.sleep(0.2)
        return worker

    def workers(self, pool: str) -> str:
        """When the pool's worker was last heard of."""
        answer = self.client.post(f"/work_pools/{pool}/workers/filter", json={})
        heard = [str(each["last_heartbeat_time"]) for each in answer.json()] if answer.is_success else []
        return max(heard, default="")

    def order(self, stage: dict[str, Any], *parties: str, **limits: float) -> subprocess.Popen[bytes]:
        """The coordinator orders the stage."""
        (self.home.path / stage["name"]).unlink(missing_ok=True)  # what an earlier run left
        wish = {"stage": stage, "parties": parties, "limits": limits, "agreement": REF}
        return self.start([sys.executable, "-m", "tests.system.try_coordinator", json.dumps(wish)])

    def told(self, coordinator: subprocess.Popen[bytes]) -> dict[str, Any]:
        """How it ended there."""
        assert coordinator.wait(MOST_S) == 0, self.log_of(coordinator)
        return dict(json.loads(self.log_of(coordinator).splitlines()[-1]))

    def said(self) -> list[str]:
        """The latest lines of all runs' logs."""
        return [log["message"] for log in self.ask("/logs/filter", {"limit": 200, "sort": "TIMESTAMP_DESC"})]

    def page(self, stage: str) -> str:
        """The stage's page, as it is now."""
        wish = {"artifacts": {"key": {"any_": [f"stage-{stage}"]}}, "sort": "CREATED_DESC"}
        found = self.ask("/artifacts/filter", wish)
        return str(found[0]["data"]) if found else ""

    def runs(self, flow: str) -> list[dict[str, Any]]:
        return list(self.ask("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("limits"))
    for pool in ("off", "here", "mortal"):
        made.ask("/work_pools/", {"name": pool, "type": "counterfoil"})
        for flow in ("end", "sleep", "slow", "stumble", "once"):
            made.deploy(flow, pool)
    made.party("here")
    yield made
    made.stop()


def pid_of(server: Server, name: str) -> int:
    """The process of a run that has begun; its file is gone then."""
    file = server.home.path / name
    while not (file.exists() and file.read_text()):
        time.sleep(0.1)
    pid = int(file.read_text())
    file.unlink()
    return pid


def test_a_party_that_is_off_is_on_the_page_and_then_named(server: Server) -> None:
    coordinator = server.order({"name": "end"}, "here", "off", START_S=12)
    while not re.search(r"\| here \| Completed", server.page("end")):
        time.sleep(0.3)
    row = r"\| off \| \w+; its worker has not begun it \| 20[-0-9]+ [0-9:]+ UTC"
    assert re.search(row, server.page("end")), server.page("end")
    told = server.told(coordinator)
    assert told["failures"] == {"off": "NotStarted"}, told
    assert "off: NotStarted: its worker did not begin within 12 s, since 20" in told["said"]
    ends = {run["state"]["type"] for run in server.runs("end")}
    assert ends == {"COMPLETED", "CANCELLED"}
    assert "failed at off" in server.page("end") and "NotStarted" in server.page("end")


def test_a_stage_that_needs_all_begins_nowhere_while_one_is_off(server: Server) -> None:
    before = len(server.runs("end"))
    told = server.told(server.order({"name": "end", "together": True}, "here", "off", START_S=6))
    assert told["failures"]["off"] == "NotStarted" and "its worker was off for 6 s" in told["said"]
    assert len(server.runs("end")) == before


def test_a_run_that_is_over_is_not_asked_to_stop(server: Server) -> None:
    """What the coordinator read before is not what the run is; the server knows."""
    run = str(server.ask("/flow_runs/", {"flow_id": server.ask("/flows/", {"name": "end"})["id"]})["id"])
    server.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "RUNNING"}})
    code = f"""
from uuid import UUID
from prefect.client.orchestration import get_client
from prefect.states import Completed, Running
from counterfoil_prefect.flows.dispatch import _Ordered
from counterfoil_prefect.mpc_tasks.server import Contact
from counterfoil_prefect.flows.stages import STAGES
from counterfoil_prefect.mpc_tasks.runs import About
with get_client(sync_client=True) as client:
    ordered = _Ordered(STAGES["attest"], ["here"], About("trial"), {{}}, client, Contact())
    (followed,) = ordered._runs.values()
    followed.order(UUID("{run}"), 0.0)
    followed.see(Running(), 0.0)
    client.set_flow_run_state(UUID("{run}"), Completed(message="{REF}"))
    ordered._stop(followed)
    ordered._look()
    print(followed.end.type.value, followed.end.message)
"""
    done = subprocess.run([sys.executable, "-c", code], env=server.environment, check=True, capture_output=True)
    assert done.stdout.decode().split() == ["COMPLETED", REF]
    assert within(MOST_S, server.state(run))["type"] == "COMPLETED"


def test_who_ends_well_after_another_failed_is_not_waited_for_without_end(server: Server) -> None:
    coordinator = server.order({"name": "sleep"}, "here", "off", GRACE_S=1, START_S=4)
    told = server.told(coordinator)
    assert told["failures"] == {"off": "NotStarted", "here": "Cancelled"}, told
    assert not Path(f"/proc/{pid_of(server, 'sleep')}").exists()


def test_a_job_waits_for_another_at_a_party_and_says_for_whom(server: Server) -> None:
    before = len(server.runs("end"))
    with turn(server.home.path / "turns" / "here", "analyse of exposure 2026-w46", limit_s=5, waiting=lambda _: None):
        coordinator = server.order({"name": "end", "together": True}, "here")
        while not (waits := [line for line in server.said() if "which another job has" in line]):
            assert coordinator.poll() is None, server.log_of(coordinator)
            time.sleep(0.3)
        assert len(server.runs("end")) == before
    assert server.told(coordinator) == {"ends": {"here": REF}}
    told = r"waits for here, which another job has: analyse of exposure 2026-w46, since 20.* UTC"
    assert [bool(re.fullmatch(told, line)) for line in waits] == [True]


def test_a_stage_that_may_be_repeated_is(server: Server) -> None:
    told = server.told(server.order({"name": "once", "repeatable": True}, "here", BACK_OFF_S=1))
    assert told == {"ends": {"here": REF}}
    assert [run["state"]["name"] for run in server.runs("once")] == ["StoreError", "Completed"]


def test_a_fault_of_ours_is_not_repeated(server: Server) -> None:
    told = server.told(server.order({"name": "stumble", "repeatable": True}, "here", BACK_OFF_S=1))
    assert told["failures"] == {"here": "InternalError"}
    assert len(server.runs("stumble")) == 1


def test_a_dead_workers_run_ends_by_the_coordinators_limit(server: Server) -> None:
    worker = server.party("mortal")
    before = len(server.runs("sleep"))
    coordinator = server.order({"name": "sleep", "limit_s": 8}, "mortal", OVER_S=1, STOP_S=4)
    pid = pid_of(server, "sleep")
    kill(worker, pid)
    told = server.told(coordinator)
    assert told["failures"] == {"mortal": "TimedOut"}, told
    assert server.runs("sleep")[before]["state"]["type"] == "CANCELLED"


def test_a_worker_that_starts_ends_what_the_last_one_left_and_the_stage_goes_on(server: Server) -> None:
    worker = server.party("mortal")
    before = len(server.runs("slow"))
    coordinator = server.order({"name": "slow", "repeatable": True}, "mortal", BACK_OFF_S=1)
    kill(worker, pid_of(server, "slow"))
    worker = server.party("mortal")
    assert server.told(coordinator) == {"ends": {"mortal": REF}}
    first, second = server.runs("slow")[before:]
    assert (first["state"]["type"], second["state"]["type"]) == ("CRASHED", "COMPLETED")
    assert "no process of it is left" in first["state"]["message"]
    worker.terminate()
    worker.wait()


def test_a_worker_that_is_stopped_says_what_it_leaves(server: Server) -> None:
    worker = server.party("mortal")
    before = len(server.runs("sleep"))
    coordinator = server.order({"name": "sleep"}, "mortal")
    pid_of(server, "sleep")
    worker.send_signal(signal.SIGTERM)
    assert server.told(coordinator)["failures"] == {"mortal": "Crashed"}
    assert server.runs("sleep")[before]["state"]["message"] == "its party's worker was stopped"
    worker.wait()


def kill(worker: subprocess.Popen[bytes], pid: int) -> None:
    """The worker dies as with the machine, and with it its run."""
    worker.kill()
    worker.wait()
    while alive(pid):
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_server_that_is_away_costs_a_line_at_each_and_no_run(server: Server) -> None:
    """It is killed while a stage runs, is away when that ends, and comes back."""
    worker = server.party("mortal")
    coordinator = server.order({"name": "slow"}, "mortal")
    pid_of(server, "slow")
    server.die()
    time.sleep(15)  # the stage takes ten seconds
    server.begin()
    assert server.told(coordinator) == {"ends": {"mortal": REF}}
    assert worker.poll() is None
    time.sleep(5)
    for process in (worker, coordinator):
        said = server.log_of(process)
        assert "Traceback" not in said, said
        assert "Unable to connect" not in said, said
        assert said.count("does not answer") <= 1, said
    for _ in range(240):  # Prefect's client may ask again only after a minute
        if "answers again" in (said := server.log_of(worker)):
            break
        time.sleep(0.5)
    assert len(re.findall(r"the Prefect server at http://127.0.0.1:\d+/api does not answer", said)) == 1, said
    assert len(re.findall(r"answers again, after \d+ s", said)) == 1, said
    worker.send_signal(signal.SIGTERM)
    worker.wait()
