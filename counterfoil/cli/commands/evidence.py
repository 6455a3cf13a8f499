"""The command that exports all that an outsider needs to check one job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil import clock
from counterfoil.cli.command import Command
from counterfoil.cli.options import HomeOption
from counterfoil.terminal import say


def evidence(
    job: Annotated[str, typer.Argument(help="The job's id, as reports and logs name it.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Where the bundle goes; JOB.zip here, unless told.")] = None,
    home: HomeOption = None,
) -> None:
    """Export a job's bundle for a regulator: agreement, contracts, evidence, decisions, releases, logs, lineage.

    It is one ZIP file that `counterfoil verify` checks offline, and whose index.html says what is in it. No shares.

    Example: counterfoil evidence 3508d81e6403c34e2f9653e2834aa485 --out audit-2026.zip
    """
    from counterfoil.governance.jobs.references import job_id
    from counterfoil.home import Home
    from counterfoil.roles.auditor import export

    mine = Home.open(home)
    job = job_id(mine.exchange, job)
    exported = export(mine, job, out or Path(f"{job}.zip"), clock.now())
    mine.log.append("evidence-exported", subject=job, counts={"files": exported.files})
    say(f"{exported.path}: {exported.files} files on {exported.drafts} drafts of job {job}")
    say(f"check it anywhere: counterfoil verify {exported.path}")


COMMAND = Command("evidence", evidence, extra="open")
