"""Commands for one's own party: make it, show its public card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.options import HomeOption

app = typer.Typer(help="Make your party and show its public keys.", no_args_is_help=True)


@app.command()
def init(
    party: Annotated[str, typer.Argument(help="The party's id: a-z, 0-9 and hyphens.", show_default=False)],
    home: Annotated[Path, typer.Option(help="The folder to make; only you can enter it.", show_default=False)],
    exchange: Annotated[str, typer.Option(help="Where all parties exchange sealed files: a folder, s3:// or az://.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="owner, node, coordinator, reviewer, recipient or auditor; give it once for each role."),
    ] = None,
) -> None:
    """Make a party: new keys, an empty log, and a home folder.

    Set COUNTERFOIL_PASSPHRASE first if the key files shall be encrypted.

    Example: counterfoil party init bank-a --home ~/bank-a --exchange /srv/exchange --role owner
    """
    from counterfoil.home import Home

    made = Home.create(home, party, exchange, tuple(role or ()))
    typer.echo(f"party {party} lives in {made.path}; send its card to the others: counterfoil party card")


@app.command()
def card(home: HomeOption = None) -> None:
    """Print the public card, which the roster lists: the party's id and its three public keys.

    Example: counterfoil party card --home ~/bank-a > bank-a.json
    """
    from counterfoil.home import Home

    typer.echo(json.dumps(Home.open(home).keys.public.to_json(), indent=2))
