"""The command that puts work pools, flows and deployments on a Prefect server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption


def deploy(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[AGREEMENT|FILE]",
            help="An agreement in your home's exchange, or a file of deployments; the four banks', unless told.",
            show_default=False,
        ),
    ] = None,
    pools: Annotated[
        bool, typer.Option("--pools", help="Make a file's work pools alone, for prefect deploy --all.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Put work pools, flows and deployments on the Prefect server that PREFECT_API_URL names.

    Of an agreement: what each of its parties runs, started by its schedule. Deploy again after its next version.
    Of a file, which ends in .yaml: what it lists. Parameters like {{ $COUNTERFOIL_AGREEMENT }} are taken from the
    environment.

    Example: counterfoil deploy exposure --home ~/coordinator
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.deploy import FILE, put, put_agreement

    if what is None or pools or Path(what).suffix in (".yaml", ".yml") or "/" in what:
        put(Path(what) if what else FILE, pools_alone=pools)
    else:
        put_agreement(what, home)


COMMAND = Command("deploy", deploy, extra="prefect")
