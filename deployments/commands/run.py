"""The command that orders a job, or a run of one stage."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say


def run(
    what: Annotated[
        str,
        typer.Argument(
            metavar="AGREEMENT|STAGE",
            help="An agreement in your home's exchange, or a stage like collaborate.",
            show_default=False,
        ),
    ],
    period: Annotated[str, typer.Option(help="Of an agreement; the first that is left, unless told.")] = "",
    party: Annotated[str, typer.Option("--at", help="Of a stage: at which party.")] = "coordinator",
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A stage's parameter, if not the deployment's own; may be repeated."
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until nothing goes on by itself: it is in review, released, or failed.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Order a period of an agreement, or a stage at a party, on the Prefect server that PREFECT_API_URL names.

    Example: counterfoil run exposure --period 2026-w47
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.orders import order, order_agreement, wait_for
    from counterfoil_prefect.flows.stages import STAGES

    if what in STAGES:
        made = order(what, party, parameter or ())
        say(f"{made}: {what} at {party} is ordered", *([] if wait else [f"counterfoil status {made} tells more"]))
        say(*(wait_for(str(made)) + wait_for(None) if wait else ()))
    else:
        made, job = order_agreement(what, home, period)
        say(f"{made}: {job} is ordered", *([] if wait else [f"counterfoil status {job} tells more"]))
        say(*(wait_for(job) if wait else ()))


COMMAND = Command("run", run, extra="prefect")
