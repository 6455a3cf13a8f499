"""An owner's table in a database, SQLite or a real PostgreSQL: exported once a period, with no word of a password."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from counterfoil.data.reading.table import load
from counterfoil.errors import ContractError, DocumentError, NotFoundError, PeriodTableError, StoreError
from counterfoil.governance.agreements.schedule import Schedule
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.home import Home
from counterfoil.roles.owner import awaited_table, table_of

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # when w48 is due
EACH_WEEK, DUE = Schedule("week", 0, 6, 0), "2026-w48"
TEXT = """apiVersion: v3.1.0
kind: DataContract
id: stays
version: 1.0.0
status: active
description: {purpose: Tests.}
servers:
  - {server: clinic-a, type: KIND, OPTIONS}
  - {server: all, type: local}
schema:
  - name: stays
    physicalName: hospital_stays
    quality: [{metric: rowCount, mustBeBetween: [1, 100]}]
    properties:
      - name: case
        description: A case.
        logicalType: string
        physicalName: Fall-Nr.
        customProperties: [{property: privacyRole, value: identifier}]
      - name: paid
        description: What was paid.
        logicalType: number
        logicalTypeOptions: {minimum: 0, maximum: 10000}
        customProperties:
          - {property: privacyRole, value: measure}
          - {property: purpose, value: Tests.}
          - {property: resolution, value: 2}
      - name: left
        description: When it ended.
        logicalType: date
        logicalTypeOptions: {minimum: "2020-01-01", maximum: "2030-12-31", format: dd.MM.yyyy}
        customProperties: [{property: privacyRole, value: time}, {property: purpose, value: Tests.}]
customProperties:
  - {property: lawfulBasis, value: consent}
  - {property: minimumCount, value: 5}
  - {property: retention, value: 30}
  - {property: expires, value: "2030-12-31"}
  - {property: allowedAnalyses, value: [total]}
"""
TABLE = 'CREATE TABLE {}hospital_stays ("Fall-Nr." TEXT, paid NUMERIC(9, 2), "left" DATE, diagnosis TEXT)'
ROWS = [("ä1", "1234.50", "2024-02-01", "secret-a"), ("b,2", "7.25", "2024-02-29", 'secret-"b"')]


def contract(kind: str = "sqlite", options: str = "database: clinic.db") -> Contract:
    return parse_contract(TEXT.replace("KIND", kind).replace("OPTIONS", options).encode(), "stays.odcs.yaml")


@pytest.fixture
def owner(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "clinic-a", "clinic-a", str(tmp_path / "exchange"), ("owner",))


@pytest.fixture
def filled(owner: Home) -> Path:
    path = owner.data / "clinic.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(TABLE.format(""))
        database.executemany("INSERT INTO hospital_stays VALUES (?, ?, ?, ?)", ROWS)
        database.commit()
    return path


def read(path: Path, terms: Contract) -> dict[str, list[Any]]:
    table = load(path, terms, path.with_suffix(".html"), party="clinic-a")
    return {name: table.data[name].to_pylist() for name in table.names}


def check_exported(path: Path, terms: Contract) -> None:
    """Check the file: what the contract names, with all its digits, and for nobody else to read."""
    assert path.name == "stays.2026-w48.csv" and path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in path.read_text("utf-8")
    found = read(path, terms)
    assert found["paid"] == [123450, 725] and [str(day) for day in found["left"]] == ["2024-02-01", "2024-02-29"]


def test_a_table_is_exported_for_its_period_and_kept(owner: Home, filled: Path) -> None:
    terms = contract()
    path = awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, terms)
    check_exported(path, terms)
    before = path.read_bytes()
    with closing(sqlite3.connect(filled)) as database:
        database.execute("DELETE FROM hospital_stays")
        database.commit()
    assert awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, terms).read_bytes() == before, "what was handed in stays"
    path.unlink()
    assert len(awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, terms).read_bytes().splitlines()) == 1
    assert sorted(each.name for each in owner.data.iterdir()) == ["clinic.db", "stays.2026-w48.csv"]


def test_a_database_as_it_is_now_is_no_table_of_a_period_that_is_over(owner: Home, filled: Path) -> None:
    with pytest.raises(PeriodTableError, match="2026-w47 is over"):
        table_of(owner, "stays", "2026-w47", DUE, terms=contract())
    (owner.data / "stays.2026-w47.csv").write_text("")
    assert table_of(owner, "stays", "2026-w47", DUE, terms=contract()).name == "stays.2026-w47.csv"
    assert [each.name for each in owner.data.glob("stays*")] == ["stays.2026-w47.csv"] and filled.exists()


def test_only_the_party_that_the_server_is_named_as_has_the_database(owner: Home, tmp_path: Path) -> None:
    other = Home.create(tmp_path / "clinic-b", "clinic-b", str(tmp_path / "exchange"), ("owner",))
    with pytest.raises(NotFoundError, match="put the table for contract stays there"):
        awaited_table(other, "stays", DUE, EACH_WEEK, NOW, contract())
    with pytest.raises(NotFoundError, match=r"clinic-a's database for contract stays: .*clinic\.db is not there"):
        awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, contract())
    assert list(owner.data.iterdir()) == []


def test_a_table_without_a_column_of_the_contract_is_told_all_it_lacks(owner: Home, filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as database:
        database.execute("DROP TABLE hospital_stays")
        database.execute('CREATE TABLE hospital_stays ("Fall-Nr." TEXT)')
        database.commit()
    path = awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, contract())
    with pytest.raises(Exception, match=r"(?s)column paid.*column left"):
        read(path, contract())


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("postgresql", "host: db", "needs 'database', its name"),
        ("sqlite", "database: a.db, host: db", "a database in a file has no host"),
        ("postgresql", "database: clinic, host: 'me:hunter2@db'", "host"),
        (
            "sqlite",
            "database: a.db, customProperties: [{property: delimiter, value: ;}]",
            "a database says this itself",
        ),
    ],
)
def test_what_is_wrong_with_a_server_is_said_at_lint(kind: str, options: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        contract(kind, options)


def test_a_comparison_names_the_database() -> None:
    (change,) = compare(
        contract(), contract("postgresql", "host: db, port: 5433, database: clinic, schema: care")
    ).changes
    assert "care.hospital_stays of postgresql+psycopg://db:5433/clinic" in change.text and change.breaks == ("owners",)


def test_without_a_driver_it_is_said_which(owner: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DocumentError, match=r"pip install 'psycopg\[binary\]'"):
        awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, contract("postgres", "database: clinic"))


AS_POSTGRES = ("/sbin/runuser", "-u", "postgres", "--")
DEBIAN = Path("/usr/lib/python3/dist-packages")
BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
LACKS = "" if BIN and (DEBIAN / "psycopg").is_dir() and os.geteuid() == 0 else (
    "it needs root, and PostgreSQL with its driver: sh deployments/debian-packages.sh test"
)  # fmt: skip


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A PostgreSQL server on loopback that asks its reader for a password, which the reader's own file has."""
    folder, port = Path("/tmp") / f"pg-{os.getpid()}", 20_000 + os.getpid() % 10_000  # noqa: S108
    folder.mkdir(mode=0o755)
    keys = tmp_path_factory.mktemp("keys")
    (keys / "psycopg").symlink_to(DEBIAN / "psycopg")
    monkeypatch.syspath_prepend(keys)
    (keys / "pass").write_text(f"127.0.0.1:{port}:clinic:reader:hunter2\n")
    (keys / "pass").chmod(0o600)

    def do(*command: str, text: str = "") -> None:
        said = subprocess.run([*AS_POSTGRES, *command], input=text, text=True, capture_output=True, check=False)
        assert said.returncode == 0, said.stderr

    shutil.chown(folder, "postgres")
    try:
        do(f"{BIN}/initdb", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--pgdata", f"{folder}/db")
        options = f"-k {folder} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
        do(
            f"{BIN}/pg_ctl",
            "--pgdata",
            f"{folder}/db",
            "--wait",
            "--log",
            f"{folder}/log",
            "--options",
            options,
            "start",
        )
        do(f"{BIN}/psql", "-h", str(folder), "-p", str(port), "-c", "CREATE DATABASE clinic", "postgres")
        rows = ", ".join(str(tuple(each)) for each in ROWS)
        statements = [
            "CREATE SCHEMA care", TABLE.format("care."), f"INSERT INTO care.hospital_stays VALUES {rows}",  # noqa: S608
            "CREATE ROLE reader LOGIN PASSWORD 'hunter2'", "GRANT USAGE ON SCHEMA care TO reader",
            "GRANT SELECT ON care.hospital_stays TO reader",
        ]  # fmt: skip
        do(f"{BIN}/psql", "-h", str(folder), "-p", str(port), "clinic", text=";\n".join([*statements, ""]))
        monkeypatch.setenv("PGPASSFILE", str(keys / "pass"))
        monkeypatch.setenv("PGUSER", "reader")
        yield port
    finally:
        subprocess.run(
            [*AS_POSTGRES, f"{BIN}/pg_ctl", "--pgdata", f"{folder}/db", "-m", "immediate", "stop"],
            capture_output=True,
            check=False,
        )
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.services
@pytest.mark.skipif(bool(LACKS), reason=LACKS)
def test_a_table_of_postgresql_is_read_with_the_readers_own_password(
    server: int, owner: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    terms = contract("postgresql", f"host: 127.0.0.1, port: {server}, database: clinic, schema: care")
    path = awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, terms)
    check_exported(path, terms)
    path.unlink()
    for name, value in (("PGPASSWORD", "hunter3"), ("PGUSER", "nobody")):
        monkeypatch.setenv(name, value)
        with pytest.raises(StoreError, match=r"clinic-a's database for contract stays: .*cannot be read") as refusal:
            awaited_table(owner, "stays", DUE, EACH_WEEK, NOW, terms)
        assert not any(each in str(refusal.value) for each in ("hunter", "reader", "127.0.0.1"))
        assert refusal.value.__cause__ is None and refusal.value.__suppress_context__
    assert "hunter" not in caplog.text and list(owner.data.iterdir()) == []
