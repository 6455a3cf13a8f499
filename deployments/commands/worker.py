"""The command that works for a party: its Prefect worker, and the processes of its flows."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.command import Command


def worker(
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for a server that never answered.")
    ] = 120.0,
) -> None:
    """Work for the party whose home is COUNTERFOIL_HOME, on the Prefect server at PREFECT_API_URL, until stopped.

    SIGTERM and SIGINT stop it. A server that goes away later is waited for without end.

    Example: COUNTERFOIL_HOME=~/bank-a PREFECT_API_URL=http://prefect.example:4200/api counterfoil worker
    """
    from counterfoil_prefect.flows.party import work

    work(wait)


COMMAND = Command("worker", worker, extra="prefect")
