"""At the coordinator: a draft waits for its reviewers, and what they approved is released.

The wait costs no process and has no end: the run is suspended, and starts from the top when it is resumed. Anybody may
resume it, and may type a decision for a reviewer, who then signs it at home; what counts are the reviewers' signatures,
which every node checks again.
"""

from typing import Annotated, Literal

from prefect import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field, create_model

from counterfoil.canonical import Ref
from flows.dispatch import on_each
from flows.parameters import RefText
from flows.stage import stage
from mpc_tasks.count import checkers_waiting, count
from mpc_tasks.held import hold
from mpc_tasks.propose import propose
from mpc_tasks.tell import tell
from mpc_tasks.verify import signed

NOBODY = "nobody"
ASKED = """Type a decision for a reviewer to sign, or only have the page looked at again.
**It counts for nothing until the reviewer signs it at home: `counterfoil review confirm`.** Every party can read it."""


class Word(RunInput):
    """What the page asks of whoever resumes a review: a decision that its reviewer may sign, or nothing."""

    reviewer: str = NOBODY
    decision: Literal["look-again", "approve", "request-changes", "reject"] = "look-again"
    comment: str = Field("", max_length=4000)


@stage()
def review(agreement: RefText, evidence: RefText) -> Ref:
    """Every recipient has its release, every log is published and cosigned, and a page says what was released to whom.

    The evidence that all of it stands on.
    """
    terms = signed(agreement).terms
    if checkers_waiting(agreement, evidence):
        _let_go(agreement, evidence, terms.nodes)
    while count(agreement, evidence):
        word = suspend_flow_run(wait_for_input=_asked_of(terms.reviewers))
        if word.reviewer in terms.reviewers and word.decision != "look-again":
            propose(agreement, evidence, word.reviewer, word.decision, hold("comment", word.comment))
    _let_go(agreement, evidence, terms.nodes)
    on_each("attest", (*terms.owners, *terms.nodes))
    on_each("witness", terms.nodes, agreement=agreement)
    tell(agreement, evidence)
    return evidence


def _let_go(agreement: Ref, evidence: Ref, nodes: tuple[str, ...]) -> None:
    """The nodes release what each of them finds may leave: to checkers before the quorum, to all recipients after."""
    on_each("announce", nodes, agreement=agreement, evidence=evidence)
    on_each("countersign", nodes, agreement=agreement)
    on_each("release", nodes, agreement=agreement, evidence=evidence)


def _asked_of(reviewers: tuple[str, ...]) -> type[Word]:
    """The form, in which the agreement's reviewers are to choose from; Prefect's server refuses others."""
    names = Field(json_schema_extra={"enum": [NOBODY, *reviewers]})
    form = create_model("Word", __base__=Word, reviewer=(Annotated[str, names], NOBODY))
    return form.with_initial_data(description=ASKED)
