"""`counterfoil doctor` at home, where no server answers: what it finds wrong, each with a remedy."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from counterfoil import clock
from counterfoil.address import parse_address
from counterfoil.errors import (
    CounterfoilError,
    ExpiredError,
    ListenError,
    NotFoundError,
    SignatureError,
    StoreError,
    UnreachableError,
)
from counterfoil.home import Home
from counterfoil.roles.owner import file_digest
from counterfoil_prefect.deployments import doctor
from counterfoil_prefect.deployments.doctor import Finding, examine
from tests.unit.conftest import Consortium, make_consortium


@pytest.fixture(autouse=True)
def nowhere() -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    made = make_consortium(tmp_path_factory.mktemp("banks"), today=clock.today())
    made.sign()
    return made


def wrong(folder: Path | None) -> dict[str, CounterfoilError]:
    """What is wrong, by what it is about; no server answers in any of these."""
    found = {each.about: each.error for each in examine(folder) if each.error is not None}
    assert isinstance(found.pop("server"), UnreachableError)
    return found


def test_without_a_home_it_says_how_to_make_one_and_goes_on(tmp_path: Path) -> None:
    found = wrong(tmp_path)
    assert list(found) == ["home"] and isinstance(found["home"], NotFoundError)
    assert "counterfoil party init" in str(found["home"])


def test_a_server_that_does_not_answer_is_named() -> None:
    (found,) = (each for each in examine(None) if each.about == "server")
    assert "no Prefect server answers at http://127.0.0.1:9/api" in found.words


def test_a_table_that_is_not_there_is_named_until_it_is(banks: Consortium) -> None:
    home = banks.homes["bank-a"]
    lacking = wrong(home.path)
    assert list(lacking) == ["table"] and isinstance(lacking["table"], NotFoundError)
    assert "loans.csv" in str(lacking["table"]) and str(home.data) in str(lacking["table"])
    (home.data / "loans.csv").write_text("x\n")
    assert not wrong(home.path)


def test_last_weeks_file_is_recognised(banks: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    home = banks.homes["bank-b"]
    (home.data / "loans.csv").write_text("x\n")
    for digest, same in ((file_digest(home.data / "loans.csv"), True), ("0" * 64, False)):
        monkeypatch.setattr(doctor, "handed_in", lambda *_, digest=digest: SimpleNamespace(table=digest))
        (found,) = (each for each in examine(home.path) if each.about == "table")
        assert ("the same file as for 20" in found.words) == same and found.error is None


def test_a_port_that_somebody_holds_is_named_with_its_holder(banks: Consortium) -> None:
    at = parse_address(banks.roster.party("node-0").address or "")
    with socket.create_server((at.host, at.port)):
        found = wrong(banks.homes["node-0"].path)
    assert isinstance(found["port"], ListenError)
    assert f":{at.port}: process" in str(found["port"]) and "counterfoil party listen" in str(found["port"])
    assert not wrong(banks.homes["node-0"].path)


def test_an_agreement_that_is_not_signed_is_named_with_the_command(tmp_path: Path) -> None:
    banks = make_consortium(tmp_path, today=clock.today())
    alone = wrong(banks.homes["node-0"].path)
    assert isinstance(alone["exchange"], SignatureError)
    assert f"counterfoil agreement sign {banks.ref}" in str(alone["exchange"])
    banks.sign("node-0")
    others = wrong(banks.homes["node-0"].path)
    assert list(others) == ["agreement exposure"] and isinstance(others["agreement exposure"], SignatureError)


def test_a_disk_without_room_and_a_certificate_that_ends_are_named(
    banks: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    monkeypatch.setattr(doctor, "_SOON", timedelta(days=400))
    found = wrong(banks.homes["node-1"].path)
    assert isinstance(found["disk"], StoreError) and "make room" in str(found["disk"])
    assert isinstance(found["keys"], ExpiredError) and "counterfoil party rotate" in str(found["keys"])


def test_nothing_is_changed_but_what_the_party_remembers_to_have_seen(banks: Consortium) -> None:
    def files() -> dict[Path, bytes]:
        folder = banks.homes["node-2"].path.parent
        return {
            path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "state.sqlite" not in path.name
        }

    before = files()
    wrong(banks.homes["node-2"].path)
    assert files() == before


@contextmanager
def answering(pools: int = 3, ahead: timedelta = timedelta()) -> Iterator[None]:
    """A server that says what a Prefect server on SQLite would, whose clock is ahead by so much."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({"/api/admin/version": "3.8.8", "/api/admin/settings": {"url": "sqlite"}}.get(self.path))

        def do_POST(self) -> None:
            when = clock.now().isoformat()
            each = {"type": "counterfoil", "created": when, "updated": when, "default_queue_id": f"{uuid4()}"}
            every = [{**each, "id": f"{uuid4()}", "name": f"p{at}"} for at in range(pools)]
            self.answer(every if self.path == "/api/work_pools/filter" else [])

        def answer(self, value: object) -> None:
            self.send_response_only(200 if value is not None else 404)
            self.send_header("Date", format_datetime(clock.now() + ahead, usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            yield
        server.shutdown()


def of_server(home: Path | None) -> dict[str, Finding]:
    return {each.about: each for each in examine(home) if each.about in ("server", "database")}


@pytest.mark.parametrize(("hours", "way"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_that_is_off_by_an_hour_is_named_beside_the_servers(hours: int, way: str) -> None:
    with answering(ahead=hours * timedelta(minutes=65)):
        found = of_server(None)["server"]
    assert isinstance(found.error, ExpiredError)
    assert f"1 hour {way} this machine's clock; set the clock" in found.words
    with answering():
        assert of_server(None)["server"].error is None


def test_many_parties_on_sqlite_are_told_of_postgresql(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "a", "a", str(tmp_path / "exchange"), ("coordinator",))
    with answering(pools=12):
        assert of_server(home.path)["database"].error is None
    with answering(pools=13):
        found = of_server(home.path)["database"]
    assert isinstance(found.error, StoreError)
    assert "PREFECT_API_DATABASE_CONNECTION_URL" in found.words and "PostgreSQL" in found.words
