"""A report of ten analyses on really released data: opened by the command that a recipient types, whole, and soon."""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from counterfoil.report.explain import explain
from tests.lib.consortium import Consortium, found
from tests.lib.ten import make_ten

pytestmark = pytest.mark.slow

BAR_S = 5.0
HIDDEN = "hidden"


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


def disclosive(group: pd.DataFrame) -> bool:
    """By the policy's rules for counts and sums, worked out anew from the pooled rows of one cell."""
    largest = group["balance"].abs().sort_values(ascending=False).to_numpy()
    total, rest = largest.sum(), largest[2:].sum()
    few = len(group) < 10 or group["owner"].nunique() < 3
    return few or total == 0 or largest[:2].sum() > 0.9 * total or rest < 0.1 * largest[0]


@pytest.mark.parametrize(
    ("name", "by"), [("balance-by-region-and-product", ["region", "product"]), ("mean-balance-by-region", ["region"])]
)
def test_a_published_table_passes_the_rules_again(
    name: str, by: list[str], opened: tuple[Path, float], released: Consortium
) -> None:
    """Somebody else's check of the CSV that goes out: the rows behind each cell, against the policy, by other code."""
    frames = [frame.assign(owner=part.owner) for part, frame in released.frames.items()]
    pooled = pd.concat(frames, ignore_index=True).astype(dict.fromkeys(by, str))
    groups = {tuple(map(str, key)): group for key, group in pooled.groupby(by)}
    table = pd.read_csv(opened[0] / f"{name}.csv", dtype=str)
    assert len(table) >= len(groups)
    bad = {key for key, group in groups.items() if disclosive(group)}
    assert bad or name != "balance-by-region-and-product"  # the largest table has some
    for row in table.to_dict("records"):
        key = tuple(str(row[column]) for column in by)
        shown = row["rows"] != HIDDEN
        assert shown is (row["mean"] != HIDDEN)
        assert not (shown and (key in bad or key not in groups)), key
        if shown:
            assert int(row["rows"]) == len(groups[key]), key
            assert float(row["mean"]) == pytest.approx(groups[key]["balance"].mean()), key
    assert (table["rows"] != HIDDEN).sum() > len(table) / 2
