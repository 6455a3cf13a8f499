"""The command that shows how far jobs are."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say


def status(
    job: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[AGREEMENT] [PERIOD] | [RUN]", help="Which; the latest, unless told.", show_default=False
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until nothing goes on by itself: it is in review, released, or failed.")
    ] = False,
) -> None:
    """Show how far jobs are on the Prefect server that PREFECT_API_URL names.

    It says who is waited for since when, what failed at whom, which file or paper is to be mended, and what follows.

    Example: counterfoil status exposure 2026-w47
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.orders import status as look
    from counterfoil_prefect.deployments.orders import wait_for

    text = " ".join(job) if job else None
    lines = wait_for(text) if wait else look(text)[0]
    say(*lines)
    if not lines:
        say("nothing was ordered yet; order a period: counterfoil run AGREEMENT", aside=True)


COMMAND = Command("status", status, extra="prefect")
