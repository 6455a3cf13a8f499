"""The analyst's command: run an agreement's whole job in this process, before any key or server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption, note_read
from counterfoil.terminal import say, say_json


def rehearse(
    agreement: Annotated[
        Path, typer.Argument(help="The agreement file; its contracts are in ../data.", show_default=False)
    ],
    table: Annotated[
        list[str] | None,
        typer.Option(help="An owner's own table, as OWNER=FILE or OWNER/CONTRACT=FILE.", show_default=False),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of each made table; 1,000, or what suits its contract.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other tables.")] = 7,
    out: Annotated[
        Path | None, typer.Option(help="Write each recipient's page and tables into this folder.", show_default=False)
    ] = None,
    roster: Annotated[
        Path | None, typer.Option(help="The roster file; by default ../rosters/NAME.roster.yaml.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for tools.")] = False,
) -> None:
    """Run an agreement's whole job here, signed or not, and show what its recipients would get.

    Owners without a table of their own get one that is made of their contract. Nothing is signed, sent or remembered;
    with a home, its log says that a table was read.

    Example: counterfoil rehearse contracts/agreements/exposure.agreement.yaml --table bank-a=loans.csv --out rehearsed
    """
    from counterfoil.errors import DocumentError
    from counterfoil.rehearsal.rehearse import rehearse as run
    from counterfoil.rehearsal.words import facts, tell

    tables: dict[str, Path | str] = {}
    for each in table or ():
        owner, is_, file = each.partition("=")
        if not (owner and is_ and file) or owner in tables:
            raise DocumentError(
                f"--table {each}: an owner's table is given once, as OWNER=FILE, like --table bank-a=loans.csv"
            )
        tables[owner] = Path(file)
    if tables:
        note_read(home)
    rehearsed = run(agreement, tables, rows=rows, seed=seed, roster=roster)
    pages = rehearsed.save(out) if out is not None else []
    if as_json:
        say_json(facts(rehearsed))
        return
    tell(rehearsed)
    for page in pages:
        say(f"page: {page}")


COMMAND = Command("rehearse", rehearse, extra="analyst")
