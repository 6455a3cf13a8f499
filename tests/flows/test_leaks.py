"""The whole demo, with values planted in the banks' tables and a tap on the wire: where they turn up, where never."""

from __future__ import annotations

import json
import mmap
import re
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.governance.contract import parse_contract
from synthetic_data.loans import BANKS, canary
from tests.flows.tapped import in_own_network

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONTRACT_FILE = Path("contracts/data/loans.odcs.yaml")
CONTRACT = parse_contract(CONTRACT_FILE.read_bytes(), CONTRACT_FILE.name)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a demo with planted values left behind, with `wire` beside it: all that went over loopback."""
    folder = tmp_path_factory.mktemp("leaks") / "demo"
    wire = folder.with_name("wire")
    command = (sys.executable, "-m", "deployments.demo", "--rows", "1000", "--canaries", "--folder", str(folder))
    done = subprocess.run(in_own_network(wire, command), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert wire.stat().st_size > 1 << 20
    return folder


def traces(bank: str) -> dict[str, bytes]:
    """The bank's planted values in every form in which they could travel."""
    planted = canary(BANKS.index(bank), CONTRACT)
    return {
        "customer id": planted.customer_id.encode(),
        "balance as text": str(planted.balance).encode(),
        "balance as an integer": struct.pack("<q", planted.balance),
        "balance as an integer, the other way round": struct.pack(">q", planted.balance),
        "balance as a float": struct.pack("<d", planted.balance),
    }


def found(path: Path, forms: dict[str, bytes]) -> Iterator[str]:
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from (f"{path}: {name}" for name, form in forms.items() if data.find(form) >= 0)


@pytest.mark.parametrize("bank", BANKS)
def test_planted_values_stay_at_home(demo: Path, bank: str) -> None:
    home, forms = demo / "homes" / bank, traces(bank)
    elsewhere = [path for path in demo.rglob("*") if home not in path.parents]
    assert len(elsewhere) > 100
    assert [leak for path in (*elsewhere, demo.with_name("wire")) for leak in found(path, forms)] == []


def test_the_search_finds_what_is_there(demo: Path) -> None:
    """Bank A's table is a text file, so its values are found at home; and the wire shows what may be seen."""
    home = demo / "homes" / "bank-a"
    leaks = [leak for path in home.rglob("*") for leak in found(path, traces("bank-a"))]
    assert {leak.rsplit(": ", 1)[1] for leak in leaks} == {"customer id", "balance as text"}
    assert list(found(demo.with_name("wire"), {"a state": b"Completed", "a reference": b"agreement:bank-a:"}))


def test_nothing_is_pickled_and_no_private_key_is_readable(demo: Path) -> None:
    assert not [path for path in demo.rglob("*") if path.suffix in (".pickle", ".pkl")]
    private = [path for path in demo.rglob("*") if b"PRIVATE KEY" in head(path)]
    assert {path.parent.name for path in private} == {"keys"}
    assert [path for path in private if path.stat().st_mode & 0o077] == []


def head(path: Path) -> bytes:
    return path.read_bytes()[:64] if path.is_file() else b""


def test_the_prefect_page_says_what_was_released_to_whom_and_until_when(demo: Path) -> None:
    with sqlite3.connect(demo / "prefect" / "prefect.db") as database:
        rows = database.execute("SELECT data FROM artifact WHERE key = 'release-exposure'").fetchall()
    (page,) = (json.loads(data) for (data,) in rows)
    for party, analyses in (("regulator", 5), ("bank-a", 4)):
        line = (
            rf"\| {party} \([^|]*\) \| {analyses} analyses \| the exchange \| released by node-0, [^|]*; opens until 20"
        )
        assert re.search(line, page)
    report = next(demo.glob("homes/regulator/reports/*/report.json"))
    results = json.loads(report.read_text("utf-8"))["results"]
    cells = [cell for item in results for row in item["tables"][0]["rows"] for cell in row]
    values = {str(cell) for cell in cells if isinstance(cell, int | float) and abs(cell) > 999}
    assert values and not [value for value in values if value in page]
