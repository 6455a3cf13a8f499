"""Step at the coordinator: publish what was typed on the review's page, for the reviewer to sign or not."""

from __future__ import annotations

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import TextError
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.review.proposals import propose as propose_
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import drop, held, home
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="propose", version=1, of="reviewer")
def propose(agreement: Ref, evidence: Ref, reviewer: str, verdict: str, comment: Ref) -> Ref:
    """Publish the proposal, under no signature; return the evidence. `comment` is the text that this process holds."""
    text = held(comment, str)
    drop(comment)
    draft = load_draft(home().exchange, signed(agreement, clock.today()), evidence.digest)
    match verdict:
        case "approve" | "request-changes" | "reject":
            try:
                propose_(draft, reviewer, verdict, text, home().exchange)
            except TextError as error:  # it may be typed again; the review waits on
                say(f"nothing was proposed to {reviewer}: {error}")
                return evidence
            home().log.append("decision-proposed", subject=draft.evidence.job, refs={"evidence": evidence.digest})
            say(f"{verdict} was proposed to {reviewer}; it counts once {reviewer} signs it")
        case _:
            say("nothing was proposed")
    return evidence
