"""Commands for a party's own home folder: back it up, restore it where it was lost, carry it over to this version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say

app = typer.Typer(help="Back up your party's home folder, restore it, and upgrade it.", no_args_is_help=True)
COMMAND = Command("home", app)


@app.command()
def backup(
    out: Annotated[Path, typer.Argument(help="The file to write; only you can read it.", show_default=False)],
    home: HomeOption = None,
) -> None:
    """Back up keys, log and memory into one file. Make one each day, and after each renewal of keys.

    It is as secret as the home. Tables, reports and shares are not in it: copy tables and reports as ordinary files;
    shares that were erased must not come back.

    Example: counterfoil home backup ~/backups/node-0.tar --home ~/node-0
    """
    from counterfoil.governance.retention.recovery import back_up
    from counterfoil.home import Home

    size = back_up(Home.open(home), out, clock.now())
    say(f"{out}: {size} bytes; keep it as secret as the home itself")


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="What `counterfoil home backup` wrote.", show_default=False)],
    home: Annotated[Path, typer.Option("--home", help="The new folder to restore into.", show_default=False)],
    exchange: Annotated[str | None, typer.Option(help="Where the exchange is now, if it moved.")] = None,
) -> None:
    """Restore a home from a backup, and learn from the exchange what the party published since.

    Only when the old home is lost for good: two homes of one party would write two histories of its log.

    Example: counterfoil home restore ~/backups/node-0.tar --home ~/node-0
    """
    from counterfoil.governance.retention.recovery import restore as restore_home

    restored = restore_home(backup, home, exchange)
    mine = restored.home
    say(
        f"{mine.party} is restored in {mine.path}: {restored.entries} entries of its log and {restored.releases} "
        "releases were learned from the exchange"
    )
    if restored.renewed:
        say(
            "keys that were renewed after the backup are lost; renew them again: counterfoil party rotate, and then "
            f"counterfoil roster revise ROSTER --renewed {mine.party} --out NEXT"
        )


@app.command("upgrade")
def upgrade_(home: HomeOption = None) -> None:
    """Carry a home of an earlier version over: keys, log, memory of releases and budgets are checked and kept.

    Stop the party's worker, back the home up, install the new version, and then upgrade.

    Example: counterfoil home upgrade --home ~/node-0
    """
    from counterfoil.governance.retention.upgrade import upgrade
    from counterfoil.home import Home

    mine = Home.open(home)
    done = upgrade(mine)
    say(f"{mine.path}: keys, log ({done.entries} entries) and memory ({done.facts} facts) of {mine.party} are whole")
    if done.before == done.after:
        say(f"its format is {done.after} already; nothing was changed")
    else:
        say(f"upgraded from format {done.before} to {done.after}")
