"""The command that founds a consortium: papers to complete and sign, and invitations, or homes on one machine."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption, note_read
from counterfoil.errors import DocumentError
from counterfoil.terminal import answer, say


class Every(StrEnum):
    """How often a job runs."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Suite(StrEnum):
    """The protocol, which says how many nodes there are."""

    REP3 = "rep3"
    REP4 = "rep4"


class Basis(StrEnum):
    """On which lawful basis data about people is used."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal-obligation"
    VITAL_INTERESTS = "vital-interests"
    PUBLIC_TASK = "public-task"
    LEGITIMATE_INTERESTS = "legitimate-interests"


app = typer.Typer(help="Found a consortium of your own.", no_args_is_help=True)
COMMAND = Command("new", app, extra="owner")


@app.callback()
def new() -> None:
    """Found a consortium of your own."""


@app.command()
def consortium(
    folder: Annotated[Path, typer.Argument(help="A new folder, for everything that is written.", show_default=False)],
    organisation: Annotated[
        list[str] | None,
        typer.Option(help="Who takes part: ID, ID=NAME or ID=NAME,COUNTRY; once for each.", show_default=False),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            help="An owner's file, or a folder of some: ID=visits.csv. Contracts are called as files are; a period may "
            "follow, as in visits.2026-w48.csv.",
            show_default=False,
        ),
    ] = None,
    analysis: Annotated[
        list[str] | None,
        typer.Option(
            help="What is computed: 'mean_by_group value=days by=ward', 'total column=days', 'correlation "
            "columns=age,days'; once for each.",
            show_default=False,
        ),
    ] = None,
    purpose: Annotated[str, typer.Option(help="What for, in a sentence.", show_default=False)] = "",
    lawful_basis: Annotated[
        Basis | None, typer.Option(help="On which data about people is used.", show_default=False)
    ] = None,
    title: Annotated[str, typer.Option(help="The agreement's title; the folder's name, unless told.")] = "",
    every: Annotated[Every, typer.Option(help="How often it is run.")] = Every.WEEK,
    starts: Annotated[str, typer.Option(help="The first day, YYYY-MM-DD; today, unless told.")] = "",
    events: Annotated[bool, typer.Option("--events", help="Each period has a table of its own, of new rows.")] = False,
    wait_for_tables: Annotated[
        int, typer.Option(min=0, max=10, metavar="HOURS", help="For how long a job waits for a table that is late.")
    ] = 0,
    person: Annotated[
        str, typer.Option(help="The column that tells persons apart; the one that numbers rows, unless told.")
    ] = "",
    about_nobody: Annotated[bool, typer.Option("--about-nobody", help="No row is about a person.")] = False,
    column: Annotated[list[str] | None, typer.Option(help="What a column means: days='nights in hospital'.")] = None,
    people: Annotated[
        list[str] | None, typer.Option(help="How many people an organisation has for this, if not two: ID=1.")
    ] = None,
    proposer: Annotated[str, typer.Option(help="Who proposes and coordinates; the first, unless told.")] = "",
    recipient: Annotated[list[str] | None, typer.Option(help="Who opens results; all owners, unless told.")] = None,
    quorum: Annotated[int, typer.Option(min=1, help="How many reviewers must approve a result.")] = 2,
    policy: Annotated[str, typer.Option(help="Which numbers stay hidden: see agreement templates.")] = "strict-counts",
    suite: Annotated[Suite, typer.Option(help="Three nodes, or four of which one may be malicious.")] = Suite.REP3,
    country: Annotated[str, typer.Option(help="Of organisations that say none, by two letters.")] = "DE",
    exchange: Annotated[
        str, typer.Option(help="Where all exchange sealed files: a folder, s3:// or az://.", show_default=False)
    ] = "",
    address: Annotated[
        list[str] | None, typer.Option(help="Where the others dial a node: ID=host:port.", show_default=False)
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help="Another agreement of the parties of this roster: papers alone.", show_default=False),
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Make all homes on this machine: to rehearse, not how to run it.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Found a consortium: contracts from your tables, an agreement, a roster, and what each party does next.

    What is not given is asked for. Tables are read on this machine alone; with a home, its log says so. What is written
    can run: it is checked as the job checks it. Who may have which role is said first, and a group that cannot staff is
    told what it lacks.

    Example: counterfoil new consortium ours --here --organisation hospital-a --organisation hospital-b --organisation
    hospital-c --table hospital-a=a/visits.csv --table hospital-b=b/visits.csv --table hospital-c=c/visits.csv
    --analysis 'mean_by_group value=days by=ward' --purpose 'How long patients stay' --lawful-basis public-task
    """
    from counterfoil.files import read_file
    from counterfoil.governance.documents import read_day
    from counterfoil.governance.parties.roster import parse_roster
    from counterfoil.roles.founder.choices import read_choice, read_organisations, read_pairs, read_tables
    from counterfoil.roles.founder.consortium import (
        Founding,
        staffing_of,
        write_folder,
        write_further,
        write_here,
        write_papers,
    )
    from counterfoil.roles.founder.contracts import Terms
    from counterfoil.roles.founder.papers import Occasion

    today = clock.today()
    known = parse_roster(read_file(roster), str(roster)) if roster else None
    if known and (organisation or here or exchange):
        raise DocumentError(
            "--roster says who takes part, and they have homes and an exchange; leave these options out"
        )
    taking_part = [] if known else organisation or _asked("--organisation", "Who takes part? ID=NAME,COUNTRY")
    files = read_tables(table or _asked("--table", "Which tables are there? ID=FILE"))
    founding = Founding(
        occasion=Occasion(
            id=re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:48].strip("-") or "consortium",
            title=title or folder.resolve().name,
            purpose=purpose,
            every=every.value,
            starts=read_day(starts) if starts else today,
            suite=suite.value,
            of_period=events,
            wait_hours=wait_for_tables,
        ),
        organisations=[]
        if known
        else read_organisations(taking_part, people or (), {file.owner for file in files}, country),
        tables=files,
        policy=policy,
        proposer=proposer,
        recipients=recipient or (),
        quorum=quorum,
        addresses=dict(read_pairs(address or (), "--address", "hospital-a=node.example:7300")),
        roster=known,
    )
    staffing = staffing_of(founding, today)
    say(*staffing.told())
    choices = [read_choice(each) for each in analysis or _asked("--analysis", "What is computed? total column=days")]
    purpose = purpose or _asked("--purpose", "What for, in a sentence?", several=False)[0]
    basis = lawful_basis or _basis(_asked("--lawful-basis", f"Lawful basis? {', '.join(Basis)}", several=False)[0])
    if not (here or known or exchange):
        (exchange,) = _asked(
            "--exchange", "Where do all exchange sealed files? A folder, s3:// or az://", several=False
        )
    founding = replace(
        founding,
        occasion=replace(founding.occasion, purpose=purpose),
        choices=choices,
        terms=Terms(
            purpose=purpose,
            lawful_basis=basis.value,
            person=person,
            about_nobody=about_nobody,
            events=events,
            meanings=dict(read_pairs(column or (), "--column", "days='nights in hospital'")),
        ),
        exchange=exchange,
    )
    note_read(home)
    papers = write_papers(founding, staffing, today, here=here)
    if known:
        written = write_further(papers, folder)
    else:
        written = write_here(founding, papers, folder, today) if here else write_folder(founding, papers, folder)
    say(*(f"{path}" for path in written if "schema" not in path.parts))
    if here:
        say("all homes are on this machine: a rehearsal, not how to run it, for its root reads every table", aside=True)
    if known:
        say(f"propose it: counterfoil agreement draft {written[0]} --roster {roster}")
    else:
        say(f"what each party does next: {folder / 'README.md'}")


def _asked(option: str, question: str, *, several: bool = True) -> list[str]:
    """Ask on the terminal for what the option would give. Raises: DocumentError where nobody answers."""
    found: list[str] = []
    say(question + (", one a line; an empty line ends it" if several else ""))
    try:
        while (typed := answer(f"{option}:")) or not found:
            if typed:
                found.append(typed)
            if found and not several:
                break
    except EOFError:
        pass
    if not found:
        raise DocumentError(f"{option} is not given, and nobody answers here; say it on the command line")
    return found


def _basis(typed: str) -> Basis:
    try:
        return Basis(typed)
    except ValueError:
        raise DocumentError(f"--lawful-basis: {typed!r} is none; one of {', '.join(Basis)}") from None
