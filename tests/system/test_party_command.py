"""A party's worker as an operator starts it: a line for what is wrong, and an exit code that says which."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from counterfoil.errors import BusyError, NotFoundError, UnreachableError
from counterfoil.home import Home
from counterfoil.proxies import without_proxies
from counterfoil_prefect.deployments.settings import shipped
from counterfoil_prefect.deployments.stand import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def party(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command has ended."""
    environ = {
        **without_proxies(os.environ),
        **shipped("party"),
        "PREFECT_HOME": str(folder / "prefect"),
        **environment,
    }
    environ.pop("COUNTERFOIL_HOME") if not environ.get("COUNTERFOIL_HOME") else None
    argv = [str(Path(sys.executable).with_name("counterfoil")), "worker", *words]
    return subprocess.run(argv, env=environ, check=False, capture_output=True, text=True, timeout=200)


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(Home.create(tmp_path / "bank-a", "bank-a", str(tmp_path / "exchange"), ("owner",)).path)


def nobody() -> str:
    """An address where nobody listens."""
    return f"http://me:secret@127.0.0.1:{free_ports(1)[0]}/api"


@pytest.fixture
def other() -> Iterator[str]:
    """A web server that is no Prefect server."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>a page</html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_help(tmp_path: Path) -> None:
    done = party(tmp_path, "--help", COUNTERFOIL_HOME="")
    assert done.returncode == 0 and "COUNTERFOIL_HOME" in done.stdout and re.search(r"--wait +SECONDS", done.stdout)


def test_without_a_home(tmp_path: Path) -> None:
    done = party(tmp_path, COUNTERFOIL_HOME="", PREFECT_API_URL=nobody())
    assert done.returncode == NotFoundError.exit_code
    told = "error: no home folder is given; use --home or set COUNTERFOIL_HOME; counterfoil party init makes one"
    assert done.stderr.splitlines() == [told]


def test_a_home_is_given_as_to_every_command(tmp_path: Path, home: str) -> None:
    done = party(tmp_path, "--home", home, "--wait", "1", COUNTERFOIL_HOME="", PREFECT_API_URL=nobody())
    assert done.returncode == UnreachableError.exit_code, done.stderr


def test_a_server_is_asked_before_seconds_go_into_what_its_runs_need(tmp_path: Path, home: str) -> None:
    told = {"PYTHONPROFILEIMPORTTIME": "1", "PREFECT_API_URL": nobody()}
    done = party(tmp_path, "--wait", "1", COUNTERFOIL_HOME=home, **told)
    assert done.returncode == UnreachableError.exit_code, done.stderr
    imported = re.findall(r"^import time: .*\| +(\S+)$", done.stderr, re.MULTILINE)
    assert "prefect" in imported and not {"great_expectations", "pandas", "numba"} & set(imported)


def test_without_an_address_no_server_is_started(tmp_path: Path, home: str) -> None:
    done = party(tmp_path, COUNTERFOIL_HOME=home, PREFECT_API_URL="")
    assert done.returncode == UnreachableError.exit_code
    told = "error: PREFECT_API_URL is not set; set it to the server's address, like http://host:4200/api"
    assert done.stderr.splitlines() == [told]
    assert not list((tmp_path / "prefect").glob("*.db"))  # of a server of Prefect's own


@pytest.mark.parametrize("address", ["http://[bad", "http://server:port/api"])
def test_an_address_that_is_none(tmp_path: Path, home: str, address: str) -> None:
    done = party(tmp_path, COUNTERFOIL_HOME=home, PREFECT_API_URL=address)
    assert done.returncode == UnreachableError.exit_code
    assert done.stderr.splitlines() == ["error: PREFECT_API_URL is no address; give one like http://127.0.0.1:4200/api"]


def test_a_server_that_is_not_there(tmp_path: Path, home: str) -> None:
    done = party(tmp_path, "--wait", "3", COUNTERFOIL_HOME=home, PREFECT_API_URL=nobody())
    assert done.returncode == UnreachableError.exit_code, done.stderr
    said = done.stderr.splitlines()
    assert len(said) == 2 and "yet (ConnectError); it is asked for 3 s" in said[0], done.stderr
    assert said[1].startswith("error: no Prefect server answered at http://127.0.0.1:") and "secret" not in done.stderr


def test_a_server_that_is_another(tmp_path: Path, home: str, other: str) -> None:
    done = party(tmp_path, COUNTERFOIL_HOME=home, PREFECT_API_URL=other)
    assert done.returncode == UnreachableError.exit_code, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "its address ends with /api" in done.stderr


def test_a_proxy_in_between_is_named(tmp_path: Path, home: str) -> None:
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "PREFECT_API_URL": "http://prefect.invalid:4200/api"}
    done = party(tmp_path, "--wait", "1", COUNTERFOIL_HOME=home, **proxy)
    assert done.returncode == UnreachableError.exit_code, done.stderr
    assert "asked through the proxy that HTTP_PROXY names" in done.stderr.splitlines()[-1], done.stderr


def test_a_home_has_one_worker(tmp_path: Path, home: str) -> None:
    environ = {**os.environ, **shipped("party"), "COUNTERFOIL_HOME": home, "PREFECT_API_URL": nobody()}
    argv = [str(Path(sys.executable).with_name("counterfoil")), "worker", "--wait", "100"]
    with subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None and "it is asked for 100 s" in first.stderr.readline()
        done = party(tmp_path, COUNTERFOIL_HOME=home, PREFECT_API_URL=nobody())
        first.kill()
    assert done.returncode == BusyError.exit_code, done.stderr
    assert f"process {first.pid} works for this party already" in done.stderr and len(done.stderr.splitlines()) == 1
    again = party(tmp_path, "--wait", "1", COUNTERFOIL_HOME=home, PREFECT_API_URL=nobody())
    assert again.returncode == UnreachableError.exit_code, again.stderr
