"""The command that checks whether a party can work."""

from __future__ import annotations

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import complain, say


def doctor(home: HomeOption = None) -> None:
    """Check whether your party can work, and say of each thing that is wrong what to do about it.

    Its home, keys and disk; the agreements that it signed, its tables and its port; the Prefect server, its clock and
    database, and the party's work pool, worker and deployments there. Nothing is changed. The exit code is that of the
    first thing that is wrong.

    Example: counterfoil doctor --home ~/bank-a
    """
    from counterfoil_prefect import flows  # noqa: F401 (before Prefect is imported)
    from counterfoil_prefect.deployments.doctor import examine

    wrong = 0
    for found in examine(home):
        if found.error is None:
            say(f"{found.about}: {found.words}")
        else:
            complain(f"{found.about}: {found.error}")
            wrong = wrong or found.error.exit_code
    if wrong:
        raise typer.Exit(wrong)
    say("all is well")


COMMAND = Command("doctor", doctor, extra="prefect")
