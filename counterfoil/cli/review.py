"""Commands for reviewers: what waits, what it is, and yes or no."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil.cli.options import HomeOption

if TYPE_CHECKING:
    from counterfoil.governance.review import Draft, Verdict
    from counterfoil.governance.signing import SignedAgreement
    from counterfoil.home import Home

app = typer.Typer(help="Review results before they leave the nodes.", no_args_is_help=True)

AgreementArgument = Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)]
EvidenceArgument = Annotated[str, typer.Argument(help="The evidence, as `review list` names it.", show_default=False)]
CommentOption = Annotated[str, typer.Option(help="Your reasons, for the record.")]


@app.command("list")
def list_(agreement: AgreementArgument, home: HomeOption = None) -> None:
    """List the results of an agreement that wait for review, or were reviewed.

    Example: counterfoil review list agreement:bank-a:5e1f...
    """
    from counterfoil.errors import NotApprovedError
    from counterfoil.governance.review import count_decisions, decisions, drafts

    mine, signed = _open(agreement, home)
    for draft in drafts(mine.exchange, signed):
        try:
            approvals = count_decisions(draft, decisions(mine.exchange, draft)).approvals
            state = f"approved by {', '.join(approvals)}"
        except NotApprovedError as error:
            state = str(error)
        typer.echo(f"{draft.evidence.digest} {draft.evidence.period} attempt {draft.evidence.attempt}: {state}")


@app.command()
def show(agreement: AgreementArgument, evidence: EvidenceArgument, home: HomeOption = None) -> None:
    """Show what the nodes say of a result: what it rests on, what was counted, who will get it. It holds no value.

    Example: counterfoil review show agreement:bank-a:5e1f... 9c0d...
    """
    _show(_draft(agreement, evidence, home)[1])


@app.command()
def approve(
    agreement: AgreementArgument, evidence: EvidenceArgument, comment: CommentOption = "", home: HomeOption = None
) -> None:
    """Let a result go to its recipients, as far as it depends on you. A decision stands.

    Example: counterfoil review approve agreement:bank-a:5e1f... 9c0d... --comment "cells are large enough"
    """
    _decide(agreement, evidence, "approve", comment, home)


@app.command()
def reject(
    agreement: AgreementArgument, evidence: EvidenceArgument, comment: CommentOption, home: HomeOption = None
) -> None:
    """Do not let a result go, and say why. A decision stands.

    Example: counterfoil review reject agreement:bank-a:5e1f... 9c0d... --comment "bank-c's rows are too few"
    """
    _decide(agreement, evidence, "reject", comment, home)


def _decide(agreement: str, evidence: str, verdict: Verdict, comment: str, home: Path | None) -> None:
    from counterfoil.governance.review import decide
    from counterfoil.governance.standing import check_standing

    mine, draft = _draft(agreement, evidence, home)
    check_standing(draft.agreement.terms, mine)
    decision = decide(draft, verdict, comment=comment, keys=mine.keys, exchange=mine.exchange, now=datetime.now(UTC))
    mine.log.append(f"review-{verdict}", subject=decision.job, refs={"evidence": evidence})
    typer.echo(f"{mine.party}: {verdict} on job {decision.job}")


def _draft(agreement: str, evidence: str, home: Path | None) -> tuple[Home, Draft]:
    from counterfoil.governance.review import load_draft

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
