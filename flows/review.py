"""At the coordinator: a draft waits for its reviewers, and what they approved is released.

The wait costs no process: the run is suspended, and starts from the top when it is resumed. Anybody may resume it; what
counts are the reviewers' signatures, which every node checks again.
"""

from prefect import suspend_flow_run
from prefect.input import RunInput

from counterfoil.canonical import Ref
from flows.dispatch import on_each
from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.count import count
from mpc_tasks.verify import signed


class Note(RunInput):
    """What the Prefect page asks of whoever resumes a review. It decides nothing."""

    note: str = ""


@stage(timeout_s=3600)
def review(agreement: RefText, evidence: RefText) -> Ref:
    """Every recipient has its release, every log is published and cosigned; the evidence that all of it stands on."""
    while count(agreement, evidence):
        suspend_flow_run(wait_for_input=Note)
    terms = signed(agreement).terms
    on_each("announce", terms.nodes, agreement=agreement, evidence=evidence)
    on_each("countersign", terms.nodes, agreement=agreement)
    on_each("release", terms.nodes, agreement=agreement, evidence=evidence)
    on_each("attest", (*terms.owners, *terms.nodes))
    on_each("witness", terms.nodes, agreement=agreement)
    return evidence
