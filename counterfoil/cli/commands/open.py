"""The recipient's command: open what was released, and write the report."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say


def open_(
    agreement: Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)],
    period: Annotated[str | None, typer.Option(help="Which period; the latest released one, unless told.")] = None,
    home: HomeOption = None,
) -> None:
    """Open a released result: check the approvals, compare all nodes' copies, and write the report into your home.

    A signed receipt that you have it goes to the exchange.

    Example: counterfoil open agreement:bank-a:5e1f... --period 2026-w47
    """
    from counterfoil.governance.agreements.signing.in_force import OPEN, load
    from counterfoil.governance.jobs.references import agreement_ref, period_name
    from counterfoil.home import Home
    from counterfoil.roles.recipient.opening import open_latest

    mine = Home.open(home)
    signed = load(mine, agreement_ref(mine.exchange, agreement), for_=OPEN)  # a release may outlive it
    opened = open_latest(mine, signed, clock.now(), period and period_name(period))
    for result in opened.results:
        say(f"{result.title}")
        for finding in result.findings:
            say(f"  {finding}")
    say(f"opens until {opened.last_day}; a signed receipt is in the exchange")
    if opened.no_paper:
        say(f"not on paper: {opened.no_paper}; everything is on the page. To try again: {opened.again}", aside=True)
    else:
        say(f"on paper: {opened.page.with_suffix('.pdf')}")
    say(f"report: {opened.page}")


COMMAND = Command("open", open_, extra="open")
