"""What each analysis of an agreement opens, and what a job costs, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator

from counterfoil.canonical import Json
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.joint.computation import analyses
from counterfoil.joint.cost_estimate import Estimate
from counterfoil.joint.openings import declared
from counterfoil.joint.openings import openings as of_each
from counterfoil.mpc.suites.plain import Cost
from counterfoil.report import wording


def openings(agreement: Agreement) -> dict[str, Json]:
    """Return what the nodes open in a job, and what each analysis lets its recipients learn."""
    return {
        "to the nodes": {line.label: line.purpose for line in declared(agreement)},
        "by analyses": {name: [line.label for line in each] for name, each in of_each(agreement).items()},
        "to recipients": {
            name: {"recipients": analysis.planned.recipients, "learn": analysis.reveals}
            for name, analysis in analyses(agreement).items()
        },
    }


def cost_facts(estimate: Estimate, round_trip_s: float) -> dict[str, Json]:
    """Return the estimate as plain JSON values; bytes are over all links."""
    return {
        "rows": dict(estimate.rows),
        "round_trip_ms": round(1000 * round_trip_s, 3),
        "rounds": estimate.total.rounds,
        "bytes": estimate.total.sent_bytes,
        "processor_seconds": round(estimate.processor_s, 3),
        "seconds": round(estimate.seconds(round_trip_s), 3),
        "assumed_pace": {"round_s": estimate.suite.pace.round_s, "byte_s": estimate.suite.pace.byte_s},
        "steps": {name: {"rounds": cost.rounds, "bytes": cost.sent_bytes} for name, cost in estimate.steps.items()},
    }


def cost_words(agreement: Agreement, estimate: Estimate, round_trip_s: float) -> Iterator[str]:
    """Say what is opened, then what a job costs, line by line."""
    yield "While a job runs, the nodes open this and nothing else:"
    for line in declared(agreement):
        yield f"  {line.label}: {line.purpose}"
    own = [
        f"{name} opens {wording.listing([line.label for line in each])}"
        for name, each in of_each(agreement).items()
        if each
    ]
    yield f"{'; '.join(own) or 'No analysis opens anything'} by itself. Recipients learn"
    for name, analysis in analyses(agreement).items():
        yield f"  from {name}: {wording.listing(analysis.reveals)}"
        yield from (f"    {line}" for line in analysis.untold())
    yield ""
    brought = wording.listing([f"{rows:,} rows under {name}" for name, rows in estimate.rows.items()])
    yield f"If each owner brings {brought}, a job costs {_words(estimate.total)},"
    yield (
        f"and about {estimate.seconds(round_trip_s):.1f} s of computing, on machines of their own with "
        f"{1000 * round_trip_s:g} ms between the nodes, there and back; the nodes are assumed to be as quick as "
        f"{estimate.suite.pace.ASSUMED}:"
    )
    for name, cost in estimate.steps.items():
        yield f"  {name}: {_words(cost)}"


def _words(cost: Cost) -> str:
    return f"{cost.sent_bytes / 1e6:,.2f} MB between the nodes in {wording.count(cost.rounds, 'round')}"
