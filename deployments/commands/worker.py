"""The command that works for a party: its Prefect worker, and the processes of its flows."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption


def worker(
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for a server that never answered.")
    ] = 120.0,
    home: HomeOption = None,
) -> None:
    """Work for the party whose home is COUNTERFOIL_HOME, on the Prefect server at PREFECT_API_URL, until stopped.

    SIGTERM and SIGINT stop it. A server that goes away later is waited for without end.

    Example: COUNTERFOIL_HOME=~/bank-a PREFECT_API_URL=http://prefect.example:4200/api counterfoil worker
    """
    from counterfoil.home import HOME
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.settings import settle

    settle("party")
    from counterfoil_prefect.flows.party import work

    if home is not None:
        os.environ[HOME] = str(home)  # for the processes of its flows, too
    work(wait)


COMMAND = Command("worker", worker, extra="prefect")
