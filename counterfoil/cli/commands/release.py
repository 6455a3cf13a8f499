"""Commands for what was released: what became of it, and taking it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say

if TYPE_CHECKING:
    from counterfoil.governance.agreements.signing.signed import SignedAgreement
    from counterfoil.home import Home

app = typer.Typer(help="See what became of releases; revoke what was not fetched yet.", no_args_is_help=True)
COMMAND = Command("release", app)

AgreementArgument = Annotated[str, typer.Argument(help="The agreement's reference.", show_default=False)]


@app.command("list")
def list_(agreement: AgreementArgument, home: HomeOption = None) -> None:
    """List what was released under an agreement: to whom, until when it opens, and whether it was opened or revoked.

    Example: counterfoil release list agreement:bank-a:5e1f...
    """
    from counterfoil.governance.releases.status import statuses

    mine, signed = _open(agreement, home)
    for status in statuses(mine.exchange, signed):
        say(f"{status.evidence} {status.period} to {status.recipient}: {status.words(clock.today())}")


@app.command()
def revoke(
    agreement: AgreementArgument,
    evidence: Annotated[str, typer.Argument(help="The evidence, as `release list` names it.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why, for everybody to read.", show_default=False)],
    recipient: Annotated[list[str] | None, typer.Option(help="Only for this one; give it once for each.")] = None,
    home: HomeOption = None,
) -> None:
    """Take back, as a node, what a recipient has not fetched yet: it is removed, and nobody opens it any more.

    What was fetched stays fetched, and is said to be.

    Example: counterfoil release revoke agreement:bank-a:5e1f... 9c0d... --reason "bank-c found an error in its table"
    """
    from counterfoil.governance.documents import write_time
    from counterfoil.governance.jobs.evidence import load_draft
    from counterfoil.governance.jobs.references import evidence_digest
    from counterfoil.governance.releases.revocation import revoke as take_back

    mine, signed = _open(agreement, home)
    draft = load_draft(mine.exchange, signed, evidence_digest(mine.exchange, signed.digest, evidence))
    revoked, fetched = take_back(draft, recipient or signed.terms.recipients, reason, mine, clock.now())
    for word in revoked:
        say(f"{word.node} revoked its release of job {word.job} to {word.recipient}")
    for receipt in fetched:
        say(f"{receipt.recipient} has fetched it already, at {write_time(receipt.opened)}")


def _open(agreement: str, home: Path | None) -> tuple[Home, SignedAgreement]:
    from counterfoil.governance.agreements.signing.in_force import OPEN, load
    from counterfoil.governance.jobs.references import agreement_ref
    from counterfoil.home import Home

    mine = Home.open(home)
    return mine, load(mine, agreement_ref(mine.exchange, agreement), for_=OPEN)  # it may have ended
