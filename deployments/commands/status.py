"""The command that shows what became of runs."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say


def status(
    run: Annotated[
        str | None, typer.Argument(help="A run's id; the latest runs, unless told.", show_default=False)
    ] = None,
) -> None:
    """Show the state of a run, or of the latest runs, on the Prefect server that PREFECT_API_URL names.

    Example: counterfoil status
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.orders import states

    lines = states(run)
    say(*lines)
    if not lines:
        say("nothing was ordered yet; order a run: counterfoil run STAGE", aside=True)


COMMAND = Command("status", status, extra="prefect")
