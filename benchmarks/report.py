"""Write the tables of a run, in markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.plan import MPYC, REP3, REP4, SPU_TUNED, Bar, Key, Plan
from benchmarks.results import Measurement, Results
from benchmarks.workloads import WORKLOADS


def markdown(results: Results, plan: Plan, note: str) -> str:
    """Write the whole page."""
    sections = [
        "# How fast",
        note,
        _list({**results.machine, **results.about}),
        "## Against SPU (ABY3, 64-bit ring)",
        "Medians. `ratio` is our time over that of SPU as it comes, which the bar is for; `ratio, tuned` is over the "
        "fastest of both settings of SPU. Counterfoil encrypts its links, SPU does not.",
        _against_spu(results, plan),
        "## Against MPyC",
        _against_mpyc(results, plan),
        "## Against ourselves",
        _bars(results, plan.own_bars()),
        "## How it grows",
        "Processor seconds and bytes are of all parties together: payload, and in brackets what arrived on their "
        "sockets. Memory is the peak of the largest party. A join is of two tables with so many rows each.",
        _growth(results, plan),
    ]
    return "\n\n".join(sections) + "\n"


def _against_spu(results: Results, plan: Plan) -> str:
    lines = []
    for bar in plan.peer_bars():
        ours, spu = results.get(bar.above), results.get(bar.below)
        tuned = results.get(Key(SPU_TUNED.name, bar.below.workload, bar.below.size))
        if not ours or not spu:
            continue
        best = min((each.seconds for each in (spu, tuned) if each), default=None)
        lines.append(
            [
                bar.title,
                _seconds(ours),
                _seconds(spu),
                _ratio(ours.seconds / spu.seconds),
                f"{bar.limit:g}",
                _met(ours.seconds / spu.seconds, bar.limit),
                _seconds(tuned),
                _ratio(ours.seconds / best if best else None),
                ours.verdict,
                spu.verdict,
            ]
        )
    return _table(
        ["workload", "Counterfoil, s", "SPU, s", "ratio", "bar", "met", "SPU tuned, s", "ratio, tuned",
         "Counterfoil's error", "SPU's error"],
        lines,
    )  # fmt: skip


def _against_mpyc(results: Results, plan: Plan) -> str:
    lines = []
    for row in plan.rows:
        for size in row.sizes_of(MPYC):
            ours, other = (results.get(Key(each.name, row.workload, size)) for each in (REP3, MPYC))
            if ours and other:
                ratio = _ratio(ours.seconds / other.seconds)
                lines.append([_named(ours), _seconds(ours), _seconds(other), ratio, other.verdict])
    return _table(["workload", "Counterfoil, s", "MPyC, s", "ratio", "MPyC's error"], lines)


def _bars(results: Results, bars: Iterable[Bar]) -> str:
    found = [(bar, results.ratio(bar)) for bar in bars]
    return _table(
        ["what", "ratio", "bar", "met"],
        [
            [bar.title, _ratio(ratio), f"{bar.limit:g}", _met(ratio, bar.limit)]
            for bar, ratio in found
            if ratio is not None
        ],
    )


def _growth(results: Results, plan: Plan) -> str:
    lines = []
    for row in plan.rows:
        for suite in (REP3, REP4):
            for size in row.sizes_of(suite):
                if found := results.get(Key(suite.name, row.workload, size)):
                    sent = f"{found.payload_bytes_per_row:,.1f} ({found.wire_bytes_per_row:,.1f})"
                    where = [_named(found), suite.name, _seconds(found), f"{found.cpu_seconds:.3g}"]
                    lines.append([*where, sent, str(found.rounds), f"{found.peak_mb:,.0f}"])
    return _table(["workload", "suite", "s", "processor s", "bytes per row", "rounds", "peak MB"], lines)


def _named(found: Measurement) -> str:
    return f"{WORKLOADS[found.workload].title}, {found.size:,}"


def _seconds(found: Measurement | None) -> str:
    return f"{found.seconds:.3g}" if found else ""


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.3f}"


def _met(ratio: float | None, limit: float) -> str:
    return "" if ratio is None else ("yes" if ratio <= limit else "**no**")


def _list(lines: dict[str, str]) -> str:
    return "\n".join(f"* {name}: {text}" for name, text in lines.items())


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:" for _ in head[1:]]]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))
