"""Check a draft for what reviewers would ask first: from signed documents and counts, never from values.

A check decides nothing. It says in a line what was found, and what could be done about it. Knows no share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from counterfoil.canonical import digest
from counterfoil.disclosure.tables.complement import neighbours
from counterfoil.errors import NotFoundError
from counterfoil.governance.agreements.repetition import asks_twice
from counterfoil.governance.cumulative import budget_ledger
from counterfoil.governance.cumulative.charge import Charge
from counterfoil.governance.jobs.evidence import Draft, drafts
from counterfoil.governance.jobs.second_computation import counterparts, differing
from counterfoil.governance.review.airlock import OPEN, Review
from counterfoil.governance.review.attacked import ATTACK, attacks
from counterfoil.governance.review.decisions import comments
from counterfoil.governance.verification.verify import manifest_of
from counterfoil.joint.computation import analyses
from counterfoil.joint.openings import declared
from counterfoil.report import wording
from counterfoil.report.leakage import statement
from counterfoil.storage.exchange import Exchange

MUCH_HIDDEN: Final = 0.5
"""Of an analysis's cells; with more of them hidden its bands are too fine."""

WAITS: Final = "too little changed in all its rows since an earlier release, so the two together would tell about few"

RENEW: Final = (
    "release it less often (`interval`), take noise (`noiseInstead`, `privacy`), or wait until more has changed; for "
    "single cells merge bands or drop a margin"
)
"""What an agreement changes so that tables do not wait."""

MUCH_CHANGED: Final = 0.5
"""Of an owner's rows from one period to the next; more is often a wrong file."""

SOON: Final = timedelta(days=14)


class Level(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    LOOK = "look"
    """A person should know this before deciding."""
    STOP = "stop"
    """This should not be approved as it is."""


@dataclass(frozen=True, slots=True)
class Precheck:
    """One question, and its answer in plain words."""

    about: str
    level: Level
    words: str


def prechecks(found: Review, exchange: Exchange, today: date, standing: Sequence[str] = ()) -> list[Precheck]:
    """Run all checks of the draft, in the order in which reviewers ask. `standing` lists faults of the agreement."""
    draft = found.draft
    rows = _rows(exchange, draft)
    every = drafts(exchange, draft.agreement)
    return [
        _agreement(draft, today, standing),
        _quorum(found),
        _openings(draft),
        _leakage(draft),
        *_hidden(draft),
        _rejected(draft),
        *_cross_checks(draft),
        *_attacked(draft, exchange),
        *_repeated(draft, exchange),
        *_instead(draft),
        *_budgets(draft, exchange, today),
        *_rows_changed(exchange, draft, rows, every),
        *_others_of_period(draft, every),
    ]


def _agreement(draft: Draft, today: date, standing: Sequence[str]) -> Precheck:
    terms = draft.agreement.terms
    if standing:
        return Precheck("agreement", Level.STOP, "; ".join(standing))
    if terms.expires - today < SOON:
        return Precheck("agreement", Level.LOOK, f"ends on {terms.expires}; what is not released by then never is")
    return Precheck("agreement", Level.OK, f"holds until {terms.expires}, under the parties' present keys")


def _quorum(found: Review) -> Precheck:
    terms = found.draft.agreement.terms
    if found.state in OPEN and found.missing > len(found.undecided):
        return Precheck("quorum", Level.STOP, f"{terms.quorum} approvals cannot be reached any more")
    return Precheck("quorum", Level.OK, f"{terms.quorum} of {len(terms.reviewers)} reviewers must approve")


def _openings(draft: Draft) -> Precheck:
    allowed = {f"opened-{line.label.replace(' ', '-')}": line.maximum for line in declared(draft.agreement.terms)}
    opened = {name: count for name, count in draft.evidence.checks.items() if name.startswith("opened-")}
    if any(count > allowed.get(name, 0) for name, count in opened.items()):
        return Precheck("openings", Level.STOP, "something was opened that the leakage statement does not declare")
    return Precheck("openings", Level.OK, f"the nodes opened {sum(opened.values())} declared counts and nothing else")


def _leakage(draft: Draft) -> Precheck:
    terms = draft.agreement.terms
    text = statement(terms, tuple(analyses(terms).values()), declared(terms))
    if digest(text.encode()) != draft.evidence.leakage:
        return Precheck(
            "leakage statement",
            Level.STOP,
            "the nodes' statement is not the one that follows from the agreement here; compare software versions",
        )
    return Precheck("leakage statement", Level.OK, "is the one that follows from the agreement")


def _hidden(draft: Draft) -> Iterator[Precheck]:
    few = True
    for name, output in draft.evidence.outputs.items():
        hidden, cells = output.hidden or 0, output.measures["cells"]
        if hidden and hidden == cells:
            few = False
            yield Precheck(
                "hidden cells", Level.LOOK, f"{name}: every cell is hidden; recipients would learn only that"
            )
        elif hidden > MUCH_HIDDEN * cells:
            few = False
            words = f"{name}: {hidden} of {cells} are hidden; {_remedy(draft, name)}"
            yield Precheck("hidden cells", Level.LOOK, words)
    if few:
        yield Precheck("hidden cells", Level.OK, "no analysis has more than half of its cells hidden")


def _remedy(draft: Draft, name: str) -> str:
    """Say what would hide less, for the next version of the agreement."""
    others = neighbours(analyses(draft.terms), name)
    margins = f", or leave out {wording.listing(others)}, from which hidden cells could be subtracted" if others else ""
    return f"merge bands or groups into fewer and larger ones{margins}"


def _instead(draft: Draft) -> Iterator[Precheck]:
    if names := draft.instead:
        yield Precheck(
            "earlier releases",
            Level.LOOK,
            f"{wording.listing(names)}: noised, and charged, since the table waits: too little changed in it since an "
            "earlier release, which is known by that",
        )
    terms, period = draft.terms, draft.evidence.period
    if names := tuple(name for name in draft.withheld if terms.planned(name).contract in draft.evidence.waiting):
        yield Precheck(
            "earlier releases",
            Level.LOOK,
            f"{wording.listing(names)}: nothing leaves, since the table waits: {WAITS}; {RENEW}",
        )
    if names := tuple(name for name in draft.withheld if not terms.is_due(terms.planned(name), period)):
        yield Precheck("earlier releases", Level.OK, f"{wording.listing(names)}: not due in {period}, nothing leaves")


def _rejected(draft: Draft) -> Precheck:
    told = [
        f"{count} of {measure.removeprefix('rejected-')} in {name}"
        for name, output in draft.evidence.outputs.items()
        for measure, count in output.measures.items()
        if measure.startswith("rejected-") and count
    ]
    if told:
        return Precheck(
            "rejected inputs",
            Level.LOOK,
            f"out of the contract's bounds, and counted for nothing: {', '.join(told)}; ask the owner what happened",
        )
    return Precheck("rejected inputs", Level.OK, "everything handed in kept to its contract's bounds")


def _budgets(draft: Draft, exchange: Exchange, today: date) -> Iterator[Precheck]:
    """Check whether what the nodes have charged so far leaves room for the draft's noised results."""
    terms, evidence = draft.agreement.terms, draft.evidence
    made = budget_ledger.published(exchange, [terms.roster.party(node).keys for node in terms.nodes])
    asked = Charge(evidence.job, evidence.agreement, evidence.digest, terms.nodes[0], today, evidence.charge)
    for each in budget_ledger.balances(terms, [*made, asked], today) if evidence.charge else ():
        level = Level.STOP if each.percent > 100 else Level.LOOK if each.alarming else Level.OK
        yield Precheck(
            "privacy budget",
            level,
            f"{each.recipient} would have spent {each.percent} % of what it may learn of {each.dataset} ({each.cap})",
        )


def _cross_checks(draft: Draft) -> Iterator[Precheck]:
    asked, checks = draft.agreement.terms.cross_checks, draft.evidence.checks
    if "sums" in asked:
        made = checks.get("sums-compared", 0)
        yield Precheck(
            "cross-checks",
            Level.OK if made else Level.LOOK,
            f"{made} sums came out of two analyses alike"
            if made
            else "no sums could be compared: inputs were rejected",
        )
    if "synthetic" in asked:
        rows = checks.get("rows-rehearsed", 0)
        yield Precheck(
            "rehearsal",
            Level.OK,
            f"all nodes had the pooled answer on {rows} rows of synthetic data ({draft.evidence.rehearsal[:16]}...)",
        )


def _attacked(draft: Draft, exchange: Exchange) -> Iterator[Precheck]:
    """Say what parties signed of their attacks on the draft: checkers' where there are any, who see it."""
    terms = draft.agreement.terms
    if ATTACK not in terms.cross_checks:
        return
    said = attacks(comments(exchange, draft))
    counted = [(party, each) for party, each in said if not terms.checkers or (party in terms.checkers and each.draft)]
    if not counted:
        who = f"none of {wording.listing(terms.checkers)}" if terms.checkers else "nobody"
        yield Precheck("attack", Level.LOOK, f"{who} has run `counterfoil attack release` on it and told so (--draft)")
    for party, each in counted:
        yield Precheck("attack", Level.OK if each.clean else Level.LOOK, f"{party}: {each.told()}")


def _repeated(draft: Draft, exchange: Exchange) -> Iterator[Precheck]:
    """Compare the public counts with those of the second computation; the results are still shared."""
    if not asks_twice(draft.agreement.terms):
        return
    others = [
        other
        for agreement in counterparts(exchange, draft.agreement)
        for other in drafts(exchange, agreement)
        if other.evidence.period == draft.evidence.period
    ]
    if not others:
        yield Precheck(
            "second computation", Level.LOOK, "there is no draft of it yet; nobody can open this before it is released"
        )
    for other in others:
        nodes = wording.listing(other.agreement.terms.nodes)
        if wrong := differing(draft.evidence, other.evidence):
            words = f"{nodes} counted otherwise in {'; '.join(wrong)}: one of the two is wrong, or about other rows"
            yield Precheck("second computation", Level.STOP, words)
        else:
            words = f"{nodes} counted the same in job {other.evidence.job}; recipients compare the numbers themselves"
            yield Precheck("second computation", Level.OK, words)


def _rows(exchange: Exchange, draft: Draft) -> dict[str, int]:
    """Count the rows of each part, by its owner's manifest; those whose manifest is gone are left out."""
    rows = {}
    for part in draft.agreement.terms.parts:
        try:
            rows[str(part)] = manifest_of(exchange, draft.agreement, draft.evidence, part).rows
        except NotFoundError:
            continue
    return rows


def _rows_changed(
    exchange: Exchange, draft: Draft, rows: Mapping[str, int], every: Sequence[Draft]
) -> Iterator[Precheck]:
    if lost := [str(part) for part in draft.agreement.terms.parts if str(part) not in rows]:
        yield Precheck("rows", Level.STOP, f"no signed manifest is there for {', '.join(lost)}")
    before = [other for other in every if other.evidence.period < draft.evidence.period]
    if not before:
        yield Precheck("rows", Level.OK, f"{sum(rows.values())} in all; there is no earlier period to compare with")
        return
    last = max(before, key=lambda other: (other.evidence.period, other.evidence.attempt))
    then = _rows(exchange, last)
    told = [
        f"{part} has {rows[part]}, had {then[part]}"
        for part in rows
        if part in then and abs(rows[part] - then[part]) > MUCH_CHANGED * then[part]
    ]
    period = last.evidence.period
    if told:
        yield Precheck("rows", Level.LOOK, f"against {period}: {'; '.join(told)}; is it the right file?")
    else:
        yield Precheck("rows", Level.OK, f"{sum(rows.values())} in all; no owner's differ much from {period}")


def _others_of_period(draft: Draft, every: Sequence[Draft]) -> Iterator[Precheck]:
    mine = draft.evidence
    for other in every:
        theirs = other.evidence
        if theirs.period == mine.period and theirs.job != mine.job:
            differ = [part for part in mine.inputs if theirs.inputs.get(part) != mine.inputs[part]]
            yield Precheck(
                "other drafts",
                Level.LOOK,
                f"job {theirs.job} is of the same period, with another submission of {', '.join(differ)}; one of the "
                "two is released at most",
            )
