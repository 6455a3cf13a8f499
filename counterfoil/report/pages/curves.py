"""Draw survival curves: in steps, with the bands of their intervals, and under them how many were at risk when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from counterfoil.deferred import deferred
from counterfoil.report import wording
from counterfoil.report.pages.drawing import STEP, TEXT, WIDTH, Drawing, length

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.analyses.base import ResultTable
else:
    pd = deferred("pandas")

_HEIGHT: Final = 200.0
_GAP: Final = 5.0
_BAND: Final = 0.16
_NOT_GROUPS: Final = ("time",)


def survival(table: ResultTable) -> Drawing:
    """Draw the curve of each group of the table, which has a row for each group and bin, in the order of time.

    The table's columns are the end of each bin, `until`; `at risk` at its start; and `from`, `to` and `survival` at its
    end. Times begin at 0.
    """
    frame = table.frame
    groups = [str(name) for name in frame.columns if str(name) not in {*table.measures, *_NOT_GROUPS}]
    keys = frame[groups].astype(str).agg(", ".join, axis=1) if groups else pd.Series([""] * len(frame))
    kinds = list(dict.fromkeys(keys))
    last = float(frame["until"].max())
    drawing = Drawing()
    if groups:
        drawing.legend(kinds)
    top = drawing.height + TEXT
    most = max(length(wording.number(int(rows), 0)) for rows in frame["at risk"])
    left = max([length("100 %"), *(length(kind) + most / 2 for kind in kinds)]) + 10
    width = WIDTH - left - length(wording.number(int(last), 0)) / 2

    def x(time: float) -> float:
        return left + width * time / last

    def y(share: float) -> float:
        return top + _HEIGHT * (1 - share)

    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        drawing.line(left, y(share), left + width, y(share), "line")
        drawing.label(left - 6, y(share), [f"{100 * share:.0f} %"], "end", "muted")
    for number, kind in enumerate(kinds):
        own, colour, shares = frame[(keys == kind).to_numpy()], f"s{number + 1}", [1.0]
        ends = [0.0, *own["until"].astype(float)]
        bounds = [(1.0, 1.0), *zip(own["from"].astype(float), own["to"].astype(float), strict=True)]
        shares += own["survival"].astype(float).tolist()
        for at, (low, high) in enumerate(bounds):
            until = ends[at + 1] if at + 1 < len(ends) else last
            if low < high and until > ends[at]:
                drawing.box(x(ends[at]), y(high), x(until) - x(ends[at]), y(low) - y(high), colour, opacity=_BAND)
            drawing.line(x(ends[at]), y(shares[at]), x(until), y(shares[at]), colour, 2)
            if at + 1 < len(shares):
                drawing.line(x(until), y(shares[at]), x(until), y(shares[at + 1]), colour, 2)
    shown = _apart(frame, keys, width)
    below = y(0) + STEP
    drawing.line(left, y(0), left + width, y(0), "muted")
    for time in [*shown, last]:
        drawing.line(x(time), y(0), x(time), y(0) + 4, "muted")
        drawing.label(x(time), below, [wording.number(time, 0)], "middle", "muted")
    below += STEP * 1.4
    drawing.label(0, below, ["At risk"], "start", "muted")
    if unit := table.measures["until"].unit:
        drawing.label(left + width, below, [unit], "end", "muted")
    for number, kind in enumerate(kinds):
        below += STEP * 1.1
        drawing.label(0, below, [kind], "start", f"s{number + 1}")
        own = frame[(keys == kind).to_numpy()]
        for begin, rows in zip([0.0, *own["until"].astype(float)], own["at risk"], strict=False):
            if begin in shown:
                drawing.label(x(begin), below, [wording.number(int(rows), 0)], "middle")
    drawing.height = below + STEP
    return drawing


def _apart(frame: pd.DataFrame, keys: pd.Series, width: float) -> list[float]:
    """Choose as many times as are written side by side, with the numbers at risk under them, and touch no other."""
    last = float(frame["until"].max())
    begins = frame["until"].groupby(keys).shift(fill_value=0).astype(float)
    wide = {last: length(wording.number(last, 0))}
    for time, rows in zip(begins, frame["at risk"], strict=True):
        words = wording.number(time, 0), wording.number(int(rows), 0)
        wide[time] = max(wide.get(time, 0.0), *map(length, words))

    def apart(one: float, other: float) -> bool:
        return width * (other - one) / last >= (wide[one] + wide[other]) / 2 + _GAP

    shown = list[float]()
    for time in sorted(wide):
        if time != last and apart(time, last) and (not shown or apart(shown[-1], time)):
            shown.append(time)
    return shown
