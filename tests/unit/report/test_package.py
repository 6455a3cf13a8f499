"""A report's tables as a data package: both forms hold the same, and the manifest says what each file holds."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from counterfoil.report import render
from tests.unit.report.reports import HIDDEN, NAMES, ROWS, Page, a_report


def test_the_manifest_says_what_each_file_holds(tmp_path: Path) -> None:
    render(a_report(licence="CC-BY-4.0"), tmp_path)
    manifest = json.loads((tmp_path / "datapackage.json").read_text("utf-8"))
    assert manifest["licenses"] == [{"name": "CC-BY-4.0"}] and manifest["name"] == "exposure-2026-w47"
    assert [source["title"].split()[3].rstrip(",") for source in manifest["sources"]] == ["bank-a", "bank-b"]
    assert manifest["provenance"]["hidden_cells"] == {"mean-balance": 2}
    assert len({resource["name"] for resource in manifest["resources"]}) == len(manifest["resources"]) == 8
    for resource in manifest["resources"]:
        data = (tmp_path / resource["path"]).read_bytes()
        assert len(data) == resource["bytes"] and f"sha256:{sha256(data).hexdigest()}" == resource["hash"]
    fields = {field["name"]: field for field in manifest["resources"][2]["schema"]["fields"]}
    assert fields["region"] == {"name": "region", "type": "string"}
    assert fields["rows"]["type"] == "integer" and fields["rows"]["label"] == "exact"
    assert fields["mean"] == {"name": "mean", "type": "number", "unit": "cents", "label": "exact", "bound": 0.0}
    links = manifest["resources"][6]["schema"]["fields"]
    assert [field["name"] for field in links][:3] == ["column", "balance", "balance bound"]


def test_without_a_licence_nothing_says_that_the_tables_may_be_published(tmp_path: Path) -> None:
    page = Page(render(a_report(), tmp_path).read_text("utf-8"))
    assert "licenses" not in json.loads((tmp_path / "datapackage.json").read_text("utf-8"))
    assert "none agreed: for the named recipients alone" in page.text


def test_both_forms_of_a_table_hold_the_same_and_nothing_where_a_cell_is_hidden(tmp_path: Path) -> None:
    render(a_report(), tmp_path)
    resources = json.loads((tmp_path / "datapackage.json").read_text("utf-8"))["resources"]
    missing = {resource["name"]: resource["schema"].get("missingValues") for resource in resources}
    assert missing["mean-balance"] == [HIDDEN] and missing["mean-balance-parquet"] is None
    for stem, columns in (("mean-balance", ["rows", "mean"]), ("sizes", ["rows"]), ("links", list(NAMES))):
        sheet = pd.read_csv(tmp_path / f"{stem}.csv", na_values=missing[stem])
        typed = pd.read_parquet(tmp_path / f"{stem}.parquet")
        for column in columns:
            assert sheet[column].astype(float).equals(typed[column].astype(float))
    table = pq.read_table(tmp_path / "mean-balance.parquet")
    assert table.column("rows").to_pylist() == list(ROWS)
    assert table.column("mean").null_count == 2
    assert table.schema.field("mean").metadata == {b"unit": b"cents", b"label": b"exact", b"bound": b"0.0"}
