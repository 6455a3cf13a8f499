"""The command that makes a contract of ours out of one that others wrote by the same standard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption, note_read
from counterfoil.terminal import say


def adopt(
    file: Annotated[Path, typer.Argument(help="A contract of the standard, ODCS v3.", show_default=False)],
    table: Annotated[str, typer.Option(help="Which of its tables, if it has several.", show_default=False)] = "",
    out: Annotated[
        Path | None, typer.Option(help="The contract file to write; TABLE.odcs.yaml here, unless told.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--from", help="A CSV, Parquet or Arrow file, for bounds and categories.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    home: HomeOption = None,
) -> None:
    """Make a contract to agree on out of one that describes a table by the same standard, ODCS v3.

    What it says stays; what nothing here uses is left out, and listed; FILL-IN is where a person must write.

    Example: counterfoil contract adopt shop.odcs.yaml --table orders --from orders.csv --out orders.odcs.yaml
    """
    from counterfoil.data.drafting.adopt import adopt as make
    from counterfoil.data.drafting.profile import profile
    from counterfoil.errors import ContractError
    from counterfoil.files import read_file, write_output
    from counterfoil.governance.contracts.standard.lint import lint

    raw, seen = read_file(file), None
    if data:
        note_read(home)
        seen = profile(data)
    adopted = make(raw, str(file), table, seen)
    target = out or Path(f"{adopted.table}.odcs.yaml")
    text = adopted.text.encode()
    write_output(target, text, replace=force)
    say(f"{target}: a contract of the table {adopted.table}, from {file}")
    for words in adopted.left_out:
        say(f"left out, or read otherwise: {words}")
    for line in adopted.lost:
        say(f"comment left out: {file}:{line}")
    for column in adopted.unseen:
        say(f"{data} has no column {column}; it says nothing of it")
    try:
        lint(text, str(target)).contract()
    except ContractError as error:
        say("still to be decided:")
        say(*str(error).split("\n"))
    else:
        say(f"nothing is left to decide; check it: counterfoil contract lint {target}")


COMMAND = Command("contract adopt", adopt, extra="owner")
