"""Charts as SVG that stands inside a page: the same bytes for the same table, in the page's own colours.

The last measured column is drawn. Every bar and cell carries its number, so a chart needs no scale to be read, and a
hidden cell is hatched and says so. Importing this module imports matplotlib, which costs a second.
Knows nothing of pages.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.typing import RcKeyType
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

# Points: the figure's width, a bar's height with its gap, the text. Shares of the axis: room for a number beyond the
# longest bar, the length of a hidden one.
_WIDTH, _BAR, _TEXT = 560.0, 17.0, 11.5
_ROOM, _STUB = 0.26, 0.12
_RC: dict[RcKeyType, Any] = {
    "svg.hashsalt": "counterfoil",
    "svg.fonttype": "none",
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
    if not table.chart or table.frame[list(table.measures)].isna().all(axis=None):
        return ""
    with mpl.rc_context(_RC):
        figure = _heatmap(table) if table.chart == "heatmap" else _bars(table, missing)
        return _inline(figure, name) if figure else ""


def caption(table: ResultTable) -> str:
    """What the chart shows, in which unit, and how exact it is."""
    names = _drawn(table)
    what = table.title if len(names) > 1 else names[0]
    measures = [table.measures[name] for name in names]
    units = dict.fromkeys(f" ({measure.unit})" if measure.unit else "" for measure in measures)
    return f"{what}{', '.join(units)}; {', '.join(dict.fromkeys(map(tables.label, measures)))}"


def describe(table: ResultTable) -> str:
    """The chart in words, for those who do not see it."""
    texts = [text for name in _drawn(table) for text in tables.column_texts(table, name)]
    kind = "Coloured grid" if table.chart == "heatmap" else "Bars"
    return (
        f"{kind}: {caption(table)}. Of {len(texts)} cells {texts.count('')} are empty; the table below holds them all."
    )


def _drawn(table: ResultTable) -> list[str]:
    names = list(table.measures)
    return names if table.chart == "heatmap" else names[-1:]


def _bars(table: ResultTable, missing: str) -> Figure | None:
    """Horizontal bars: the first index column on the axis, the others, if any, as colour."""
    (measure,) = _drawn(table)
    first, *others = (str(name) for name in table.frame.columns if str(name) not in table.measures)
    groups = table.frame[first].astype(str)
    series = table.frame[others].astype(str).agg(", ".join, axis=1) if others else groups.map(lambda _: measure)
    rows, kinds = list(dict.fromkeys(groups)), list(dict.fromkeys(series))
    if len(kinds) > len(_SERIES) or len(table.frame) > _MAX_BARS:
        return None

    values = table.frame[measure].astype("Float64").to_numpy(float, na_value=math.nan)
    low, high = min(0.0, *_known(values)), max(0.0, *_known(values))
    reach = high - low or 1.0
    pitch = len(kinds) + (0.8 if others else 0.45)
    figure, axes = _canvas(pitch * len(rows) * _BAR + 26 * bool(others))
    axes.set_xlim(low - _ROOM * reach * (low < 0), high + _ROOM * reach)
    axes.set_ylim(pitch * len(rows), 0.0)
    for group, kind, value, text in zip(
        groups, series, values.tolist(), tables.column_texts(table, measure), strict=True
    ):
        place = kinds.index(kind)
        middle = rows.index(group) * pitch + (pitch - len(kinds) + 1) / 2 + place
        end, ink, look = value, "ink", dict[str, Any](color=_SERIES[place], lw=0.0)
        if math.isnan(value):
            look = {"fc": "none", "ec": _COLOURS["muted"], "hatch": "////", "lw": 0.7}
            end, ink = _STUB * reach, "muted"
        axes.barh(middle, end, height=0.84, **look)
        axes.annotate(
            text or missing, (end, middle), (math.copysign(4, end), -0.5), textcoords="offset points", va="center",
            ha="right" if end < 0 else "left", fontsize=_TEXT - 1, color=_COLOURS[ink],
        )  # fmt: skip
    axes.axvline(0.0, color=_COLOURS["muted"], lw=0.8)
    axes.set_yticks([(row + 0.5) * pitch for row in range(len(rows))], _wrapped(rows, 26))
    axes.set_xticks([])
    if others:
        figure.legend(
            handles=[Patch(color=colour, label=kind) for colour, kind in zip(_SERIES, kinds, strict=False)],
            loc="outside upper left", ncols=min(4, len(kinds)), frameon=False, handlelength=1.0, handleheight=1.0,
            columnspacing=1.6, borderpad=0.0,
        )  # fmt: skip
    return figure


def _heatmap(table: ResultTable) -> Figure:
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
        text = wording.number(value, decimals) if known else "–"
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


def _known(values: NDArray[np.floating[Any]]) -> list[float]:
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
    """The figure as an `<svg>` element for HTML: no header, comments or styles, ids of its own, named colours."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = target.getvalue()
    svg = re.sub(r"<!--.*?-->\s*|<style.*?</style>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' (?:xmlns(?::xlink)?|version|width|height)="[^"]*"', "", svg, count=5)
    svg = svg.replace("xlink:href", "href").replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
    svg = re.sub(r'(\bid="|\bhref="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, value in _COLOURS.items():
        svg = svg.replace(value, f"var(--{colour}, {value})")
    return svg
