"""Survival curves as drawings: steps where the table has them, and bands where it has intervals."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from counterfoil.analyses.base import Measure, ResultTable
from counterfoil.report.pages import figures


def table(groups: bool = True) -> ResultTable:
    frame = pd.DataFrame(
        {
            "arm": ["standard"] * 2 + ["new"] * 2,
            "time": ["1 to below 100", "100 to 900"] * 2,
            "until": [100, 900] * 2,
            "at risk": [1200, 40, 1100, 60],
            "events": [20, 40, 10, 5],
            "from": [0.7, np.nan, 0.8, 0.5],
            "to": [0.9, np.nan, 0.95, 0.9],
            "survival": [0.8, 0.0, 0.9, 0.7],
        }
    )
    frame = frame if groups else frame[:2].drop(columns="arm")
    measures = dict.fromkeys(("until", "at risk", "events", "from", "to", "survival"), Measure())
    return ResultTable("Time until death", frame, measures, chart="steps")


def test_a_curve_has_its_steps_bands_and_numbers_at_risk() -> None:
    svg = figures.draw(table(), "f")
    words = re.findall(r">([^<]+)</text>", svg)
    assert {"standard", "new", "100 %", "0 %", "At risk", "1,200", "40", "1,100", "60", "900"} <= set(words)
    bands = re.findall(r'<rect [^>]*fill-opacity="0.16"', svg)
    assert len(bands) == 2  # from the first end on; before it all are left, and after the last nothing is drawn
    ends = [float(each) for each in re.findall(r'(?:x[12]?|y[12]?)="([-0-9.]+)"', svg)]
    width, height = map(float, re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', svg).groups())
    assert min(ends) >= 0 and max(ends) <= max(width, height)


def test_without_groups_there_is_one_curve_and_no_legend() -> None:
    svg = figures.draw(table(groups=False), "f")
    assert "standard" not in svg and "At risk" in svg
    assert figures.describe(table()).startswith("Curves in steps, with bands: Time until death")
