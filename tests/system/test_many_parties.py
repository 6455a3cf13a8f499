"""Twelve parties on the settings that come with the product: SQLite, and no run that fails because it is locked."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
import yaml

from counterfoil.home import Home
from counterfoil_prefect.deployments.settings import shipped
from counterfoil_prefect.deployments.stand import database_url
from tests.system.prefect_server import ROOT, PrefectServer

PARTIES = [f"party-{number}" for number in range(12)]
REF = f"agreement:bank-a:{'0' * 64}"


def test_every_way_to_start_reads_the_same_settings() -> None:
    units = ROOT / "deployments" / "systemd"
    compose = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_bytes())
    for name, service in (("server", "server"), ("party", "coordinator")):
        (unit,) = units.glob(f"counterfoil-{name}*.service")
        assert f"EnvironmentFile=/opt/counterfoil/deployments/{name}.env\n" in unit.read_text()
        assert compose["services"][service]["env_file"] == [f"{name}.env"]
    url = shipped("server")["PREFECT_API_DATABASE_CONNECTION_URL"]
    assert database_url(Path("/var/lib/counterfoil-server/prefect.db")) == url
    assert "StateDirectory=counterfoil-server\n" in (units / "counterfoil-server.service").read_text()
    assert compose["services"]["server"]["volumes"] == ["server:/var/lib/counterfoil-server"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("coordinators", "rounds"), [(1, 2), pytest.param(4, 20, marks=pytest.mark.soak)], ids=["few", "many"]
)
def test_twelve_parties_on_sqlite(tmp_path: Path, coordinators: int, rounds: int) -> None:
    home = Home.create(tmp_path / "coordinator", "coordinator", str(tmp_path / "exchange"), ("coordinator",))
    server = PrefectServer(tmp_path, home)
    server.environment |= shipped("party")
    try:
        for party in PARTIES:
            server.ask("/work_pools/", {"name": party, "type": "counterfoil"})
            server.deploy("end", party)
        server.start([sys.executable, "-m", "tests.system.try_parties", *PARTIES])
        wish = json.dumps({"stage": {"name": "end"}, "parties": PARTIES, "agreement": REF, "rounds": rounds})
        begun = time.monotonic()
        argv = [sys.executable, "-m", "tests.system.try_coordinator", wish]
        for coordinator in [server.start(argv) for _ in range(coordinators)]:
            assert coordinator.wait() == 0, server.log_of(coordinator)
            assert json.loads(server.log_of(coordinator).splitlines()[-1]) == {"ends": dict.fromkeys(PARTIES, REF)}
        assert time.monotonic() - begun < 1500
        runs = server.ask("/flow_runs/filter", {"flows": {"name": {"any_": ["end"]}}, "limit": 200})
        assert {run["state"]["name"] for run in runs} == {"Completed"}
        assert len(runs) == min(200, len(PARTIES) * rounds * coordinators)
    finally:
        server.stop()
    for log in tmp_path.glob("process-*.log"):
        assert "database is locked" not in log.read_text(), log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
