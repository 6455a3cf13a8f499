"""What stands on a report is what was released, and nothing else."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.errors import DocumentError
from counterfoil.governance.assurance import Guarantee
from counterfoil.report import Approval, Evidence, Report, figures, render, wording
from counterfoil.report.pdf import pdf

HIDDEN = "hidden"
HOSTILE = "</style><script>alert(1)</script><img src=http://x.example/a onerror=b()>&\"'$x^2$ --> "

REGIONS, PRODUCTS = ("north", "south"), ("card", "mortgage", "other")
#: south, mortgage and south, other are hidden
ROWS = (1_204, 98, 3_311, 707, None, None)
MEANS = (1_234_567.891, 250_000.5, 99.25, 41_000.0, np.nan, np.nan)
EDGES = ("[0 – 100)", "[100 – 1,000)", "[1,000 – 9,000]")
BINS = (17, None, 70_533)
NAMES = ("balance", "income", "age")
CORRELATION = ((1.0, 0.512345678, -0.25), (0.512345678, 1.0, -0.0000001), (-0.25, -0.0000001, 1.0))


GUARANTEES = (
    Guarantee(
        "hand in", "shares", "all but two", {"an owner": "its own", "one node": "counts", "two nodes": "everything"}
    ),
    Guarantee(
        "read", "in plain", "combinations", {"an owner": "nothing", "one node": "nothing", "two nodes": "results"}
    ),
)


def total() -> Result:
    frame = pd.DataFrame({"rows": pd.array([4], "Int64"), "balance": pd.array([9_007_199_254_740_993], "Int64")})
    table = ResultTable("Total balance", frame, {"rows": Measure(), "balance": Measure("cents")})
    return Result("total-exposure", "total", 1, "Total balance", ("It adds up.",), (table,), cells=1)


def means() -> Result:
    frame = pd.DataFrame(itertools.product(REGIONS, PRODUCTS), columns=["region", "product"])
    frame["rows"], frame["mean"] = pd.array(ROWS, "Int64"), MEANS
    table = ResultTable("Mean", frame, {"rows": Measure(), "mean": Measure("cents")}, chart="grouped-bars")
    return Result("mean-balance", "mean_by_group", 2, "Mean", ("Highest: north.",), (table,), suppressed=2, cells=6)


def histogram() -> Result:
    frame = pd.DataFrame({"bin": EDGES, "rows": pd.array(BINS, "Int64")})
    table = ResultTable("Distribution", frame, {"rows": Measure()}, chart="bars")
    return Result("sizes", "histogram", 1, "Distribution", (), (table,), suppressed=1, cells=3)


def correlation(bound: float = 3.21e-9, values: Any = CORRELATION, suppressed: int = 0) -> Result:
    frame = pd.DataFrame(np.array(values, float), columns=list(NAMES))
    frame.insert(0, "column", NAMES)
    table = ResultTable("Correlation", frame, {name: Measure(bound=bound) for name in NAMES}, chart="heatmap")
    return Result(
        "links", "correlation", 1, "Correlation", ("Strongest: one.",), (table,), suppressed=suppressed, cells=1,
        assumptions=("age hardly varies.",),
    )  # fmt: skip


def a_report(*results: Result, **changes: Any) -> Report:
    report = Report(
        title="Joint exposure",
        purpose="To see the joint exposure.",
        job="0123456789abcdef0123456789abcdef",
        period="2026-w47",
        agreement="exposure",
        agreement_version="1.0.0",
        agreement_digest="ab" * 32,
        suite="rep3",
        parties={"owners": ("bank-a", "bank-b"), "nodes": ("node-0", "node-1", "node-2")},
        results=results or (total(), means(), histogram(), correlation()),
        quorum=2,
        approvals=(
            Approval("reviewer-1", "2026-11-22T10:00:00Z", "Fine."),
            Approval("reviewer-3", "2026-11-22T11:00Z"),
        ),
        evidence=Evidence({"rejected": 8}, {"bank-a": 0, "bank-b": 3}, {"mean-balance": 2}, min_count=10),
        guarantees=GUARANTEES,
        entitled=("total-exposure: as one of supervisors, the recipients with organisation Banking supervisor",),
        leakage="Two nodes together see everything.\n\nEvery node learns:\n\n- the agreement\n- how long it took\n",
        release_digest="cd" * 32,
        signed_by=("node-0", "node-1"),
        verify="counterfoil verify",
    )
    return replace(report, **changes)


class Page(HTMLParser):
    """The page's tables as texts, its ids, its attributes, and all text that is shown."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._cell: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell is not None:
            self._cell.append(data)


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


LONG = "a label that is longer than any line_and-goes on for ever without-saying_anything new"


@pytest.mark.parametrize(
    "values",
    [(1, 2, 3), (-1_234_567_890.5, 0.25, 1_234_567_890_123), (-5, -7, -1), (0, 0, 0), (np.nan, 1e-9, -1e-9)],
)
@pytest.mark.parametrize("labels", [("a", "b", "c"), ("x" * 80, LONG, "[10,000,000 – 25,000,000)")])
@pytest.mark.parametrize("half", [None, 2.5, 1e12])
def test_no_label_is_cut_off_and_no_two_overlap(
    values: tuple[float, ...], labels: tuple[str, ...], half: float | None
) -> None:
    frame = pd.DataFrame({"group": labels, "value": values})
    table = ResultTable("T", frame, {"value": Measure("euro cents", interval=half)}, chart="bars")
    svg = figures.draw(table, "t")
    width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0])
    size, boxes = 12.0, []
    for x, y, anchor, text in re.findall(r'<text x="(\S+)" y="(\S+)" text-anchor="(\w+)"[^>]*>([^<]*)<', svg):
        long = len(text) * size * 0.55
        left = float(x) - {"start": 0.0, "middle": long / 2, "end": long}[anchor]
        assert left >= 0 and left + long <= width, text
        assert size * 0.7 <= float(y) <= height, text
        boxes.append((left, left + long, float(y)))
    for one, other in itertools.combinations(boxes, 2):
        apart = one[1] <= other[0] or other[1] <= one[0]
        assert apart or abs(one[2] - other[2]) >= size, (one, other)
    drawn = [float(part) for box in re.findall(r'<rect x="(\S+)" y="\S+" width="(\S+)"', svg) for part in box]
    assert all(0 <= part <= width for part in drawn)
    lines = re.findall(r'<line x1="(\S+)" y1="\S+" x2="(\S+)"', svg)
    assert len(lines) == 1 + 3 * (half is not None) * sum(value == value for value in values) + ("hatch" in svg)
    assert all(0 <= float(end) <= width for line in lines for end in line)


def test_an_interval_that_differs_from_row_to_row_is_drawn_from_its_ends() -> None:
    frame = pd.DataFrame({"group": ["a", "b"], "mean": [50.0, 80.0], "from": [25.0, 0.0], "to": [100.0, 100.0]})
    measures = dict.fromkeys(("from", "to", "mean"), Measure(interval=np.nan))
    svg = figures.draw(ResultTable("T", frame, measures, chart="bars"), "t")
    ends = [(float(a), float(b)) for a, b in re.findall(r'<line x1="(\S+)" y1="\S+" x2="(\S+)"', svg) if a != b]
    zero = float(re.findall(r'<line x1="(\S+)"', svg)[0])
    (low, high), (low_of_b, high_of_b) = ends
    assert high == high_of_b and low_of_b == zero
    assert low - zero == pytest.approx((high - zero) / 4, rel=0.01)


def test_a_chart_alone_needs_no_page() -> None:
    svg = figures.alone(figures.draw(means().tables[0], "t"), "A Font & more")
    assert "var(" not in svg and 'font-family="A Font &amp; more"' in svg and "#0072b2" in svg
    ElementTree.fromstring(svg)  # noqa: S314 (our own)


# --- on paper ---------------------------------------------------------------------------------------------------


def paper(report: Report) -> PdfReader:
    return PdfReader(io.BytesIO(pdf(report)))


def words(report: Report) -> str:
    return " ".join(" ".join(page.extract_text() for page in paper(report).pages).split())


def test_the_paper_says_what_the_page_says(tmp_path: Path) -> None:
    report = a_report()
    text = words(report)
    for part in (
        "Joint exposure",
        "To see the joint exposure.",
        "9,007,199,254,740,993",
        "1,234,567.89",
        "± 3.3 × 10⁻⁹",
    ):
        assert part in text
    assert "as one of supervisors, the recipients with organisation Banking supervisor" in text
    headings = re.findall(r"<h2>(.*?)</h2>", render(report, tmp_path).read_text("utf-8"))
    assert [mark.title for mark in paper(report).outline if not isinstance(mark, list)] == headings
    assert "2 of 6 cells hidden" in text and "2 signed approvals; the agreement asks for 2." in text
    assert text.count(HIDDEN) >= 5  # four cells and a bin


def test_the_paper_is_for_archives_and_for_the_ear() -> None:
    read = paper(a_report())
    root = read.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    told = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in told and "<pdfuaid:part>1</pdfuaid:part>" in told
    alts = list(_alternatives(root["/StructTreeRoot"]))
    assert [alt.split(":")[0] for alt in alts] == ["Bars", "Bars", "Coloured grid"]


def _alternatives(element: Any) -> Iterator[str]:
    """The texts that stand for figures, in the order of the document."""
    element = element.get_object()
    if isinstance(element, list):
        for child in element:
            yield from _alternatives(child)
    elif isinstance(element, dict):
        if "/Alt" in element:
            yield str(element["/Alt"])
        elif "/K" in element:
            yield from _alternatives(element["/K"])


def test_hostile_text_stays_text_on_paper(tmp_path: Path) -> None:
    hostile = '#panic("x") #read("/etc/passwd") $x^2$ *bold* @ref <label> // comment \\ #import "@preview/x:1.0.0"'
    frame = pd.DataFrame({hostile: [hostile, "b"], "rows": pd.array([12, None], "Int64")})
    result = Result(
        "h", hostile, 1, hostile, (hostile,), (ResultTable(hostile, frame, {"rows": Measure(hostile)}, chart="bars"),),
        suppressed=1, cells=2, assumptions=(hostile,),
    )  # fmt: skip
    report = a_report(
        result, title=hostile, purpose=hostile, period=hostile, agreement=hostile, verify=hostile, leakage=hostile,
        agreement_version=hostile, suite=hostile, parties={hostile: (hostile,)}, job=hostile,
        approvals=(Approval(hostile, hostile, hostile),), evidence=Evidence({hostile: 1}, {hostile: 1}, {}, 10),
    )  # fmt: skip
    text = words(report).replace(" ", "")
    assert text.count('#panic("x")#read("/etc/passwd")$x^2$') > 15
    assert "root:" not in text


# --- the tables as a data package -------------------------------------------------------------------------------


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
