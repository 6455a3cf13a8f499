"""Stage at the coordinator: wait for the reviewers of a draft, and have what they approved released.

The wait costs no process and has no end: the run is suspended, and starts from the top when it is resumed. Anybody may
resume it, and may type a decision for a reviewer, who then signs it at home; what counts are the reviewers' signatures,
which every node checks again.
"""

from typing import Annotated, Literal

from prefect import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field, ValidationError, create_model

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError, NotApprovedError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.texts import markdown
from counterfoil_prefect.flows.dispatch import on_each, start
from counterfoil_prefect.flows.parameters import RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.count import checkers_waiting, count, standing
from counterfoil_prefect.mpc_tasks.held import hold
from counterfoil_prefect.mpc_tasks.periods import left
from counterfoil_prefect.mpc_tasks.propose import propose
from counterfoil_prefect.mpc_tasks.runs import About, call_run
from counterfoil_prefect.mpc_tasks.tell import tell

NOBODY = "nobody"
ASKED = """Job `{job}` of **{title}, {period}**, waits for {missing} more of {quorum} approvals.

Type a decision for a reviewer to sign, or have it looked at again (nobody, look-again).
**It counts for nothing until the reviewer signs it at home: `counterfoil review confirm`.** Every party can read it."""


class Word(RunInput):
    """The form that resumes a review: a decision that its reviewer may sign, or nothing."""

    reviewer: str = Field(description="For whom the decision is typed, or nobody.")
    decision: Literal["look-again", "approve", "request-changes", "reject"] = Field(
        description="What the reviewer may sign, or look-again."
    )
    comment: str = Field(min_length=1, max_length=4000, description="Why; the reviewer signs it with the decision.")


LOOK_AGAIN = {"reviewer": NOBODY, "decision": "look-again", "comment": "the signatures are to be counted again"}
"""What is typed for nobody."""


@stage(
    Stage(
        roles=("coordinator",),
        limit_s=14_400,
        title="signatures of the reviewers",
        resumes=True,
        after="analyse",
        ends={
            "Paused": "reviewers have not decided: `counterfoil review list`; when the quorum is there it goes on "
            "within five minutes, or at once by `prefect deployment run resume_reviews/coordinator`",
        },
    )
)
def review(agreement: RefText, evidence: RefText) -> Ref:
    """Wait for the reviewers, have what they approved released, published and cosigned; return the evidence on it.

    A page says what was released to whom.
    """
    found = standing(agreement, evidence, clock.today())
    terms, about = found.draft.agreement.terms, About(found.draft.agreement.terms.id, found.draft.evidence.period)
    call_run(about)
    try:
        _wait(agreement, evidence, terms, about)
    except NotApprovedError:
        _go_on(agreement, evidence, terms)
        raise
    _let_go(agreement, evidence, terms.nodes, about)
    on_each("attest", (*terms.owners, *terms.nodes), about)
    on_each("witness", terms.nodes, about, agreement=agreement)
    tell(agreement, evidence)
    _go_on(agreement, evidence, terms)
    return evidence


def _wait(agreement: Ref, evidence: Ref, terms: Agreement, about: About) -> None:
    """Return when the quorum has signed; suspend the run until then. Raises: NotApprovedError."""
    if checkers_waiting(agreement, evidence):
        _let_go(agreement, evidence, terms.nodes, about)
    while missing := count(agreement, evidence):
        say(f"{about.title()} waits for {missing} more of {terms.quorum} approvals by {', '.join(terms.reviewers)}")
        job = standing(agreement, evidence, clock.today()).draft.evidence.job
        asked = markdown(
            ASKED, job=job, title=terms.title, period=about.period, missing=missing, quorum=terms.quorum
        )  # fmt: skip
        try:
            word = suspend_flow_run(wait_for_input=_asked_of(terms.reviewers, asked))
        except ValidationError:  # it was made to go on past its form
            say("it was resumed without an answer to its form; the signatures are counted again")
            continue
        if word.reviewer in terms.reviewers and word.decision != "look-again":
            propose(agreement, evidence, word.reviewer, word.decision, hold("comment", word.comment))


def _go_on(agreement: Ref, evidence: Ref, terms: Agreement) -> None:
    """Order the first of the periods that were missed meanwhile; each of them orders the next."""
    try:
        if periods := left(agreement):
            say(f"{periods} more are due; the first of them follows")
            about = About(terms.id)
            start("collaborate", terms.coordinator, about, once=f"after-{evidence.digest}", agreement=agreement)
    except CounterfoilError as error:  # this review is over all the same
        say(f"what is due next does not follow by itself: {error}", failed=True)


def _let_go(agreement: Ref, evidence: Ref, nodes: tuple[str, ...], about: About) -> None:
    """Have the nodes release what may leave: to checkers before the quorum, to all recipients after."""
    on_each("announce", nodes, about, agreement=agreement, evidence=evidence)
    on_each("countersign", nodes, about, agreement=agreement)
    on_each("release", nodes, about, agreement=agreement, evidence=evidence)


def _asked_of(reviewers: tuple[str, ...], asked: str) -> type[Word]:
    """Make the form for the agreement's reviewers; Prefect's server refuses other names."""
    names = Field(
        json_schema_extra={"enum": [NOBODY, *reviewers]}, description=Word.model_fields["reviewer"].description
    )
    form = create_model("Word", __base__=Word, reviewer=(Annotated[str, names], ...))
    return form.with_initial_data(description=asked)
