"""The node's command: erase what it may not hold any longer."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say


def purge(home: HomeOption = None) -> None:
    """Erase the shares whose time is over, or from whose agreement a party withdrew, and sign a receipt for each.

    Keys that were renewed go, too, once no roster honours them.

    Example: counterfoil purge --home ~/node-0
    """
    from counterfoil.governance.retention.purge import destroy_unused_keys
    from counterfoil.governance.retention.purge import purge as erase
    from counterfoil.home import Home

    mine, now = Home.open(home), clock.now()
    erased = erase(mine, now)
    for erasure in erased:
        say(f"{erasure.id}: erased ({erasure.reason})")
    gone = destroy_unused_keys(mine, now.date())
    say(f"{len(erased)} erased, {gone} generations of earlier keys destroyed")


COMMAND = Command("purge", purge)
