"""Step: the coordinator looks how far a review is. What counts is what each node counts again before it releases."""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError, NotApprovedError
from counterfoil.governance.review import Draft, check_decision, decisions, load_draft
from mpc_tasks.held import home
from mpc_tasks.show import page
from mpc_tasks.task import mpc_task
from mpc_tasks.verify import signed

UNDECIDED = "undecided"


@mpc_task(name="count", version=1)
def count(agreement: Ref, evidence: Ref) -> int:
    """How many approvals are missing, and a page on what waits, for whom and why.

    Raises: NotApprovedError when the reviewers left can no longer make the quorum.
    """
    draft = load_draft(home().exchange, signed(agreement), evidence.digest)
    verdicts = standing(draft)
    missing = missing_approvals(draft, verdicts)
    page(f"review-{draft.agreement.terms.id}", _page(draft, agreement, verdicts, missing))
    home().log.append(
        "approvals-counted",
        subject=draft.evidence.job,
        refs={"evidence": evidence.digest},
        counts={"missing": missing, "quorum": draft.agreement.terms.quorum},
    )
    return missing


def standing(draft: Draft) -> dict[str, str]:
    """Each reviewer's verdict, or why there is none that counts."""
    verdicts = dict.fromkeys(draft.agreement.terms.reviewers, UNDECIDED)
    for reviewer, envelope in decisions(home().exchange, draft).items():
        if reviewer in verdicts:
            try:
                verdicts[reviewer] = check_decision(draft, reviewer, envelope).verdict
            except CounterfoilError as error:
                verdicts[reviewer] = type(error).__name__
    return verdicts


def missing_approvals(draft: Draft, verdicts: dict[str, str]) -> int:
    """How many more approvals the agreement asks for. Raises: NotApprovedError when they cannot come any more."""
    terms = draft.agreement.terms
    given = list(verdicts.values())
    missing = max(0, terms.quorum - given.count("approve"))
    if missing > given.count(UNDECIDED):
        raise NotApprovedError(f"job {draft.evidence.job}: not approved; {terms.quorum} approvals cannot be reached")
    return missing


def _page(draft: Draft, agreement: Ref, verdicts: dict[str, str], missing: int) -> str:
    evidence, terms = draft.evidence, draft.agreement.terms
    command = f"{agreement} {evidence.digest}"
    state = f"waits for {missing} more of {terms.quorum} approvals" if missing else "is approved"
    outputs = "\n".join(
        f"| {name} | {', '.join(output.recipients)} | {output.measures['hidden-cells']} of {output.measures['cells']} |"
        for name, output in evidence.outputs.items()
    )
    reviewers = "\n".join(f"| {reviewer} | {verdict} |" for reviewer, verdict in verdicts.items())
    return f"""## {terms.title}, {evidence.period}: {state}

The results exist in secret shares alone. They go to their recipients when {terms.quorum} of {len(verdicts)} reviewers
sign; the signatures count, not what is done on this page.

| analysis | for | cells hidden |
|---|---|---|
{outputs}

| reviewer | decision |
|---|---|
{reviewers}

A reviewer, at home: `counterfoil review show {command}`, then `counterfoil review approve {command}`
or `counterfoil review reject {command} --comment "..."`.

Job `{evidence.job}`, attempt {evidence.attempt}, leakage statement `{evidence.leakage}`.
"""
