"""What stands on a report is what was released, and nothing else."""

from __future__ import annotations

import csv
import itertools
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.errors import DocumentError
from counterfoil.report import Approval, Evidence, render, wording
from counterfoil.report.guarantees import Guarantee
from tests.unit.report.reports import (
    BINS,
    CORRELATION,
    EDGES,
    GUARANTEES,
    HIDDEN,
    HOSTILE,
    MEANS,
    NAMES,
    PRODUCTS,
    REGIONS,
    ROWS,
    Page,
    a_report,
    correlation,
    histogram,
    means,
    total,
    words,
)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(render(a_report(), tmp_path).read_text("utf-8"))


def test_values_on_the_page_are_the_values_given(page: Page) -> None:
    mean_table, histogram_table, correlation_table = page.tables[:3]
    assert mean_table == [
        ["region", "product", "rows", "mean (cents)"],
        ["north", "card", "1,204", "1,234,567.89"],
        ["north", "mortgage", "98", "250,000.50"],
        ["north", "other", "3,311", "99.25"],
        ["south", "card", "707", "41,000.00"],
        ["south", "mortgage", HIDDEN, HIDDEN],
        ["south", "other", HIDDEN, HIDDEN],
    ]
    assert histogram_table[1:] == [[EDGES[0], "17"], [EDGES[1], HIDDEN], [EDGES[2], "70,533"]]
    assert correlation_table[1:] == [
        ["balance", "1.0000", "0.5123", "−0.2500"],
        ["income", "0.5123", "1.0000", "0.0000"],
        ["age", "−0.2500", "0.0000", "1.0000"],
    ]
    assert "9,007,199,254,740,993" in page.text


def test_json_and_csv_hold_every_digit(tmp_path: Path) -> None:
    render(a_report(), tmp_path)
    value = json.loads((tmp_path / "report.json").read_text("utf-8"))
    rows = {result["name"]: result["tables"][0]["rows"] for result in value["results"]}
    assert rows["total-exposure"] == [[4, 9_007_199_254_740_993]]
    assert [row[2] for row in rows["mean-balance"]] == list(ROWS)
    assert [row[3] for row in rows["mean-balance"]] == [None if mean != mean else mean for mean in MEANS]
    assert [row[1:] for row in rows["links"]] == [list(row) for row in CORRELATION]
    with (tmp_path / "links.csv").open(encoding="utf-8", newline="") as file:
        for row, name, values in zip(csv.DictReader(file), NAMES, CORRELATION, strict=True):
            assert row["column"] == name
            assert [float(row[other]) for other in NAMES] == list(values)
            assert {float(row[f"{other} bound"]) for other in NAMES} == {3.21e-9}


def test_bounded_numbers_show_their_bound_and_exact_ones_say_so(page: Page) -> None:
    assert "All numbers: bounded, ± 3.3 × 10⁻⁹" in page.text
    assert page.text.count("All numbers: exact") == 2


def test_columns_of_unlike_bounds_carry_each_its_own(tmp_path: Path) -> None:
    frame = pd.DataFrame({"group": ["a", "b"], "n": pd.array([20, 30], "Int64"), "share": [0.25, 0.5]})
    table = ResultTable("Shares", frame, {"n": Measure(), "share": Measure(bound=0.02)})
    page = Page(render(a_report(replace(total(), tables=(table,))), tmp_path).read_text("utf-8"))
    assert page.tables[0] == [["group", "n exact", "share bounded, ± 0.02"], ["a", "20", "0.2"], ["b", "30", "0.5"]]


@pytest.mark.parametrize(
    ("bound", "text"),
    [(1e-9, "± 1 × 10⁻⁹"), (3.2100001e-9, "± 3.3 × 10⁻⁹"), (9.99e-7, "± 1 × 10⁻⁶"), (0.5, "± 0.5"), (1234, "± 1,300")],
)
def test_a_bound_is_rounded_up(bound: float, text: str) -> None:
    assert wording.error_bound(bound) == text


@pytest.mark.parametrize("bound", [1e-12, 3e-6, 0.004, 0.07, 0.5, 3.0, 250.0])
def test_no_digit_is_shown_that_the_bound_does_not_support(bound: float) -> None:
    decimals = wording.decimals_for([0.5, -0.25], bound)
    assert decimals <= 4
    assert 10.0**-decimals >= min(bound, 1.0)


def test_a_hidden_cell_has_no_number_anywhere(tmp_path: Path) -> None:
    render(a_report(means(), histogram(), correlation(values=np.full((3, 3), np.nan), suppressed=1)), tmp_path)
    value = json.loads((tmp_path / "report.json").read_text("utf-8"))
    rows = [result["tables"][0]["rows"] for result in value["results"]]
    assert [row[2:] for row in rows[0][-2:]] == [[None, None], [None, None]]
    assert [row[1] for row in rows[1]] == list(BINS)
    assert all(row[1:] == [None] * 3 for row in rows[2])
    assert {result["tables"][0]["missing"] for result in value["results"]} == {HIDDEN}

    sheets = {path.stem: path.read_text("utf-8").splitlines() for path in tmp_path.glob("*.csv")}
    assert sheets["mean-balance"][-2:] == [f"south,mortgage,{HIDDEN},{HIDDEN}", f"south,other,{HIDDEN},{HIDDEN}"]
    assert sheets["sizes"][2].endswith(f",{HIDDEN}")
    assert all(re.findall(r"[^,]+", line)[1::2] == [HIDDEN] * 3 for line in sheets["links"][1:])

    html = (tmp_path / "report.html").read_text("utf-8")
    page = Page(html)
    assert all(row[1:] == [HIDDEN] * 3 for row in page.tables[2][1:])
    assert "Hidden: 2 of 6 cells" in page.text and "nan" not in page.text.lower()
    bars, histogram_bars = (
        re.findall(r"<text[^>]*>([^<]*)</text>", svg) for svg in re.findall("<svg.*?</svg>", html, flags=re.DOTALL)
    )
    drawn = ["1,234,568", "250,000", "99.25", "41,000"]
    assert sorted(bars) == sorted([*REGIONS, *PRODUCTS, *drawn, HIDDEN, HIDDEN])
    assert sorted(histogram_bars) == sorted([*EDGES, "17", "70,533", HIDDEN])


def test_a_missing_number_that_was_not_suppressed_is_not_called_hidden(tmp_path: Path) -> None:
    values = [[1.0, np.nan, 0.5], [np.nan, np.nan, np.nan], [0.5, np.nan, 1.0]]
    page = Page(render(a_report(correlation(values=values)), tmp_path).read_text("utf-8"))
    assert page.tables[0][1] == ["balance", "1.0000", "not defined", "0.5000"]
    assert HIDDEN not in [cell for table in page.tables for row in table for cell in row]


def test_the_page_needs_nothing_but_itself(page: Page, tmp_path: Path) -> None:
    html = (tmp_path / "report.html").read_text("utf-8")
    assert "http:" not in html and "https:" not in html and "//" not in html and "@import" not in html
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    references = [value for name, value in page.attributes if name in ("href", "src", "xlink:href", "action")]
    assert references and all(value.startswith("#") for value in references)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))


def test_every_reference_inside_the_page_has_its_one_target(page: Page, tmp_path: Path) -> None:
    html = (tmp_path / "report.html").read_text("utf-8")
    targets = {value[1:] for name, value in page.attributes if name == "href"} | set(
        re.findall(r"url\(#([^)]*)\)", html)
    )
    assert len(page.ids) == len(set(page.ids))
    assert targets <= set(page.ids)


def test_figures_and_tables_speak_to_those_who_do_not_see_them(page: Page) -> None:
    labels = [value for name, value in page.attributes if name == "aria-label"]
    assert page.attributes.count(("role", "img")) == 3
    assert any(label.startswith("Bars: Mean, mean (cents); exact. Of 6 cells 2 are empty") for label in labels)
    assert page.tags.count("caption") == page.tags.count("table")
    assert page.attributes.count(("scope", "col")) > 0 < page.attributes.count(("scope", "row"))


def test_fixed_sections_in_their_order(page: Page, tmp_path: Path) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", (tmp_path / "report.html").read_text("utf-8"))
    assert headings == [
        "Purpose", "Findings in plain words", "Total exposure", "Mean balance", "Sizes", "Links",
        "What is hidden, and why", "Assumptions and limits", "What could be done next", "Who approved",
        "Why you have it", "What protected the data", "What was revealed", "How to verify", "Appendix",
    ]  # fmt: skip


def test_every_step_says_who_could_read_what(page: Page, tmp_path: Path) -> None:
    matrix = next(table for table in page.tables if table[0][0] == "Step")
    assert matrix[0] == ["Step", "An owner", "One node", "Two nodes"]
    assert [row[1:] for row in matrix[1:]] == [["its own", "counts", "everything"], ["nothing", "nothing", "results"]]
    assert [row[0] for row in matrix[1:]] == [
        "Hand in Shares. Protects against: all but two.", "Read In plain. Protects against: combinations.",
    ]  # fmt: skip
    told = json.loads((tmp_path / "report.json").read_text("utf-8"))["guarantees"]
    assert told == [asdict(each) for each in GUARANTEES]
    # On a narrow page the heads are out of sight, and each cell says whose it is.
    assert [value for name, value in page.attributes if name == "data-who"] == 2 * ["An owner", "One node", "Two nodes"]
    assert "Hand in Shares. Protects against: all but two. its own counts everything" in words(a_report())


def test_rules_that_hid_cells_are_told_where_they_may_be_known(tmp_path: Path) -> None:
    told = replace(a_report().evidence, rules=("it is too small", "it is too lonely"), by_rule={"safe_threshold": 4})
    page = Page(render(a_report(evidence=told), tmp_path).read_text("utf-8"))
    assert page.tables[-1] == [["Rule", "Cells"], ["safe_threshold", "4"]]
    assert "it is too lonely" in page.text
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["evidence"]["by_rule"] == {"safe_threshold": 4}
    assert "Cells that break a rule" not in Page(render(a_report(), tmp_path).read_text("utf-8")).text


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({HOSTILE: [HOSTILE, "=1+1"], "rows": pd.array([12, None], "Int64")})
    table = ResultTable(HOSTILE, frame, {"rows": Measure(HOSTILE)}, chart="bars")
    result = Result("h", HOSTILE, 1, HOSTILE, (HOSTILE,), (table,), suppressed=1, cells=2, assumptions=(HOSTILE,))
    report = a_report(
        result, title=HOSTILE, purpose=HOSTILE, period=HOSTILE, agreement=HOSTILE, verify=HOSTILE, leakage=HOSTILE,
        agreement_version=HOSTILE, suite=HOSTILE, parties={HOSTILE: (HOSTILE,)}, job=HOSTILE,
        approvals=(Approval(HOSTILE, HOSTILE, HOSTILE),),
        evidence=Evidence({HOSTILE: 1}, {HOSTILE: 1}, {HOSTILE: 1}, 10),
        entitled=(HOSTILE,), guarantees=(Guarantee(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: "nothing"}),),
    )  # fmt: skip
    html = render(report, tmp_path).read_text("utf-8")
    page = Page(html)
    assert not {"script", "img"} & set(page.tags)
    assert html.count("</style>") == 1 and "<script" not in html
    assert page.text.count("<script>alert(1)</script>") > 20
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "\n'=1+1,hidden" in (tmp_path / "h.csv").read_text("utf-8")


def test_a_result_whose_name_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        render(a_report(replace(total(), name="../total")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_json_keeps_its_schema(tmp_path: Path) -> None:
    schema = json.loads(files("counterfoil.report").joinpath("report.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    render(a_report(), tmp_path)
    value = json.loads((tmp_path / "report.json").read_text("utf-8"))
    jsonschema.validate(value, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**value, "extra": 1}, schema)
    bounded = value["results"][3]["tables"][0]["columns"][1]
    assert bounded == {"name": "balance", "role": "measure", "unit": "", "label": "bounded", "bound": 3.21e-9}


def test_equal_reports_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        render(a_report(), tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert set(one) == {
        "report.html", "report.json", "report.pdf", "datapackage.json",
        *(f"{name}.csv" for name in ("total-exposure", "mean-balance", "sizes", "links")),
        *(f"{name}.parquet" for name in ("total-exposure", "mean-balance", "sizes", "links")),
    }  # fmt: skip


def test_ten_results_render_in_under_five_seconds(tmp_path: Path) -> None:
    results = [
        replace(make(), name=f"r{number}")
        for number, make in zip(range(10), itertools.cycle((means, histogram, correlation)))
    ]
    started = time.monotonic()
    render(a_report(*results), tmp_path)
    assert time.monotonic() - started < 5


def test_importing_the_report_does_not_import_what_is_slow() -> None:
    code = (
        "import sys, counterfoil.report; sys.exit(bool({'matplotlib', 'prefect', 'numba', 'typst'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_noised_number_says_so_everywhere_and_how_far_off_it_may_be(tmp_path: Path) -> None:
    frame = pd.DataFrame({"region": REGIONS, "rows": pd.array([120, -3], "Int64"), "mean": [4.25, np.nan]})
    frame["from"], frame["to"] = [4.0, np.nan], [4.5, np.nan]
    varies = dict.fromkeys(("from", "to", "mean"), Measure("days", interval=np.nan))
    table = ResultTable("Stay", frame, {"rows": Measure(interval=37), **varies}, chart="bars")
    result = Result("stay", "mean_by_group", 1, "Stay", (), (table,), suppressed=1, cells=2)
    page = render(a_report(result), tmp_path).read_text()
    assert "noised, 95 % within ± 37" in page
    assert page.count('<rect x="') == 2 and page.count("fill-opacity") == 1  # a bar behind its interval; a hidden one
    assert "<strong>Noised</strong> means" in page and "No noise was added" not in page
    columns = json.loads((tmp_path / "report.json").read_text())["results"][0]["tables"][0]["columns"]
    assert columns[1] == {
        "name": "rows", "role": "measure", "unit": "", "label": "noised", "interval": 37, "confidence": 0.95,
    }  # fmt: skip
    assert columns[2]["interval"] is None
    schema = json.loads(files("counterfoil.report").joinpath("report.schema.json").read_text("utf-8"))
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text()), schema)
    sheet = (tmp_path / "stay.csv").read_text().splitlines()
    assert sheet[0] == "region,rows,rows within 95 %,mean,from,to"
    assert sheet[1] == "north,120,37,4.25,4.0,4.5"
    assert "<strong>Noised</strong>" not in render(a_report(), tmp_path).read_text()


def test_an_answer_is_yes_or_no(tmp_path: Path) -> None:
    frame = pd.DataFrame({"more than 10": pd.array([True], "boolean")})
    result = Result("q", "threshold", 1, "Q", (), (ResultTable("Q", frame, {"more than 10": Measure()}),), cells=1)
    assert '<dd class="value">yes</dd>' in render(a_report(result), tmp_path).read_text()
    assert json.loads((tmp_path / "report.json").read_text())["results"][0]["tables"][0]["rows"] == [[True]]
