"""Figures: no label is cut off, no two overlap, and each stands by itself."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Measure, ResultTable
from counterfoil.report.pages import figures
from tests.unit.report.reports import means

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
