"""The command that runs a Prefect server for a consortium, with the settings that come with the product."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say


def server(
    folder: Annotated[Path, typer.Option(help="Where it keeps its database; made if it is not there.")] = Path(
        "prefect"
    ),
    port: Annotated[int | None, typer.Option(help="Of PREFECT_API_URL, or 4200, unless told.")] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Return once it answers; what it says is in its folder's server.log.")
    ] = False,
) -> None:
    """Run a Prefect server on this machine's loopback, until stopped: it orders the work and carries no data.

    A proxy with TLS and a word for each party belongs before it where parties are on other machines: see operations.

    Example: counterfoil server --folder ~/prefect
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.server import begin, serve

    if background:
        pid = begin(folder, port)
        say(f"the server answers; to stop it: kill {pid}")
    else:
        serve(folder, port)


COMMAND = Command("server", server, extra="prefect")
