"""Commands for an owner's tables: their names, who has their exact numbers, what is remembered of them, and erasure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say, say_json

app = typer.Typer(
    help="See which agreement has your tables' exact numbers, and what is remembered.", no_args_is_help=True
)
COMMAND = Command("table", app, extra="owner")


@app.callback()
def table() -> None:
    """See which agreement has your tables' exact numbers, and what is remembered of them."""


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for tools.")] = False,
    home: HomeOption = None,
) -> None:
    """List your tables: the contracts of each, its lease, and of how many released states since when it is remembered.

    Example: counterfoil table list --home ~/bank-a
    """
    from counterfoil.governance.cumulative.source_tables import lease_of, released_states, tables
    from counterfoil.home import Home
    from counterfoil.roles.table_memory import learn, size_of

    mine = Home.open(home)
    learn(mine, clock.now())
    found = []
    for name, contracts in tables(mine.state).items():
        held, states = lease_of(name, mine.state), released_states(name, mine.state)
        to = f"exact numbers go to {held.agreement} until {held.until}" if held else "nobody has its exact numbers"
        whole = [(state.rows, size_of(state, mine)) for state in states if state.columns]
        rows, size = (sum(each) for each in zip(*whole, strict=True)) if whole else (0, 0)
        if not as_json:
            say(f"{name}, handed in under {', '.join(contracts)}: {to}")
        if states and not as_json:
            say(
                f"  released {len(states)} times since {states[0].period}; {rows} rows of {len(whole)} states are "
                f"remembered, {size / 1e6:.1f} MB"
            )
        found.append(
            {
                "table": name,
                "contracts": contracts,
                "leased_to": held.agreement if held else None,
                "leased_until": held.until if held else None,
                "can_be_given_back": bool(held and not held.released),
                "states": [
                    {"job": each.job, "period": each.period, "remembered": bool(each.columns)} for each in states
                ],
                "rows": rows,
                "bytes": size,
            }
        )
    if as_json:
        say_json(found)
    elif not found:
        say("no exact numbers of a table were handed in yet")


@app.command()
def name(
    contract: Annotated[str, typer.Argument(help="The contract's id.", show_default=False)],
    table: Annotated[str, typer.Argument(help="The table's name, as `table list` shows it.", show_default=False)],
    home: HomeOption = None,
) -> None:
    """Say which of your tables you hand in under a contract, before you do for the first time.

    Example: counterfoil table name loans-by-quarter loans
    """
    from counterfoil.governance.cumulative.source_tables import name_table
    from counterfoil.home import Home

    mine = Home.open(home)
    named = name_table(contract, table, mine.state)
    mine.log.append("table-named", subject=named)
    say(f"{contract}: table {named}")


@app.command("give-back")
def give_back(
    table: Annotated[str, typer.Argument(help="The table's name.", show_default=False)],
    home: HomeOption = None,
) -> None:
    """End the lease of a table's exact numbers before its time, if nothing was released under it.

    Example: counterfoil table give-back loans
    """
    from counterfoil.governance.cumulative.source_tables import give_back as end
    from counterfoil.home import Home
    from counterfoil.roles.table_memory import learn

    mine = Home.open(home)
    learn(mine, clock.now())
    held = end(table, mine.state)
    mine.log.append("lease-given-back", subject=table)
    say(f"exact numbers of table {table} do not go to {held.agreement} any more; any agreement may have them")


@app.command()
def erase(
    contract: Annotated[
        Path, typer.Argument(help="The contract that the table is handed in under.", show_default=False)
    ],
    persons: Annotated[
        Path,
        typer.Argument(help="A CSV file with the columns that tell persons apart, a line each.", show_default=False),
    ],
    home: HomeOption = None,
) -> None:
    """Erase persons from what is remembered of a table. Take them out of the table itself, too.

    Example: counterfoil table erase loans.odcs.yaml erased.csv
    """
    from counterfoil.files import read_file
    from counterfoil.governance.contracts.contract import parse_contract
    from counterfoil.home import Home
    from counterfoil.roles.table_memory import erase_persons

    mine = Home.open(home)
    read = parse_contract(read_file(contract), contract.name)
    count, states = erase_persons(read, persons, mine)
    mine.log.append("persons-erased", subject=read.id, counts={"persons": count, "states": states})
    say(f"{count} persons erased from {states} remembered states")
