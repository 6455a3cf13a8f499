"""The command `counterfoil`: one file a group of commands, and one line for every problem.

Commands import what they need when they run, so that help and short commands start at once.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from counterfoil.cli import (
    agreement,
    budget,
    catalogue,
    contract,
    evidence,
    home,
    log,
    open,
    party,
    purge,
    release,
    review,
    roster,
    verify,
    warm,
)
from counterfoil.cli import version as versions
from counterfoil.cli.guard import Guarded
from counterfoil.errors import CounterfoilError
from counterfoil.proxies import spare_loopback
from counterfoil.terminal import complain


class _PlainErrors(Guarded):
    """A group of commands that shows an error, a line a problem, and ends with its exit code."""

    def invoke(self, ctx: Any) -> Any:
        spare_loopback()
        try:
            return super().invoke(ctx)
        except CounterfoilError as error:
            complain(error)
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    cls=_PlainErrors,
    help="Joint analyses on data that organisations may not show each other.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def counterfoil(
    version: Annotated[
        bool, typer.Option("--version", callback=versions.show, is_eager=True, help="Print version and formats.")
    ] = False,
) -> None:
    """Joint analyses on data that organisations may not show each other."""


for name, group in (
    ("party", party.app),
    ("home", home.app),
    ("contract", contract.app),
    ("agreement", agreement.app),
    ("catalogue", catalogue.app),
    ("roster", roster.app),
    ("review", review.app),
    ("budget", budget.app),
    ("release", release.app),
    ("log", log.app),
):
    app.add_typer(group, name=name)
app.command("open")(open.open_)
app.command("purge")(purge.purge)
app.command("verify")(verify.verify)
app.command("evidence")(evidence.evidence)
app.command("warm")(warm.warm)
