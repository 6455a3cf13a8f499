"""A real Prefect server for tests, in a process of its own, with the workers that a test starts beside it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx

from counterfoil.home import Home
from counterfoil.proxies import without_proxies
from counterfoil_prefect.deployments.stand import SETTINGS, database_url, free_ports, prepared_database

ROOT = Path(__file__).resolve().parents[2]
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class PrefectServer:
    """The server, which answers when this is made; processes started here work for the party of the home."""

    def __init__(self, folder: Path, home: Home) -> None:
        (port,) = free_ports(1)
        self.folder = folder
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=60, trust_env=False)
        self.environment = {
            **without_proxies(os.environ),
            **SETTINGS,
            "PREFECT_API_URL": str(self.client.base_url).rstrip("/"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_DATABASE_CONNECTION_URL": database_url(folder / "prefect.db"),
            "PYTHONPATH": str(ROOT),
            "COUNTERFOIL_HOME": str(home.path),
        }
        if prepared_database().exists():
            (folder / "prefect.db").write_bytes(prepared_database().read_bytes())
        self.processes: list[subprocess.Popen[bytes]] = []
        prefect = str(Path(sys.executable).with_name("prefect"))
        self._argv = [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        self.begin()

    def begin(self) -> None:
        """The server answers, as it does from the start, or again after `die`."""
        self._server = self.start(self._argv)
        self.wait_for("/health")

    def die(self) -> None:
        """The server is killed."""
        self._server.kill()
        self._server.wait()

    def start(self, argv: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """The process runs until `stop`; what it says is in `log_of` it."""
        environ = {**self.environment, **environment}
        log = (self.folder / f"process-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(argv, env=environ, cwd=self.folder, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def log_of(self, process: subprocess.Popen[bytes]) -> str:
        """What the process has said so far."""
        return (self.folder / f"process-{self.processes.index(process)}.log").read_text()

    def deploy(self, flow: str, party: str) -> str:
        """The party's deployment of the flow, in its own pool; its id."""
        made = self.ask("/flows/", {"name": flow})
        wish = {"name": party, "flow_id": made["id"], "work_pool_name": party, "enforce_parameter_schema": False}
        return str(self.ask("/deployments/", wish)["id"])

    def stop(self) -> None:
        """All that was started here is over."""
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:  # a slow machine; nothing may outlive the test
                process.kill()
                process.wait()

    async def ended(self, run: str) -> dict[str, Any]:
        """The run's last state."""
        return await self.reached(run, FINAL)

    async def reached(self, run: str, types: tuple[str, ...]) -> dict[str, Any]:
        """The run's state, once it is of one of these types."""
        while True:
            state = await self.state(run)
            if state["type"] in types:
                return state
            await asyncio.sleep(0.3)

    async def state(self, run: str) -> dict[str, Any]:
        answer = await asyncio.to_thread(self.client.get, f"/flow_runs/{run}")
        return dict(answer.json()["state"])

    def ask(self, path: str, body: Any) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def wait_for(self, path: str) -> None:
        for _ in range(900):
            try:
                if self.client.get(path).is_success:
                    return
            except httpx.TransportError:
                pass
            asyncio.run(asyncio.sleep(0.2))
        raise TimeoutError(path)


def within(seconds: float, doing: Coroutine[Any, Any, Any]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(seconds):
            return await doing

    return asyncio.run(limited())
