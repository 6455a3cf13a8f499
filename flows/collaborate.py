"""The parent, at the coordinator: one period's collaboration, from agreement to a draft that waits for review."""

from datetime import UTC, datetime

from counterfoil.canonical import Ref
from counterfoil.errors import IntegrityError, StageError
from flows.dispatch import on_each, start
from flows.parameters import Id, RefText
from flows.stage import stage
from flows.stages import MENDABLE
from mpc_tasks.remind import remind
from mpc_tasks.show import Progress, link_to_run
from mpc_tasks.verify import signed

ATTEMPTS = 3


@stage()
def collaborate(agreement: RefText, period: Id | None = None) -> Ref:
    """All parties agreed, every owner contributed, the nodes computed, and a review waits; the nodes' evidence."""
    terms = signed(agreement).terms
    remind(agreement)
    period = period or terms.schedule.period(datetime.now(UTC).date())
    progress = Progress(f"collaboration-{terms.id}", f"{terms.title}, {period}")
    on_each("agree", (*terms.owners, *terms.nodes), agreement=agreement)
    progress.at(20)
    submissions: list[Ref] = []
    for contract in terms.contracts:
        owners = terms.owners_under(contract)
        handed_in = on_each("contribute", owners, agreement=agreement, contract=contract, period=period)
        submissions += handed_in.values()
        progress.at(20 + 40 * len(submissions) / len(terms.parts))
    evidence = _analyse(agreement, period, terms.nodes, tuple(submissions))
    progress.at(90)
    waiting = start("review", terms.coordinator, once=evidence.digest, agreement=agreement, evidence=evidence)
    link_to_run("review", waiting, f"The review of {terms.title}, {period}")
    progress.at(100)
    return evidence


def _analyse(agreement: Ref, period: str, nodes: tuple[str, ...], submissions: tuple[Ref, ...]) -> Ref:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            said = on_each(
                "analyse", nodes, agreement=agreement, period=period, submissions=submissions, attempt=attempt
            )
        except StageError as error:
            if attempt == ATTEMPTS or not MENDABLE.issuperset(error.failures.values()):
                raise
        else:
            if len({reference.digest for reference in said.values()}) != 1:
                raise IntegrityError(
                    f"the nodes do not say the same of the draft: {', '.join(map(str, said.values()))}"
                )
            return said[nodes[0]]
    raise AssertionError("unreachable")
