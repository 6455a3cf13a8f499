"""Steps at the coordinator: see how far a review is. Each node counts again before it releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import NotApprovedError, NotFoundError
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.releases.docket import impediments, look
from counterfoil.governance.releases.release import is_released
from counterfoil.governance.review.airlock import Review, State
from counterfoil.governance.review.leaving import Audience, audience
from counterfoil.governance.review.proposals import proposals
from counterfoil.governance.verification.verify import find_manifest
from counterfoil.report.prechecks import Precheck, prechecks
from counterfoil.texts import Markdown, escape, markdown
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.runs import Run, runs_of
from counterfoil_prefect.mpc_tasks.show import page
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed

UNDECIDED = "undecided"
_WAITING = (State.SUBMITTED, State.PARTIALLY_REVIEWED)


@mpc_task(name="count", version=2)
def count(agreement: Ref, evidence: Ref) -> int:
    """Count the approvals that are missing, and show a page on what waits, for whom and why.

    Raises: NotApprovedError when this draft can no longer be approved.
    """
    today = clock.today()
    found = standing(agreement, evidence, today)
    terms = found.draft.agreement.terms
    checks = prechecks(found, home().exchange, today, impediments(found.draft, home(), today))
    page(f"review-{terms.id}", _page(found, agreement, checks, runs_of(_ends(found))))
    home().log.append(
        "approvals-counted",
        subject=found.draft.evidence.job,
        refs={"evidence": evidence.digest},
        counts={"missing": found.missing, "quorum": terms.quorum},
    )
    return missing_approvals(found)


@mpc_task(name="checkers_waiting", version=1)
def checkers_waiting(agreement: Ref, evidence: Ref) -> int:
    """Count the agreement's checkers who have no release yet of a draft that they may see."""
    found = standing(agreement, evidence, clock.today())
    if audience(found) is not Audience.CHECKERS:
        return 0
    given = (is_released(home().exchange, evidence.digest, id) for id in found.draft.agreement.terms.checkers)
    return sum(not each for each in given)


def standing(agreement: Ref, evidence: Ref, today: date) -> Review:
    """Read the draft's state by what this party has seen. Raises: as `load_draft`."""
    draft = load_draft(home().exchange, signed(agreement, today), evidence.digest)
    return look(draft, home(), today)


def missing_approvals(found: Review) -> int:
    """Count the approvals that are still missing. Raises: NotApprovedError when they cannot come any more."""
    if audience(found) is Audience.RECIPIENTS:
        return 0
    if found.state not in _WAITING or found.missing > len(found.undecided):
        follows = "; another draft may be reviewed" if found.state is State.CHANGES_REQUESTED else ""
        raise NotApprovedError(
            f"job {found.draft.evidence.job}: its draft is {found.state}, and {found.draft.agreement.terms.quorum} "
            f"approvals cannot be reached{follows}"
        )
    return found.missing


def _ends(found: Review) -> Iterator[str]:
    """List what the runs ended with that made this draft: owners' submissions and nodes' evidence."""
    terms, evidence = found.draft.agreement.terms, found.draft.evidence
    for part in terms.parts:
        with suppress(NotFoundError):  # a link less; what it means that it is gone, the prechecks say
            yield str(find_manifest(home().exchange, found.draft.agreement, evidence, part)[0])
    yield from (str(Ref("evidence", node, evidence.digest)) for node in terms.nodes)


def _waiting(found: Review, proposed: Mapping[str, str]) -> Iterator[Markdown]:
    """List what waits, for whom and why, in rows; `proposed` says what was typed for whom."""
    terms, quorum = found.draft.agreement.terms, found.draft.agreement.terms.quorum
    if found.state in _WAITING:
        missing = f"{found.missing} more of {quorum} approvals"
        for reviewer in found.undecided:
            typed = f"; {proposed[reviewer]} is typed for it, not signed" if reviewer in proposed else ""
            yield _row("this draft", reviewer, f"{missing}{typed}")
        for recipient in terms.recipients:
            yield _row("the release", recipient, "this draft is not approved yet")


def _row(*cells: object) -> Markdown:
    return Markdown(f"| {' | '.join(escape(str(cell)) for cell in cells)} |")


def _page(found: Review, agreement: Ref, checks: Sequence[Precheck], runs: Sequence[Run]) -> Markdown:
    evidence, terms = found.draft.evidence, found.draft.agreement.terms
    state = f"waits for {found.missing} more of {terms.quorum} approvals" if found.state in _WAITING else "is over"
    if audience(found) is Audience.RECIPIENTS:
        state = "is approved"
    proposed = {made.reviewer: str(made.verdict) for made in proposals(home().exchange, found)}
    verdicts = {
        **{reviewer: f"{verdict} is proposed, not signed" for reviewer, verdict in proposed.items()},
        **{decision.party: str(decision.verdict) for decision in found.decisions},
    }
    return markdown(
        PAGE,
        title=terms.title,
        period=evidence.period,
        state=state,
        is_now=found.state,
        quorum=terms.quorum,
        number=len(terms.reviewers),
        waiting=list(_waiting(found, proposed)) or [Markdown("| nothing | nobody | |")],
        outputs=[
            _row(
                name,
                ", ".join(output.recipients),
                output.hidden_words,
            )
            for name, output in evidence.outputs.items()
        ],
        checked=[_row(check.level, check.about, check.words) for check in checks],
        reviewers=[_row(id, verdicts.get(id, UNDECIDED)) for id in terms.reviewers],
        command=f"{agreement} {evidence.digest}",
        links=[Markdown(f"* {run.link}") for run in runs] or "None of them is on this server any more.",
        job=evidence.job,
        attempt=evidence.attempt,
        leakage=evidence.leakage,
    )


PAGE = """## {title}, {period}: {state}

The draft is **{is_now}**. The results exist in secret shares alone. They go to their recipients when
{quorum} of {number} reviewers sign; the signatures count, not what is done on this page.

| what waits | for whom | why |
|---|---|---|
{waiting}

| analysis | for | cells hidden |
|---|---|---|
{outputs}

| | checked beforehand | |
|---|---|---|
{checked}

| reviewer | decision |
|---|---|
{reviewers}

A reviewer, at home, with `approve`, or with `request-changes` or `reject` and `--comment "..."`:

```
counterfoil review show {command}
counterfoil review approve {command}
```

Or type a decision here (Resume) for a reviewer, who then signs it, or not:

```
counterfoil review confirm {command}
```

### The other runs of this job

{links}

Job `{job}`, attempt {attempt}, leakage statement `{leakage}`.
"""
