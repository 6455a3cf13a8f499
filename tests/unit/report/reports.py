"""A small report with a result of every kind, and its page and its paper as readers take them in."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
from pypdf import PdfReader

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.report import Approval, Evidence, Report
from counterfoil.report.guarantees import Guarantee
from counterfoil.report.pages.pdf import pdf

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
        "links", "correlation", 2, "Correlation", ("Strongest: one.",), (table,), suppressed=suppressed, cells=1,
        assumptions=("age is the same in all rows.",),
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


def paper(report: Report) -> PdfReader:
    return PdfReader(io.BytesIO(pdf(report)))


def words(report: Report) -> str:
    return " ".join(" ".join(page.extract_text() for page in paper(report).pages).split())
