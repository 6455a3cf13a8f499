"""Draw charts as SVG inside a page: the same bytes for the same table, in the page's own colours.

The last measured column is drawn. Every bar and cell carries its number, so a chart needs no scale to be read; a noised
number carries its interval, and a hidden cell is hatched and says so. Knows nothing of pages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from counterfoil.deferred import deferred
from counterfoil.report import wording
from counterfoil.report.pages import curves, tables
from counterfoil.report.pages.drawing import LETTER, STEP, TEXT, WIDTH, Drawing, length, lines_of

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.analyses.base import ResultTable
else:
    pd = deferred("pandas")

_SERIES: Final = 6
_MAX_BARS: Final = 60

#: the strongest colour behind a number, so that ink on it keeps a contrast of 4.5
_STRONGEST: Final = 0.55

_BAR, _CELL, _STUB = 19.0, 36.0, 34.0
"""In units of the drawing: a bar with its gap, a cell's height, the length of a hidden bar."""


def draw(table: ResultTable, name: str) -> str:
    """Draw the table in its chart's kind, as an `<svg>`; "" where it asks for none or has too much to draw.

    `name` keeps this figure's ids apart from those of others on the page.
    """
    if not table.chart or table.frame[list(table.measures)].isna().all(axis=None):
        return ""
    if table.chart == "steps":
        return curves.survival(table).svg(name)
    drawing = _heatmap(table, name) if table.chart == "heatmap" else _bars(table, name)
    return drawing.svg(name) if drawing else ""


def alone(svg: str, font: str) -> str:
    """Convert the drawing to a file of its own: with its namespace, in a font, and in plain colours."""
    plain = re.sub(r"var\(--\w+, (#\w+)\)", r"\1", svg)
    return plain.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{escape(font)}" ', 1)


def caption(table: ResultTable) -> str:
    """Describe what the chart of a titled table shows, in which unit, and how exact it is."""
    names = _drawn(table)
    measures = [table.measures[name] for name in names]
    units = ", ".join(dict.fromkeys(measure.unit for measure in measures if measure.unit))
    shown = [f"{names[0]} ({units})" if units else names[0]] if table.chart != "heatmap" else [units] if units else []
    return "; ".join([*shown, *dict.fromkeys(map(tables.label, measures))])


def describe(table: ResultTable) -> str:
    """Describe the chart in words, for those who do not see it."""
    texts = [text for name in _drawn(table) for text in tables.column_texts(table, name)]
    kind = {"heatmap": "Coloured grid", "steps": "Curves in steps, with bands"}.get(table.chart, "Bars")
    return (
        f"{kind}: {table.title}, {caption(table)}. Of {len(texts)} cells {texts.count('')} are empty; the table below "
        "holds them all."
    )


def _drawn(table: ResultTable) -> list[str]:
    names = list(table.measures)
    return names if table.chart == "heatmap" else names[-1:]


# --- two kinds of charts ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar: its place, its number, and the ends of its interval, if it has one."""

    group: int
    series: int
    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        return "hidden" if math.isnan(self.value) else wording.number(self.value, _decimals(self.value))


def _bars(table: ResultTable, name: str) -> Drawing | None:
    """Draw horizontal bars: the first index column on the axis, the others, if any, as colour."""
    first, *others = (str(name) for name in table.frame.columns if str(name) not in table.measures)
    groups = table.frame[first].astype(str).tolist()
    series = table.frame[others].astype(str).agg(", ".join, axis=1).tolist() if others else [""] * len(groups)
    rows, kinds = list(dict.fromkeys(groups)), list(dict.fromkeys(series))
    if len(kinds) > _SERIES or len(groups) > _MAX_BARS:
        return None
    bars = [
        _Bar(rows.index(group), kinds.index(kind), *numbers)
        for group, kind, numbers in zip(groups, series, _intervals(table), strict=True)
    ]
    drawing = Drawing()
    if others:
        drawing.legend(kinds)
    labels = [lines_of(row, 26) for row in rows]
    left = max(length(line) for lines in labels for line in lines) + 10
    known = [number for bar in bars for number in (bar.value, bar.low, bar.high) if not math.isnan(number)]
    low, high = min(0.0, *known), max(0.0, *known)
    room = max(length(bar.text) for bar in bars) + 8
    scale = (WIDTH - left - room - room * (low < 0)) / ((high - low) or 1.0)
    zero = left + room * (low < 0) - low * scale
    pitch = max(_BAR * len(kinds) + (10 if others else 0), STEP * max(map(len, labels)) + 4)
    top = drawing.height
    drawing.line(zero, top, zero, top + pitch * len(rows), "muted")
    for row, lines in enumerate(labels):
        drawing.label(left - 8, top + pitch * (row + 0.5), lines, "end")
    for bar in bars:
        y = top + pitch * bar.group + (pitch - _BAR * len(kinds)) / 2 + _BAR * (bar.series + 0.5)
        _draw_bar(drawing, bar, y, zero, scale, name)
    drawing.height = top + pitch * len(rows) + 2
    return drawing


def _draw_bar(drawing: Drawing, bar: _Bar, y: float, zero: float, scale: float, name: str) -> None:
    height = _BAR - 4
    if math.isnan(bar.value):
        drawing.hatched(zero, y - height / 2, _STUB, height, name)
        drawing.label(zero + _STUB + 5, y, [bar.text], "start", "muted")
        return
    end = zero + bar.value * scale
    noised = not math.isnan(bar.low)
    colour, opacity = f"s{bar.series + 1}", _STRONGEST if noised else 1
    drawing.box(min(zero, end), y - height / 2, abs(end - zero), height, colour, opacity=opacity)
    tip = end
    if noised:
        low, high = zero + bar.low * scale, zero + bar.high * scale
        drawing.line(low, y, high, y, "ink")
        for x in (low, high):
            drawing.line(x, y - 4, x, y + 4, "ink")
        tip = high if bar.value >= 0 else low
    below = bar.value < 0
    drawing.label(tip - 5 if below else tip + 5, y, [bar.text], "end" if below else "start")


def _intervals(table: ResultTable) -> Iterator[tuple[float, float, float]]:
    """Yield each row's number and the ends of its interval; NaN for what is missing."""
    (drawn,) = _drawn(table)
    half = table.measures[drawn].interval
    values = _floats(table, drawn)
    if half is not None and math.isnan(half) and {"from", "to"} <= set(table.measures):
        yield from zip(values, _floats(table, "from"), _floats(table, "to"), strict=True)
    elif half is not None and not math.isnan(half):
        yield from ((value, value - half, value + half) for value in values)
    else:
        yield from ((value, math.nan, math.nan) for value in values)


def _heatmap(table: ResultTable, name: str) -> Drawing:
    """Draw numbers on a grid, from one hue through the page's own surface to another, alike on both sides of 0."""
    names = list(table.measures)
    labels = next(table.frame[name] for name in table.frame.columns if str(name) not in table.measures)
    columns = [_floats(table, name) for name in names]
    known = [abs(value) for column in columns for value in column if not math.isnan(value)]
    limit = max(1.0, *known)
    decimals = min(2, *(wording.decimals_for((limit,), measure.bound) for measure in table.measures.values()))
    rows = [lines_of(str(label), 16) for label in labels]
    left = max(length(line) for lines in rows for line in lines) + 10
    width = (WIDTH - left) / len(names)
    heads = [lines_of(name, max(5, int(width / (TEXT * LETTER)))) for name in names]
    top = max(map(len, heads)) * STEP + 6
    drawing = Drawing()
    for number, lines in enumerate(heads):
        drawing.label(left + width * (number + 0.5), top - 5 - len(lines) * STEP / 2, lines, "middle")
    for row, lines in enumerate(rows):
        y = top + _CELL * row
        drawing.label(left - 8, y + _CELL / 2, lines, "end")
        for number, column in enumerate(columns):
            x, value = left + width * number, column[row]
            if math.isnan(value):
                drawing.hatched(x, y, width, _CELL, name)
                drawing.label(x + width / 2, y + _CELL / 2, ["–"], "middle", "muted")
                continue
            colour = "pos" if value > 0 else "neg"
            drawing.box(x, y, width, _CELL, colour, opacity=_STRONGEST * abs(value) / limit, edge="line")
            drawing.label(x + width / 2, y + _CELL / 2, [wording.number(value, decimals)], "middle")
    drawing.height = top + _CELL * len(rows) + 1
    return drawing


def steps(points: Sequence[tuple[date, float]], limit: float, last: date) -> str:
    """Draw, as an `<svg>`, what was spent from each day on, up to a limit that is drawn beside it.

    Points are in the order of their days, none after `last`.
    """
    first = points[0][0] if points else last
    days = max((last - first).days, 1)
    highest = 1.1 * max(limit, *(value for _, value in points), 0.0)
    drawing, left, height = Drawing(), 8.0, 150.0
    width = WIDTH - left - length(f"{limit:g}") - 12

    def x(day: date) -> float:
        return left + width * (day - first).days / days

    def y(value: float) -> float:
        return height * (1 - value / highest)

    for (day, value), (until, _) in pairwise([*points, (last, 0.0)]):
        drawing.box(x(day), y(value), max(x(until) - x(day), 2.0), height - y(value), "s1", opacity=_STRONGEST)
        drawing.line(x(day), y(value), max(x(until), x(day) + 2.0), y(value), "s1")
    drawing.line(left, y(limit), left + width, y(limit), "neg")
    drawing.label(left + width + 6, y(limit), [f"{limit:g}"], "start", "neg")
    drawing.line(left, height, left + width, height, "muted")
    drawing.label(left, height + STEP, [first.isoformat()], "start", "muted")
    drawing.label(left + width, height + STEP, [last.isoformat()], "end", "muted")
    drawing.height = height + 2 * STEP
    return drawing.svg("steps")


def _floats(table: ResultTable, name: str) -> list[float]:
    return [math.nan if pd.isna(value) else float(value) for value in table.frame[name]]


def _decimals(value: float) -> int:
    """Choose few decimals for a bar's number, which is read beside others; the table has it with all of its own."""
    return 0 if value == int(value) or abs(value) >= 1000 else 2
