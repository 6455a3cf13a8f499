"""Deploying to a bare Prefect server, by each way that the documents name, and what each mistake is called."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from counterfoil.cli import app
from counterfoil.errors import (
    DeploymentError,
    DocumentError,
    EntryPointError,
    NotFoundError,
    UnreachableError,
)
from counterfoil.home import Home
from tests.system.prefect_server import ROOT, PrefectServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LISTED = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_bytes())["deployments"]
PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text("utf-8")
REF = f"agreement:bank-a:{'0' * 64}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    folder = tmp_path_factory.mktemp("server")
    made = PrefectServer(folder, Home.create(folder / "bank-a", "bank-a", str(folder / "exchange"), ("owner",)))
    yield made
    made.stop()


def run(command: str, environment: Mapping[str, str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={**environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def blocks(server: PrefectServer) -> list[str]:
    """The page's commands, with the address of this server."""
    found = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [block.replace("http://127.0.0.1:4200/api", server.environment["PREFECT_API_URL"]) for block in found]


def check_deployed(server: PrefectServer) -> None:
    for item in LISTED:
        flow = item["entrypoint"].split(":")[1]
        answer = server.client.get(f"/deployments/name/{flow}/{item['name']}")
        assert answer.is_success, (flow, item["name"])
        assert answer.json()["work_pool_name"] == item["work_pool"]["name"]
    weekly = server.client.get("/deployments/name/collaborate/coordinator").json()
    assert weekly["schedules"][0]["schedule"]["cron"] == "0 6 * * 1"
    assert weekly["parameters"] == {"agreement": REF}


def make_bare(server: PrefectServer) -> None:
    for what in ("deployments", "work_pools"):
        for each in server.ask(f"/{what}/filter", {}):
            server.client.delete(f"/{what}/{each['name' if what == 'work_pools' else 'id']}")
    assert server.ask("/work_pools/filter", {}) == server.ask("/deployments/filter", {}) == []


@pytest.mark.parametrize("way", [1, 2], ids=["our command", "Prefect's command"])
def test_each_way_of_the_page_deploys_all_to_a_bare_server(way: int, server: PrefectServer) -> None:
    make_bare(server)
    setting, *ways = blocks(server)
    assert len(ways) == 2
    done = run(f"{setting}\nset -e\n{ways[way - 1]}", server.environment)
    assert done.returncode == 0, (done.stdout, done.stderr)
    check_deployed(server)
    if way == 1:
        assert "work pool node-0: made" in done.stdout
        assert "deployment agree/bank-a: in work pool bank-a\n" in done.stdout
        assert len(done.stdout.splitlines()) == len(LISTED) + len({item["work_pool"]["name"] for item in LISTED})
        again = run(f"{setting}\n{ways[0]}", server.environment)
        assert again.returncode == 0 and "work pool node-0: there already" in again.stdout
        check_deployed(server)


def test_a_proxy_is_not_asked_for_this_machine_and_named_where_it_is_asked(server: PrefectServer) -> None:
    proxied = server.environment | {"COUNTERFOIL_AGREEMENT": REF, "HTTP_PROXY": "http://127.0.0.1:9"}
    done = run("counterfoil deploy --pools", proxied)
    assert done.returncode == 0, done.stderr
    away = run(
        "counterfoil deploy --pools",
        proxied | {"PREFECT_API_URL": "http://prefect.invalid/api"},
    )
    assert away.returncode == UnreachableError.exit_code
    assert "(ConnectError; asked through the proxy that HTTP_PROXY names)" in away.stderr


def test_a_run_is_ordered_and_seen_and_each_mistake_is_a_line(server: PrefectServer) -> None:
    environment = server.environment | {"COUNTERFOIL_AGREEMENT": REF}
    assert run("counterfoil deploy", environment).returncode == 0
    ordered = run(f"counterfoil run agree --at bank-a --set agreement={REF}", environment)
    assert ordered.returncode == 0, ordered.stderr
    made = ordered.stdout.split(":")[0]
    seen = run(f"counterfoil status {made}", environment)
    assert seen.returncode == 0 and seen.stdout.startswith(f"{made} agree at bank-a: Scheduled"), seen
    assert made in run("counterfoil status", environment).stdout
    for command, error, told in (
        (
            "run agree --at nobody",
            NotFoundError,
            "no deployment agree/nobody is on this server; agree is at bank-a, bank-b",
        ),
        (
            f"run agree --at bank-a --set agreement={REF} --set unknown=1",
            DeploymentError,
            "agree/bank-a has no parameter unknown; --set gives it any of: agreement",
        ),
        ("run agree --at bank-a --set period", DocumentError, "a parameter is written name=value"),
        ("run agree --at bank-a", DeploymentError, "it takes agreement"),
        ("status something", DocumentError, "something is no run's id"),
        (f"status {'0' * 8}-0000-4000-8000-{'0' * 12}", NotFoundError, "no run 00000000"),
    ):
        done = run(f"counterfoil {command}", environment)
        assert (done.returncode, "Traceback" in done.stderr) == (error.exit_code, False), (command, done)
        assert told in done.stderr and len(done.stderr.splitlines()) == 1, (command, done.stderr)


def test_it_runs_from_another_folder(server: PrefectServer, tmp_path: Path) -> None:
    done = run(
        "counterfoil deploy",
        server.environment | {"COUNTERFOIL_AGREEMENT": REF},
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    check_deployed(server)


GOOD = "{name: a, entrypoint: 'counterfoil_prefect.flows.agree:agree', work_pool: {name: a}}"
WRONG_LISTS = {
    "no such file": (None, NotFoundError, "is not there"),
    "not YAML": ("deployments: [", DocumentError, "not valid YAML"),
    "nothing listed": ("name: x", DocumentError, "no deployments are listed"),
    "no work pool": ("deployments: [{name: a, entrypoint: b}]", DocumentError, "file.yaml:1: a deployment needs"),
    "odd parameters": (f"deployments: [{GOOD[:-1]}, parameters: [1]}}]", DocumentError, "parameters are written"),
    "an odd schedule": (f"deployments: [{GOOD[:-1]}, schedules: [{{cron: x, slug: s}}]}}]", DocumentError, "schedule"),
    "an unknown flow": (
        f"deployments: [{GOOD.replace('flows.agree', 'flows.agre')}]",
        EntryPointError,
        "no flow is at",
    ),
    "code of others": (
        f"deployments: [{GOOD.replace('counterfoil_prefect.flows.agree', '/srv/evil.py')}]",
        EntryPointError,
        "no flow",
    ),
    "no variable": (
        f"deployments:\n  - {GOOD[:-1]}, parameters: {{agreement: '{{{{ $COUNTERFOIL_AGREEMENT }}}}'}}}}",
        DeploymentError,
        "file.yaml:2: the environment has no COUNTERFOIL_AGREEMENT",
    ),
}
MISTAKES = {
    "no variable": WRONG_LISTS["no variable"],
    "no server": (f"deployments: [{GOOD}]", UnreachableError, "no Prefect server answers at http://127.0.0.1:9/api"),
    "a secret in the address": (f"deployments: [{GOOD}]", UnreachableError, "answers at http://127.0.0.1:9/api ("),
    "not a server": (f"deployments: [{GOOD}]", UnreachableError, "no Prefect server"),
    "a pool of another type": (f"deployments: [{GOOD}]", DeploymentError, "work pool a is there, of type process"),
}


@pytest.mark.parametrize("name", WRONG_LISTS)
def test_a_wrong_list_is_a_line_with_a_code_of_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: no server is asked before the list is right."""
    text, error, words = WRONG_LISTS[name]
    file = tmp_path / "file.yaml"
    if text is not None:
        file.write_text(text)
    monkeypatch.delenv("COUNTERFOIL_AGREEMENT", raising=False)
    done = CliRunner().invoke(app, ["deploy", str(file)])
    assert done.exit_code == error.exit_code, done.output
    assert words in done.stderr
    assert done.output.count("\n") == 1, done.output
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_a_code_of_its_own(name: str, server: PrefectServer, tmp_path: Path) -> None:
    text, error, words = MISTAKES[name]
    file, environment = tmp_path / "file.yaml", dict(server.environment)
    file.write_text(text)
    if name == "no server":
        environment["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    elif name == "a secret in the address":
        environment["PREFECT_API_URL"] = "http://coordinator:swordfish@127.0.0.1:9/api"
    elif name == "not a server":
        environment["PREFECT_API_URL"] = f"{server.client.base_url}nowhere"
    elif name == "a pool of another type":
        server.ask("/work_pools/", {"name": "a", "type": "process"})
    done = run(f"counterfoil deploy {file}", environment)
    assert done.returncode == error.exit_code, (done.stdout, done.stderr)
    assert words in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ")


def test_help_needs_no_server() -> None:
    import os

    done = run("counterfoil deploy --help", {**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and "--pools" in done.stdout
