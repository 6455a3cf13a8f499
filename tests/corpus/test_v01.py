"""What 0.1 wrote is still good: its bundle verifies, and its homes are carried over and run on."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from counterfoil.audit.verify import verify_log
from counterfoil.cli import app
from counterfoil.errors import CounterfoilError, DocumentError, ReplayError, StoreError, TamperedError
from counterfoil.governance.agreements.signing.in_force import REVIEW, load
from counterfoil.governance.cumulative.release_history import drafted
from counterfoil.governance.jobs.references import agreement_ref
from counterfoil.home import FORMAT, LISTEN, Home

MADE = Path(__file__).parent / "v0.1"
REF = "agreement:bank-a:6ec0a6893c2c82679b14840d72d97fdae02abd19d1a3c5a738f307cbcaa956df"
JOB = "41f530f1eb6e271d7d24e81d76944c3e"
EVIDENCE = "aa33eb56ca4b74142e0f92d89d747b890b26ef33759b91a27f9735fc27f988ca"


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The homes, where their exchange is now."""
    with zipfile.ZipFile(MADE / "home.zip") as packed:
        packed.extractall(tmp_path)
    for home in (tmp_path / "homes").iterdir():
        home.chmod(0o700)
        stated = yaml.safe_load((home / "party.yaml").read_text())
        (home / "party.yaml").write_text(yaml.safe_dump(stated | {"exchange": str(tmp_path / "exchange")}))
    return tmp_path


def test_its_bundle_verifies() -> None:
    cards = [word for card in sorted((MADE / "cards").iterdir()) for word in ("--card", card)]
    done = run("verify", MADE / "bundle.zip", *cards)
    assert done.exit_code == 0, done.output
    assert f"job {JOB} of 2026-w48 under exposure 1.0.0: signed by 12 parties" in done.output
    assert f"lineage of job {JOB}: follows from the papers" in done.output


def test_a_changed_byte_of_its_bundle_is_found(tmp_path: Path) -> None:
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(MADE / "bundle.zip") as packed, zipfile.ZipFile(changed, "w") as out:
        for name in packed.namelist():
            data = packed.read(name)
            out.writestr(name, data[:-1] + bytes([data[-1] ^ 1]) if "evidence/" in name else data)
    assert run("verify", changed).exit_code != 0


@pytest.mark.parametrize("party", ["node-0", "bank-a"])
def test_a_home_is_carried_over_and_runs_on(folder: Path, party: str) -> None:
    path = folder / "homes" / party
    before = Home.open(path)
    assert before.format == 1
    entries, keys = list(before.log.entries()), before.keys.public
    done = run("home", "upgrade", "--home", path)
    assert done.exit_code == 0, done.output
    assert f"upgraded from format 1 to {FORMAT}" in done.output
    mine = Home.open(path)
    assert mine.format == FORMAT and mine.keys.public == keys and list(mine.log.entries()) == entries
    mine.log.append("done")
    verified = verify_log(mine.log.entries(), mine.log.checkpoint(), keys)
    assert verified.checkpoint.size == len(entries) + 1
    signed = load(mine, agreement_ref(mine.exchange, REF), for_=REVIEW, today=date(2026, 11, 28))
    assert signed.terms.id == "exposure"
    assert "already" in run("home", "upgrade", "--home", path).output


def test_a_node_remembers_what_it_released(folder: Path) -> None:
    run("home", "upgrade", "--home", folder / "homes" / "node-0")
    state = Home.open(folder / "homes" / "node-0").state
    assert drafted(EVIDENCE, state).job == JOB
    with pytest.raises(ReplayError):
        state.next_attempt(JOB, 1)


def test_a_home_of_a_newer_version_is_refused(folder: Path) -> None:
    file = folder / "homes" / "node-0" / "party.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"format": FORMAT + 1}))
    done = run("home", "upgrade", "--home", file.parent)
    assert done.exit_code == DocumentError.exit_code
    assert "Install the newer one" in done.stderr


def test_a_changed_log_is_not_carried_over(folder: Path) -> None:
    home = folder / "homes" / "node-0"
    log = home / "log" / "entries"
    log.write_bytes(log.read_bytes().replace(b"node-0", b"node-1", 1))
    done = run("home", "upgrade", "--home", home)
    codes = {kind.exit_code for kind in (TamperedError, *TamperedError.__bases__) if issubclass(kind, CounterfoilError)}
    assert done.exit_code in codes, done.output
    assert "format" not in yaml.safe_load((home / "party.yaml").read_text())


def test_a_home_without_its_memory_is_seen(folder: Path) -> None:
    home = folder / "homes" / "node-0"
    shutil.copy(home / "log" / "entries", home / "state.sqlite")
    assert run("home", "upgrade", "--home", home).exit_code != 0


@pytest.mark.parametrize("event", ["table-minimised", "shares-submitted", "shares-submitted-before"])
def test_an_owner_that_lost_the_key_of_its_rows_is_told_before_another_is_drawn(folder: Path, event: str) -> None:
    home = folder / "homes" / "bank-a"
    key = (home / "membership.key").read_bytes()
    assert run("home", "upgrade", "--home", home).exit_code == 0
    (home / "membership.key").write_bytes(key[:-1])
    done = run("home", "upgrade", "--home", home)
    assert done.exit_code == StoreError.exit_code and "is not the key that was drawn" in done.stderr
    (home / "membership.key").unlink()
    assert run("home", "upgrade", "--home", home).exit_code == 0, "it never handed in a table"
    Home.open(home).log.append(event, subject="loans")
    done = run("home", "upgrade", "--home", home)
    assert done.exit_code == StoreError.exit_code
    assert "membership.key is gone, and the log says that tables were handed in" in done.stderr
    assert not (home / "membership.key").exists()
    (home / "membership.key").write_bytes(key)
    assert run("home", "upgrade", "--home", home).exit_code == 0


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda home: shutil.rmtree(home / "log"), "checkpoint was taken away"),
        (lambda home: (home / "state.sqlite").unlink(), "what this party must remember; restore"),
        (lambda home: (home / "keys" / "tls.pem").write_text("none"), "TLS key"),
        (lambda home: (home / "keys" / "tls.crt").unlink(), "keys"),
        (lambda home: shutil.copy(home.parent / "bank-a/keys/tls.crt", home / "keys"), "one is not the other's"),
        (lambda home: (home / "vault" / "master").unlink(), "master was taken away"),
    ],
    ids=["log", "memory", "tls key", "certificate", "another's certificate", "vault's key"],
)
def test_a_home_that_lacks_a_part_is_not_called_whole(folder: Path, spoil: Spoil, words: str) -> None:
    home = folder / "homes" / "node-0"
    spoil(home)
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "lock"}
    for _ in range(2):  # the first look mends nothing for the second
        done = run("home", "upgrade", "--home", home)
        assert done.exit_code in (70, 73, 90, 91) and words in done.stderr, done.output
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == files


def test_where_a_container_listens_is_not_written_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "homes" / "node-0"
    monkeypatch.setenv(LISTEN, "127.0.0.1:7999")
    assert run("home", "upgrade", "--home", home).exit_code == 0
    assert str(Home.open(home).listen) == "127.0.0.1:7999"
    monkeypatch.delenv(LISTEN)
    assert Home.open(home).listen is None and Home.open(home).format == FORMAT


def test_a_pipe_in_place_of_a_home_keeps_nobody_waiting(folder: Path) -> None:
    file = folder / "homes" / "node-0" / "party.yaml"
    file.unlink()
    os.mkfifo(file)
    done = run("home", "upgrade", "--home", file.parent)
    assert done.exit_code == StoreError.exit_code and "no ordinary file" in done.stderr
