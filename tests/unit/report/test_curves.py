"""Survival curves as drawings: steps where the table has them, and bands where it has intervals."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd

from counterfoil.analyses.base import Measure, ResultTable
from counterfoil.report.pages import figures
from counterfoil.report.pages.drawing import length


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
    measures["until"] = Measure("days")
    return ResultTable("Time until death", frame, measures, chart="steps")


def test_a_curve_has_its_steps_bands_and_numbers_at_risk() -> None:
    svg = figures.draw(table(), "f")
    words = re.findall(r">([^<]+)</text>", svg)
    assert {"standard", "new", "100 %", "0 %", "At risk", "1,200", "40", "1,100", "60", "900", "days"} <= set(words)
    bands = re.findall(r'<rect [^>]*fill-opacity="0.16"', svg)
    assert len(bands) == 2  # from the first end on; before it all are left, and after the last nothing is drawn
    ends = [float(each) for each in re.findall(r'(?:x[12]?|y[12]?)="([-0-9.]+)"', svg)]
    width, height = map(float, re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', svg).groups())
    assert min(ends) >= 0 and max(ends) <= max(width, height)


def test_without_groups_there_is_one_curve_and_no_legend() -> None:
    svg = figures.draw(table(groups=False), "f")
    assert "standard" not in svg and "At risk" in svg
    assert figures.describe(table()).startswith("Curves in steps, with bands: Time until death")


def test_times_and_numbers_at_risk_do_not_touch_where_bins_are_narrow() -> None:
    ends = [150, 210, 270, 330, 390, 450, 540, 630, 2000]
    risk = [892, 693, 627, 551, 482, 417, 353, 278, 212]
    frame = pd.DataFrame({"arm": "new", "time": [str(each) for each in ends], "until": ends, "at risk": risk})
    frame = frame.assign(**{"events": 1, "from": 0.4, "to": 0.6, "survival": 0.5})
    measures = dict.fromkeys(("until", "at risk", "events", "from", "to", "survival"), Measure())
    svg = figures.draw(ResultTable("Time until death", frame, measures, chart="steps"), "f")
    placed: dict[str, list[tuple[float, float]]] = {}
    for x, y, words in re.findall(r'<text x="([0-9.]+)" y="([0-9.]+)" text-anchor="middle"[^>]*>([^<]+)<', svg):
        half = length(words) / 2
        placed.setdefault(y, []).append((float(x) - half, float(x) + half))
    assert sum(map(len, placed.values())) >= 7
    for line in placed.values():
        assert all(end < begin for (_, end), (begin, _) in pairwise(sorted(line)))
