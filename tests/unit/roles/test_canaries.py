"""One customer of each bank, followed through a whole job: its number and balance lie in its own bank's home alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.audit.publish import publish
from counterfoil.cli import app
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.submission import load_shares
from counterfoil.governance.verification.verify import manifest_of
from counterfoil.home import Home
from counterfoil.roles.owner import table_file
from counterfoil.roles.recipient.opening import open_job
from counterfoil_prefect.synthetic_data.loans import Canary, canary
from tests.lib.consortium import NODES, OWNERS, Consortium, found
from tests.unit.roles.evidence import files

pytestmark = pytest.mark.slow

ROWS = 1100


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """A consortium after a whole job: everything is contributed, drafted, approved, released, opened and published."""
    banks = found(tmp_path_factory.mktemp("leaks"), ROWS, canaries=True)
    for owner in OWNERS:  # pages of a Parquet file are compressed; a search would miss what lies in them
        for path in banks.homes[owner].data.glob("*.parquet"):
            pq.write_table(pq.read_table(path), path, compression="none", use_dictionary=False)
    submissions = [banks.contribute(owner) for owner in OWNERS]
    evidence = banks.analyse(submissions)[0].digest
    banks.review(evidence, ["reviewer-1", "reviewer-2"])
    banks.release(evidence)
    for recipient in ("regulator", "bank-a"):
        open_job(banks.homes[recipient], banks.signed(recipient), evidence, clock.now())
    for home in banks.homes.values():
        home.log.append("job-ended", refs={"evidence": evidence})
        publish(home.log, home.exchange)
    return banks


def forms(planted: Canary) -> dict[str, bytes]:
    """The canary as bytes, in every form in which it could lie somewhere."""
    balance = planted.balance
    texts = {
        "customer id": planted.customer_id,
        "balance": f"{balance}",
        "balance with commas": f"{balance:,}",
        "balance in euros": f"{balance / 100:.2f}",
        "balance in euros with commas": f"{balance / 100:,.2f}",
    }
    return {
        **{name: text.encode() for name, text in texts.items()},
        "customer id, UTF-16": planted.customer_id.encode("utf-16-le"),
        "balance, int64": struct.pack("<q", balance),
        "balance, int64, big-endian": struct.pack(">q", balance),
        "balance, float64": struct.pack("<d", balance),
        "balance in euros, float64": struct.pack("<d", balance / 100),
    }


def seen(planted: Canary, *folders: Path) -> Mapping[Path, list[str]]:
    """The files below the folders that hold the canary, and in which forms."""
    needles = forms(planted)
    hits = {}
    for path in files(*folders):
        data = path.read_bytes() + str(path).encode()
        if found := [name for name, needle in needles.items() if needle in data]:
            hits[path] = found
    return hits


def planted(banks: Consortium) -> dict[str, Canary]:
    contract = banks.agreement.contracts["loans"]
    return {owner: canary(number, contract) for number, owner in enumerate(OWNERS)}


def test_a_canary_is_seen_by_this_search_in_its_owners_table(finished: Consortium) -> None:
    for owner, bird in planted(finished).items():
        home = finished.homes[owner]
        table = table_file(home, "loans")
        found = seen(bird, home.path)
        assert set(found) == {table}  # and nowhere else in its home either
        assert found[table][0] == "customer id"
        assert found[table][1] == ("balance" if table.suffix == ".csv" else "balance, int64")


def test_a_canary_is_seen_nowhere_outside_its_owners_home(finished: Consortium) -> None:
    assert len(files(finished.folder / "exchange")) > 100
    for owner, bird in planted(finished).items():
        others = [home.path for party, home in finished.homes.items() if party != owner]
        assert not seen(bird, finished.folder / "exchange", *others)


def opened(banks: Consortium, node: str) -> dict[tuple[str, str], tuple[NDArray[np.uint64], ...]]:
    """The components of every submitted array that somebody reads who has all of this node's keys."""
    home, agreement = Home.open(banks.homes[node].path), banks.signed(node)
    (digest,) = {name[1] for name in home.exchange.list(("releases",))}
    evidence = load_draft(home.exchange, agreement, digest).evidence
    manifests = [manifest_of(home.exchange, agreement, evidence, part) for part in agreement.terms.parts]
    return {
        (manifest.owner, name): load_shares(manifest, name, home.vault)
        for manifest in manifests
        for name in manifest.arrays
    }


def test_whoever_is_root_at_one_node_opens_its_vault_and_sees_no_canary(finished: Consortium) -> None:
    """Nor the sum of any of its components; all nodes' together are the balance, so the search would see it."""
    held = {node: opened(finished, node) for node in NODES}
    found = 0
    for owner, bird in planted(finished).items():
        for key in (key for key in held["node-0"] if key[0] == owner):
            for node in NODES:
                first, second = held[node][key]
                for words in (first, second, first + second, first ^ second):
                    assert bird.balance not in np.ravel(words).view(np.int64), (node, key)
            (a, b), (_, c) = held["node-0"][key], held["node-1"][key]
            found += bird.balance in np.ravel(a + b + c).view(np.int64)
    assert found >= len(OWNERS)


@pytest.mark.parametrize("party", [*NODES, "regulator", "reviewer-1", "coordinator", "bank-b"])
def test_a_canary_that_were_written_down_would_be_seen(party: str, finished: Consortium) -> None:
    """The search reaches every folder: whatever form is put into one is found there."""
    bird = planted(finished)["bank-a"]
    for name, needle in forms(bird).items():
        path = finished.homes[party].path / "log" / "planted"
        path.write_bytes(b"\0" * 1000 + needle + b"\xff")
        try:
            assert name in seen(bird, finished.homes[party].path)[path]
        finally:
            path.unlink()


def commands(command: Any, *words: str) -> Iterator[str]:
    """Every command that the program has, in its words."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *words, name)
    if not hasattr(command, "commands"):
        yield " ".join(words)


# What each command is asked, and by whom: who could see most by it. {table} is the owner's own.
ASKED: Mapping[str, tuple[str, str]] = {
    "open": ("regulator", "{agreement}"),
    "attack release": ("regulator", "{agreement} --seconds 20"),
    "verify": ("", "{exchange}"),
    "rehearse": ("", "{terms} --table bank-a={table}"),
    "warm": ("", ""),
    "help": ("", "errors"),
    "party init": ("", "stranger --home {new}/stranger --exchange {new}/exchange"),
    "party card": ("bank-a", ""),
    "party invite": ("bank-a", "stranger"),
    "party enrol": ("bank-a", "no-code --organisation O --jurisdiction DE"),
    "party rotate": ("reviewer-3", ""),
    "party revoke": ("bank-b", "bank-c --roster {new}/none.yaml --out {new}/roster.yaml"),
    "contract new": ("", "{table} --out {new}/loans.odcs.yaml"),
    "contract lint": ("", "{contract}"),
    "agreement lint": ("", "{terms}"),
    "agreement schema": ("", "{terms}"),
    "contract show": ("", "{contract}"),
    "contract sign": ("bank-a", "{contract}"),
    "contract diff": ("", "{contract} {contract}"),
    "contract test": ("", "{table} --contract {contract}"),
    "contract risk": ("", "{table} --contract {contract}"),
    "contract synth": ("", "{contract} --out {new}/synthetic"),
    "new consortium": ("", "{new}/ours --here --organisation bank-a --table bank-a={table} --purpose p"),
    "agreement templates": ("", ""),
    "agreement new": ("", "banking --out {new}/ours"),
    "agreement draft": ("bank-a", "{new}/none.yaml --roster {new}/none.yaml"),
    "agreement explain": ("bank-a", "{agreement} --json"),
    "agreement diff": ("bank-a", "{agreement} {agreement}"),
    "agreement sign": ("bank-a", "{agreement} --yes"),
    "agreement verify": ("bank-a", "{agreement}"),
    "roster new": ("", "{new}/none.yaml --card {new}/none.json --out {new}/roster.yaml"),
    "roster show": ("", "{new}/none.yaml"),
    "roster revise": ("bank-a", "{new}/none.yaml --out {new}/roster.yaml"),
    "roster sign": ("bank-a", "{new}/none.yaml {new}/none.yaml --yes"),
    "review list": ("reviewer-1", "{agreement}"),
    "review show": ("reviewer-1", "{agreement} {evidence}"),
    "review comment": ("bank-a", "{agreement} {evidence} words"),
    "review approve": ("reviewer-3", "{agreement} {evidence}"),
    "review request-changes": ("reviewer-3", "{agreement} {evidence} --comment words"),
    "review reject": ("reviewer-3", "{agreement} {evidence} --comment words"),
    "review confirm": ("reviewer-3", "{agreement} {evidence} --yes"),
    "review withdraw": ("bank-b", "{agreement} {evidence} --comment words"),
    "release list": ("coordinator", "{agreement}"),
    "release revoke": ("node-0", "{agreement} {evidence} --reason words"),
    "budget audit": ("node-0", "{agreement}"),
    "budget show": ("node-0", "{agreement} --json"),
    "evidence": ("node-0", "{job} --out {new}/bundle.zip"),
    "log show": ("node-0", ""),
    "log check": ("node-0", ""),
    "purge": ("node-0", ""),
    "table list": ("bank-a", ""),
    "table name": ("bank-a", "credits loans"),
    "table give-back": ("bank-a", "loans"),
    "table erase": ("bank-a", "{contract} {table}"),
    "home backup": ("bank-a", "{new}/backup.tar"),
    "home upgrade": ("node-0", ""),
    "home restore": ("", "{new}/backup.tar --home {new}/restored"),
    "contract adopt": ("", "{contract} --out {new}/adopted.yaml"),
    "contract merge": ("", "{contract} {contract} --out {new}/merged.yaml"),
    "contract expectations export": ("", "{contract} --out {new}/suite.json"),
    "contract expectations import": ("", "{new}/suite.json --contract {contract} --out {new}/expecting.yaml"),
    "party listen": ("node-0", "roster"),
    "agreement reaffirm": ("bank-a", "{agreement} --yes"),
    "catalogue offer": ("bank-a", "{contract} --table {table}"),
    "catalogue list": ("node-0", "--json"),
    "catalogue search": ("node-0", "balance --json"),
    "catalogue show": ("node-0", "bank-a loans --json"),
    "catalogue withdraw": ("bank-a", "loans"),
    "agreement withdraw": ("bank-d", "{agreement} --yes"),
}


def test_no_command_shows_a_row(finished: Consortium, tmp_path: Path) -> None:
    """Not to a recipient, not to a node, and not even to the owner; whoever adds a command must think of it here."""
    assert set(ASKED) == set(commands(typer.main.get_command(app)))
    (evidence,) = {name[1] for name in finished.homes["node-0"].exchange.list(("releases",))}
    draft = load_draft(finished.homes["node-0"].exchange, finished.signed("node-0"), evidence)
    known = {
        "agreement": finished.ref,
        "job": draft.evidence.job,
        "evidence": evidence,
        "exchange": finished.folder / "exchange",
        "table": table_file(finished.homes["bank-a"], "loans"),
        "contract": finished.folder / "contracts" / "data" / "loans.odcs.yaml",
        "terms": finished.folder / "contracts" / "agreements" / "exposure.agreement.yaml",
        "new": tmp_path,
    }
    answered = 0
    for words, (party, wish) in ASKED.items():
        home = ["--home", str(finished.homes[party].path)] if party else []
        given = [*words.split(), *(word.format(**known) for word in wish.split()), *home]
        result = CliRunner().invoke(app, given)
        assert result.exit_code != 2, (words, result.output)  # it was asked in its own words
        answered += result.exit_code == 0
        shown = [name for bird in planted(finished).values() for name, form in forms(bird).items()
                 if form in result.output.encode()]  # fmt: skip
        assert not shown, words
    assert answered > 25
