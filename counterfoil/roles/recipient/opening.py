"""A recipient opens what was released to it: it counts the approvals itself, compares all copies, and only then adds.

Knows which outputs to expect from the agreement alone, so nothing that a node sends decides a shape or a size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis, Result
from counterfoil.errors import CounterfoilError, NotEntitledError, NotFoundError, TamperedError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.evidence import Draft, OutputEvidence, drafts, load_draft
from counterfoil.governance.releases.receipt import sign_receipt
from counterfoil.governance.releases.release import Delivered, is_released, open_release, review_anew
from counterfoil.governance.review.decisions import collect
from counterfoil.governance.review.leaving import Releasable, to_party
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from counterfoil.mpc.ring.shares import Words, as_signed
from counterfoil.mpc.suites.output import recombine
from counterfoil.mpc.suites.replicated import components
from counterfoil.report.assemble import assemble
from counterfoil.report.model import Approval, Evidence, Report
from counterfoil.report.pages.draft import BY, INSTEAD, why_withheld
from counterfoil.report.prechecks import RENEW
from counterfoil.report.render import add_paper, write
from counterfoil.roles.committed import check_committed
from counterfoil.roles.recipient.dropped import Rests
from counterfoil.roles.recipient.second_result import Numbers, check_equal
from counterfoil.roles.result_names import component_name, released_name, salt_name
from counterfoil.storage.arrays import unpack


@dataclass(frozen=True, slots=True)
class OpenedJob:
    """What a recipient has after opening: the results, the report's page, and the job that they are of.

    `no_paper` says why there is no PDF beside the page, "" if there is one; `again` is the command that makes it anew.
    """

    job: str
    evidence: str
    period: str
    results: tuple[Result, ...]
    page: Path
    last_day: date
    no_paper: str
    again: str


def open_latest(home: Home, agreement: SignedAgreement, now: datetime, period: str | None = None) -> OpenedJob:
    """Open, as `open_job`, the draft of this period (or the latest period) that was released to this party."""
    terms = agreement.terms
    if home.party not in terms.recipients:
        raise NotEntitledError(f"{home.party} is not a recipient in agreement {terms.id}")
    released = [
        draft.evidence
        for draft in drafts(home.exchange, agreement)
        if period in (None, draft.evidence.period) and is_released(home.exchange, draft.evidence.digest, home.party)
    ]
    if not released:
        raise NotFoundError(
            f"nothing was released to {home.party} under {terms.id}" + (f" for {period}" if period else "")
        )
    latest = max(released, key=lambda evidence: (evidence.period, evidence.attempt))
    return open_job(home, agreement, latest.digest, now)


def open_job(home: Home, agreement: SignedAgreement, evidence: str, now: datetime) -> OpenedJob:
    """Open the results released to this party under this evidence, and write a report on them in its home.

    All copies are compared before anything is written. When page, tables and JSON are on the disk, this party's log
    says that it opened them, and its signed receipt is put into the exchange; the PDF is set after that, if it can be.
    So what is said to be opened can be read, and what was interrupted is opened again to the same end.

    Where a second computation was agreed on, its numbers were compared with these; a receipt is signed for both.

    Raises: NotEntitledError, NotFoundError, SignatureError, TamperedError, SealError,
    ReleaseExpiredError, ReleaseRevokedError, WithdrawnError; IntegrityError when two computations differ.
    """
    terms = agreement.terms
    if home.party not in terms.recipients:
        raise NotEntitledError(f"{home.party} is not a recipient in agreement {terms.id}")
    draft = load_draft(home.exchange, agreement, evidence)
    entry = {"agreement": agreement.digest, "evidence": evidence}
    opened: dict[str, Unsealed] = {}

    def open_(each: Draft) -> Numbers:
        opened[each.evidence.digest] = found = unsealed(home, each, now)
        return found.numbers

    try:
        numbers = open_(draft)
        said = check_equal(home, draft, numbers, open_)
        plans, rests = opened[evidence].plans, Rests(home.exchange, draft)
        results = tuple(
            as_of(home, draft, plan, now)
            or _with(_told(draft, plans[plan.name].presented(numbers[plan.name])), (*rests.on(plan), *said))
            for plan in terms.plans_for(home.party)
        )
    except CounterfoilError as error:  # some of it may have been unsealed
        with suppress(CounterfoilError):  # a log that cannot be written does not hide the reason
            home.log.append(
                "open-failed", subject=draft.evidence.job, refs=entry, counts={"exit-code": error.exit_code}
            )
        raise
    delivered, approved = opened[evidence].delivered, opened[evidence].approved
    report = _report(home, approved, results, f"counterfoil open {agreement.ref} --period {draft.evidence.period}")
    page = write(report, home.path / "reports" / draft.evidence.job)
    for each in opened.values():
        _note(home, each, now)
    no_paper = add_paper(report, page.parent)
    last = min(item.release.last_day(terms) for item in delivered.values())
    return OpenedJob(draft.evidence.job, evidence, draft.evidence.period, results, page, last, no_paper, report.again)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What was released under one draft, in plain."""

    approved: Releasable
    delivered: Mapping[str, Delivered]
    plans: Mapping[str, Analysis]
    numbers: Numbers


def unsealed(home: Home, draft: Draft, now: datetime) -> Unsealed:
    """Unseal what was released to this party under a draft: approved, or shown to a checker, and all copies alike.

    Nothing is written, logged or signed. Raises: as `open_job`, but IntegrityError.
    """
    approved = to_party(review_anew(home.exchange, draft, collect(draft, home)), home.party)
    delivered = open_release(approved, home, now)
    released = {node: unpack(item.shares) for node, item in delivered.items()}
    plans, own = analyses(draft.terms), draft.agreement.terms.plans_for(home.party)
    numbers = {plan.name: _recombined(approved, plans[plan.name], released) for plan in own}
    return Unsealed(approved, delivered, plans, numbers)


def as_of(home: Home, draft: Draft, plan: Planned, now: datetime) -> Result | None:
    """Repeat what this party was given of an exact analysis before, where nothing of it leaves in this job.

    None where it leaves, or where nothing was given before that can still be opened.
    """
    if plan.name not in draft.withheld:
        return None
    why = why_withheld(draft, plan.name)
    earlier = [
        other
        for other in drafts(home.exchange, draft.agreement)
        if other.evidence.period < draft.evidence.period
        and plan.name not in (*other.withheld, *other.instead)
        and is_released(home.exchange, other.evidence.digest, home.party)
    ]
    for other in sorted(earlier, key=lambda each: (each.evidence.period, each.evidence.attempt), reverse=True):
        with suppress(CounterfoilError):  # it is over, or was taken back
            found = unsealed(home, other, now)
            result = found.plans[plan.name].presented(found.numbers[plan.name])
            then = other.evidence.period
            said = f"As of {then}, and nothing newer leaves for {draft.evidence.period}: {why}."
            return replace(
                result,
                title=f"{result.title}, as of {then}",
                findings=tuple(f"As of {then}: {each}" for each in result.findings),
                tables=tuple(replace(each, title=f"{each.title}, as of {then}") for each in result.tables),
                assumptions=(
                    said,
                    f"To have it renewed, {RENEW}.",
                    *result.assumptions,
                    *Rests(home.exchange, other).on(plan),
                ),
            )
    return None


def _with(result: Result, assumptions: tuple[str, ...]) -> Result:
    return replace(result, assumptions=(*result.assumptions, *assumptions))


def _note(home: Home, opened: Unsealed, now: datetime) -> None:
    """Log that this party opened this, and publish its signed receipt."""
    draft = opened.approved.draft
    refs = {"agreement": draft.agreement.digest, "evidence": draft.evidence.digest}
    home.log.append("release-opened", subject=draft.evidence.job, refs=refs)
    sealed = {node: item.release.sealed for node, item in opened.delivered.items()}
    sign_receipt(opened.approved, sealed, home, now)


def _told(draft: Draft, result: Result) -> Result:
    """Say of a result that is noised since its table waits that it is, and of one that waits why."""
    if result.name in draft.withheld:
        said = f"Nothing leaves for {draft.evidence.period}: {why_withheld(draft, result.name)}."
        return replace(result, assumptions=(*result.assumptions, said, f"To have it released, {RENEW}."))
    if result.name not in draft.instead:
        return result
    return replace(result, assumptions=(*result.assumptions, f"{INSTEAD[0].upper()}{INSTEAD[1:]}."))


def _recombined(
    approved: Releasable, analysis: Analysis, released: Mapping[str, Mapping[str, Words]]
) -> dict[str, NDArray[np.int64]]:
    terms, plan = approved.draft.terms, analysis.planned.name
    items: dict[str, dict[str, Words]] = {node: {} for node in terms.nodes}
    opened = {}
    for output in analysis.outputs():
        copies = []
        for index, node in enumerate(terms.nodes):
            held = {}
            for j in components(len(terms.nodes), index):
                name = component_name(output.name, j)
                array = released[node].get(released_name(plan, name))
                if array is None or array.shape != output.shape:
                    raise TamperedError(f"the release of {node} lacks component {j} of {output.name} in {plan}")
                held[j] = items[node][name] = array
            copies.append(held)
        opened[output.name] = as_signed(recombine(copies))
    for index, node in enumerate(terms.nodes):
        for j in components(len(terms.nodes), index):
            salt = released[node].get(released_name(plan, salt_name(j)))
            if salt is not None:
                items[node][salt_name(j)] = salt
        check_committed(approved.draft, plan, node, items[node])
    return opened


def _report(home: Home, approved: Releasable, results: tuple[Result, ...], again: str) -> Report:
    draft, terms = approved.draft, approved.draft.agreement.terms
    evidence = draft.evidence
    return assemble(
        terms,
        home.party,
        results,
        Evidence(
            openings=evidence.checks,
            rejected={
                owner: sum(output.measures.get(f"rejected-{owner}", 0) for output in evidence.outputs.values())
                for owner in terms.owners
            },
            suppressed={name: output.hidden for name, output in evidence.outputs.items() if output.hidden is not None},
            min_count=terms.min_count,
            rules=tuple(terms.rules.describe()),
            by_rule=_by_rule(evidence.outputs.values()),
        ),
        job=evidence.job,
        period=evidence.period,
        approvals=tuple(Approval(d.party, d.decided.isoformat(), d.comment) for d in approved.decisions),
        release_digest=evidence.digest,
        signed_by=terms.nodes,
        verify=f"counterfoil verify {home.exchange_url}",
        again=again,
    )


def _by_rule(outputs: Iterable[OutputEvidence]) -> dict[str, int]:
    """Say how many cells each rule hid in all analyses together; nothing where the policy does not let it be known."""
    counts: dict[str, int] = {}
    for output in outputs:
        for name, count in output.measures.items():
            if name.startswith(BY):
                rule = name.removeprefix(BY).replace("-", "_")
                counts[rule] = counts.get(rule, 0) + count
    return counts
