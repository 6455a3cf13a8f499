"""An agreement in plain words, for those who must sign it and know no cryptography; and as data, for their tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from counterfoil.canonical import Json
from counterfoil.governance.agreements.agreement import Agreement, Planned
from counterfoil.governance.agreements.repetition import asks_twice
from counterfoil.governance.agreements.signing.reaffirmation import review_dates
from counterfoil.governance.agreements.where import in_words
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.cumulative.release_history import guarded, noise_instead
from counterfoil.governance.policies.privacy import ONE_ROW
from counterfoil.mpc.suites.registry import SUITES
from counterfoil.report.gaps import gaps, rows_said
from counterfoil.report.guarantees import collusions, guarantees
from counterfoil.report.wording import parameter
from counterfoil.texts import line

_MISSED = {
    "in-order": "A {every} in which no job ran is run later, after the one before is decided on. Owners hand in the "
    "tables of then.",
    "with-tables": "A {every} in which no job ran is run later, after the one before is decided on, if all "
    "owners still have the tables of then.",
    "never": "A {every} in which no job ran is not run later.",
}


def explain(agreement: Agreement) -> str:
    """Say what the agreement lets happen, to whose data, for whom, and what protects it.

    A line is one of ours: no line break in what somebody wrote makes another.
    """
    return "\n".join(map(line, _lines(agreement)))


def facts(agreement: Agreement) -> dict[str, Json]:
    """Return the same as plain JSON values."""
    roster = agreement.roster
    return {
        "agreement": agreement.digest,
        "id": agreement.id,
        "version": agreement.version,
        "title": agreement.title,
        "purpose": agreement.purpose,
        "suite": agreement.suite,
        "nodes": {
            id: {"organisation": node.organisation, "jurisdiction": node.jurisdiction, "hosting": node.hosting}
            for id, node in ((id, roster.party(id)) for id in agreement.nodes)
        },
        "owners": {
            id: {"organisation": roster.party(id).organisation, "contracts": contracts}
            for id, contracts in agreement.holdings.items()
        },
        "audiences": {
            each.name: {"attributes": each.attributes, "recipients": each.members} for each in agreement.audiences
        },
        "recipients": {id: [plan.name for plan in agreement.plans_for(id)] for id in agreement.recipients},
        "proposer": agreement.proposer,
        "reviewers": agreement.reviewers,
        "checkers": agreement.checkers,
        "cross_checks": agreement.cross_checks,
        "repeats": (
            {"agreement": str(agreement.repeats.agreement), "nodes": agreement.repeats.nodes}
            if agreement.repeats
            else None
        ),
        "quorum": agreement.quorum,
        "contracts": {
            name: {
                "id": contract.id,
                "version": contract.version,
                "sha256": contract.digest,
                "table_kind": contract.kind,
                "persons": list(contract.unit),
                "not_about_persons": contract.not_about_persons,
            }
            for name, contract in agreement.contracts.items()
        },
        "analyses": {
            plan.name: {
                "analysis": plan.analysis,
                "version": plan.version,
                "purpose": plan.purpose,
                "columns": plan.columns,
                "rows": in_words(plan.where),
                "parameters": plan.params,
                "recipients": plan.recipients,
                "privacy": plan.privacy.json() if plan.privacy else None,
                "noise_instead": plan.instead.json() if plan.instead else None,
                "interval_days": plan.interval,
                "left_out_where_empty": list(gaps(agreement, plan.contract)),
                "plan": plan.plan_digest,
            }
            for plan in agreement.analyses
        },
        "budgets": [
            {
                "contract": budget.contract,
                "recipient": budget.recipient,
                "caps": [str(cap) for cap in agreement.caps(budget.contract, budget.recipient)],
                "alert_percent": budget.alert,
            }
            for budget in agreement.budgets
        ],
        "rules": agreement.rules.facts(),
        "starts": agreement.starts.isoformat(),
        "expires": agreement.expires.isoformat(),
        "review_dates": {what: by.isoformat() for what, by in review_dates(agreement).items()},
        "every": agreement.schedule.every,
        "missed": agreement.schedule.missed,
        "tables": agreement.schedule.tables,
        "waits-for-tables-hours": agreement.schedule.wait_hours,
        "iterations": agreement.iterations,
        "corrections": "until-computed" if agreement.corrections else "none",
        "admitted_columns": dict(agreement.admitted),
        "share_retention_days": agreement.share_retention_days,
        "release_retention_days": agreement.release_retention_days,
        "licence": agreement.licence,
        "software": list(agreement.software),
        "delivery": {id: agreement.delivery.get(id, "the exchange") for id in agreement.recipients},
        "collusions": [asdict(each) for each in collusions(agreement)],
        "guarantees": [asdict(each) for each in guarantees(agreement)],
    }


def _lines(agreement: Agreement) -> Iterator[str]:
    roster = agreement.roster
    yield f"{agreement.title} ({agreement.id} {agreement.version})"
    yield agreement.purpose
    yield ""
    yield (
        "Two nodes together could see everything. The data are protected as long as "
        + SUITES[agreement.suite].protected
        + "."
    )
    for id in agreement.nodes:
        node = roster.party(id)
        yield f"  {id}: {node.organisation}, {node.jurisdiction}, hosted at {node.hosting}"
    yield from _repeated(agreement)
    yield ""
    yield f"Every {agreement.schedule.every}, from {agreement.starts} to {agreement.expires}, data of"
    for name, contract in agreement.contracts.items():
        for id in agreement.owners_under(name):
            yield f"  {id}: {roster.party(id).organisation}"
        yield f"under the contract {contract.name} {contract.version} ({contract.lawful_basis}): {contract.purpose}"
        yield from _counted(contract, agreement.schedule.every)
        yield from _minimised(contract)
    yield ""
    yield "go into these analyses and no others:"
    for plan in agreement.analyses:
        yield from (*_plan(plan), *rows_said(agreement, plan))
    yield ""
    yield from _private(agreement)
    yield "A cell of a result is hidden from all, while it is still secret-shared, if"
    for rule in agreement.rules.describe():
        yield f"  {rule}"
    yield from agreement.rules.describe_rounding()
    yield from (f"In the policy {policy.id}, {hint}." for policy in agreement.policies for hint in policy.hints)
    if guarded(agreement):
        yield (
            "A table in which too few changed in all its rows since an earlier release waits: nothing exact of it "
            "leaves, and its recipients' reports repeat what they were given before."
        )
        yield from noise_instead(agreement)
        yield from (f"An exact result is refused if {rule}" for rule in agreement.rules.describe_releases())
    yield (
        f"Before a result leaves the nodes, {agreement.quorum} of {_list(agreement.reviewers)} must approve it. "
        "They see what was computed and counted, never a value. One rejection is enough to stop it. "
        f"{agreement.proposer} proposes the analyses, and does not review them."
    )
    yield from _review(agreement)
    for name, admitted in agreement.admitted.items():
        yield f"No analysis uses other columns of {name} than {_list(admitted)}."
    yield (
        f"Nodes compute {agreement.iterations} times at most for one {agreement.schedule.every}, failures included; "
        "each counts for itself."
    )
    yield _MISSED[agreement.schedule.missed].format(every=agreement.schedule.every)
    if agreement.schedule.tables == "of-period":
        yield f"An owner hands in no table but one that is called after its {agreement.schedule.every}."
    if hours := agreement.schedule.wait_hours:
        yield f"A table that is not there when a job is due is waited for, for {hours} hours."
    yield (
        "An owner may correct what it handed in until the nodes begin to compute; its last correction counts, and "
        "every node learns, and logs, that one came."
        if agreement.corrections
        else f"Each owner hands in once for one {agreement.schedule.every}; the nodes take nothing in that corrects it."
    )
    yield (
        f"Nodes erase their shares after {agreement.share_retention_days} days; "
        f"results can be opened for {agreement.release_retention_days} days."
    )
    yield from _dates(agreement)
    yield from _delivered(agreement)
    yield (
        "Any party may withdraw at any time: no job runs under this agreement from then on, and nodes erase what they "
        "hold. Owners remember which of their own rows were released. Results that a recipient has opened "
        "stay with it; others cannot be opened any more."
    )
    yield ""
    yield "Who would have to work together, and what they would learn:"
    for collusion in collusions(agreement):
        yield f"  {collusion.who}: {collusion.learns}"
    yield ""
    yield "Step by step, in which form the data are, against whom that protects them, and who could read what:"
    for guarantee in guarantees(agreement):
        yield f"  {guarantee.step}: {guarantee.form}; protects against {guarantee.against}"
        yield "    " + "; ".join(f"{what}: {_list(who)}" for what, who in guarantee.by_what())


def _dates(agreement: Agreement) -> Iterator[str]:
    """Say until when it holds, and when it is to be looked at before that."""
    yield f"The agreement ends on {agreement.expires}, for good."
    if dates := review_dates(agreement):
        yield f"Before that it is to be looked at anew: {_list([f'{what} by {by}' for what, by in dates.items()])}."
        yield "After the first of these days no job starts until every party has reaffirmed it to a later day."


def _delivered(agreement: Agreement) -> Iterator[str]:
    """Say who recipients are, if their attributes say it, and what they get where, to which end."""
    roster = agreement.roster
    for audience in agreement.audiences:
        yield (
            f"{audience.name} are the recipients of roster {roster.id} version {roster.version} with {audience}: "
            f"{_list(audience.members)}. A later version of the roster adds nobody to them, only a new agreement does; "
            "once one of them has these attributes no longer, nothing more is released."
        )
    if agreement.software:
        yield (
            "Nodes may run no other software than what they say has one of these digests: "
            f"{_list([f'sha256:{each}' for each in agreement.software])}."
        )
    if agreement.licence:
        yield f"Recipients may publish the tables that they get, under the licence {agreement.licence}."
    for id, url in agreement.delivery.items():
        yield f"What is for {id} is delivered, sealed to it, to its own store at {url}."


def _repeated(agreement: Agreement) -> Iterator[str]:
    """Say where else the same tables are."""
    if agreement.repeats:
        yield (
            f"The same tables are handed in to {_list(agreement.repeats.nodes)} as well, under the agreement that this "
            f"one repeats, {agreement.repeats.agreement}."
        )
        yield (
            "They are protected only as long as no two of those nodes work together, either. One node that is in both "
            "sees no more."
        )


def _review(agreement: Agreement) -> Iterator[str]:
    """Say who sees results before others do, and what is checked of them in a second way."""
    if agreement.checkers:
        yield f"{_list(agreement.checkers)} get their results before that, to check them; nobody else does until then."
    if "sums" in agreement.cross_checks:
        yield (
            "Sums that come out of two analyses are compared while they are secret-shared; a job in which they differ "
            "has no result. The nodes see whether they agree, and nothing else of them."
        )
    if "synthetic" in agreement.cross_checks:
        yield (
            "Before each job every node runs the analyses on synthetic data in the clear; if one does not give the "
            "pooled answer there, the job does not run."
        )
    if "attack" in agreement.cross_checks:
        who = _list(agreement.checkers) if agreement.checkers else "any party, on synthetic data,"
        yield (
            f"Before a result is approved {who} attacks it as its recipients could, with all that these have, and "
            "signs how many numbers could be narrowed down to few persons; reviewers see that, and none of the numbers."
        )
    if asks_twice(agreement):
        yield (
            "Results are shown only beside those of a second computation, at other nodes or by another suite, of the "
            "same tables handed in again; a recipient gets both, and sees neither unless every number is the same."
        )


def _private(agreement: Agreement) -> Iterator[str]:
    """Say what noise protects whom, and how much of it anybody may see through."""
    if not agreement.charged:
        yield "All results are exact: no noise is added."
        return
    exact = [plan.name for plan in agreement.analyses if not plan.privacy]
    yield "Noise hides what one person contributes to a noised result, whoever reads it and whatever they know."
    if exact:
        yield f"It does not cover {_list(exact)}, whose results are exact."
    for name in dict.fromkeys(plan.contract for plan in agreement.charged):
        contract = agreement.contracts[name]
        owners = len(agreement.owners_under(name))
        yield f"  under {name} it hides {contract.person.protects(owners) if contract.person else ONE_ROW}"
    for budget in agreement.budgets:
        for cap in agreement.caps(budget.contract, budget.recipient):
            yield f"  {budget.recipient} may learn of {budget.contract} in all {cap}; then every node refuses"
    yield ""


def _counted(contract: Contract, every: str) -> Iterator[str]:
    """Say whom its rows are about, and what becomes of them from period to period."""
    if contract.not_about_persons:
        yield "  its rows are not about persons; where a rule asks for persons, rows are counted"
    elif contract.unit:
        yield f"  rows with the same {_list(contract.unit)} count as one person"
    if contract.kind == "events":
        yield f"  each {every} it holds other rows, each of which is in one table"
    else:
        yield "  it holds the same rows each time, of which some change"


def _minimised(contract: Contract) -> Iterator[str]:
    """Say what stays at the owners besides the columns that no analysis uses."""
    for column in contract.columns:
        if column.pseudonym:
            yield f"  {column.name} leaves its owner as a pseudonym, under a key that the owners alone have"
        if column.generalise:
            yield f"  {column.name} leaves its owner {column.generalise.describe(column.resolution)}"
    demands = contract.demands
    if demands.sample < 100:
        yield f"  {demands.sample:g} % of the rows, taken at random, take part"
    if demands.k > 1:
        yield f"  {demands.k} rows or more are alike in their quasi-identifiers, or nothing leaves"
    if demands.left_behind:
        yield f"  up to {demands.left_behind:g} % of the rows stay behind, because too few are like them"
    if demands.diversity > 1:
        yield f"  rows that are alike have {demands.diversity} values or more of every sensitive column"
    if demands.closeness < 1:
        yield f"  rows that are alike are within {demands.closeness:g} of all rows in every sensitive column"


def _plan(plan: Planned) -> Iterator[str]:
    yield f"  {plan.name}: {plan.purpose}" + f" (about {in_words(plan.where)} alone)" * bool(plan.where)
    params = "".join(f", {name} {parameter(value)}" for name, value in plan.params.items())
    yield f"    {plan.analysis} version {plan.version} of {_list(plan.columns)}{params}; for {_list(plan.recipients)}"
    if plan.privacy:
        yield f"    with {plan.privacy}"
    elif plan.interval:
        yield f"    exactly once in {plan.interval} days; in between the last exact result remains the latest one"
    if plan.instead:
        yield f"    with {plan.instead}, where its table waits, since too little changed in it"


def _list(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def entitlements(agreement: Agreement, recipient: str) -> Iterator[str]:
    """Say why the recipient gets what it gets: by its attributes, or because it is named."""
    by_attributes: set[str] = set()
    for audience in agreement.audiences:
        if recipient in audience.members:
            by_attributes.update(audience.plans)
            yield (
                f"{', '.join(audience.plans)}: as one of {audience.name}, the recipients of roster "
                f"{agreement.roster.id} version {agreement.roster.version} with {audience}"
            )
    if named := [plan.name for plan in agreement.plans_for(recipient) if plan.name not in by_attributes]:
        yield f"{', '.join(named)}: because the agreement names {recipient}"
