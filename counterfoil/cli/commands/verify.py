"""The auditor's command: verify what an exchange holds, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say

if TYPE_CHECKING:
    from counterfoil.storage.records import Records


def verify(
    path: Annotated[
        str,
        typer.Argument(help="A bundle (ZIP file or folder), or an exchange (folder or URL).", show_default=False),
    ],
    card: Annotated[
        list[Path] | None,
        typer.Option(help="A party's card that you got from that party itself; give it once for each party."),
    ] = None,
) -> None:
    """Verify every published log, release and erasure, and a bundle's lineage. Needs no network and no keys.

    Keys that no --card pins are read from the exchange itself and marked UNPINNED: compare them with the parties.

    Example: counterfoil verify ./exchange --card bank-a.json --card node-0.json
    """
    from counterfoil.audit.bundle import verify_bundle
    from counterfoil.crypto.keys import read_card
    from counterfoil.files import read_file
    from counterfoil.governance.verification.bundle import check_inventory, check_lineage
    from counterfoil.governance.verification.verify import check_erasures, check_releases

    pinned = [read_card(read_file(file)) for file in card or ()]
    checks = (check_inventory, check_releases, check_erasures, check_lineage)
    for line in verify_bundle(_open(path), {keys.party: keys for keys in pinned}, checks):
        say(line)


def _open(path: str) -> Records:
    from counterfoil.storage.records import open_copy

    if "://" in path and not path.startswith("file://"):
        from counterfoil.storage.exchange import (
            Exchange,  # stores' software is loaded only when there is a store to read
        )

        return Exchange.open(path, existing=True)
    return open_copy(Path(path.removeprefix("file://")))


COMMAND = Command("verify", verify)
