"""A report of ten analyses on really released data: opened by the command that a recipient types, whole, and soon."""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from counterfoil.governance.explain import explain
from tests.consortium import Consortium, found
from tests.ten import make_ten

pytestmark = pytest.mark.slow

BAR_S = 5.0


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    consortium = found(tmp_path_factory.mktemp("ten"), 500, edit=make_ten)
    submissions = [consortium.hand_in(owner, consortium.table(owner)) for owner in consortium.agreement.owners]
    evidence = consortium.analyse(submissions)[0].digest
    consortium.review(evidence, ["reviewer-1", "reviewer-2"])
    consortium.release(evidence)
    return consortium


@pytest.fixture(scope="module")
def opened(released: Consortium) -> tuple[Path, float]:
    """The folder of the report, and how long the whole command worked, with its start.

    Seconds of a processor, so that what else the machine does counts for nothing; the command waits for nobody.
    """
    home = released.homes["regulator"].path
    command = [sys.executable, "-c", "from counterfoil.cli import app; app()", "open", str(released.ref)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, "--home", str(home)], check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Path(done.stdout.rsplit("report: ", 1)[1].strip()).parent, worked


def test_it_is_there_in_under_five_seconds(opened: tuple[Path, float]) -> None:
    folder, seconds = opened
    value = json.loads((folder / "report.json").read_text("utf-8"))
    assert len(value["results"]) == 10
    columns = [column for item in value["results"] for column in item["tables"][0]["columns"]]
    assert {column["label"] for column in columns if "label" in column} == {"exact", "bounded", "noised"}
    page = (folder / "report.html").read_text("utf-8")
    assert page.count("<svg ") == 8 and page.count('<li class="part">') == 10
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert seconds < BAR_S


def test_its_tables_are_an_open_data_package(opened: tuple[Path, float], released: Consortium) -> None:
    folder, _ = opened
    manifest = json.loads((folder / "datapackage.json").read_text("utf-8"))
    assert manifest["licenses"] == [{"name": "CC-BY-4.0"}]
    assert "under the licence CC-BY-4.0" in explain(released.agreement)
    assert manifest["provenance"]["agreement"] == released.agreement.digest
    assert manifest["provenance"]["hidden_if"][0] == "it stands on fewer than 10 rows"
    value = json.loads((folder / "report.json").read_text("utf-8"))
    tables = {item["name"]: item["tables"][0]["rows"] for item in value["results"]}
    for each in manifest["resources"]:
        if each["format"] == "csv":
            with (folder / each["path"]).open(encoding="utf-8", newline="") as file:
                rows = len(list(csv.DictReader(file)))
        else:
            rows = pq.read_table(folder / each["path"]).num_rows
        assert rows == len(tables[each["name"].removesuffix("-parquet")])
