"""Charts as SVG that stands inside a page: the same bytes for the same table, in the page's own colours.

The last measured column is drawn. Every bar and cell carries its number, so a chart needs no scale to be read, and a
hidden cell is hatched and says so. Importing this module imports matplotlib, which costs a second. Knows nothing of pages.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from counterfoil.report import tables, wording

if TYPE_CHECKING:
    from counterfoil.analyses.base import ResultTable

# The page names these colours; the values are for an SVG on its own. Every pair on white is 3:1 or better.
_COLOURS = {
    "ink": "#1b1f24", "muted": "#5b6571", "line": "#d5dae1", "pos": "#0b5a94", "neg": "#b04a00",
    "s1": "#0072b2", "s2": "#d55e00", "s3": "#009e73", "s4": "#cc79a7", "s5": "#8c6d00", "s6": "#5b6570",
}  # fmt: skip
_SERIES = [_COLOURS[f"s{number}"] for number in range(1, 7)]
_MAX_BARS = 60

#: the strongest colour behind a number, so that ink on it keeps a contrast of 4.5
_STRONGEST = 0.55

_WIDTH, _BAR, _TEXT = 640.0, 17.0, 11.5
_RC = {
    "svg.hashsalt": "counterfoil",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": _TEXT,
    "text.color": _COLOURS["ink"],
    "text.parse_math": False,
    "hatch.linewidth": 0.7,
}


def draw(table: ResultTable, missing: str, name: str) -> str:
    """An `<svg>` of the table in its chart's kind, or "" where the table asks for none or has too much to draw.

    `missing` is what an empty cell says; `name` keeps this figure's ids apart from those of others on the page.
    """
    kinds = {"bars": _bars, "grouped-bars": _bars, "heatmap": _heatmap}
    if not table.chart or table.frame[list(table.measures)].isna().all(axis=None):
        return ""
    with mpl.rc_context(_RC):
        figure = kinds[table.chart](table, missing)
        return _inline(figure, name) if figure else ""


def describe(table: ResultTable) -> str:
    """The chart in words, for those who do not see it."""
    names = list(table.measures)
    drawn = names if table.chart == "heatmap" else names[-1:]
    texts = [text for name in drawn for text in tables.column_texts(table, name)]
    empty = texts.count("")
    kind = "Grid of numbers" if table.chart == "heatmap" else f"Bars of {names[-1]}"
    without = f", {empty} of them without a number" if empty else ""
    return f"{kind}: {table.title}. {len(texts)} cells{without}; the table that follows holds them all."


def _bars(table: ResultTable, missing: str) -> Figure | None:
    """Horizontal bars: the first index column on the axis, the others, if any, as colour."""
    measure = list(table.measures)[-1]
    first, *others = (str(name) for name in table.frame.columns if str(name) not in table.measures)
    groups = table.frame[first].astype(str)
    series = table.frame[others].astype(str).agg(", ".join, axis=1) if others else groups.map(lambda _: measure)
    rows, kinds = list(dict.fromkeys(groups)), list(dict.fromkeys(series))
    if len(kinds) > len(_SERIES) or len(table.frame) > _MAX_BARS:
        return None

    bars, gap = len(rows) * len(kinds), 0.45 if len(kinds) == 1 else 0.8
    length = bars + gap * len(rows)
    figure, axes = _canvas(length * _BAR + 26 * bool(others))
    values = table.frame[measure].astype("Float64").to_numpy(float, na_value=math.nan)
    low, high = min(0.0, *_known(values)), max(0.0, *_known(values))
    reach = high - low or 1.0
    axes.set_xlim(low - (0.22 if low else 0.0) * reach, high + (0.22 if high or not low else 0.0) * reach)
    axes.set_ylim(length, 0.0)
    texts = tables.column_texts(table, measure)
    for group, kind, value, text in zip(groups, series, values, texts, strict=True):
        row, place = rows.index(group), kinds.index(kind)
        middle = row * (len(kinds) + gap) + gap / 2 + place + 0.5
        colour = _SERIES[place]
        if math.isnan(value):
            axes.barh(middle, 0.12 * reach, height=0.84, color="none", edgecolor=_COLOURS["muted"], hatch="////", lw=0.7)
        else:
            axes.barh(middle, value, height=0.84, color=colour, lw=0)
        end, sign = (0.12 * reach, 1) if math.isnan(value) else (value, -1 if value < 0 else 1)
        axes.annotate(
            text or missing, (end, middle), (4 * sign, -0.5), textcoords="offset points", va="center",
            ha="left" if sign > 0 else "right", fontsize=_TEXT - 1, color=_COLOURS["ink" if text else "muted"],
        )  # fmt: skip
    axes.axvline(0.0, color=_COLOURS["muted"], lw=0.8)
    axes.set_yticks([row * (len(kinds) + gap) + (gap + len(kinds)) / 2 for row in range(len(rows))], _wrapped(rows, 26))
    axes.set_xticks([])
    if others:
        patches = [Patch(color=colour, label=kind) for colour, kind in zip(_SERIES, kinds, strict=False)]
        figure.legend(
            handles=patches, loc="outside upper left", ncols=min(4, len(kinds)), frameon=False, handlelength=1.0,
            handleheight=1.0, columnspacing=1.6, borderpad=0.0,
        )  # fmt: skip
    return figure


def _heatmap(table: ResultTable, missing: str) -> Figure:
    """Numbers on a grid, coloured from one hue through the page's own surface to another, alike on both sides of 0."""
    names = list(table.measures)
    labels = next(table.frame[name] for name in table.frame.columns if str(name) not in table.measures)
    values = table.frame[names].to_numpy(float)
    limit = max(1.0, *map(abs, _known(values)))
    decimals = min(2, *(wording.decimals_for((limit,), measure.bound) for measure in table.measures.values()))
    figure, axes = _canvas(46 * len(labels) + 60)
    axes.set_xlim(0, len(names))
    axes.set_ylim(len(labels), 0)
    for (row, column), value in np.ndenumerate(values):
        known = not math.isnan(value)
        colour = (_COLOURS["pos" if value > 0 else "neg"], _STRONGEST * abs(value) / limit) if known else "none"
        hatch = None if known else "////"
        cell = Rectangle((column, row), 1, 1, facecolor=colour, hatch=hatch, edgecolor=_COLOURS["line"], lw=0.8)
        axes.add_patch(cell)
        text = wording.number(value, decimals) if known else missing
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=_COLOURS["ink" if known else "muted"])
    axes.set_xticks([column + 0.5 for column in range(len(names))], _wrapped(names, 13))
    axes.set_yticks([row + 0.5 for row in range(len(labels))], _wrapped(labels, 26))
    axes.xaxis.tick_top()
    return figure


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH / 72, height / 72), layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=6, colors=_COLOURS["ink"])
    return figure, axes


def _known(values: NDArray[np.float64]) -> list[float]:
    return [float(value) for value in values[~np.isnan(values)]]


def _wrapped(labels: Iterable[object], width: int) -> list[str]:
    """Each label in lines of about `width` characters, broken after spaces, underscores and hyphens."""
    return ["\n".join(_lines(str(label), width)) for label in labels]


def _lines(text: str, width: int) -> list[str]:
    lines = [""]
    for piece in re.findall(r"[^ _-]*[ _-]?", text):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return lines


def _inline(figure: Figure, name: str) -> str:
    """The figure as an `<svg>` element for HTML: no header, no metadata, ids of its own, named colours."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' (?:xmlns(?::xlink)?|version|width|height)="[^"]*"', "", svg, count=5)
    svg = svg.replace("xlink:href", "href").replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
    svg = re.sub(r'(\bid="|\bhref="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, value in _COLOURS.items():
        svg = svg.replace(value, f"var(--{colour}, {value})")
    return svg
