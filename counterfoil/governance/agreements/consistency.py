"""Consistency of an agreement: what it says fits its contracts, its roster, and itself.

Each check adds what it finds to the problems. Knows the fields of the file, and no agreement that is made of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from counterfoil.governance.agreements.separation_of_duties import check_separation
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.documents import Path, Problems, did_you_mean, repeated
from counterfoil.governance.parties.roster import Role, Roster
from counterfoil.governance.policies.policy import Policy
from counterfoil.governance.policies.privacy import Budget, Privacy, budget_for
from counterfoil.mpc.suites.registry import SUITES


def check_parties(value: Mapping[str, Any], roster: Roster, problems: Problems) -> None:
    """Everybody named is in the roster, in that role; nodes are as many as the suite takes, and apart; duties, too."""
    named: list[tuple[Role, Path, Iterable[str]]] = [
        ("owner", ("owners",), value["owners"]),
        ("node", ("nodes",), value["nodes"]),
        ("coordinator", ("coordinator",), [value["coordinator"]]),
        ("recipient", ("recipients",), value["recipients"]),
        ("reviewer", ("review", "reviewers"), value["review"]["reviewers"]),
    ]
    known = {party.id: party for party in roster.parties}
    for role, path, ids in named:
        for index, id in enumerate(ids):
            at = path if role == "coordinator" else (*path, id if role == "owner" else index)
            if id not in known:
                problems.add(at, f"the roster has no party {id!r}{did_you_mean(id, known)}")
            elif role not in known[id].roles:
                problems.add(at, f"in the roster {id} is {', '.join(known[id].roles)}, not {role}")
    wanted = SUITES[value["suite"]].nodes
    if len(value["nodes"]) != wanted:
        problems.add(("nodes",), f"the suite {value['suite']} takes {wanted} nodes, {len(value['nodes'])} are named")
    in_order = [party.id for party in roster.nodes if party.id in value["nodes"]]
    if sorted(in_order) == sorted(value["nodes"]) and in_order != value["nodes"]:
        problems.add(("nodes",), f"nodes stand in the roster's order: {', '.join(in_order)}")
    hosts = [known[id].organisation if id in known else object() for id in value["nodes"]]
    for index in repeated(hosts):
        problems.add(("nodes", index), f"{hosts[index]} would run two nodes, and two nodes together see everything")
    if value["review"]["quorum"] > len(value["review"]["reviewers"]):
        problems.add(("review", "quorum"), f"is more than the {len(value['review']['reviewers'])} reviewers")
    check_separation(value, roster, problems)


def check_contracts(
    value: Mapping[str, Any], contracts: Mapping[str, Contract], expires: date, problems: Problems
) -> None:
    """Check that every contract is active, outlasts the agreement and what it keeps, and is used and held."""
    for name, contract in contracts.items():
        at = ("contracts", name)
        if contract.status != "active":
            problems.add(at, f"contract {contract.id} {contract.version} is {contract.status}, not active")
        if expires > contract.expires and expires != date.max:
            problems.add(at, f"contract {contract.id} ends on {contract.expires}, before the agreement does")
        if value["retention"]["shares"] > contract.retention_days:
            problems.add(
                ("retention", "shares"), f"contract {contract.id} lets nodes keep shares {contract.retention_days} days"
            )
        if not any(item["contract"] == name for item in value["analyses"]):
            problems.add(at, "no analysis uses this contract; remove it")
        if not any(name in held for held in value["owners"].values()):
            problems.add(at, "no owner has a table under this contract; name it at one, or remove it")
    for owner, held in value["owners"].items():
        for index, name in enumerate(held):
            if name not in contracts:
                hint = did_you_mean(name, contracts)
                problems.add(("owners", owner, index), f"the agreement names no contract {name!r}{hint}")


def check_limits(value: Mapping[str, Any], contracts: Mapping[str, Contract], problems: Problems) -> None:
    """Check that every admitted column exists, and that no analysis uses another one where some are."""
    admitted = value.get("limits", {}).get("columns", {})
    for name, listed in admitted.items():
        if name not in contracts:
            problems.add(("limits", "columns", name), f"the agreement names no contract {name!r}")
            continue
        known = [column.name for column in contracts[name].columns]
        for index, column in enumerate(listed):
            if column not in known:
                hint = did_you_mean(column, known)
                problems.add(("limits", "columns", name, index), f"contract {name} has no column {column!r}{hint}")
    for index, item in enumerate(value["analyses"]):
        for at, column in _columns(item, ("analyses", index)):
            if column not in admitted.get(item["contract"], [column]):
                problems.add(at, f"{column} is not among the columns that 'limits' admits")


def check_jurisdictions(
    value: Mapping[str, Any], contracts: Mapping[str, Contract], roster: Roster, problems: Problems
) -> None:
    """Check that no analysis needs a column that its contract bans from the country of one of its owners."""
    where = {party.id: party.jurisdiction for party in roster.parties}
    for index, item in enumerate(value["analyses"]):
        banned = {column.name: column.not_from for column in getattr(contracts.get(item["contract"]), "columns", ())}
        for at, name in _columns(item, ("analyses", index)):
            for owner in (owner for owner, held in value["owners"].items() if item["contract"] in held):
                if where.get(owner) in banned.get(name, ()):
                    problems.add(
                        at,
                        f"{name} may not come from {where[owner]}, where {owner} is; leave it or the owner out",
                    )


def check_plans(
    value: Mapping[str, Any], contracts: Mapping[str, Contract], problems: Problems, unknown: Collection[int] = ()
) -> None:
    """Check that every analysis has a name of its own, and recipients, a contract and columns that may serve it.

    What its columns may be used for is not asked of `unknown` plans, whose analysis there is not.
    """
    for index in repeated(item["name"] for item in value["analyses"]):
        problems.add(("analyses", index, "name"), f"the name {value['analyses'][index]['name']!r} is there twice")
    for index, item in enumerate(value["analyses"]):
        _check_plan(item, ("analyses", index), value, contracts, problems, known=index not in unknown)


def check_recipients(value: Mapping[str, Any], problems: Problems) -> None:
    """Check that every recipient receives something, and that nobody else has a place of delivery."""
    for recipient in value["recipients"]:
        if not any(recipient in item["recipients"] for item in value["analyses"]):
            problems.add(("recipients",), f"{recipient} receives nothing; name it in an analysis, or remove it here")
    for recipient in value.get("delivery", {}):
        if recipient not in value["recipients"]:
            hint = did_you_mean(recipient, value["recipients"])
            problems.add(("delivery", recipient), f"{recipient!r} is not among the agreement's recipients{hint}")


def check_budgets(
    value: Mapping[str, Any],
    budgets: Sequence[Budget],
    noises: Mapping[tuple[int, str], Privacy | None],
    contracts: Mapping[str, Contract],
    problems: Problems,
) -> None:
    """Check that every recipient of noised results has a budget that they fit into, and that no budget is idle.

    `noises` are by the place of their analysis and the key under which it asks for them.
    """
    for index in repeated((budget.contract, budget.recipient) for budget in budgets):
        problems.add(("budget", index), "the same contract and recipient stand in an earlier line; keep one")
    drawn: set[tuple[str, str]] = set()
    for (index, key), privacy in noises.items():
        item, path = value["analyses"][index], ("analyses", index, key)
        contract = contracts.get(item["contract"])
        if privacy is None or contract is None:
            continue
        if contract.demands.left_behind:
            problems.add(
                path,
                f"contract {contract.id} lets rows stay behind because of others' rows ('leftBehind'), so one person "
                "decides about many; noise cannot hide that: remove one of the two",
            )
        for recipient in item["recipients"]:
            drawn.add((item["contract"], recipient))
            budget = budget_for(budgets, item["contract"], recipient)
            if budget is None:
                problems.add(path, f"{recipient} has no budget for {item['contract']}; add a line under 'budget'")
            for cap in (*((budget.cap,) if budget else ()), *((contract.privacy_cap,) if contract.privacy_cap else ())):
                if privacy.epsilon > cap.epsilon or privacy.delta > cap.delta:
                    problems.add(path, f"asks for more than the whole budget of {recipient}, {cap}; ask for less")
    for index, budget in enumerate(budgets):
        if (budget.contract, budget.recipient) not in drawn:
            problems.add(
                ("budget", index),
                f"no analysis under {budget.contract} adds noise for {budget.recipient}; remove the line, or add "
                "'privacy' to the analysis",
            )


def check_instead(value: Mapping[str, Any], policies: Sequence[Policy], problems: Problems) -> None:
    """Noise in place of a refusal is for exact analyses, and all policies allow it."""
    refusing = [policy.id for policy in policies if not policy.rules.noise_instead_of_refusal]
    for index, item in enumerate(value["analyses"]):
        path = ("analyses", index, "noiseInstead")
        if "noiseInstead" in item and "privacy" in item:
            problems.add(path, "its results have noise in any case; keep 'privacy' alone")
        elif "noiseInstead" in item and refusing:
            problems.add(
                path,
                f"the policy {refusing[0]} has such a table wait; set its noise_instead_of_refusal to true, or "
                "remove this",
            )


def check_exact(value: Mapping[str, Any], contracts: Mapping[str, Contract], shortest: int, problems: Problems) -> None:
    """Check that exact analyses are of tables whose persons can be counted, once in a period at most.

    `shortest` is how many days a period of the schedule has at least.
    """
    for index, item in enumerate(value["analyses"]):
        path, contract, interval = ("analyses", index), contracts.get(item["contract"]), item.get("interval")
        if "privacy" in item:
            if interval is not None:
                problems.add(
                    (*path, "interval"), "its results have noise, and leave each period; remove one of the two"
                )
            continue
        if contract is not None and not contract.counts_persons:
            problems.add(
                path,
                f"contract {contract.id} does not say whom its rows are about, so nobody can count how many persons an "
                "exact number is about: give it a primaryKey, 'rowsPerPerson' or 'notAboutPersons', or ask for noise "
                "by 'privacy'",
            )
        if isinstance(interval, int) and interval < shortest:
            problems.add(
                (*path, "interval"),
                f"is shorter than the schedule's period; write {shortest} or more days, or 'schedule'",
            )


def _check_plan(
    item: Mapping[str, Any],
    path: Path,
    value: Mapping[str, Any],
    contracts: Mapping[str, Contract],
    problems: Problems,
    *,
    known: bool,
) -> None:
    for index, recipient in enumerate(item["recipients"]):
        if recipient not in value["recipients"]:
            hint = did_you_mean(recipient, value["recipients"])
            problems.add((*path, "recipients", index), f"{recipient!r} is not among the agreement's recipients{hint}")
    contract = contracts.get(item["contract"])
    if contract is None:
        hint = did_you_mean(item["contract"], contracts)
        problems.add((*path, "contract"), f"the agreement names no contract {item['contract']!r}{hint}")
        return
    columns = {column.name: column for column in contract.columns}
    for at, name in _columns(item, path):
        if name not in columns and "where" not in at:  # these are read, and refused, by themselves
            problems.add(at, f"contract {contract.id} has no column {name!r}{did_you_mean(name, columns)}")
        elif name in columns and known:
            _check_use(item["analysis"], columns[name], at, problems)


def _columns(item: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the columns that an analysis takes, each with its path."""
    yield from (((*path, "columns", index), name) for index, name in enumerate(item["columns"]))
    yield from (((*path, "where", name), name) for name in item.get("where", {}))


def _check_use(analysis: str, column: Column, path: Path, problems: Problems) -> None:
    if column.role == "identifier":
        problems.add(path, f"{column.name} is an identifier and never enters an analysis")
    elif column.role == "key" and not column.pseudonym:
        problems.add(path, f"{column.name} is a key; add the property 'pseudonym' to it in its contract")
    elif analysis not in column.allowed_analyses:
        allowed = ", ".join(column.allowed_analyses)
        problems.add(path, f"{column.name} may not be used for {analysis!r}; its contract allows {allowed}")
