"""Commands that make a suite of Great Expectations out of a contract, and take a suite into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say

app = typer.Typer(help="Exchange expectations with suites of Great Expectations.", no_args_is_help=True)
COMMAND = Command("contract expectations", app, extra="owner")


@app.command("export")
def export_(
    contract: Annotated[Path, typer.Argument(help="A contract file.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The suite to write, JSON.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write all that a contract asks of a table as a suite, to run where Great Expectations runs already.

    Example: counterfoil contract expectations export contracts/data/loans.odcs.yaml --out loans.json
    """
    from counterfoil.data.checking.suites import export_suite
    from counterfoil.files import read_file, write_output
    from counterfoil.governance.contracts.contract import parse_contract

    made = export_suite(parse_contract(read_file(contract), str(contract)))
    write_output(out, made.text.encode(), replace=force)
    say(f"{out}: the suite of {contract}")
    for title in made.left_out:
        say(f"left out, for no suite says how many rows may break it: {title}")


@app.command("import")
def import_(
    suite: Annotated[Path, typer.Argument(help="A suite of Great Expectations, JSON.", show_default=False)],
    contract: Annotated[Path, typer.Option(help="The contract that is to expect it.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The contract file to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Add to a contract the expectations of a suite: by name and arguments, and never code.

    What a contract cannot take is listed, with why.

    Example: counterfoil contract expectations import suite.json --contract loans.odcs.yaml --out new.odcs.yaml
    """
    from counterfoil.data.checking.suites import import_suite
    from counterfoil.files import read_file, write_output

    made = import_suite(read_file(suite), str(suite), read_file(contract), str(contract))
    write_output(out, made.text.encode(), replace=force)
    say(f"{out}: {contract} with {made.added} more expectations; {made.known} of the suite it had already")
    for words in made.left_out:
        say(f"left out: {words}")
