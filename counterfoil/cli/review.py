"""Commands for reviewers: what waits, what it is, what others say, and a signed word on it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil.cli.options import HomeOption

if TYPE_CHECKING:
    from counterfoil.governance.airlock import Review
    from counterfoil.governance.decisions import Verdict
    from counterfoil.governance.evidence import Draft
    from counterfoil.governance.signing import SignedAgreement
    from counterfoil.home import Home

app = typer.Typer(help="Review results before they leave the nodes.", no_args_is_help=True)

AgreementArgument = Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)]
EvidenceArgument = Annotated[str, typer.Argument(help="The evidence, as `review list` names it.", show_default=False)]
CommentOption = Annotated[str, typer.Option(help="Your reasons, for the record; every party can read them.")]


@app.command("list")
def list_(agreement: AgreementArgument, home: HomeOption = None) -> None:
    """List the results of an agreement that wait for review, or were reviewed: their states, and who is asked.

    Example: counterfoil review list agreement:bank-a:5e1f...
    """
    from counterfoil.governance.evidence import drafts

    mine, signed = _open(agreement, home)
    for draft in drafts(mine.exchange, signed):
        found = _review(mine, draft)
        typer.echo(
            f"{draft.evidence.digest} {draft.evidence.period} attempt {draft.evidence.attempt}: {_state(found, mine)}"
        )


@app.command()
def show(agreement: AgreementArgument, evidence: EvidenceArgument, home: HomeOption = None) -> None:
    """Show what the nodes say of a result, and what parties say of it. It holds no value.

    Example: counterfoil review show agreement:bank-a:5e1f... 9c0d...
    """
    from counterfoil.governance.decisions import comments

    mine, draft = _draft(agreement, evidence, home)
    found = _review(mine, draft)
    _show(draft)
    typer.echo(f"state: {_state(found, mine)}")
    for decision in found.decisions:
        typer.echo(
            f"  {decision.party}, {decision.decided:%Y-%m-%d %H:%M}: {decision.verdict}{_said(decision.comment)}"
        )
    for note in found.uncounted:
        typer.echo(f"  {note}")
    for said in comments(mine.exchange, draft):
        typer.echo(f"  {said.party}, {said.said:%Y-%m-%d %H:%M}, remarks{_said(said.text)}")


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
    from counterfoil.governance.decisions import comment

    mine, draft = _draft(agreement, evidence, home)
    comment(draft, text, mine.keys, mine.exchange, datetime.now(UTC))
    mine.log.append("review-comment", subject=draft.evidence.job, refs={"evidence": evidence})
    typer.echo(f"{mine.party}: remarked on job {draft.evidence.job}")


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
def withdraw(
    agreement: AgreementArgument, evidence: EvidenceArgument, comment: CommentOption = "", home: HomeOption = None
) -> None:
    """As an owner: take your part in a result back before it has left, and say why. It is final for this draft.

    Example: counterfoil review withdraw agreement:bank-a:5e1f... 9c0d... --comment "our file was last month's"
    """
    _decide(agreement, evidence, "withdraw", comment, home)


def _decide(agreement: str, evidence: str, verdict: Verdict, comment: str, home: Path | None) -> None:
    from counterfoil.governance.airlock import decide
    from counterfoil.governance.standing import check_standing

    mine, draft = _draft(agreement, evidence, home)
    check_standing(draft.agreement.terms, mine)
    decision = decide(draft, verdict, comment=comment, keys=mine.keys, exchange=mine.exchange, now=datetime.now(UTC))
    mine.log.append(f"review-{verdict}", subject=decision.job, refs={"evidence": evidence})
    typer.echo(f"{mine.party}: {verdict} on job {decision.job}")


def _review(mine: Home, draft: Draft) -> Review:
    from counterfoil.governance.airlock import review
    from counterfoil.governance.decisions import hear
    from counterfoil.governance.release import is_complete

    released = is_complete(mine.exchange, draft)
    return review(draft, hear(draft, mine), released=released, today=datetime.now(UTC).date())


def _state(found: Review, mine: Home) -> str:
    """The state in a line: what is missing, and of whom."""
    from counterfoil.governance.airlock import State

    approved = ", ".join(found.by("approve"))
    if found.state in (State.APPROVED, State.RELEASED):
        return f"{found.state}, approved by {approved}"
    stops = [
        f"{verdict} by {', '.join(by)}"
        for verdict in ("request-changes", "reject", "withdraw")
        if (by := found.by(verdict))
    ]
    if stops:
        return f"{found.state}: {'; '.join(stops)}"
    waiting = ", ".join("you" if id == mine.party else id for id in found.undecided) or "nobody"
    quorum = found.draft.agreement.terms.quorum
    given = f"{quorum - found.missing} of {quorum} approvals" + (f", of {approved}" if approved else "")
    return f"{found.state}: {given}; undecided: {waiting}"


def _said(text: str) -> str:
    """What a party wrote, as far as a terminal may show it."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return f': "{shown}"' if shown else ""


def _draft(agreement: str, evidence: str, home: Path | None) -> tuple[Home, Draft]:
    from counterfoil.governance.evidence import load_draft

    mine, signed = _open(agreement, home)
    return mine, load_draft(mine.exchange, signed, evidence)


def _open(agreement: str, home: Path | None) -> tuple[Home, SignedAgreement]:
    from counterfoil.canonical import Ref
    from counterfoil.governance.signing import load_agreement
    from counterfoil.home import Home

    mine = Home.open(home)
    today = datetime.now(UTC).date()
    return mine, load_agreement(mine.exchange, Ref.parse(agreement), mine.keys.public, today)


def _show(draft: Draft) -> None:
    evidence, terms = draft.evidence, draft.agreement.terms
    typer.echo(f"{terms.title}, {evidence.period}: job {evidence.job}, attempt {evidence.attempt}")
    typer.echo(f"agreement {evidence.agreement}, leakage statement {evidence.leakage}")
    for part, manifest in evidence.inputs.items():
        typer.echo(f"  rests on {manifest} of {part}")
    for name, output in evidence.outputs.items():
        measures = "".join(f", {count} {measure}" for measure, count in output.measures.items())
        typer.echo(f"  {name} for {', '.join(output.recipients)}{measures}")
    for check, count in evidence.checks.items():
        typer.echo(f"  checked {check}: {count}")
    for recipient, key in evidence.keys.items():
        typer.echo(f"  {recipient} reads with the key {key}")
