"""The command that puts work pools, flows and deployments on a Prefect server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command


def deploy(
    file: Annotated[
        Path | None, typer.Argument(help="The file that lists them; the four banks', unless told.", show_default=False)
    ] = None,
    pools: Annotated[
        bool, typer.Option("--pools", help="Make the work pools alone, for prefect deploy --all.")
    ] = False,
) -> None:
    """Put work pools, flows and deployments on the Prefect server that PREFECT_API_URL names.

    Parameters like {{ $COUNTERFOIL_AGREEMENT }} are taken from the environment.

    Example: counterfoil deploy prefect.yaml
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.deploy import FILE, put

    put(file or FILE, pools_alone=pools)


COMMAND = Command("deploy", deploy, extra="prefect")
