"""Commands on privacy budgets: what noised results have told whom, and what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say, say_json

_NOTHING = "no analysis of this agreement is noised, so there are no budgets"

app = typer.Typer(help="See what noised results have cost, and what is left.", no_args_is_help=True)
COMMAND = Command("budget", app, extra="open")


@app.callback()
def budget() -> None:
    """See what noised results have cost, and what is left."""


@app.command()
def show(
    agreement: Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)],
    page: Annotated[
        Path | None, typer.Option(help="Also write a page with budgets over time here.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for tools.")] = False,
    home: HomeOption = None,
) -> None:
    """Show what every recipient has spent of its privacy budgets, by the charges that the agreement's nodes signed.

    A node counts what it remembers, too, whether it is in the exchange or not.

    Example: counterfoil budget show agreement:bank-a:5e1f... --page budgets.html
    """
    from counterfoil.files import write_output
    from counterfoil.governance.agreements.signing.in_force import REVIEW, load
    from counterfoil.governance.cumulative.budget_ledger import balances, ledger, published
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home
    from counterfoil.report.pages.budget_page import costs, standing
    from counterfoil.report.pages.budget_page import page as render

    mine, today = Home.open(home), clock.today()
    terms = load(mine, agreement_ref(mine.exchange, agreement), for_=REVIEW, today=today).terms
    charges = published(mine.exchange, [terms.roster.party(node).keys for node in terms.nodes])
    charges += ledger(mine.state)
    found = balances(terms, charges, today)
    if as_json:
        facts = [
            {
                "dataset": each.dataset,
                "recipient": each.recipient,
                "epsilon": str(each.cap.epsilon),
                "delta": str(each.cap.delta),
                "days": each.cap.days,
                "spent": each.spent,
                "left": each.left,
                "alert": each.alarming,
                "jobs": [{"day": day, "job": job, "cost": cost} for day, job, cost in costs(each)],
            }
            for each in found
        ]
        say_json(facts)
    else:
        if not found:
            say(_NOTHING)
        for each in found:
            say(standing(each))
            for day, job, cost in costs(each):
                say(f"  {day} {job}: {cost}")
    if page:
        write_output(page, render(terms, charges, today).encode(), replace=True)
        say(f"page: {page}", aside=as_json)


@app.command()
def audit(
    agreement: Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)],
    home: HomeOption = None,
) -> None:
    """Say how the cost of noised results has changed from release to release, and how many more jobs budgets allow.

    Example: counterfoil budget audit agreement:bank-a:5e1f...
    """
    from counterfoil.governance.agreements.signing.in_force import REVIEW, load
    from counterfoil.governance.cumulative.budget_audit import drift
    from counterfoil.governance.cumulative.budget_ledger import ledger, published
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home
    from counterfoil.joint.computation import losses

    mine, today = Home.open(home), clock.today()
    terms = load(mine, agreement_ref(mine.exchange, agreement), for_=REVIEW, today=today).terms
    charges = published(mine.exchange, [terms.roster.party(node).keys for node in terms.nodes]) + ledger(mine.state)
    found = drift(terms, losses(terms), charges, today)
    for each in found:
        say(f"{'look' if each.look else 'ok':<5} {each.about}: {each.words}")
    if not found:
        say(_NOTHING)
