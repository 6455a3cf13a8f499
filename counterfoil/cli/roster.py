"""Commands for the next version of a roster: a party leaves, or has new keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.options import HomeOption

app = typer.Typer(help="Revoke or replace keys: write and sign a roster's next version.", no_args_is_help=True)

OldArgument = Annotated[Path, typer.Argument(help="The roster as it is.", show_default=False)]


@app.command()
def revise(
    old: OldArgument,
    out: Annotated[Path, typer.Option(help="The roster file to write.", show_default=False)],
    without: Annotated[list[str] | None, typer.Option(help="A party whose keys are revoked.")] = None,
    card: Annotated[list[Path] | None, typer.Option(help="The card of a party that has new keys.")] = None,
) -> None:
    """Write a roster's next version, without some parties, or with new keys for some.

    Example: counterfoil roster revise roster.yaml --without node-1 --out roster-2.yaml
    """
    from counterfoil.crypto.keys import read_card
    from counterfoil.files import read_file, write_file
    from counterfoil.governance.roster import parse_roster, revise_roster

    cards = [read_card(read_file(file)) for file in card or ()]
    new = revise_roster(parse_roster(read_file(old), str(old)), without or (), cards)
    write_file(out, new.raw)
    for changed in cards:
        typer.echo(f"{changed.party}: {changed.sign_id}")
    typer.echo(
        f"{out}: roster {new.id} version {new.version}; each party signs it: counterfoil roster sign {old} {out}"
    )


@app.command()
def sign(
    old: OldArgument,
    new: Annotated[Path, typer.Argument(help="Its next version.", show_default=False)],
    home: HomeOption = None,
) -> None:
    """Sign that one roster follows another. It counts once more than half of the parties of both have signed.

    From then on, agreements that were signed with a key which the new one lacks are refused by every party.

    Example: counterfoil roster sign roster.yaml roster-2.yaml --home ~/bank-a
    """
    from counterfoil.files import read_file
    from counterfoil.governance.roster import parse_roster
    from counterfoil.governance.succession import missing, sign_successor
    from counterfoil.home import Home

    mine = Home.open(home)
    before, after = (parse_roster(read_file(file), str(file)) for file in (old, new))
    sign_successor(before, after, mine.keys, mine.exchange)
    mine.log.append("roster-signed", subject=after.id, refs={"follows": before.digest, "roster": after.digest})
    of_old, of_new = missing(before, after, mine.exchange)
    typer.echo(f"signed as {mine.party}; needs {of_old} more of version {before.version}, {of_new} of {after.version}")
