"""A demo's stand: its folder, its Prefect server, and every party as a process with a home of its own.

Whatever way the demo ends, so do all its processes. Knows how things are started, not what they do.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from counterfoil.proxies import without_proxies
from counterfoil_prefect.deployments.settings import shipped
from counterfoil_prefect.flows.spawned import Spawned

SETTINGS = {
    **shipped("server"),
    **shipped("party"),
    "PREFECT_WORKER_QUERY_SECONDS": "1",  # people watch
    # Services of Prefect's server that a demo has no use for.
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_ENABLED": "false",
}
SERVER_S = 180.0
_FOLDERS = ("homes", "logs", "prefect")
_PORTS = range(20_000, 32_000)


class DemoError(Exception):
    """A step of the demo failed; the text says which, and what it printed."""


class Stand:
    """A fresh folder, a launcher with nothing running yet, and an address for the Prefect server."""

    def __init__(self, folder: Path, nodes: int = 3) -> None:
        self.folder = folder.resolve()
        self.exchange = self.folder / "exchange"
        self.port, *self.node_ports = free_ports(1 + nodes)
        self.api = f"http://127.0.0.1:{self.port}/api"
        self._numbers = count(1)
        self.server_pid = 0

    async def __aenter__(self) -> Self:
        if self.folder.exists() and any(self.folder.iterdir()):
            if not all((self.folder / name).is_dir() for name in _FOLDERS):
                raise DemoError(f"{self.folder} holds something else than a demo, and would be erased; name another")
            shutil.rmtree(self.folder, ignore_errors=True)
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True, mode=0o700)
        environment = {
            **without_proxies(os.environ),  # all that a demo asks is on this machine
            **SETTINGS,
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(self.folder / "prefect"),
        }
        self._launcher = Spawned.launch(
            "counterfoil_prefect.deployments.launcher", env=environment, start_new_session=True
        )
        self._listening = asyncio.create_task(self._launcher.listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.cancel()
        self._launcher.close()

    def home(self, party: str) -> Path:
        """Name the party's home folder."""
        return self.folder / "homes" / party

    async def preload(self, *modules: str) -> None:
        """Import the modules, which all that is started later shares."""
        await self._finish("import", {"modules": list(modules)}, "importing")

    async def call(self, target: str, *argv: str, env: Mapping[str, str] | None = None) -> str:
        """Call `module:function` in a process of its own; return what it printed. Raises: DemoError."""
        output = self.folder / "logs" / f"{next(self._numbers):03d}-{'-'.join(argv[:3]).replace('/', '-')}.log"
        parameters = {"target": target, "argv": list(argv), "env": dict(env or {}), "output": str(output)}
        return await self._finish("call", parameters, " ".join(argv), output)

    async def cli(self, party: str, *arguments: str) -> str:
        """Run `counterfoil` with the arguments as the party, in its home; return what it printed. Raises: DemoError."""
        env = {"COUNTERFOIL_HOME": str(self.home(party))}
        return await self.call("counterfoil.cli:app", "counterfoil", *arguments, env=env)

    async def work(self, party: str) -> None:
        """Start the party's worker in its home; it runs until the demo ends."""
        env = {"COUNTERFOIL_HOME": str(self.home(party))}
        output = str(self.folder / "logs" / f"{party}.log")
        await self._begin(
            "call", {"target": "counterfoil_prefect.flows.party:work", "argv": ["party"], "env": env, "output": output}
        )

    async def serve(self) -> None:
        """Start the Prefect server and wait until it answers at `api`; it runs until the demo ends. Raises: DemoError.

        One that is started again goes on with the database of the one before.
        """
        database = self.folder / "prefect" / "prefect.db"
        prepared = prepared_database()
        if prepared.exists() and not database.exists():
            shutil.copy(prepared, database)
        argv = [str(Path(sys.executable).with_name("prefect")), "server", "start", "--host", "127.0.0.1"]
        argv += ["--port", str(self.port)]
        env = {"PREFECT_API_DATABASE_CONNECTION_URL": database_url(database)}
        output = self.folder / "logs" / "prefect-server.log"
        news = await self._begin("run", {"argv": argv, "env": env, "output": str(output)})
        self.server_pid = int((await news.get())["pid"])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVER_S), httpx.AsyncClient(trust_env=False) as client:
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        if (await client.get(f"{self.api}/health")).is_success:
                            return
                    await asyncio.sleep(0.2)
        raise DemoError(f"the Prefect server did not answer within {SERVER_S:.0f} s: {output}")

    async def _begin(self, what: str, parameters: dict[str, Any]) -> asyncio.Queue[dict[str, Any]]:
        return await self._launcher.order(what, str(next(self._numbers)), parameters)

    async def _finish(self, what: str, parameters: dict[str, Any], title: str, output: Path | None = None) -> str:
        news = await self._begin(what, parameters)
        code = None
        while code is None:
            code = (await news.get()).get("exit")
        text = output.read_text() if output and output.exists() else ""
        if code != 0:
            raise DemoError(f"{title}: exit code {code}\n{text.strip()}")
        return text.strip()


def free_ports(number: int) -> list[int]:
    """Find ports that nobody listened on a moment ago.

    They are below those that systems give out by themselves, so that no caller of anything gets one meanwhile.
    """
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
            if len(ports) == number:
                return ports
    raise DemoError(f"fewer than {number} ports from {_PORTS[0]} to {_PORTS[-1]} are free")


def database_url(path: Path) -> str:
    """Address Prefect's database in the file, opened as `server.env` says and tells why."""
    kind, _, rest = SETTINGS["PREFECT_API_DATABASE_CONNECTION_URL"].partition("file:")
    return f"{kind}file:{quote(str(path))}?{rest.partition('?')[2]}"


def prepared_database() -> Path:
    """Name the file of this Prefect's empty database, which takes seconds to make."""
    return Path(sys.prefix) / "prefect-empty.db"
