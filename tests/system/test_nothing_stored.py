"""Prefect's engine writes no result and no exception anywhere, wherever the server says that they go."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow, Task

from counterfoil.home import Home
from counterfoil_prefect import mpc_tasks
from counterfoil_prefect.flows.party import flows_of
from counterfoil_prefect.mpc_tasks.nowhere import NOWHERE
from tests.system.prefect_server import PrefectServer
from tests.system.try_escape import FLOWS, SECRET


def every_task() -> Iterator[Task[..., Any]]:
    for module in pkgutil.iter_modules(mpc_tasks.__path__):
        for thing in vars(import_module(f"counterfoil_prefect.mpc_tasks.{module.name}")).values():
            if isinstance(thing, Task):
                yield thing


def test_every_flow_and_every_task_keeps_its_results_nowhere() -> None:
    kept: list[Flow[..., Any] | Task[..., Any]] = [*flows_of(["owner", "node", "coordinator"]), *every_task()]
    assert len(kept) > 30
    for each in kept:
        assert (each.result_storage, each.persist_result) == (NOWHERE, False), each.name


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("errors", ["file", "folder"])
def test_what_escapes_is_a_number_for_the_server_and_no_file_of_its(tmp_path: Path, errors: str) -> None:
    """In the second case the party's errors file cannot be written, as on a full disk."""
    home = Home.create(tmp_path / "node-0", "node-0", str(tmp_path / "exchange"), ("node",))
    if errors == "folder":
        (home.path / "errors.log").mkdir()
    server = PrefectServer(tmp_path, home)
    try:
        target = wish_for_results(server, tmp_path / "wherever")
        command = [sys.executable, "-m", "tests.system.try_escape"]
        done = subprocess.run(command, env=server.environment, check=False, capture_output=True, text=True)
        said = {name: state for name, *state in map(json.loads, done.stdout.splitlines())}
        assert set(said) == set(FLOWS), done.stderr
    finally:
        server.stop()
    assert said.pop("step_refuses") == ["FAILED", "OutOfBoundsError", "loans.csv: balance: 3 rows above the maximum"]
    for name, (kind, state, message) in said.items():
        assert (kind, state) == ("FAILED", "InternalError"), (name, state, message)
    own = (home.path / "errors.log").read_text() if errors == "file" else done.stderr
    assert own.count(SECRET) >= len(said)
    assert not target.exists()
    database = b"".join(path.read_bytes() for path in tmp_path.glob("prefect.db*"))
    assert b"InternalError" in database and SECRET.encode() not in database


def wish_for_results(server: PrefectServer, target: Path) -> Path:
    """The server names a folder in which it would have results."""
    server.ask("/block_types/install_system_block_types", {})
    kind = server.client.get("/block_types/slug/local-file-system").json()["id"]
    schema = server.ask("/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}})[0]["id"]
    block = {"name": "wherever", "data": {"basepath": str(target)}, "block_type_id": kind, "block_schema_id": schema}
    wish = {"default_result_storage_block_id": server.ask("/block_documents/", block)["id"]}
    assert server.client.put("/admin/storage", json=wish).is_success
    return target
