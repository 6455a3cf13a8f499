"""Commands for the catalogue: offer a table, and find out who has relevant data, by schemas and rough sizes alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say, say_json, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterfoil.governance.catalogue.catalogue import Entry, Refused, Wanted
    from counterfoil.governance.parties.roster import Party, Roster
    from counterfoil.home import Home
    from counterfoil.storage.exchange import Exchange

app = typer.Typer(help="Say which data you have, and find who has relevant data.", no_args_is_help=True)
COMMAND = Command("catalogue", app, extra="owner")

DAYS = 90
"""For so long an entry is valid unless its owner says otherwise."""

AtOption: TypeAlias = Annotated[
    str, typer.Option("--at", help="A folder or a store that holds a catalogue; your exchange by default.")
]
RosterOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="The roster to check entries against; those you go by, by default.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="As JSON, for tools.")]


@app.command()
def offer(
    contract: Annotated[Path, typer.Argument(help="The contract file that the table satisfies.", show_default=False)],
    table: Annotated[Path, typer.Option(help="Your table's file; it stays here.", show_default=False)],
    until: Annotated[str, typer.Option(help="The last day, YYYY-MM-DD, on which the entry counts.")] = "",
    at: AtOption = "",
    home: HomeOption = None,
) -> None:
    """Sign an entry that says which data you have: the contract's schema, and how many rows there are, roughly.

    The table is checked on this machine, and counted without rows of people who opted out. Nothing else of it is used.

    Example: counterfoil catalogue offer contracts/data/loans.odcs.yaml --table data/loans.csv
    """
    from counterfoil.data.checking.expectations import load_valid
    from counterfoil.data.minimising.minimise import taking_part
    from counterfoil.files import read_file
    from counterfoil.governance.catalogue.catalogue import offer as publish
    from counterfoil.governance.contracts.contract import parse_contract
    from counterfoil.governance.documents import read_day

    mine, now = _home(home), clock.now()
    _check_owner(mine)
    terms = parse_contract(read_file(contract), str(contract))
    last = read_day(until) if until else min(now.date() + timedelta(days=DAYS), terms.expires)
    terms.check_current(now.date())
    mine.log.append("table-read", subject=terms.id, refs={"contract": terms.digest})
    rows = taking_part(load_valid(table, terms, party=mine.party)[0]).rows
    entry = publish(terms, rows, last, mine, _store(at, mine), now)
    mine.log.append("catalogue-offered", subject=terms.id, refs={"contract": terms.digest}, counts=_number(entry))
    say(f"{mine.party} offers {terms.id} {terms.version}: {entry.rows} rows, until {entry.until}")


@app.command()
def withdraw(
    contract: Annotated[str, typer.Argument(help="The contract's id.", show_default=False)],
    at: AtOption = "",
    home: HomeOption = None,
) -> None:
    """Take an entry back: sign that you do not offer anything under the contract any more.

    Example: counterfoil catalogue withdraw loans
    """
    from counterfoil.governance.catalogue.catalogue import withdraw_offer

    mine = _home(home)
    entry = withdraw_offer(contract, mine, _store(at, mine), clock.now())
    mine.log.append("catalogue-withdrawn", subject=contract, counts=_number(entry))
    say(f"{mine.party} does not offer {contract} any more")


@app.command("list")
def list_(roster: RosterOption = None, at: AtOption = "", as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List who offers what. What is forged, past its day or older than what you saw before is named, and not believed.

    Example: counterfoil catalogue list
    """
    from counterfoil.governance.catalogue.catalogue import Wanted

    _find(Wanted(), roster, at, as_json, home)


@app.command()
def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words in names, purposes or descriptions.")] = None,
    column: Annotated[str, typer.Option(help="The name, or the business name, of a column.")] = "",
    role: Annotated[str, typer.Option(help="A column's privacy role, like measure or key.")] = "",
    type_: Annotated[str, typer.Option("--type", help="A column's type, like number or date.")] = "",
    analysis: Annotated[str, typer.Option(help="An analysis that the contract allows.")] = "",
    roster: RosterOption = None,
    at: AtOption = "",
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Find out who has relevant data. All that you ask for must hold; of columns, for one and the same column.

    Example: counterfoil catalogue search balance --role measure --analysis mean_by_group
    """
    from counterfoil.governance.catalogue.catalogue import Wanted

    _find(Wanted(tuple(words or ()), column, role, type_, analysis), roster, at, as_json, home)


@app.command()
def show(
    party: Annotated[str, typer.Argument(help="The owner.", show_default=False)],
    contract: Annotated[str, typer.Argument(help="The contract's id.", show_default=False)],
    roster: RosterOption = None,
    at: AtOption = "",
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show one entry: its columns, with bounds where the contract states them, how many rows there are, and from when.

    Example: counterfoil catalogue show bank-a loans
    """
    from counterfoil.governance.catalogue.catalogue import read_entry

    mine = _home(home)
    owner = _owner(party, _rosters(roster, mine))
    entry = read_entry(_store(at, mine), owner, contract, clock.today(), mine.state)
    if as_json:
        say_json(entry.document)
        return
    document = entry.document
    say(f"{document['title']} ({entry.contract} {document['contract']['version']}), of {owner.organisation}")
    say(document["purpose"])
    every = f", a new table every {document['refreshed']}" if document["refreshed"] else ""
    say(f"{entry.rows} rows on {document['asOf']}{every}; the entry counts until {entry.until}")
    say(
        f"lawful basis {document['lawfulBasis']}; no result on fewer than {document['minimumCount']} rows; for "
        f"{', '.join(document['analyses']) or 'analyses that its columns allow'}"
    )
    rows = []
    for column in entry.columns:
        ends = [f"{column[end]} {column.get('unit', '')}".strip() if end in column else "" for end in _ENDS]
        name = "\n".join(filter(None, (column["name"], column.get("businessName"))))
        rows.append((name, column["type"], column["role"], *ends, column["leaves"], column["description"]))
    show_table(("column", "type", "role", "from", "to", "leaves its owner", "description"), rows)
    say(f"ask {party} for the contract; its sha256 is {document['contract']['sha256']}")


_ENDS = ("minimum", "maximum")


def _find(wanted: Wanted, roster: Path | None, at: str, as_json: bool, home: Path | None) -> None:
    from counterfoil.governance.catalogue.catalogue import Refused

    mine = _home(home)
    found, worst = [], 0
    for each in _entries(_store(at, mine), _rosters(roster, mine), mine):
        if isinstance(each, Refused):
            say(*f"refused: {each.party} {each.contract}: {each.error}".split("\n"), aside=True)
            worst = max(worst, each.error.exit_code)
        elif (columns := wanted.columns(each)) is not None:
            found.append((each, columns))
    if as_json:
        told = [{**each.document, "matches": columns} for each, columns in found]
        say_json(told)
    else:
        for each, columns in found:
            matches = f"; {', '.join(columns)}" if columns else ""
            say(
                f"{each.party} {each.contract} {each.document['contract']['version']}: {each.document['title']}; "
                f"{each.rows} rows on {each.document['asOf']}, until {each.until}{matches}"
            )
        if not found:
            say("nobody offers such data here", aside=True)
    raise typer.Exit(worst)


def _entries(store: Exchange, rosters: list[Roster], mine: Home) -> Iterator[Entry | Refused]:
    from counterfoil.governance.catalogue.catalogue import entries

    for roster in rosters:
        yield from entries(store, roster, clock.today(), mine.state)


def _rosters(file: Path | None, mine: Home) -> list[Roster]:
    """Read the rosters that entries are checked against, which hold today. Raises: NotFoundError when none is known."""
    from counterfoil.errors import NotFoundError
    from counterfoil.files import read_file
    from counterfoil.governance.parties.roster import parse_roster
    from counterfoil.governance.parties.succession import known_rosters, latest

    rosters = [latest(parse_roster(read_file(file), str(file)), mine)] if file else known_rosters(mine)
    if not rosters:
        raise NotFoundError(f"{mine.party} goes by no roster yet; give the one to check entries against: --roster")
    for roster in rosters:
        roster.check_current(clock.today())
    return rosters


def _check_owner(mine: Home) -> None:
    """Check that this party is an owner in a roster it goes by. Raises: RosterError when none says so."""
    from counterfoil.errors import RosterError
    from counterfoil.governance.parties.succession import known_rosters

    rosters = known_rosters(mine)
    if rosters and not any(mine.party == owner.id for roster in rosters for owner in roster.with_role("owner")):
        names = ", ".join(roster.id for roster in rosters)
        raise RosterError(f"{mine.party} is not an owner in roster {names}; nobody would believe its entry")


def _owner(id: str, rosters: list[Roster]) -> Party:
    """Find the party in the first roster that lists it. Raises: RosterError."""
    return next((each for roster in rosters for each in roster.parties if each.id == id), None) or rosters[0].party(id)


def _store(at: str, mine: Home) -> Exchange:
    from counterfoil.storage.exchange import Exchange

    return Exchange.open(at) if at else mine.exchange


def _home(home: Path | None) -> Home:
    from counterfoil.home import Home

    return Home.open(home)


def _number(entry: Entry) -> dict[str, int]:
    return {"serial": entry.serial}
