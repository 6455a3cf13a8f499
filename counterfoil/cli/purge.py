"""The node's command: erase what it may not hold any longer."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from counterfoil.cli.options import HomeOption


def purge(home: HomeOption = None) -> None:
    """Erase the shares whose time is over, or from whose agreement a party withdrew, and sign a receipt for each.

    Example: counterfoil purge --home ~/node-0
    """
    from counterfoil.governance.retention import purge as erase
    from counterfoil.home import Home

    erased = erase(Home.open(home), datetime.now(UTC))
    for erasure in erased:
        typer.echo(f"{erasure.id}: erased ({erasure.reason})")
    typer.echo(f"{len(erased)} erased")
