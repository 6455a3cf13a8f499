"""Commands for rosters: fill one in, show it, write its next version, sign that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import ask, say

if TYPE_CHECKING:
    from counterfoil.governance.parties.roster import Roster
    from counterfoil.home import Home

app = typer.Typer(help="Say who takes part, with which keys; change it, version by version.", no_args_is_help=True)
COMMAND = Command("roster", app)

OldArgument: TypeAlias = Annotated[Path, typer.Argument(help="The roster as it is.", show_default=False)]
OutOption: TypeAlias = Annotated[Path, typer.Option(help="The roster file to write.", show_default=False)]


@app.command()
def new(
    members: Annotated[Path, typer.Argument(help="A roster file, its keys not filled in yet.", show_default=False)],
    card: Annotated[list[Path], typer.Option(help="A party's public card; give it once for each party.")],
    out: OutOption,
) -> None:
    """Fill the parties' keys into a roster, from the cards that they sent, and the days on which it holds.

    Compare each fingerprint with its party by telephone or in person before you go on.

    Example: counterfoil roster new contracts/rosters/four-banks.roster.yaml --card bank-a.json --out roster.yaml
    """
    from counterfoil.crypto.keys import read_card
    from counterfoil.files import read_file, write_output
    from counterfoil.governance.parties.roster import fill_roster

    cards = [read_card(read_file(file)) for file in card]
    filled = fill_roster(read_file(members), str(members), cards, clock.today())
    write_output(out, filled.raw, replace=True)
    for party in filled.parties:
        say(f"{party.id}: {party.keys.sign_id}")
    say(f"{out}: roster {filled.id} version {filled.version}, until {filled.expires}")


@app.command()
def show(roster: OldArgument) -> None:
    """Print who is in a roster, with roles and fingerprints, until when it holds, and how many sign its next version.

    Example: counterfoil roster show roster.yaml
    """
    from counterfoil.files import read_file
    from counterfoil.governance.parties.roster import parse_roster

    read = parse_roster(read_file(roster), str(roster))
    say(f"roster {read.id} version {read.version}, from {read.issued} to {read.expires}")
    for party in read.parties:
        say(f"  {party.id} ({', '.join(party.roles)}): {party.organisation}, {party.jurisdiction}")
        for name, values in party.attributes.items():
            say(f"    {name}: {', '.join(values)}")
        say(f"    {party.keys.sign_id}")
        for each in party.earlier:
            say(f"    earlier keys to seal to ({each.keys.seal_id[:16]}) are honoured until {each.until}")
    say(f"its next version takes the signatures of {read.threshold} of these, and of more than half of its own")


@app.command()
def revise(
    old: OldArgument,
    out: OutOption,
    admit: Annotated[list[str] | None, typer.Option(help="A newcomer whom you invited, and who asked to join.")] = None,
    renewed: Annotated[list[str] | None, typer.Option(help="A party that has renewed its keys.")] = None,
    card: Annotated[list[Path] | None, typer.Option(help="The card of a party that has a new signing key.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; you compared every fingerprint.")] = False,
    home: HomeOption = None,
) -> None:
    """Write a roster's next version, with new days: somebody joins, or has other keys. To revoke: party revoke.

    Example: counterfoil roster revise roster.yaml --admit bank-e --out roster-2.yaml --home ~/bank-a
    """
    from counterfoil.crypto.keys import read_card
    from counterfoil.files import read_file, write_output
    from counterfoil.governance.parties.enrolment import admitted, read_renewed, read_request
    from counterfoil.governance.parties.roster import parse_roster, revise_roster
    from counterfoil.home import Home

    mine, now = Home.open(home), clock.now()
    before = parse_roster(read_file(old), str(old))
    joining = [read_request(id, mine, now) for id in admit or ()]
    replaced = [read_card(read_file(file)) for file in card or ()]
    for keys in (*(party.keys for party in joining), *replaced):
        say(f"{keys.party}: {keys.sign_id}")
        if not yes:
            ask(f"Did {keys.party} itself tell you this fingerprint?")
    cards = [*replaced, *(read_renewed(id, before, mine) for id in renewed or ())]
    after = revise_roster(before, now.date(), cards=cards, joining=joining)
    for party in joining:
        admitted(party.id, mine)
    write_output(out, after.raw)
    say(
        f"{out}: roster {after.id} version {after.version}, until {after.expires}; each party signs it: "
        f"counterfoil roster sign {old} {out}"
    )


@app.command()
def sign(
    old: OldArgument,
    new: Annotated[Path, typer.Argument(help="Its next version.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; you have read the changes.")] = False,
    home: HomeOption = None,
) -> None:
    """Read what changes in a roster, and sign it. It counts once more than half of the parties of both have signed.

    From then on, agreements that were signed with a key which the new one does not honour are refused by every party.

    Example: counterfoil roster sign roster.yaml roster-2.yaml --home ~/bank-a
    """
    from counterfoil.files import read_file
    from counterfoil.governance.agreements.diff import roster_changes
    from counterfoil.governance.parties.roster import parse_roster
    from counterfoil.home import Home

    mine = Home.open(home)
    before, after = (parse_roster(read_file(file), str(file)) for file in (old, new))
    for line in roster_changes(before, after):
        say(line)
    if not yes:
        ask(f"Sign this as {mine.party}?")
    sign_next(before, after, mine)


def sign_next(old: Roster, new: Roster, mine: Home) -> None:
    """Sign the roster's next version, publish the signature, and print whose signatures are still missing."""
    from counterfoil.governance.parties.succession import missing, sign_successor

    sign_successor(old, new, mine.keys, mine.exchange)
    mine.log.append("roster-signed", subject=new.id, refs={"follows": old.digest, "roster": new.digest})
    of_old, of_new = missing(old, new, mine.exchange)
    say(f"signed as {mine.party}; needs {of_old} more of version {old.version}, {of_new} of {new.version}")
