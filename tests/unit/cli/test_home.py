"""A party's folder, and the commands that make and show it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from counterfoil.audit.publish import publish
from counterfoil.cli import app
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import DocumentError, NotFoundError, SealError, StoreError, TextError
from counterfoil.home import HOME, Home
from counterfoil.storage.vault import Vault

RUN = CliRunner()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "node-0", "node-0", str(tmp_path / "exchange"), ("node", "recipient"))


def test_a_home_opens_as_it_was_made(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(home.path))
    for opened in (Home.open(home.path), Home.open()):
        assert (opened.party, opened.roles) == ("node-0", ("node", "recipient"))
        assert opened.keys.public == home.keys.public
        assert opened.exchange.url == home.exchange.url
        opened.state.put("a", "b", b"c")
        assert opened.vault.names("job-1") == []
    assert home.path.stat().st_mode & 0o777 == 0o700


def test_a_home_is_made_once(home: Home, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="already"):
        Home.create(home.path, "node-1", str(tmp_path / "exchange"))
    assert Home.open(home.path).party == "node-0"


def test_an_exchange_given_by_a_relative_path_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Home.create(Path("here"), "bank-a", "exchange")
    monkeypatch.chdir("/")
    assert Home.open(tmp_path / "here").exchange.url == str(tmp_path / "exchange")


@pytest.mark.parametrize(
    "text",
    [
        "party: node-0\n",
        "party: node-0\nexchange: /x\nroles: [king]\n",
        "party: node-0\nexchange: /x\nroles: [[node]]\n",
        "party: node-0\nexchange: /x\nroles: node\n",
        "party: Node 0\nexchange: /x\nroles: []\n",
        "party: node-0\nexchange: /x\nroles: []\nmore: 1\n",
        "- 1\n",
        "",
    ],
)
def test_party_yaml_is_strict(home: Home, text: str) -> None:
    (home.path / "party.yaml").write_text(text)
    with pytest.raises(DocumentError):
        Home.open(home.path)


def test_no_home_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(HOME, raising=False)
    with pytest.raises(NotFoundError, match=HOME):
        Home.open()
    with pytest.raises(NotFoundError):
        Home.open(tmp_path)


# --- commands ---------------------------------------------------------------------------------------------------


def test_init_card_log_and_verify(tmp_path: Path) -> None:
    folder, exchange = str(tmp_path / "node-0"), str(tmp_path / "exchange")
    made = RUN.invoke(app, ["party", "init", "node-0", "--home", folder, "--exchange", exchange, "--role", "node"])
    assert (made.exit_code, made.stderr) == (0, "")
    card = RUN.invoke(app, ["party", "card"], env={HOME: folder})
    home = Home.open(Path(folder))
    assert PublicKeys.from_json(json.loads(card.stdout)) == home.keys.public

    home.log.append("share-received", subject="job-1", counts={"rows": 3})
    home.log.append("job-started", subject="job-2")
    shown = RUN.invoke(app, ["log", "show", "--home", folder]).stdout.splitlines()
    assert [line.split()[2:] for line in shown] == [["share-received", "job-1", "rows=3"], ["job-started", "job-2"]]
    shown = RUN.invoke(app, ["log", "show", "--home", folder, "--subject", "job-2"]).stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["1"]
    checked = RUN.invoke(app, ["log", "check", "--home", folder])
    assert (checked.exit_code, "2 entries" in checked.stdout) == (0, True)

    publish(home.log, home.exchange)
    (tmp_path / "card.json").write_text(card.stdout)
    verified = RUN.invoke(app, ["verify", exchange, "--card", str(tmp_path / "card.json")])
    assert verified.exit_code == 0
    assert "log of node-0: 2 entries" in verified.stdout
    assert "UNPINNED" not in verified.stdout


def test_tampering_is_one_line_and_its_exit_code(home: Home) -> None:
    home.log.append("share-received", counts={"rows": 3})
    path = home.path / "log" / "entries"
    path.write_bytes(path.read_bytes().replace(b'"rows":3', b'"rows":4'))
    for command in (["log", "check"], ["log", "show"]):
        refused = RUN.invoke(app, [*command, "--home", str(home.path)])
        assert refused.exit_code == 73
        assert refused.stderr == "error: log of node-0: entry 0 was edited or replaced (counterfoil help 73)\n"
        assert refused.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["party", "init", "Bank A", "--home", "{tmp}/x", "--exchange", "{tmp}/e"], 10),
        (["party", "init", "bank-a", "--home", "{tmp}/x", "--exchange", "{tmp}/e", "--role", "king"], 10),
        (["party", "card", "--home", "{tmp}/missing"], 91),
        (["log", "show", "--home", "{tmp}/missing"], 91),
        (["verify", "{tmp}/missing"], 91),
        (["verify", "{tmp}", "--card", "{tmp}/missing"], 91),
        (["verify"], 2),
        (["nonsense"], 2),
    ],
)
def test_every_refusal_is_one_line(tmp_path: Path, arguments: list[str], code: int) -> None:
    refused = RUN.invoke(app, [argument.format(tmp=tmp_path) for argument in arguments])
    assert refused.exit_code == code
    assert "Traceback" not in refused.stderr
    if code != 2:
        assert refused.stderr.startswith("error: ")
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("command", [[], ["party", "init"], ["log", "show"], ["contract"], ["agreement"], ["review"]])
def test_help(command: list[str]) -> None:
    assert RUN.invoke(app, [*command, "--help"]).exit_code == 0


def test_the_offline_verifier_needs_none_of_the_heavy_libraries() -> None:
    script = (
        "import sys, counterfoil.audit.bundle, counterfoil.cli\n"
        "heavy = {'prefect', 'numba', 'numpy', 'pandas', 'great_expectations', 'matplotlib', 'pyarrow'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_vault_opens_whoever_renewed_the_keys_and_whenever_it_died(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "node-0", "node-0", str(tmp_path / "exchange"), ("node",))
    kept = {"part": np.arange(3, dtype=np.uint64)}
    home.vault.keep("job-1", "total", kept)
    running = Home.open(home.path)
    assert running.keys.public == home.keys.public  # it loaded its keys before they were renewed
    home.renew_keys()
    dying = Home.open(home.path)
    dying.keys = dying.keys.renewed()  # and is killed before the vault is sealed anew
    for each in (running, home, dying, Home.open(home.path)):
        assert np.array_equal(each.vault.load("job-1", "total")["part"], kept["part"])
    assert len(Home.open(home.path).keys.all()) == 3
    Home.open(home.path).reseal_vault()
    for earlier in Home.open(home.path).keys.all()[:-1]:
        earlier.destroy()
    assert np.array_equal(Home.open(home.path).vault.load("job-1", "total")["part"], kept["part"])
    with pytest.raises(StoreError, match="holds the present keys of node-0"):
        Home.open(home.path).keys.destroy()
    with pytest.raises(SealError, match="opens with no key of node-0"):
        Vault.open(home.path / "vault", PrivateKeys.create(tmp_path / "other", "node-0"))


def test_no_home_is_made_that_could_not_be_read_again(tmp_path: Path) -> None:
    for name in ("a\u202eb", "a\ue000", "a\x1b[2J"):
        with pytest.raises(TextError, match="the place of the exchange: character"):
            Home.create(tmp_path / "home", "bank-a", str(tmp_path / name))
    assert Home.create(tmp_path / "home", "bank-a", str(tmp_path / "Überweisung 👍")).exchange.list() == []
    assert Home.open(tmp_path / "home").exchange_url.endswith("👍")
