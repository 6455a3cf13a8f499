"""Stage at the coordinator: order one period's job, from agreement to a draft that waits for review."""

import time

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError, IntegrityError, LateTableError, PeriodTableError, StageError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.releases.periods import TO_ORDER, Standing
from counterfoil.texts import markdown
from counterfoil_prefect.flows.dispatch import on_each, start
from counterfoil_prefect.flows.parameters import Id, RefText
from counterfoil_prefect.flows.stage import Answer, stage
from counterfoil_prefect.flows.stages import MENDABLE, Schedule, Stage
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.periods import choose, note, turn
from counterfoil_prefect.mpc_tasks.remind import remind
from counterfoil_prefect.mpc_tasks.runs import About, call_run, scheduled_at
from counterfoil_prefect.mpc_tasks.show import Progress, link_to_run, page
from counterfoil_prefect.mpc_tasks.verify import signed

ATTEMPTS = 3
LOOK_FOR_TABLES_S = 60.0
"""So often a table is looked for that is waited for."""
SETTLED = {
    Standing.RELEASED: "is released",
    Standing.IN_REVIEW: "is in review",
    Standing.CHANGES_REQUESTED: "waits for another draft, which a reviewer asked for; order it by the period's name",
    Standing.REJECTED: "was rejected or withdrawn, which is final for what its owners handed in",
    Standing.SKIPPED: "was skipped, for an owner has no table of then; order it by the period's name once it has",
}
"""What is said of a period for which nothing is ordered."""


@stage(
    Stage(
        roles=("coordinator",),
        limit_s=43_200,
        title="order a period, from agreement to review",
        schedule=Schedule(slug="weekly", cron="0 6 * * 1"),
        ends={
            "In review": "nothing: the period has a draft, and its review waits for the reviewers",
            "Released": "nothing: the period is over",
            "Changes requested": "order the period again by its name: a reviewer asked for another draft",
            "Rejected": "nothing: that is final for what its owners handed in",
            "Skipped": "order the period again by its name once its owner has the table of then",
        },
    )
)
def collaborate(agreement: RefText, period: Id | None = None) -> Answer:
    """Order the period that is asked for, or the first that is left until the run's scheduled time, up to its review.

    It ends with the nodes' evidence, which waits for review: all parties agreed, every owner contributed, the nodes
    computed. For a period that is in review or released nothing is ordered, and the run says so.
    """
    terms = signed(agreement, clock.today()).terms
    call_run(About(terms.id, period))
    remind(agreement)
    if period is not None:
        return _by_name(agreement, terms, period)
    with turn(agreement):
        return _in_order(agreement, terms)


def _by_name(agreement: Ref, terms: Agreement, period: str) -> Answer:
    """Order this period, out of turn, unless it is in review or released."""
    with turn(agreement, period):
        _, standing, evidence = choose(agreement, _scheduled(), period)
        if Standing(standing) in (Standing.RELEASED, Standing.IN_REVIEW):
            return _answer(agreement, terms, period, Standing(standing), evidence)
        return Answer(_order(agreement, terms, period, skips=False), "Completed")


def _in_order(agreement: Ref, terms: Agreement) -> Answer:
    """Order the first period that is left, and pass by those for which an owner has no table any more."""
    without: dict[str, str] = {}
    while True:
        name, standing, evidence = choose(agreement, _scheduled(), None)
        if name in without:  # it was the last
            break
        call_run(About(terms.id, name))
        if Standing(standing) not in (*TO_ORDER, Standing.FAILED):
            if without:
                break
            return _answer(agreement, terms, name, Standing(standing), evidence)
        skips = terms.schedule.missed == "with-tables"
        with turn(agreement, name) as waited:
            if waited:
                continue  # somebody ordered it by its name
            try:
                drafted = _order(agreement, terms, name, skips=skips)
            except StageError as error:
                if not _lacks_table(error):
                    raise
                say(f"{name} {'is skipped' if skips else 'failed'}: {error}", failed=not skips)
                if not skips:
                    without[name] = str(error)
                continue
        if without:
            break
        return Answer(drafted, "Completed")
    told = "; ".join(f"{missed}: {why}" for missed, why in without.items())
    raise PeriodTableError(f"{told}. What came after is ordered" if name not in without else told)


def _scheduled() -> int:
    return int(scheduled_at().timestamp())


def _lacks_table(error: CounterfoilError) -> bool:
    return isinstance(error, StageError) and _failed_as(PeriodTableError, error)


def _failed_as(reason: type[CounterfoilError], error: StageError) -> bool:
    """Tell whether it failed for this reason alone, wherever it was not stopped for it."""
    names = set(error.failures.values())
    return reason.__name__ in names and names <= {reason.__name__, "Cancelled"}


def _answer(agreement: Ref, terms: Agreement, period: str, standing: Standing, evidence: Ref | None) -> Answer:
    """Say why nothing is ordered, and begin the review of a draft whose review was never begun."""
    words = f"{period} {SETTLED[standing]}; nothing is ordered"
    say(words)
    told = markdown("## {title}, {period}\n\n{words}.\n", title=terms.title, period=period, words=words)
    page(f"collaboration-{terms.id}", told)
    if standing is Standing.IN_REVIEW and evidence is not None:
        _begin_review(agreement, terms, period, evidence)
    return Answer(evidence or period, standing.value.replace("-", " ").capitalize())


def _order(agreement: Ref, terms: Agreement, period: str, *, skips: bool) -> Ref:
    """Have the period computed up to its review, and log what became of the order."""
    note(agreement, period, "ordered")
    try:
        return _compute(agreement, terms, period)
    except CounterfoilError as error:
        note(agreement, period, "skipped" if skips and _lacks_table(error) else "failed")
        raise


def _compute(agreement: Ref, terms: Agreement, period: str) -> Ref:
    about = About(terms.id, period)
    progress = Progress(f"collaboration-{terms.id}", f"{terms.title}, {period}")
    on_each("agree", (*terms.owners, *terms.nodes), about, agreement=agreement)
    progress.at(20)
    submissions: list[Ref] = []
    for contract in terms.contracts:
        submissions += _hand_in(agreement, terms, contract, about).values()
        progress.at(20 + 40 * len(submissions) / len(terms.parts))
    evidence = _analyse(agreement, about, terms.nodes, tuple(submissions))
    progress.at(90)
    _begin_review(agreement, terms, period, evidence)
    progress.at(100)
    return evidence


def _hand_in(agreement: Ref, terms: Agreement, contract: str, about: About) -> dict[str, Ref]:
    """Have all owners hand in under the contract, again each minute while a table is waited for by the agreement."""
    wish = {"agreement": agreement, "contract": contract, "period": about.period}
    while True:
        try:
            return on_each("contribute", terms.owners_under(contract), about, **wish)
        except StageError as error:
            if not _failed_as(LateTableError, error):
                raise
            say(f"a table is not there yet, and is looked for again: {error}")
            time.sleep(LOOK_FOR_TABLES_S)


def _begin_review(agreement: Ref, terms: Agreement, period: str, evidence: Ref) -> None:
    about = About(terms.id, period)
    waiting = start("review", terms.coordinator, about, once=evidence.digest, agreement=agreement, evidence=evidence)
    link_to_run("review", waiting, f"The review of {terms.title}, {period}")


def _analyse(agreement: Ref, about: About, nodes: tuple[str, ...], submissions: tuple[Ref, ...]) -> Ref:
    wish = {"agreement": agreement, "period": about.period, "submissions": submissions}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            said = on_each("analyse", nodes, about, **wish, attempt=attempt)
        except StageError as error:
            if attempt == ATTEMPTS or not MENDABLE.issuperset(error.failures.values()):
                raise
            say(f"attempt {attempt} failed: {error}; another one follows", failed=True)
        else:
            if len({reference.digest for reference in said.values()}) != 1:
                raise IntegrityError(
                    f"the nodes do not say the same of the draft: {', '.join(map(str, said.values()))}"
                )
            return said[nodes[0]]
    raise AssertionError("unreachable")
