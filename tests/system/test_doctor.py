"""An own agreement on a real server: `doctor` says what is missing and is content once it is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil import clock
from counterfoil.errors import DeploymentError, NotFoundError, RefusedError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.home import Home
from tests.system.prefect_server import PrefectServer
from tests.unit.conftest import make_consortium

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class World:
    """The banks, who all signed, and a bare server; commands run at the coordinator's home."""

    def __init__(self, folder: Path) -> None:
        banks = make_consortium(folder, today=clock.today())
        banks.sign()
        self.terms: Agreement = banks.agreement
        old = banks.homes["coordinator"]
        file = old.path / "party.yaml"
        file.write_text(file.read_text().replace("roles: []", "roles: [coordinator]"))
        self.home = Home.open(old.path)
        self.server = PrefectServer(folder, self.home)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        counterfoil = str(Path(sys.executable).with_name("counterfoil"))
        return subprocess.run(
            [counterfoil, *words], env=self.server.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.server.stop()


def test_what_is_missing_is_said_with_its_remedy_and_then_it_is_well(world: World) -> None:
    bare = world.run("doctor")
    assert bare.returncode == NotFoundError.exit_code, bare
    assert "error: work pool: the server has no work pool coordinator" in bare.stderr
    assert "collaborate/coordinator.exposure" in bare.stderr and "counterfoil deploy exposure" in bare.stderr
    missing = world.run("run", "exposure")
    assert missing.returncode == NotFoundError.exit_code and "counterfoil deploy exposure" in missing.stderr
    done = world.run("deploy", "exposure")
    assert done.returncode == 0, done.stderr
    assert "deployment collaborate/coordinator.exposure: in work pool coordinator, 1 schedules" in done.stdout
    own = world.server.client.get("/deployments/name/collaborate/coordinator.exposure").json()
    assert own["schedules"][0]["schedule"]["cron"] == world.terms.schedule.cron
    off = world.run("doctor")
    assert off.returncode == NotFoundError.exit_code and len(off.stderr.splitlines()) == 1, off.stderr
    assert "the worker of coordinator is off" in off.stderr and "counterfoil worker --home" in off.stderr
    counterfoil = str(Path(sys.executable).with_name("counterfoil"))
    worker = world.server.start([counterfoil, "worker"])
    for _ in range(120):
        well = world.run("doctor")
        if well.returncode == 0:
            break
    assert well.returncode == 0, (well.stderr, world.server.log_of(worker))
    assert "all is well" in well.stdout and "the clocks agree" in well.stdout


def test_a_pool_of_another_type_is_named(world: World) -> None:
    world.server.client.delete("/work_pools/coordinator")
    world.server.ask("/work_pools/", {"name": "coordinator", "type": "process"})
    found = world.run("doctor")
    assert found.returncode == DeploymentError.exit_code and "prefect work-pool delete coordinator" in found.stderr


def test_a_period_that_is_none_is_refused_before_anything_is_ordered(world: World) -> None:
    assert world.run("deploy", "exposure").returncode in (0, DeploymentError.exit_code)
    refused = world.run("run", "exposure", "--period", "2026-47")
    assert refused.returncode == RefusedError.exit_code and "is not a week" in refused.stderr
    unknown = world.run("run", "exposition")
    assert unknown.returncode == NotFoundError.exit_code and "Traceback" not in unknown.stderr
