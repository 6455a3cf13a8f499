"""A noised job by the demo's processes, from keys to reports: what leaves, what it costs, and what never turns up.

Values are planted in the banks' tables, and there is a tap on the wire.
"""

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
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.cumulative.budget_ledger import ledger
from counterfoil.governance.jobs.evidence import Evidence, read_evidence
from counterfoil.home import Home
from counterfoil.mpc.suites.output import recombine
from counterfoil.mpc.suites.replicated import components
from counterfoil.roles.result_names import component_name, salt_name
from counterfoil.storage.vault import Vault
from counterfoil_prefect.synthetic_data.loans import BANKS, canary
from tests.lib.private import NOISED
from tests.system.noised import events
from tests.system.tapped import in_own_network

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONTRACT_FILE = Path("contracts/data/loans.odcs.yaml")
CONTRACT = parse_contract(CONTRACT_FILE.read_bytes(), CONTRACT_FILE.name)
RECIPIENTS = ("regulator", "bank-a")


@pytest.fixture(scope="module", params=["rep3", pytest.param("rep4", marks=pytest.mark.soak)])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the job left behind, with `wire` beside it: all that went over loopback."""
    folder = tmp_path_factory.mktemp("whole") / "demo"
    wire = folder.with_name("wire")
    command = (sys.executable, "-m", "tests.system.noised", str(folder), "--suite", request.param)
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
    for party, analyses in (("regulator", 6), ("bank-a", 5)):
        line = (
            rf"\| {party} \([^|]*\) \| {analyses} analyses \| the exchange \| released by node-0, [^|]*; opens until 20"
        )
        assert re.search(line, page)
    report = next(demo.glob("homes/regulator/reports/*/report.json"))
    results = json.loads(report.read_text("utf-8"))["results"]
    cells = [cell for item in results for row in item["tables"][0]["rows"] for cell in row]
    values = {str(cell) for cell in cells if isinstance(cell, int | float) and abs(cell) > 999}
    assert values and not [value for value in values if value in page]


# --- what leaves, and what it costs -----------------------------------------------------------------------------


def told(demo: Path, what: str) -> str:
    return str(json.loads((demo / "told.json").read_text())[what])


def terms(demo: Path) -> Agreement:
    return fetch_agreement(Home.open(demo / "homes" / "regulator").exchange, Ref.parse(told(demo, "agreement")))


def evidence(demo: Path, which: str) -> Evidence:
    digest = Ref.parse(told(demo, which)).digest
    return read_evidence(Home.open(demo / "homes" / "regulator").exchange, digest)


def results(demo: Path, recipient: str) -> dict[str, dict[str, Any]]:
    (report,) = (demo / "homes" / recipient / "reports").glob("*/report.json")
    return {item["name"]: item["tables"][0] for item in json.loads(report.read_text("utf-8"))["results"]}


def drafted(demo: Path, which: str) -> dict[str, NDArray[np.uint64]]:
    """Every output of the draft, put together from what lies in all nodes' vaults, as no party can."""
    draft, nodes = evidence(demo, which), terms(demo).nodes
    put: dict[str, NDArray[np.uint64]] = {}
    homes = [Home.open(demo / "homes" / node) for node in nodes]
    vaults = [Vault.open(demo / "first" / home.party, home.keys) if which == "first" else home.vault for home in homes]
    for plan in draft.outputs:
        kept = [vault.load(draft.job, plan, aad=draft.digest.encode()) for vault in vaults]
        for output in {name.rpartition("--")[0] for name in kept[0]} - {salt_name(0).rpartition("--")[0]}:
            copies = [
                {j: parts[component_name(output, j)] for j in components(len(nodes), index)}
                for index, parts in enumerate(kept)
            ]
            put[f"{plan} {output}"] = recombine(copies)
    return put


def test_what_is_noised_says_so_with_an_interval_and_all_recipients_read_the_same(demo: Path) -> None:
    for recipient in RECIPIENTS:
        for name, table in results(demo, recipient).items():
            labels = {column["label"] for column in table["columns"] if column["role"] == "measure"}
            assert ("noised" in labels) is (name in NOISED), name
        total = results(demo, recipient)["total-exposure"]
        balance = next(column for column in total["columns"] if column["name"] == "balance")
        assert balance["interval"] > 0 and balance["confidence"] == 0.95
        page = next(demo.glob(f"homes/{recipient}/reports/*/report.html")).read_text("utf-8")
        assert "noised; 95 % within ±" in page
    regulator, bank = results(demo, "regulator"), results(demo, "bank-a")
    assert all(regulator[name] == bank[name] for name in NOISED)


def test_results_lie_in_plain_with_their_recipients_and_nowhere_else(demo: Path) -> None:
    """Not on the wire, not in the exchange, not with Prefect and not with a node: what leaves is sealed on the way."""
    tables = [table for recipient in RECIPIENTS for table in results(demo, recipient).values()]
    values = {cell for table in tables for row in table["rows"] for cell in row if isinstance(cell, int | float)}
    telling = {value for value in values if abs(value) > 100_000_000 or value % 1}
    assert len(telling) > 40
    forms = {f"{value}": str(value).encode() for value in telling if len(str(value)) > 6}
    forms |= {f"{value:,} as people read it": f"{value:,}".encode() for value in telling if isinstance(value, int)}
    for value in telling:
        packed = ("<q", ">q", "<d") if isinstance(value, int) else ("<d", ">d")
        forms |= {f"{value} as {form}": struct.pack(form, value) for form in packed}
    sought = re.compile(b"|".join(map(re.escape, sorted(forms.values(), key=len, reverse=True))))
    theirs = [demo / "homes" / recipient / "reports" for recipient in RECIPIENTS]
    printed = set((demo / "logs").glob("*-counterfoil-open-*"))  # what `open` said to its recipient
    assert len(printed) == len(RECIPIENTS)
    hits = [
        path for path in demo.rglob("*") if path.is_file() and path not in printed and sought.search(path.read_bytes())
    ]
    assert {folder for path in hits for folder in theirs if folder in path.parents} == set(theirs)
    assert [path for path in hits if not set(theirs) & set(path.parents)] == []
    assert not sought.search(demo.with_name("wire").read_bytes())


def test_every_node_charged_the_released_job_once_and_before_it_left(demo: Path) -> None:
    released = evidence(demo, "second")
    for node in terms(demo).nodes:
        home = demo / "homes" / node
        types = [event.type for event in events(home)]
        assert types.count("draft-made") == 2
        assert types.count("budget-charged") == types.count("release-approved") == types.count("released") == 1
        assert types.index("budget-charged") < types.index("release-approved") < types.index("released")
        charges = {charge.node: charge for charge in ledger(Home.open(home).state)}
        assert set(charges) == set(terms(demo).nodes)
        assert {(charge.job, charge.evidence) for charge in charges.values()} == {(released.job, released.digest)}


def test_every_step_of_every_party_is_in_its_log(demo: Path) -> None:
    """What `tests/unit/house/test_log_entries.py` finds in the code, in the logs of processes that ran it."""
    analyse = ("submissions-received", "attempt-begun", "ranges-checked", "releases-compared")
    draft = (
        *analyse,
        *["analysis-evaluated"] * len(terms(demo).analyses),
        "sums-compared",
        "noise-added",
        "cells-suppressed",
        "draft-made",
    )
    contribute = ("agreement-verified", "table-validated", "table-minimised", "shares-submitted")
    for party in (*terms(demo).owners, *terms(demo).nodes, "regulator"):
        types = [event.type for event in events(demo / "homes" / party)]
        steps = "".join(f"{each} " for each in types)
        if party in terms(demo).nodes:
            assert steps.count(" ".join(draft)) == 2
            assert types.count("budgets-audited") == 1
        elif party in terms(demo).owners:
            assert types.count("shares-submitted") == 2
            assert " ".join(contribute) in steps
        if party in RECIPIENTS:
            assert types.count("release-opened") == 1


def test_another_attempt_has_the_same_noise(demo: Path) -> None:
    one, other = evidence(demo, "first"), evidence(demo, "second")
    assert (one.job, one.attempt, other.attempt) == (other.job, 1, 2)
    assert one.transcript != other.transcript
    before, after = drafted(demo, "first"), drafted(demo, "second")
    assert set(before) == set(after) and {name.split()[0] for name in before} >= set(NOISED)
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_what_is_over_budget_is_refused_by_each_node_and_nothing_leaves(demo: Path) -> None:
    refused = told(demo, "refused")
    over = set(re.findall(r"with job (\w+) it would be", refused))
    assert len(over) == 1
    (job,) = over
    for node in terms(demo).nodes:
        assert f"{node}: BudgetError: regulator may learn of loans in all ε = 3" in refused
        about = [event.type for event in events(demo / "homes" / node) if event.subject == job]
        assert about == ["submissions-received", "attempt-failed"]
        assert Home.open(demo / "homes" / node).vault.names(job) == []
    exchange = Home.open(demo / "homes" / "regulator").exchange
    known = {name[1] for name in exchange.list(("evidence",))}
    assert known == {told(demo, which).rsplit(":", 1)[1] for which in ("first", "second")}
    assert {name[1] for name in exchange.list(("releases",))} == {told(demo, "second").rsplit(":", 1)[1]}


def test_budgets_are_shown_and_drawn_alike_to_a_node_and_to_a_recipient(demo: Path) -> None:
    pages = []
    for party in ("regulator", "node-0"):
        shown = told(demo, f"budget at {party}")
        spent = {who: float(e) for who, e in re.findall(r"^(\S+), loans: ε = ([\d.]+) of 3 spent", shown, re.MULTILINE)}
        assert spent.keys() == set(RECIPIENTS) and all(1 < each < 2 for each in spent.values())
        assert shown.count(evidence(demo, "second").job) == 2  # once for each recipient
        pages.append((demo / f"budgets-{party}.html").read_text("utf-8"))
    assert pages[0] == pages[1]
    assert pages[0].count("<svg") == 2
