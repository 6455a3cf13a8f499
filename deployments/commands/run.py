"""The command that orders a run of a deployment."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say


def run(
    stage: Annotated[str, typer.Argument(help="The stage to run, like collaborate.", show_default=False)],
    party: Annotated[str, typer.Option("--at", help="At which party.")] = "coordinator",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter, if not the deployment's own; may be repeated."),
    ] = None,
) -> None:
    """Order a run of a party's deployment on the Prefect server that PREFECT_API_URL names.

    Example: counterfoil run collaborate --set period=2026-w47
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.orders import order

    made = order(stage, party, parameter or ())
    say(f"{made}: {stage} at {party} is ordered", f"see what becomes of it: counterfoil status {made}")


COMMAND = Command("run", run, extra="prefect")
