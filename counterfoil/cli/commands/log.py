"""Commands for one's own audit log: read it, check it."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say

app = typer.Typer(help="Read and check your party's audit log.", no_args_is_help=True)
COMMAND = Command("log", app)


@app.command()
def show(
    home: HomeOption = None,
    subject: Annotated[str | None, typer.Option(help="Only entries about this job or document.")] = None,
) -> None:
    """Print the log, one entry a line, in the order of time.

    Example: counterfoil log show --subject 0f3a9c
    """
    from counterfoil.audit.event import Event
    from counterfoil.governance.jobs.references import names_subject
    from counterfoil.home import Home

    for event in map(Event.parse, Home.open(home).log.entries()):
        if subject is None or names_subject(subject, event.subject):
            details = [f"{name}={value}" for group in (event.refs, event.counts) for name, value in group.items()]
            say(" ".join([str(event.index), event.time, event.type, event.subject or "-", *details]))


@app.command()
def check(home: HomeOption = None) -> None:
    """Check every entry against the signed checkpoint; names the first entry that was changed, dropped or moved.

    Example: counterfoil log check --home ~/bank-a
    """
    from counterfoil.audit.verify import verify_log
    from counterfoil.home import Home

    mine = Home.open(home)
    checkpoint = verify_log(mine.log.entries(), mine.log.checkpoint(), mine.keys.public).checkpoint
    say(f"log of {mine.party} is whole: {checkpoint.size} entries, root {checkpoint.root.hex()}")
