"""Commands for reviewers: what waits, what it is, what others say, and a signed word on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import ask, say

if TYPE_CHECKING:
    from counterfoil.governance.agreements.signing.signed import SignedAgreement
    from counterfoil.governance.jobs.evidence import Draft
    from counterfoil.governance.review.decisions import Verdict
    from counterfoil.home import Home

app = typer.Typer(help="Review results before they leave the nodes.", no_args_is_help=True)
COMMAND = Command("review", app)

AgreementArgument = Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)]
EvidenceArgument = Annotated[str, typer.Argument(help="The evidence, as `review list` names it.", show_default=False)]
CommentOption = Annotated[str, typer.Option(help="Your reasons, for the record; every party can read them.")]


@app.command("list")
def list_(agreement: AgreementArgument, home: HomeOption = None) -> None:
    """List the results of an agreement that wait for review, or were reviewed: how far each is, and who is asked.

    Example: counterfoil review list agreement:bank-a:5e1f...
    """
    from counterfoil.governance.releases.docket import docket
    from counterfoil.governance.review.proposals import proposals
    from counterfoil.report.pages.draft import proposal_line, state_line

    today = clock.today()
    mine, signed = _open(agreement, home, today)
    found = docket(signed, mine, today)
    for each in found:
        evidence = each.draft.evidence
        say(f"{evidence.digest} {evidence.period} attempt {evidence.attempt}: {state_line(each, mine.party)}")
        for made in proposals(mine.exchange, each):
            say(f"  {proposal_line(made)}")
    if not found:
        say("nothing waits: no job of this agreement has a draft yet", aside=True)


@app.command()
def show(agreement: AgreementArgument, evidence: EvidenceArgument, home: HomeOption = None) -> None:
    """Show what the nodes say of a result, what was checked beforehand, who would get what, and who said what.

    There is no value in it: the result exists in secret shares alone.

    Example: counterfoil review show agreement:bank-a:5e1f... 9c0d...
    """
    from counterfoil.governance.releases.docket import impediments, look
    from counterfoil.governance.review.decisions import comments
    from counterfoil.governance.review.proposals import proposals
    from counterfoil.report.pages.draft import describe
    from counterfoil.report.prechecks import prechecks

    today = clock.today()
    mine, draft = _draft(agreement, evidence, home, today)
    found = look(draft, mine, today)
    checks = prechecks(found, mine.exchange, today, impediments(draft, mine, today))
    for line in describe(found, comments(mine.exchange, draft), proposals(mine.exchange, found), checks, mine.party):
        say(line)


@app.command()
def comment(
    agreement: AgreementArgument,
    evidence: EvidenceArgument,
    text: Annotated[str, typer.Argument(help="What you have to say; every party can read it.", show_default=False)],
    home: HomeOption = None,
) -> None:
    """Remark something on a result. It decides nothing, and every party may do it.

    Example: counterfoil review comment agreement:bank-a:5e1f... 9c0d... "why has bank-c so few rows this week?"
    """
    from counterfoil.governance.review.decisions import comment

    now = clock.now()
    mine, draft = _draft(agreement, evidence, home, now.date())
    comment(draft, text, mine.keys, mine.exchange, now)
    mine.log.append("review-comment", subject=draft.evidence.job, refs={"evidence": draft.evidence.digest})
    say(f"{mine.party}: remarked on job {draft.evidence.job} of {draft.evidence.period}")


@app.command()
def approve(
    agreement: AgreementArgument, evidence: EvidenceArgument, comment: CommentOption = "", home: HomeOption = None
) -> None:
    """Let a result go to its recipients, as far as it depends on you. You can still stop it until it has left.

    Example: counterfoil review approve agreement:bank-a:5e1f... 9c0d... --comment "cells are large enough"
    """
    _decide(agreement, evidence, "approve", comment, home)


@app.command()
def request_changes(
    agreement: AgreementArgument, evidence: EvidenceArgument, comment: CommentOption = "", home: HomeOption = None
) -> None:
    """Ask for another draft, and say what to change. This draft is not released; votes on the next one start anew.

    Example: counterfoil review request-changes agreement:bank-a:5e1f... 9c0d... --comment "bank-c: add March"
    """
    _decide(agreement, evidence, "request-changes", comment, home)


@app.command()
def reject(
    agreement: AgreementArgument, evidence: EvidenceArgument, comment: CommentOption = "", home: HomeOption = None
) -> None:
    """Do not let a result go, and say why. One rejection is enough, and it is final for this draft.

    Example: counterfoil review reject agreement:bank-a:5e1f... 9c0d... --comment "bank-c's rows are too few"
    """
    _decide(agreement, evidence, "reject", comment, home)


@app.command()
def confirm(
    agreement: AgreementArgument,
    evidence: EvidenceArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; sign what was proposed.")] = False,
    home: HomeOption = None,
) -> None:
    """Sign the decision that was typed for you on the coordinator's page. Read it first: anybody may have typed it.

    Example: counterfoil review confirm agreement:bank-a:5e1f... 9c0d...
    """
    from counterfoil.errors import NotFoundError, ReviewError
    from counterfoil.governance.releases.docket import look
    from counterfoil.governance.review.proposals import proposals
    from counterfoil.report.pages.draft import proposal_line

    today = clock.today()
    mine, draft = _draft(agreement, evidence, home, today)
    found = look(draft, mine, today)
    proposed = [made for made in proposals(mine.exchange, found) if made.reviewer == mine.party]
    for made in proposed:
        say(proposal_line(made))
    if not proposed:
        raise NotFoundError(
            f"nothing is proposed for {mine.party} on {evidence}; use approve, request-changes or reject"
        )
    if len(proposed) > 1:
        raise ReviewError(
            f"{len(proposed)} decisions are proposed for {mine.party}; say which is yours: approve, request-changes or "
            "reject"
        )
    if not yes:
        ask(f"Sign this as {mine.party}?")
    _decide(agreement, evidence, proposed[0].verdict, proposed[0].comment, home)


@app.command()
def withdraw(
    agreement: AgreementArgument, evidence: EvidenceArgument, comment: CommentOption = "", home: HomeOption = None
) -> None:
    """Take back, as an owner, your part in a result before it has left, and say why. It is final for this draft.

    Example: counterfoil review withdraw agreement:bank-a:5e1f... 9c0d... --comment "our file was last month's"
    """
    _decide(agreement, evidence, "withdraw", comment, home)


def _decide(agreement: str, evidence: str, verdict: Verdict, comment: str, home: Path | None) -> None:
    from counterfoil.governance.agreements.signing.in_force import check_in_force
    from counterfoil.governance.review.airlock import decide

    now = clock.now()
    mine, draft = _draft(agreement, evidence, home, now.date())
    check_in_force(draft.agreement.terms, mine, now.date())
    decision = decide(draft, verdict, comment=comment, keys=mine.keys, exchange=mine.exchange, now=now)
    mine.log.append(f"review-{verdict}", subject=decision.job, refs={"evidence": draft.evidence.digest})
    say(f"{mine.party}: {verdict} on job {decision.job} of {draft.evidence.period}")


def _draft(agreement: str, evidence: str, home: Path | None, today: date) -> tuple[Home, Draft]:
    from counterfoil.governance.jobs.evidence import load_draft
    from counterfoil.governance.jobs.references import evidence_digest

    mine, signed = _open(agreement, home, today)
    return mine, load_draft(mine.exchange, signed, evidence_digest(mine.exchange, signed.digest, evidence))


def _open(agreement: str, home: Path | None, today: date) -> tuple[Home, SignedAgreement]:
    from counterfoil.governance.agreements.signing.in_force import REVIEW, load
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home

    mine = Home.open(home)
    return mine, load(mine, agreement_ref(mine.exchange, agreement), for_=REVIEW, today=today)
