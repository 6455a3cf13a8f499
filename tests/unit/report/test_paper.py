"""The report on paper says what the page says, to archives and to the ear, and hostile text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.report import Approval, Evidence, render
from tests.unit.report.reports import HIDDEN, a_report, paper, words


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
