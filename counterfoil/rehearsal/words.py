"""Say on a terminal, and as JSON for tools, what came of a rehearsal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from counterfoil.canonical import Json
from counterfoil.rehearsal.results import Rehearsal
from counterfoil.report import wording
from counterfoil.report.costs import cost_facts
from counterfoil.report.pages import tables
from counterfoil.report.pages.displayed import displayed
from counterfoil.report.render import REHEARSAL, result_json
from counterfoil.terminal import say, show_table

ROWS: Final = 40
"""Of a table that a terminal shows; the files have all."""

_NEAR_MS, _FAR_MS = 1.0, 20.0


def tell(rehearsal: Rehearsal) -> None:
    """Print what every recipient would get, what is hidden and why, and what the job would cost."""
    terms = rehearsal.terms
    say(f"Rehearsal of {terms.id} {terms.version}: {terms.title}, {rehearsal.period}")
    say("No release: nobody approved or signed this, and nothing of it can be verified.", *rehearsal.about)
    for part, each in rehearsal.brought.items():
        gone = [f"{count:,} {what}" for what, count in each.account.items() if count and what not in ("read", "shared")]
        if gone:
            say(f"{part}: {each.account['shared']:,} of {each.account['read']:,} rows take part; {', '.join(gone)}")
    for plan in terms.analyses:
        _tell_result(rehearsal, plan.name)
    say("", *_costs(rehearsal))


def _tell_result(rehearsal: Rehearsal, name: str) -> None:
    result, plan = rehearsal.results[name], rehearsal.terms.planned(name)
    say("", f"{name}: {result.title}")
    say(f"  {plan.analysis} version {plan.version}, plan {plan.plan_digest}; for {wording.listing(plan.recipients)}")
    say(*(f"  {finding}" for finding in result.findings))
    missing = tables.missing_text(result)
    for table in result.tables:
        shown = tables.shown(displayed(table), missing)
        labels = [("" if shown.common else each.label) for each in shown.columns]
        heads = [
            "\n".join(filter(None, (each.name, each.unit, label)))
            for each, label in zip(shown.columns, labels, strict=True)
        ]
        show_table(heads, [[cell.text for cell in row] for row in shown.rows[:ROWS]])
        if shown.common:
            say(f"  all numbers: {shown.common}")
        if len(shown.rows) > ROWS:
            say(f"  and {len(shown.rows) - ROWS:,} rows more; --out writes all")
    if result.suppressed:
        say(f"  hidden: {result.suppressed:,} of {wording.count(result.cells, 'cell')}")
        for why, cells in _hidden(rehearsal, name):
            say(f"    {cells}: {why}")
    say(*(f"  {line}" for line in result.assumptions))


def _hidden(rehearsal: Rehearsal, name: str) -> Iterator[tuple[str, str]]:
    """Give each reason, with the cells that are hidden for it, or how many."""
    frame = rehearsal.why[name]
    cells = [column for column in frame if column not in ("cells", "why")]
    for why, rows in frame.groupby("why", sort=False):
        if not cells:
            yield str(why), wording.count(int(rows["cells"].sum()) if "cells" in rows else len(rows), "cell")
            continue
        listed = [" ".join(map(str, row)) for row in rows[cells].itertuples(index=False)]
        yield str(why), "; ".join(listed[:6]) + (f" and {len(listed) - 6} more" if len(listed) > 6 else "")


def _costs(rehearsal: Rehearsal) -> Iterator[str]:
    total = rehearsal.computed.cost.total
    yield (
        f"Computed here in {rehearsal.computed.seconds:.1f} s. Nodes send {total.sent_bytes / 1e6:,.2f} MB in "
        f"{wording.count(total.rounds, 'round')}: about {rehearsal.seconds(_NEAR_MS):.1f} s on machines of their own "
        f"with {_NEAR_MS:g} ms between them, {rehearsal.seconds(_FAR_MS):.1f} s with {_FAR_MS:g} ms."
    )
    if len(rehearsal.terms.private) < len(rehearsal.terms.analyses):
        yield "Every exact number was compared with the pooled tables, which are at hand here alone: it is the same."


def facts(rehearsal: Rehearsal) -> dict[str, Json]:
    """Return the same as plain JSON values."""
    terms = rehearsal.terms
    return {
        "format": REHEARSAL,
        "rehearsal": list(rehearsal.about),
        "agreement": {"id": terms.id, "version": terms.version, "digest": rehearsal.agreement_digest},
        "period": rehearsal.period,
        "suite": terms.suite,
        "plans": rehearsal.plan_digests,
        "rows": {str(part): dict(each.account) for part, each in rehearsal.brought.items()},
        "results": [
            {**result_json(rehearsal.results[plan.name]), "recipients": list(plan.recipients)}
            for plan in terms.analyses
        ],
        "hidden": {
            name: [{"why": why, "cells": cells} for why, cells in _hidden(rehearsal, name)] for name in rehearsal.why
        },
        "cost": cost_facts(rehearsal.computed.cost, _NEAR_MS / 1000),
    }
