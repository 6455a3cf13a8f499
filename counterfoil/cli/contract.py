"""Commands for data contracts: check them, show what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Check and show data contracts.", no_args_is_help=True)


@app.command()
def lint(files: Annotated[list[Path], typer.Argument(help="Contract files.", show_default=False)]) -> None:
    """Check contracts; every problem is named with its line and what to change.

    Example: counterfoil contract lint contracts/data/*.odcs.yaml
    """
    from counterfoil.errors import DocumentError
    from counterfoil.files import read_file
    from counterfoil.governance.contract import parse_contract

    worst = 0
    for file in files:
        try:
            contract = parse_contract(read_file(file), str(file))
        except DocumentError as error:
            typer.echo(str(error), err=True)
            worst = max(worst, error.exit_code)
        else:
            typer.echo(f"{file}: right; {contract.id} {contract.version}, {len(contract.columns)} columns")
    raise typer.Exit(worst)


@app.command()
def show(file: Annotated[Path, typer.Argument(help="A contract file.", show_default=False)]) -> None:
    """Show what a contract says of each column, and what it allows.

    Example: counterfoil contract show contracts/data/loans.odcs.yaml
    """
    from rich.console import Console
    from rich.table import Table

    from counterfoil.files import read_file
    from counterfoil.governance.contract import parse_contract

    contract = parse_contract(read_file(file), str(file))
    table = Table("column", "type", "role", "from", "to", "needed for", "allowed in")
    for column in contract.columns:
        low, high = (
            (column.categories[0], column.categories[-1]) if column.categories else (column.minimum, column.maximum)
        )
        ends = ("" if end is None else f"{end} {column.unit}".rstrip() for end in (low, high))
        allowed = ", ".join(column.allowed_analyses) if column.role != "identifier" else "nothing"
        table.add_row(column.name, column.type, column.role, *ends, column.purpose or "", allowed)
    console = Console()
    console.print(f"{contract.name} ({contract.id} {contract.version}, {contract.status}), until {contract.expires}")
    console.print(contract.purpose)
    console.print(table)
    for rule in contract.quality:
        limits = " to ".join(map(str, rule.limits))
        console.print(f"- {rule.name}: {rule.metric} {rule.operator} {limits} {rule.unit}")
    console.print(f"sha256 {contract.digest}")
