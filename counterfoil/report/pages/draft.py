"""Describe a draft in plain words, for those who must decide on it. It holds no value: there is none in plain yet.

A text that somebody wrote is shown on the line that says who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from counterfoil.analyses.base import Analysis
from counterfoil.governance.jobs.evidence import Draft, OutputEvidence
from counterfoil.governance.review.airlock import Review, State
from counterfoil.governance.review.decisions import Comment
from counterfoil.governance.review.proposals import Proposal
from counterfoil.joint.computation import analyses
from counterfoil.joint.openings import declared
from counterfoil.report import wording
from counterfoil.report.leakage import statement
from counterfoil.report.prechecks import WAITS, Precheck
from counterfoil.texts import one_line

INSTEAD = "noised, since the table waits: too little changed in it since an earlier release"

BY = "hidden-by-"
"""What evidence calls the number of cells that a rule hides, before the rule's name."""


def state_line(found: Review, me: str) -> str:
    """Write the draft's state, and who has still to decide; `me` is read as you."""
    approved = ", ".join(found.by("approve"))
    if found.state in (State.APPROVED, State.RELEASED):
        return f"{found.state}, approved by {approved}"
    stops = [
        f"{verdict} by {wording.listing(by)}"
        for verdict in ("request-changes", "reject", "withdraw")
        if (by := found.by(verdict))
    ]
    if found.state is State.WITHDRAWN and not stops:
        return f"{found.state}: replaced by another draft, or its agreement is over"
    if stops:
        return f"{found.state}: {'; '.join(stops)}"
    quorum = found.draft.agreement.terms.quorum
    given = f"{quorum - found.missing} of {quorum} approvals" + (f", of {approved}" if approved else "")
    return f"{found.state}: {given}; undecided: {', '.join(_you(found.undecided, me)) or 'nobody'}"


def describe(
    found: Review, remarks: Sequence[Comment], proposed: Sequence[Proposal], checks: Sequence[Precheck], me: str
) -> Iterator[str]:
    """Yield the lines: what it is, how far, what was checked, who would get what, and what may be learned."""
    evidence, terms = found.draft.evidence, found.draft.agreement.terms
    yield f"{terms.title}, {evidence.period}: job {evidence.job}, attempt {evidence.attempt}"
    yield f"state: {state_line(found, me)}"
    yield ""
    yield "checked beforehand"
    for check in checks:
        yield f"  {check.level:<5} {check.about}: {check.words}"
    yield ""
    yield from _who_gets_what(found.draft)
    yield ""
    yield from _said(found, remarks)
    for each in proposed:
        yield f"  {proposal_line(each)}"
    yield ""
    yield "what it rests on"
    for part, manifest in evidence.inputs.items():
        yield f"  rests on {manifest} of {part}"
    for check_name, count in evidence.checks.items():
        yield f"  checked {check_name}: {count}"
    yield f"  agreement {evidence.agreement}, handshake {evidence.transcript}"
    yield ""
    yield f"leakage statement ({evidence.leakage})"
    text = statement(terms, tuple(analyses(terms).values()), declared(terms))
    yield from (f"  {line}".rstrip() for line in text.splitlines())


def proposal_line(made: Proposal) -> str:
    """Write what was typed in a reviewer's name, and that it is no more than that."""
    words = f': "{one_line(made.comment)}"' if made.comment.strip() else ""
    return f"proposed on the page, not signed: {made.verdict} for {made.reviewer}{words}"


def _who_gets_what(draft: Draft) -> Iterator[str]:
    evidence, terms, plans = draft.evidence, draft.terms, analyses(draft.terms)
    costs = {(line.recipient, line.plan): line for line in evidence.charge}
    yield "who would get what"
    for recipient in terms.recipients:
        organisation = terms.roster.party(recipient).organisation
        yield f"  {recipient} ({organisation}) reads with the key {evidence.keys[recipient]}"
        for plan in terms.plans_for(recipient):
            measures = evidence.outputs[plan.name].measures
            yield (
                f"    {plan.name}: {wording.listing(plans[plan.name].reveals)}; "
                f"{wording.count(measures['cells'], 'cell')}, {_hidden(evidence.outputs[plan.name])}"
            )
            yield f"      {', '.join(_shapes(plans[plan.name]))}"
            yield from _by_rule(measures)
            if line := costs.get((recipient, plan.name)):
                yield f"      costs {line.loss} of its privacy budget for {line.dataset}"
            if plan.name in draft.instead:
                yield f"      {INSTEAD}"
            if plan.name in draft.withheld:
                yield f"      nothing leaves: {why_withheld(draft, plan.name)}"


def why_withheld(draft: Draft, name: str) -> str:
    """Say why nothing of an exact analysis leaves in a job."""
    if draft.terms.planned(name).contract in draft.evidence.waiting:
        return f"the table waits, since {WAITS}"
    return f"it is due every {draft.terms.planned(name).interval} days, and not in {draft.evidence.period}"


def _hidden(output: OutputEvidence) -> str:
    if output.hidden is None:
        return "and how many are hidden is known after a release alone, since they have noise"
    return f"{output.hidden} of them hidden"


def _by_rule(measures: Mapping[str, int]) -> Iterator[str]:
    """Yield how many cells each rule hides, where the policy lets that be known."""
    told = [
        f"{count} by {name.removeprefix(BY).replace('-', '_')}"
        for name, count in measures.items()
        if name.startswith(BY) and count
    ]
    if told:
        yield f"      hidden {', '.join(told)}; one cell may break several rules, and others are hidden for their sake"


def _shapes(analysis: Analysis) -> Iterator[str]:
    """Yield each released array: its name, its shape, and whether noise was added to it."""
    for output in analysis.outputs():
        shape = " by ".join(map(str, output.shape)) or "one number"
        label = ", noised" if output.name in analysis.noised else ""
        yield f"{output.name} ({shape}{label})"


def _said(found: Review, remarks: Sequence[Comment]) -> Iterator[str]:
    yield "who said what"
    if not found.decisions and not remarks:
        yield "  nobody has said anything yet"
    said = [(each.decided, each.party, str(each.verdict), each.comment) for each in found.decisions]
    said += [(each.said, each.party, "remarks", each.text) for each in remarks]
    for when, party, what, words in sorted(said):
        quoted = f': "{one_line(words)}"' if words.strip() else ""
        yield f"  {party}, {when:%Y-%m-%d %H:%M}: {what}{quoted}"
    for note in found.uncounted:
        yield f"  {note}"


def _you(parties: Sequence[str], me: str) -> list[str]:
    return ["you" if party == me else party for party in parties]
