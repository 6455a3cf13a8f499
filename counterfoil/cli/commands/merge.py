"""The command that merges the drafts of several owners into one contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say


def merge(
    drafts: Annotated[
        list[Path], typer.Argument(help="Contract files: the first one, and those that widen it.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(help="The contract file to write; only told what it would be, if none.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Widen a draft by all owners' drafts, so that it suits every table; say what was widened, line by line.

    Bounds, categories, lengths, empty cells and decimal places become as wide as the widest. What cannot be widened,
    like days in one table and numbers in another, is listed all at once. Drafts are passed on, and no table.

    Example: counterfoil contract merge bank-a.odcs.yaml bank-b.odcs.yaml --out contracts/data/loans.odcs.yaml
    """
    from counterfoil.data.drafting.merge import merge as merged
    from counterfoil.errors import DocumentError
    from counterfoil.files import read_file, write_output

    if len(drafts) < 2:
        raise DocumentError("contract merge: name two drafts or more, each of another owner's table")
    made = merged([(read_file(file), str(file)) for file in drafts])
    for line in made.widened or [f"{drafts[0]} suits them all: nothing was widened"]:
        say(line)
    for line in made.to_see:
        say(f"look at this: {line}", aside=True)
    if out is None:
        say("nothing was written; give --out FILE for the merged contract")
        return
    write_output(out, made.text.encode(), replace=force)
    say(f"{out}: a draft for all; see what is left to decide: counterfoil contract lint {out}")


COMMAND = Command("contract merge", merge, extra="owner")
