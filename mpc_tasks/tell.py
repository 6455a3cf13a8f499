"""Step at the coordinator: show on the run's page what was released, to whom, and until when, but no value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.releases.delivery import store_of
from counterfoil.governance.releases.status import Status, statuses
from counterfoil.texts import Markdown, markdown
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.show import page
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="tell", version=1)
def tell(agreement: Ref, evidence: Ref) -> int:
    """Show a page on the draft's releases; return to how many recipients it was released."""
    today = clock.today()
    loaded = signed(agreement, today)
    found = [each for each in statuses(home().exchange, loaded) if each.evidence == evidence.digest]
    if found:
        page(f"release-{loaded.terms.id}", describe(loaded.terms, agreement, found, today))
    return len(found)


def describe(terms: Agreement, agreement: Ref, found: Sequence[Status], today: date) -> Markdown:
    """Write the page, one line for each recipient."""
    rows = [
        markdown(
            "| {recipient} ({organisation}) | {analyses} analyses | {store} | {state} |",
            recipient=each.recipient,
            organisation=terms.roster.party(each.recipient).organisation,
            analyses=len(terms.plans_for(each.recipient)),
            store=store_of(terms, each.recipient) or "the exchange",
            state=each.words(today),
        )
        for each in found
    ]
    return markdown(
        PAGE, title=terms.title, period=found[0].period, rows=rows, ref=agreement, evidence=found[0].evidence
    )


PAGE = """## {title}, {period}: released

What was released is sealed to its recipients; nobody else opens it, and nothing of it is known here.

| recipient | gets | at | state |
|---|---|---|---|
{rows}

A recipient, at home: `counterfoil open {ref} --period {period}`. What becomes of it afterwards:
`counterfoil release list {ref}`.

Evidence `{evidence}`.
"""
