"""Step at the coordinator: show on the run's page what ends or is to be reviewed soon, and who must act."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.endings import Ending, endings
from counterfoil.governance.agreements.signing.reaffirmation import WARN_DAYS, ReviewDate, next_review, review_dates
from counterfoil.governance.parties.succession import latest
from counterfoil.texts import Markdown, markdown
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.show import page
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="remind", version=2)
def remind(agreement: Ref) -> int:
    """Show pages on what ends or is reviewed soon; return for how many parties the next review waits, if it is near."""
    today = clock.today()
    terms = signed(agreement, today).terms
    if ending := endings(terms, latest(terms.roster, home()), today):
        for each in ending:
            say(each.words(today))
        page(f"ends-{terms.id}", describe_endings(terms, ending, today))
    due = next_review(terms, home().exchange, today)
    if due is None or not due.reminder(today):
        return 0
    say(due.reminder(today))
    page(f"review-date-{terms.id}", describe(terms, agreement, due, today))
    return len(due.waits_for(today))


def describe_endings(terms: Agreement, ending: Sequence[Ending], today: date) -> Markdown:
    """Write the page on what ends soon, a row each."""
    rows = [
        markdown(
            "| {what} | {last} | {days} | {who} | {command} |",
            what=each.what,
            last=each.last,
            days=(each.last - today).days,
            who=each.who,
            command=each.command,
        )
        for each in ending
    ]
    return markdown(ENDS, title=terms.title, first=ending[0].last, rows=rows, today=today, days=WARN_DAYS)


ENDS = """## {title}: what ends soon

After {first} no job runs, unless somebody acts before. It is {today} now, by the clock of the coordinator.

| what | last day | days left | who acts | command |
|---|---|---|---|---|
{rows}

Parties are told {days} days before. An end is final; a later version goes on.
"""


def describe(terms: Agreement, agreement: Ref, due: ReviewDate, today: date) -> Markdown:
    """Write the page on what is to be looked at by when, and how far each party is."""
    waiting = due.waits_for(today)
    return markdown(
        PAGE,
        title=terms.title,
        passed="No job starts" if today > due.by else f"After {due.by} no job starts",
        ends=terms.expires,
        ref=agreement,
        documents=[markdown("| {what} | {by} |", what=what, by=by) for what, by in review_dates(terms).items()],
        parties=[
            markdown(
                "| {party} ({organisation}) | {until} | {state} |",
                party=party,
                organisation=terms.roster.party(party).organisation,
                until=until,
                state="to look at it" if party in waiting else "done",
            )
            for party, until in due.holds.items()
        ],
        days=WARN_DAYS,
    )


PAGE = """## {title}: to be reviewed

{passed} until every party has looked at the agreement anew, and signed that it holds to it. Results that are computed
already can be reviewed and opened. The agreement itself ends on {ends}, whatever is signed here.

A party, at home: `counterfoil agreement reaffirm {ref}`.

| document | review date |
|---|---|
{documents}

| party | its word holds to | |
|---|---|---|
{parties}

Parties are told {days} days before.
"""
