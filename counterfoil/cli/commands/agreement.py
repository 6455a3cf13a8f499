"""Commands for agreements: propose, explain, compare, sign, verify, reaffirm, withdraw."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import ask, say, say_json

if TYPE_CHECKING:
    from counterfoil.governance.agreements.agreement import Agreement
    from counterfoil.storage.records import Records

app = typer.Typer(help="Propose, explain, compare, sign, verify, reaffirm and leave agreements.", no_args_is_help=True)
COMMAND = Command("agreement", app, extra="sign")

RefArgument = Annotated[str, typer.Argument(help="The agreement, as `agreement draft` printed it.", show_default=False)]


@app.command()
def templates() -> None:
    """List the agreements to start from, one an industry, and the policies that any agreement may adopt.

    Example: counterfoil agreement templates
    """
    from counterfoil.governance.agreements.templates import policies
    from counterfoil.governance.agreements.templates import templates as known

    say("agreements to start from: counterfoil agreement new NAME --out FOLDER")
    for name, template in known().items():
        say(f"  {name}: {template.title}, on {', '.join(each.source for each in template.contracts)}")
    say("policies to adopt: counterfoil agreement new NAME --policy ID --out FOLDER")
    for policy in policies():
        say(f"  {policy.id}: {policy.title}")


@app.command()
def new(
    template: Annotated[str, typer.Argument(help="Its name, as `agreement templates` lists it.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The folder to write the files to.", show_default=False)],
    policy: Annotated[list[str] | None, typer.Option(help="Policies to adopt instead of the template's own.")] = None,
) -> None:
    """Start an agreement from a template: files of your own to edit, which work as they are.

    Example: counterfoil agreement new banking --policy strict-counts --out ours
    """
    from counterfoil.files import write_file
    from counterfoil.governance.agreements.templates import start_from
    from counterfoil.joint.editor_schema import editor_schema, known_beside

    written = start_from(template, out, clock.today(), policy or ())
    write_file(out / "schema" / "agreement.schema.json", editor_schema(known_beside(written[0])), replace=True)
    for path in written:
        say(f"{path}")
    say(f"edit these; then fill the roster in, and propose it: counterfoil agreement draft {written[0]}")


@app.command()
def schema(
    file: Annotated[Path, typer.Argument(help="The agreement file, which need not be finished.", show_default=False)],
) -> None:
    """Write the schema by which editors complete an agreement: analyses, parameters, parties, contracts and columns.

    It is written to ../schema from the contracts, policies and rosters beside the file, which gets a first line that
    leads to it. Write it anew when these have changed.

    Example: counterfoil agreement schema contracts/agreements/exposure.agreement.yaml
    """
    from counterfoil.files import read_file, write_output
    from counterfoil.joint.editor_schema import editor_schema, known_beside, with_modeline

    raw, known = read_file(file), known_beside(file)
    out = file.resolve().parent.parent / "schema" / "agreement.schema.json"
    out.parent.mkdir(exist_ok=True)
    write_output(out, editor_schema(known), replace=True)
    text = raw.decode("utf-8", errors="surrogateescape")
    if (lined := with_modeline(text)) != text:
        write_output(file, lined.encode("utf-8", errors="surrogateescape"), replace=True)
    for words in known.unread:
        say(f"warning: {words}", aside=True)
    say(f"{out}: {len(known.contracts)} contracts and {len(known.parties)} parties; your editor finds it by {file}")


@app.command()
def lint(
    files: Annotated[list[Path], typer.Argument(help="Agreement files.", show_default=False)],
    roster: Annotated[
        Path | None, typer.Option(help="The roster file; by default ../rosters/NAME.roster.yaml.", show_default=False)
    ] = None,
) -> None:
    """Check agreements with everything they rest on, before anybody has keys; every problem is named with its line.

    Contracts are read from ../data and policies from ../policies, as for `agreement draft`, which checks the same.

    Example: counterfoil agreement lint contracts/agreements/*.agreement.yaml
    """
    from counterfoil.errors import CounterfoilError, ExpiredError
    from counterfoil.joint.planning import read_planned, roster_beside

    worst, today = 0, clock.today()
    for file in files:
        try:
            agreement, planned = read_planned(file, roster_beside(file, roster, today))
        except CounterfoilError as error:
            say(*str(error).split("\n"), aside=True)
            worst = max(worst, error.exit_code)
            continue
        try:
            agreement.check_not_over(today)
        except ExpiredError as error:
            say(f"warning: {error}", aside=True)
        say(f"{file}: right; {agreement.id} {agreement.version}, {len(planned)} analyses")
    raise typer.Exit(worst)


@app.command()
def draft(
    file: Annotated[Path, typer.Argument(help="The agreement file; its contracts lie in ../data.", show_default=False)],
    roster: Annotated[Path, typer.Option(help="The roster file, with keys.", show_default=False)],
    home: HomeOption = None,
) -> None:
    """Check an agreement with everything it rests on, and propose it to all parties.

    Example: counterfoil agreement draft contracts/agreements/exposure.agreement.yaml --roster roster.yaml
    """
    from counterfoil.files import read_file
    from counterfoil.governance.agreements.signing.signed import publish
    from counterfoil.governance.parties.roster import parse_roster
    from counterfoil.governance.parties.succession import follow
    from counterfoil.home import Home
    from counterfoil.joint.planning import read_planned

    mine, today = Home.open(home), clock.today()
    agreement, _ = read_planned(file, parse_roster(read_file(roster), str(roster)))
    agreement.check_not_over(today)
    follow(agreement.roster, mine, today)
    ref = publish(agreement, mine.exchange, mine.party)
    mine.log.append("agreement-proposed", refs={"agreement": str(ref), "roster": agreement.roster.digest})
    say(f"{ref}")
    _remind(agreement, mine.exchange)
    say(f"to be signed by {', '.join(agreement.parties)}: counterfoil agreement sign {ref}", aside=True)


@app.command()
def explain(
    ref: RefArgument,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for tools.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="Rows that each owner brings, for the cost.")] = 10_000,
    round_trip_ms: Annotated[float, typer.Option(min=0, help="Between two nodes, there and back.")] = 1.0,
    home: HomeOption = None,
) -> None:
    """Say in plain words what an agreement lets happen, what it opens to whom, and what a job costs.

    Example: counterfoil agreement explain agreement:bank-a:5e1f... --rows 20000
    """
    from counterfoil.governance.agreements.signing.signed import fetch_agreement
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home
    from counterfoil.joint.cost_estimate import estimate
    from counterfoil.report.costs import cost_facts, cost_words, openings
    from counterfoil.report.explain import explain as in_words
    from counterfoil.report.explain import facts

    exchange = Home.open(home).exchange
    agreement = fetch_agreement(exchange, agreement_ref(exchange, ref))
    cost = estimate(agreement, rows)
    if as_json:
        costs = cost_facts(cost, round_trip_ms / 1000)
        say_json({**facts(agreement), "opens": openings(agreement), "cost": costs})
    else:
        say(*in_words(agreement).split("\n"), "", *cost_words(agreement, cost, round_trip_ms / 1000))
        _remind(agreement, exchange)


@app.command()
def diff(old: RefArgument, new: RefArgument, home: HomeOption = None) -> None:
    """Say in plain words what changes from one agreement to another, and who must sign.

    Example: counterfoil agreement diff agreement:bank-a:5e1f... agreement:bank-a:77ab...
    """
    from counterfoil.governance.agreements.diff import changes, signatures
    from counterfoil.governance.agreements.signing.signed import fetch_agreement
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home

    exchange = Home.open(home).exchange
    before, after = (fetch_agreement(exchange, agreement_ref(exchange, ref)) for ref in (old, new))
    for line in (*changes(before, after), "", *signatures(before, after)):
        say(line)


@app.command()
def sign(
    ref: RefArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; you have read it.")] = False,
    home: HomeOption = None,
) -> None:
    """Read an agreement in plain words, and sign it with everything it rests on.

    Example: counterfoil agreement sign agreement:bank-a:5e1f...
    """
    from counterfoil.governance.agreements.signing.signed import has_signed, sign_agreement
    from counterfoil.governance.jobs.references import agreement_ref, check_safe
    from counterfoil.governance.parties.succession import follow
    from counterfoil.home import Home
    from counterfoil.joint.planning import fetch_planned
    from counterfoil.report.explain import explain as in_words

    mine, today = Home.open(home), clock.today()
    named = agreement_ref(mine.exchange, ref)
    if yes:
        check_safe(ref, named)
    agreement, planned = fetch_planned(mine.exchange, named)
    agreement.check_not_over(today)
    if mine.party in agreement.parties and has_signed(agreement, mine.party, mine.exchange):
        follow(agreement.roster, mine, today)
        say(f"{mine.party} had signed already; nothing is left to do")
        return
    _remind(agreement, mine.exchange)
    if not yes:
        say(*in_words(agreement).split("\n"))
        for name, analysis in planned.items():
            say(*(f"{name}: {line}" for line in analysis.untold()))
        ask(f"Sign this as {mine.party}?")
    follow(agreement.roster, mine, today)
    sign_agreement(agreement, mine.keys, mine.exchange)
    mine.log.append("agreement-signed", refs={"agreement": str(named), "roster": agreement.roster.digest})
    say(f"signed as {mine.party}")


@app.command()
def verify(ref: RefArgument, home: HomeOption = None) -> None:
    """Check that every party signed the agreement, you among them, that nobody withdrew, and that it holds today.

    It also says when its next review is due; a job does not start when that day has passed.

    Example: counterfoil agreement verify agreement:bank-a:5e1f...
    """
    from counterfoil.governance.agreements.signing.in_force import RUN, load
    from counterfoil.governance.agreements.signing.reaffirmation import check_reviewed
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home

    mine, today = Home.open(home), clock.today()
    terms = load(mine, agreement_ref(mine.exchange, ref), for_=RUN, today=today).terms
    check_reviewed(terms, mine.exchange, today)
    _remind(terms, mine.exchange)
    say(f"{terms.id} {terms.version} binds until {terms.expires}; signed by {', '.join(terms.parties)}")


@app.command()
def reaffirm(
    ref: RefArgument,
    until: Annotated[str, typer.Option(help="The day, YYYY-MM-DD, by which to look again; in a year by default.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; you have looked at it.")] = False,
    home: HomeOption = None,
) -> None:
    """Look at an agreement anew, and sign that you stand by it, so that jobs go on after its review date.

    Jobs start again when every party has. When the agreement has ended, only another one goes on.

    Example: counterfoil agreement reaffirm agreement:bank-a:5e1f... --until 2028-04-30
    """
    from counterfoil.governance.agreements.signing.in_force import RUN, load
    from counterfoil.governance.agreements.signing.reaffirmation import MOST_DAYS, next_review
    from counterfoil.governance.agreements.signing.reaffirmation import reaffirm as stand_by
    from counterfoil.governance.documents import read_day
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home
    from counterfoil.report.explain import explain as in_words

    mine, now = Home.open(home), clock.now()
    named = agreement_ref(mine.exchange, ref)
    agreement = load(mine, named, for_=RUN, today=now.date()).terms
    day = read_day(until) if until else min(now.date() + timedelta(days=MOST_DAYS - 1), agreement.expires)
    if not yes:
        say(*in_words(agreement).split("\n"))
        ask(f"Stand by this as {mine.party} until {day}?")
    stand_by(agreement, day, mine, now)
    mine.log.append("agreement-reaffirmed", subject=agreement.id, refs={"agreement": str(named)})
    say(f"{mine.party} reaffirmed {agreement.id} {agreement.version}, until {day}")
    if (due := next_review(agreement, mine.exchange, now.date())) and due.waits_for(now.date()):
        say(f"still to look at it: {', '.join(due.waits_for(now.date()))}")


@app.command()
def withdraw(
    ref: RefArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; you mean it.")] = False,
    home: HomeOption = None,
) -> None:
    """Withdraw from an agreement, for good: no party runs another job under it, and nodes erase what they hold.

    Example: counterfoil agreement withdraw agreement:bank-a:5e1f...
    """
    from counterfoil.governance.agreements.signing.signed import fetch_agreement
    from counterfoil.governance.agreements.signing.withdrawal import withdraw as take_back
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home

    mine = Home.open(home)
    named = agreement_ref(mine.exchange, ref)
    agreement = fetch_agreement(mine.exchange, named)
    if not yes:
        ask(f"Withdraw {mine.party} from {agreement.id} {agreement.version} for good?")
    take_back(agreement, mine, clock.now())
    mine.log.append("agreement-withdrawn", refs={"agreement": str(named)})
    say(
        f"{mine.party} has withdrawn from {agreement.id} {agreement.version}; results that were opened stay with those "
        "who opened them, and no other one is opened any more"
    )


def _remind(agreement: Agreement, records: Records) -> None:
    from counterfoil.governance.agreements.signing.reaffirmation import next_review

    today = clock.today()
    due = next_review(agreement, records, today)
    if due and (words := due.reminder(today)):
        say(f"note: {words}", aside=True)
