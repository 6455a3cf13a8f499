"""The command that attacks what was released, as its recipient could."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say, say_json, show_table

app = typer.Typer(help="Attack results, as a recipient could.", no_args_is_help=True)
COMMAND = Command("attack", app, extra="open")


@app.callback()
def attack() -> None:
    """Attack results, as a recipient could."""


@app.command()
def release(
    agreement: Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)],
    draft: Annotated[
        str | None,
        typer.Option(help="Tell reviewers of this draft, in a signed comment, how much was found.", show_default=False),
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="On synthetic data, whatever you were given.")] = False,
    churn: Annotated[float, typer.Option(help="The share of rows that changes between two releases, at most.")] = 0.05,
    seconds: Annotated[float, typer.Option(help="Stop after so long, and say what was not tried.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for tools.")] = False,
    home: HomeOption = None,
) -> None:
    """Work out, from everything you were given under all agreements, what could be narrowed down to few persons.

    If you were given nothing under this agreement yet, synthetic data stand in. The worst comes first.

    The exit code is 0 where nothing was found and everything was tried.

    Example: counterfoil attack release agreement:bank-a:5e1f... --seconds 300
    """
    from counterfoil.governance.agreements.signing.in_force import OPEN, load
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home
    from counterfoil.report.narrowed import HEAD, facts, row, summary
    from counterfoil.roles.recipient.attacking import attack_held, tell

    mine, now = Home.open(home), clock.now()
    signed = load(mine, agreement_ref(mine.exchange, agreement), for_=OPEN)

    def told(line: str) -> None:
        say(f"trying: {line}", aside=True)

    made = attack_held(mine, signed, now, synthetic=synthetic, churn=churn, seconds=seconds, told=told)
    if as_json:
        say_json({"of": made.about, "lost": made.lost, "contracts": [facts(*each) for each in made.found.items()]})
    else:
        say(f"attacked: {made.about}")
        for lost in made.lost:
            say(f"could not be opened any more, so an attacker may know more: {lost}", aside=True)
        lines = [row(contract, each) for contract, attacked in made.found.items() for each in attacked.findings]
        if lines:
            show_table(HEAD, lines)
        for contract, attacked in made.found.items():
            say(*summary(contract, attacked))
    if draft:
        say(f"told reviewers: {tell(mine, signed, draft, made, now)}", aside=as_json)
    made.said.check()
