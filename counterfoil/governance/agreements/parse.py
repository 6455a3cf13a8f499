"""Read an agreement: from the YAML that people edit, with its contracts, policies and roster, to an `Agreement`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from counterfoil.canonical import Json, Ref, digest, jcs
from counterfoil.errors import AgreementError
from counterfoil.governance.agreements.agreement import ITERATIONS, REPEATED, Agreement, Planned, Repeats
from counterfoil.governance.agreements.audience import by_name, read_audiences
from counterfoil.governance.agreements.consistency import (
    check_budgets,
    check_contracts,
    check_exact,
    check_instead,
    check_jurisdictions,
    check_limits,
    check_parties,
    check_plans,
    check_recipients,
)
from counterfoil.governance.agreements.schedule import read_schedule
from counterfoil.governance.agreements.where import Condition, read_where
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.documents import Problems, parse_day, read_document
from counterfoil.governance.parties.roster import Roster
from counterfoil.governance.policies.policy import Policy
from counterfoil.governance.policies.privacy import Privacy, read_budgets, read_privacy

PlanCheck: TypeAlias = Callable[
    [Mapping[str, Any], Mapping[str, Contract], Sequence[Policy], Problems], Collection[int]
]
"""Notes what is wrong with the plans of an agreement's content, by who knows analyses: nothing in this room does.

Returns which plans name an analysis that there is not, of which nothing else need be said.
"""


def named_files(raw: bytes, source: str) -> tuple[Mapping[str, str], Sequence[str]]:
    """Read which files the agreement's bytes ask for: its contracts by their names, and its policies.

    Raises: AgreementError, DocumentError.
    """
    value = read_document(raw, source, "agreement", AgreementError).value
    return value["contracts"], value["policies"]


def parse_agreement(
    raw: bytes,
    source: str,
    contracts: Mapping[str, Contract],
    policies: Sequence[Policy],
    roster: Roster,
    plans: PlanCheck | None = None,
) -> Agreement:
    """Parse the agreement, resting on these contracts (by the agreement's names), policies and roster.

    What `plans` finds is raised with the rest, all at once.

    Raises: AgreementError with `file:line: path: rule; what to change`, one line a problem; DocumentError if not YAML.
    """
    document = read_document(raw, source, "agreement", AgreementError)
    problems = Problems(document, AgreementError)
    audiences = read_audiences(document.value, roster, problems)
    value = by_name(document.value, audiences)
    if set(value["contracts"]) != set(contracts) or len(value["policies"]) != len(policies):
        raise AgreementError(f"{source}: the files given are not those that the agreement names")
    if value["roster"] != roster.id:
        problems.add(("roster",), f"names the roster {value['roster']!r}, given is {roster.id!r}")
    starts, expires = (parse_day(value[name], (name,), problems) for name in ("starts", "expires"))
    if starts > expires:
        problems.add(("expires",), "is before 'starts'")
    review_by = parse_day(value["reviewBy"], ("reviewBy",), problems) if "reviewBy" in value else None
    if review_by and not starts <= review_by <= expires:
        problems.add(("reviewBy",), "must be between 'starts' and 'expires'; after that there is nothing to review")
    schedule = read_schedule(value["schedule"], problems)
    noises = {
        (index, key): read_privacy(item.get(key), ("analyses", index, key), problems)
        for index, item in enumerate(value["analyses"])
        for key in ("privacy", "noiseInstead")
    }
    filters = [
        read_where(item.get("where", {}), contracts[item["contract"]], ("analyses", index, "where"), problems)
        if item["contract"] in contracts
        else ()
        for index, item in enumerate(value["analyses"])
    ]
    budgets = read_budgets(value.get("budget", ()))
    check_parties(value, roster, problems)
    check_contracts(value, contracts, expires, problems)
    check_limits(value, contracts, problems)
    check_jurisdictions(value, contracts, roster, problems)
    unknown = plans(value, contracts, policies, problems) if plans is not None else ()
    check_plans(value, contracts, problems, unknown)
    check_instead(value, policies, problems)
    check_exact(value, contracts, schedule.shortest_days, problems)
    check_budgets(value, budgets, noises, contracts, problems)
    check_recipients(value, problems)
    repeats = _repeats(value, problems)
    problems.raise_if_any()
    return Agreement(
        id=value["id"],
        version=value["version"],
        title=value["title"],
        purpose=value["purpose"],
        suite=value["suite"],
        roster=roster,
        contracts=dict(contracts),
        policies=tuple(policies),
        holdings={owner: tuple(contracts) for owner, contracts in value["owners"].items()},
        nodes=tuple(value["nodes"]),
        coordinator=value["coordinator"],
        recipients=tuple(value["recipients"]),
        audiences=audiences,
        proposer=value["review"]["proposer"],
        reviewers=tuple(value["review"]["reviewers"]),
        quorum=value["review"]["quorum"],
        checkers=tuple(value["review"].get("checkers", [])),
        cross_checks=tuple(value["review"].get("crossChecks", [])),
        repeats=repeats,
        analyses=tuple(
            planned(item, noises[index, "privacy"], noises[index, "noiseInstead"], contracts, filters[index])
            for index, item in enumerate(value["analyses"])
        ),
        budgets=budgets,
        starts=starts,
        expires=expires,
        review_by=review_by,
        schedule=schedule,
        admitted={name: tuple(each) for name, each in value.get("limits", {}).get("columns", {}).items()},
        iterations=value.get("limits", {}).get("iterations", ITERATIONS),
        corrections=value.get("corrections") == "until-computed",
        share_retention_days=value["retention"]["shares"],
        release_retention_days=value["retention"]["releases"],
        delivery=dict(value.get("delivery", {})),
        licence=value.get("licence", ""),
        software=tuple(each.removeprefix("sha256:") for each in value.get("software", {}).get("pinned", ())),
        source=source,
        raw=raw,
    )


def _repeats(value: Mapping[str, Any], problems: Problems) -> Repeats | None:
    """Return what the agreement repeats, if anything."""
    given = value.get("repeats")
    if given is None:
        return None
    if REPEATED in value["review"].get("crossChecks", []):
        problems.add(("review", "crossChecks"), f"{REPEATED!r} is in an agreement that repeats another; remove it")
    return Repeats(Ref.parse(given["agreement"]), tuple(given["nodes"]))


def planned(
    item: Mapping[str, Any],
    privacy: Privacy | None,
    instead: Privacy | None,
    contracts: Mapping[str, Contract],
    where: tuple[Condition, ...],
) -> Planned:
    """Return the plan that the agreement's content writes, once it was found to be consistent."""
    params: Mapping[str, Any] = item.get("parameters", {})
    interval = None if item.get("interval") == "schedule" else item.get("interval")
    plan: Mapping[str, Json] = {
        "format": "counterfoil/plan/1",
        "name": item["name"],
        "analysis": item["analysis"],
        "version": item["version"],
        "contract": contracts[item["contract"]].digest,
        "columns": item["columns"],
        "parameters": params,
        "recipients": item["recipients"],
        **({"privacy": privacy.json()} if privacy else {}),
        **({"noiseInstead": instead.json()} if instead else {}),
        **({"interval": interval} if interval else {}),
        **({"where": item["where"]} if where else {}),
    }
    return Planned(
        name=item["name"],
        analysis=item["analysis"],
        version=item["version"],
        purpose=item["purpose"],
        contract=item["contract"],
        columns=tuple(item["columns"]),
        params={name: tuple(given) if isinstance(given, list) else given for name, given in params.items()},
        recipients=tuple(item["recipients"]),
        plan_digest=digest(jcs(plan)),
        privacy=privacy,
        instead=instead,
        interval=interval,
        where=where,
    )
