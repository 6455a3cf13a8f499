"""The worker against a real Prefect server that lies: nothing runs but what the party installed, as it installed it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from counterfoil.audit.event import Event
from counterfoil.home import Home
from tests.system.prefect_server import ROOT, PrefectServer, within

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST_S = 180  # for a run that takes two or three, on a machine that does much else
REF = f"agreement:bank-a:{'0' * 64}"
NESTED: list[Any] = []
for _ in range(100):
    NESTED = [NESTED]


class Server(PrefectServer):
    """A Prefect server in a process of its own, and two workers: a bank's, and one with flows for tests."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.create(folder / "bank-a", "bank-a", str(folder / "exchange"), ("owner",))
        super().__init__(folder, self.home)
        # The server made this pool, and its template says what to run.
        template = {
            "job_configuration": {"command": f"touch {self.marker}", "env": {"PYTHONSTARTUP": "/evil"}},
            "variables": {"type": "object", "properties": {}},
        }
        self.ask("/work_pools/", {"name": "bank-a", "type": "counterfoil", "base_job_template": template})
        prefect = str(Path(sys.executable).with_name("prefect"))
        self.start([prefect, "worker", "start", "--type", "counterfoil", "--pool", "bank-a", "--name", "bank-a"])
        self.start([sys.executable, "-m", "tests.system.try_party", "trier"])
        self.wait_for("/work_pools/trier")

    @property
    def marker(self) -> Path:
        return self.folder / "marker"

    def run(self, pool: str, flow: str, **parameters: Any) -> str:
        """A run of a deployment that names evil code, an evil command and evil steps."""
        made = self.ask("/flows/", {"name": flow})
        deployment = self.ask(
            "/deployments/",
            {
                "name": f"{flow}-{os.urandom(4).hex()}",
                "flow_id": made["id"],
                "work_pool_name": pool,
                "entrypoint": f"{ROOT / 'tests' / 'flows' / 'evil.py'}:evil",
                "path": "/evil",
                "pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {self.marker}"}}],
                "job_variables": {"command": f"touch {self.marker}", "env": {"LD_PRELOAD": "/evil.so"}},
                "enforce_parameter_schema": False,
            },
        )
        wish = {
            "parameters": parameters,
            "state": {"type": "SCHEDULED"},
            "enforce_parameter_schema": False,
            "job_variables": {"command": f"touch {self.marker}", "working_dir": "/evil"},
        }
        return str(self.ask(f"/deployments/{deployment['id']}/create_flow_run", wish)["id"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


def test_a_listed_flow_runs_as_it_is_installed(server: Server) -> None:
    """Its own code ran, for it asked its own exchange; the server's entry point, command and steps did not."""
    state = within(MOST_S, server.ended(server.run("bank-a", "agree", agreement=REF)))
    assert (state["type"], state["name"]) == ("FAILED", "NotFoundError"), state
    assert not server.marker.exists()


@pytest.mark.parametrize(
    ("flow", "parameters", "reason"),
    [
        ("evil", {"agreement": REF}, "this party runs agree, attest, contribute, and nothing else"),
        ("analyse", {"agreement": REF}, "nothing else"),
        ("release", {"agreement": REF, "evidence": REF}, "nothing else"),
        ("agree", {}, "parameter 'agreement' of agree: missing"),
        ("agree", {"agreement": REF, "entrypoint": "os:system"}, "extra_forbidden"),
        ("agree", {"agreement": "/etc/passwd"}, "'agreement' of agree: value_error"),
        ("agree", {"agreement": {"kind": "agreement", "owner": "bank-a"}}, "value_error"),
        ("contribute", {"agreement": REF, "contract": "../loans", "period": "2026-w47"}, "'contract' of contribute"),
        ("agree", {"agreement": "__import__('os').system('touch marker')"}, "'agreement' of agree: value_error"),
        ("agree", {"agreement": NESTED}, "'agreement' of agree: value_error"),
        ("contribute", {"agreement": REF, "contract": "loans", "period": "$(touch marker)"}, "'period' of contribute"),
        ("agree", {"agreement": "x" * 100_000}, "longer than any reference"),
    ],
)
def test_all_else_is_refused_by_name(server: Server, flow: str, parameters: dict[str, Any], reason: str) -> None:
    before = len(server.home.log.entries())
    state = within(MOST_S, server.ended(server.run("bank-a", flow, **parameters)))
    assert (state["type"], state["name"]) == ("FAILED", "Refused"), state
    assert reason in state["message"]
    assert "passwd" not in state["message"]
    assert not server.marker.exists()
    if len(str(parameters)) < 10_000:
        assert Event.parse(server.home.log.entries()[before]).type == "run-refused"


def test_a_worker_that_refused_goes_on(server: Server) -> None:
    assert all(process.poll() is None for process in server.processes)
    assert within(MOST_S, server.ended(server.run("bank-a", "agree", agreement=REF)))["name"] == "NotFoundError"
    assert Event.parse(server.home.log.entries()[-1]).type == "verify-failed"
    assert not server.marker.exists()


def test_a_cancelled_run_ends(server: Server) -> None:
    async def check() -> None:
        run = server.run("trier", "sleep", agreement=REF)
        pid = await pid_of(server, "sleep")
        server.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        assert (await server.ended(run))["type"] == "CANCELLED"
        assert not Path(f"/proc/{pid}").exists()

    within(MOST_S, check())


def test_an_overdue_run_ends(server: Server) -> None:
    async def check() -> None:
        state = await server.ended(server.run("trier", "overdue", agreement=REF))
        assert (state["type"], state["name"]) == ("FAILED", "TimedOut"), state
        assert not Path(f"/proc/{await pid_of(server, 'overdue')}").exists()

    within(MOST_S, check())


def test_a_run_that_dies_is_said_to_have_crashed(server: Server) -> None:
    assert within(MOST_S, server.ended(server.run("trier", "die", agreement=REF)))["type"] == "CRASHED"


def test_a_result_is_a_reference_and_a_fault_is_a_number(server: Server) -> None:
    good = within(MOST_S, server.ended(server.run("trier", "end", agreement=REF)))
    assert (good["type"], good["message"]) == ("COMPLETED", REF)
    bad = within(MOST_S, server.ended(server.run("trier", "stumble", agreement=REF)))
    assert (bad["type"], bad["name"]) == ("FAILED", "InternalError")
    kept = b"".join(path.read_bytes() for path in server.folder.glob("prefect.db*"))
    assert REF.encode() in kept
    assert b"customer 4711" not in kept
    assert "customer 4711" in (server.home.path / "errors.log").read_text()


def test_prefect_deploys_all_without_a_question(server: Server) -> None:
    deployments = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_bytes())["deployments"]
    for pool in sorted({item["work_pool"]["name"] for item in deployments} - {"bank-a"}):
        server.ask("/work_pools/", {"name": pool, "type": "counterfoil"})
    argv = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    subprocess.run(
        [*argv, "--prefect-file", "deployments/prefect.yaml"],
        env={**server.environment, "COUNTERFOIL_AGREEMENT": REF},
        cwd=ROOT,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    for item in deployments:
        flow = item["entrypoint"].split(":")[1]
        assert server.client.get(f"/deployments/name/{flow}/{item['name']}").is_success
    weekly = server.client.get("/deployments/name/collaborate/coordinator").json()
    assert weekly["schedules"][0]["schedule"]["cron"] == "0 6 * * 1"
    assert weekly["parameters"] == {"agreement": REF}


async def pid_of(server: Server, name: str) -> int:
    file = server.home.path / name
    while not (file.exists() and file.read_text()):
        await asyncio.sleep(0.1)
    return int(file.read_text())
