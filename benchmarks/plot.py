"""Draw the run: how we compare with SPU, and what security against a malicious node costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.plan import REP3, REP4, SPU_TUNED, Key, Plan
from benchmarks.results import Results
from benchmarks.workloads import WORKLOADS

_PLAIN, _TUNED, _BAR = "#1b4965", "#8fb8d0", "#c1121f"


def draw(results: Results, plan: Plan, folder: Path) -> None:
    """Draw `plot.png` and `plot.svg`."""
    figure = Figure(figsize=(14, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    _against_spu(left, results, plan)
    _against_ourselves(right, results, plan)
    with rc_context({"svg.fonttype": "none"}):
        for kind in ("png", "svg"):
            figure.savefig(folder / f"plot.{kind}", dpi=150)


def _against_spu(axes: Axes, results: Results, plan: Plan) -> None:
    found = [(bar, ratio) for bar in plan.peer_bars() if (ratio := results.ratio(bar)) is not None]
    for place, (bar, ratio) in enumerate(found):
        tuned = results.ratio(replace(bar, below=replace(bar.below, contestant=SPU_TUNED.name)))
        axes.plot(ratio, place, "o", color=_PLAIN, markersize=9, label="SPU as it comes")
        if tuned is not None:
            axes.plot(tuned, place, "D", color=_TUNED, label="SPU tuned")
        axes.plot([bar.limit] * 2, [place - 0.35, place + 0.35], color=_BAR, label="bar (SPU as it comes)")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(found)), [bar.title for bar, _ in found])
    axes.grid(axis="x", which="both", alpha=0.2)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("Counterfoil's time as a multiple of SPU's (log scale, left is faster)")
    named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(named.values(), named.keys(), loc="best", fontsize="small")
    axes.set_title("Three nodes: against SPU ABY3")


def _against_ourselves(axes: Axes, results: Results, plan: Plan) -> None:
    titles, ratios = [], []
    for row in plan.rows:
        size = row.sizes_of(REP4)[-1]
        four, three = (results.get(Key(each.name, row.workload, size)) for each in (REP4, REP3))
        if four and three:
            titles.append(f"{WORKLOADS[row.workload].title}, {size:,}")
            ratios.append(four.seconds / three.seconds)
    axes.barh(range(len(titles)), ratios, 0.6, color=_PLAIN)
    axes.axvline(3.5, color=_BAR, label="bar")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(titles)), titles)
    axes.invert_yaxis()
    axes.set_xlabel("rep4's time as a multiple of rep3's")
    axes.legend(loc="best", fontsize="small")
    axes.set_title("Four nodes against three")
