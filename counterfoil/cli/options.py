"""What several commands share: options, and the log entry of a table that is read outside of any job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from counterfoil.governance.contracts.contract import Contract

HomeOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--home", envvar="COUNTERFOIL_HOME", help="Your party's folder.", show_default=False),
]


def note_read(home: Path | None, contract: Contract | None = None) -> None:
    """Log that a table is about to be read outside of any job, if the command is given a home."""
    from counterfoil.home import Home

    if home:
        refs = {"contract": contract.digest} if contract else {}
        Home.open(home).log.append("table-read", subject=contract.id if contract else None, refs=refs)


def owner_of(home: Path | None) -> str:
    """Return the party of the home, if the command is given one: files are written as that party's are."""
    from counterfoil.home import Home

    return Home.open(home).party if home else ""
