"""The auditor's command: verify what an exchange holds, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    path: Annotated[str, typer.Argument(help="An exchange, or a copy of one: a folder or a URL.", show_default=False)],
    card: Annotated[
        list[Path] | None,
        typer.Option(help="A party's card that you got from that party itself; give it once for each party."),
    ] = None,
) -> None:
    """Verify every published log, release and erasure: signatures, approvals, entries. Needs no network and no keys.

    Keys that no --card pins are read from the exchange itself and marked UNPINNED: compare them with the parties.

    Example: counterfoil verify ./exchange --card bank-a.json --card node-0.json
    """
    from counterfoil.audit.bundle import verify_bundle
    from counterfoil.crypto.keys import read_card
    from counterfoil.exchange import Exchange
    from counterfoil.files import read_file
    from counterfoil.governance.verify import check_erasures, check_releases

    pinned = [read_card(read_file(file)) for file in card or ()]
    exchange = Exchange.open(path, existing=True)
    for line in verify_bundle(exchange, {keys.party: keys for keys in pinned}, [check_releases, check_erasures]):
        typer.echo(line)
