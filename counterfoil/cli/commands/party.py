"""Commands for parties: make one's own, show its card, join others, renew keys; invite others, revoke their keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.commands.roster import OutOption, sign_next
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say, say_json

app = typer.Typer(help="Make your party, join a roster, renew or revoke keys.", no_args_is_help=True)
COMMAND = Command("party", app)


@app.command()
def init(
    party: Annotated[str, typer.Argument(help="The party's id: a-z, 0-9 and hyphens.", show_default=False)],
    home: Annotated[Path, typer.Option(help="The folder to make; only you can enter it.", show_default=False)],
    exchange: Annotated[str, typer.Option(help="Where all parties exchange sealed files: a folder, s3:// or az://.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="owner, node, coordinator, reviewer, recipient or auditor; give it once for each role."),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="Where a node takes calls, if not at the roster's address: host:port.")
    ] = None,
) -> None:
    """Make a party: new keys, an empty log, and a home folder.

    Set COUNTERFOIL_PASSPHRASE first if the key files shall be encrypted.

    Example: counterfoil party init bank-a --home ~/bank-a --exchange /srv/exchange --role owner
    """
    from counterfoil.address import parse_address
    from counterfoil.home import Home

    made = Home.create(home, party, exchange, tuple(role or ()), parse_address(listen) if listen else None)
    say(f"party {party} lives in {made.path}; send its card to the others: counterfoil party card")


@app.command()
def listen(
    address: Annotated[
        str, typer.Argument(help="host:port, like 0.0.0.0:7300 or [::]:7300; `roster` for the roster's own address.")
    ],
    home: HomeOption = None,
) -> None:
    """Say where this machine takes the other nodes' calls, where that is not the address by which they dial it.

    The roster has a node's public address. Behind a NAT, a port mapping or a container's network the node listens
    elsewhere: that is nobody else's business and nothing that anybody signs. COUNTERFOIL_LISTEN comes before it.

    Example: counterfoil party listen 0.0.0.0:7300 --home ~/node-1
    """
    from counterfoil.address import parse_address
    from counterfoil.home import Home

    mine = Home.open(home)
    mine.listen_at(None if address == "roster" else parse_address(address))
    say(f"{mine.party} listens at {mine.listen or 'its address in the roster'}, from its next attempt on")


@app.command()
def card(home: HomeOption = None) -> None:
    """Print the public card, which the roster lists: the party's id and its three public keys.

    Example: counterfoil party card --home ~/bank-a > bank-a.json
    """
    from counterfoil.home import Home

    say_json(Home.open(home).keys.public.to_json())


@app.command()
def invite(
    party: Annotated[str, typer.Argument(help="The newcomer's id.", show_default=False)], home: HomeOption = None
) -> None:
    """Invite a newcomer: prints the code with which it asks to be in the roster, once, within a week.

    Tell the code by telephone or in person, to the newcomer alone.

    Example: counterfoil party invite bank-e --home ~/bank-a
    """
    from counterfoil.governance.parties.enrolment import invite as invite_party
    from counterfoil.home import Home

    mine = Home.open(home)
    code = invite_party(party, mine, clock.now())
    mine.log.append("party-invited", subject=party)
    say(code)


@app.command()
def enrol(
    code: Annotated[str, typer.Option(prompt=True, help="The code that you were told.", show_default=False)],
    organisation: Annotated[str, typer.Option(help="Your organisation's name.", show_default=False)],
    jurisdiction: Annotated[str, typer.Option(help="Its country, by two letters.", show_default=False)],
    address: Annotated[str | None, typer.Option(help="A node's host:port.")] = None,
    hosting: Annotated[str | None, typer.Option(help="Where a node is hosted, and by whom.")] = None,
    home: HomeOption = None,
) -> None:
    """Ask to be in the roster, with the code of whoever invited you. Read your fingerprint out to them afterwards.

    Example: counterfoil party enrol --organisation "Bank E" --jurisdiction IT --home ~/bank-e
    """
    from counterfoil.governance.parties.enrolment import ask_to_join
    from counterfoil.home import Home

    mine = Home.open(home)
    ask_to_join(mine, code, organisation=organisation, jurisdiction=jurisdiction, address=address, hosting=hosting)
    mine.log.append("enrolment-asked")
    say(f"{mine.party} asks to join; its fingerprint, to be read out to whoever invited you:")
    say(mine.keys.public.sign_id)


@app.command()
def rotate(home: HomeOption = None) -> None:
    """Renew the keys that others seal to and that links show, in the same home. The signing key and the log stay.

    The earlier keys stay for as long as the latest roster honours them; `counterfoil purge` destroys them then. So
    agreements that list them run on while the parties agree anew under the roster's next version.

    Example: counterfoil party rotate --home ~/node-1
    """
    from counterfoil.governance.parties.enrolment import publish_card
    from counterfoil.home import Home

    mine = Home.open(home)
    mine.renew_keys()
    publish_card(mine)
    mine.log.append("keys-renewed", refs={"seal": mine.keys.public.seal_id, "tls": mine.keys.public.tls_pin})
    say(
        f"{mine.party} has new keys; they go into the roster's next version: "
        f"counterfoil roster revise ROSTER --renewed {mine.party} --out NEXT"
    )


@app.command()
def revoke(
    party: Annotated[list[str], typer.Argument(help="Whose keys are lost or stolen.", show_default=False)],
    roster: Annotated[Path, typer.Option(help="The roster as it is.", show_default=False)],
    out: OutOption,
    home: HomeOption = None,
) -> None:
    """Revoke a party's keys: write the roster's next version without it, and sign that. Others sign it, too.

    It counts once more than half of the parties of both versions have signed. Until then you can stop an agreement
    alone: counterfoil agreement withdraw.

    Example: counterfoil party revoke node-1 --roster roster.yaml --out roster-2.yaml --home ~/bank-a
    """
    from counterfoil.errors import CounterfoilError
    from counterfoil.files import read_file, write_output
    from counterfoil.governance.parties.roster import parse_roster, revise_roster
    from counterfoil.home import Home

    mine = Home.open(home)
    old = parse_roster(read_file(roster), str(roster))
    new = revise_roster(old, clock.today(), without=party)
    write_output(out, new.raw)
    try:
        sign_next(old, new, mine)
    except CounterfoilError:
        out.unlink()
        raise
    say(f"to be signed by the others: counterfoil roster sign {roster} {out}")
