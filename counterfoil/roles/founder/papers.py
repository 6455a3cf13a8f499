"""The roster's members and the agreement of a consortium that is being founded, as the YAML that people edit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from counterfoil.analyses.registry import REGISTRY
from counterfoil.governance.agreements.schedule import Every
from counterfoil.governance.writing import Comments, write_yaml
from counterfoil.roles.founder.choices import Choice
from counterfoil.roles.founder.contracts import RETENTION_DAYS
from counterfoil.roles.founder.staffing import Staffing

_REVIEW_DAYS = 182
_RELEASE_DAYS = 365


@dataclass(frozen=True, slots=True)
class Occasion:
    """What an agreement is about, and when: its id and title, its purpose, how often it is run, from which day on.

    `of_period` has owners hand in none but tables of a period's name; a late one is waited for `wait_hours`.
    """

    id: str
    title: str
    purpose: str
    every: Every
    starts: date
    suite: str = "rep3"
    of_period: bool = False
    wait_hours: int = 0


def members(id: str, staffing: Staffing, addresses: Mapping[str, str]) -> str:
    """Write the roster, whose keys are filled in from cards; `addresses` is where each node is dialled."""
    parties = []
    for seat in staffing.seats:
        party: dict[str, Any] = {
            "id": seat.party,
            "organisation": seat.organisation.name,
            "jurisdiction": seat.organisation.jurisdiction,
            "roles": list(seat.roles),
        }
        if "node" in seat.roles:
            party |= {"address": addresses[seat.party], "hosting": f"on a machine of {seat.organisation.name}"}
        parties.append(party)
    notes = Comments()
    notes.above[()] = [
        "yaml-language-server: $schema=../schema/roster.schema.json",
        "Who takes part. Keys and days are filled in from the parties' cards: counterfoil roster new.",
    ]
    return write_yaml({"kind": "Roster", "id": id, "version": 1, "parties": parties}, notes)


def agreement_of(
    occasion: Occasion,
    staffing: Staffing,
    roster: str,
    holdings: Mapping[str, Sequence[str]],
    choices: Sequence[Choice],
    policy: str,
    today: date,
    once: Collection[str] = (),
) -> str:
    """Write the agreement: these analyses, of the tables that each owner has, opened by the recipients.

    It holds for a year, and its parties look at it anew after half of that. `once` names analyses that leave once.
    """
    expires = today + timedelta(days=365)
    contracts = dict.fromkeys(each for held in holdings.values() for each in held)
    recipients = list(staffing.with_role("recipient"))
    days: dict[str, dict[str, Any]] = {"week": {"weekday": "monday"}, "month": {"day": 1}, "day": {}}
    value = {
        "kind": "Agreement",
        "id": occasion.id,
        "version": "1.0.0",
        "title": occasion.title,
        "purpose": occasion.purpose,
        "suite": occasion.suite,
        "roster": roster,
        "contracts": {name: f"{name}.odcs.yaml" for name in contracts},
        "policies": [f"{policy}.policy.yaml"],
        "owners": {owner: list(held) for owner, held in holdings.items()},
        "nodes": list(staffing.with_role("node")),
        "coordinator": staffing.with_role("coordinator")[0],
        "recipients": recipients,
        "review": {
            "proposer": staffing.proposer,
            "reviewers": list(staffing.with_role("reviewer")),
            "quorum": staffing.quorum,
        },
        "starts": occasion.starts.isoformat(),
        "reviewBy": (today + timedelta(days=_REVIEW_DAYS)).isoformat(),
        "expires": expires.isoformat(),
        "schedule": {"every": occasion.every, **days[occasion.every], "at": "00:00", **_tables(occasion)},
        "corrections": "until-computed",
        "retention": {"shares": RETENTION_DAYS, "releases": _RELEASE_DAYS},
        "analyses": [
            _planned(each, recipients, (expires - occasion.starts).days if each.name in once else None)
            for each in choices
        ],
    }
    notes = Comments()
    notes.above[()] = ["yaml-language-server: $schema=../schema/agreement.schema.json"]
    return write_yaml(value, notes)


def _tables(occasion: Occasion) -> dict[str, Any]:
    """Say which table an owner hands in, and for how long one is waited for, where that is not what it is untold."""
    rules: dict[str, Any] = {"tables": "of-period"} if occasion.of_period else {}
    return rules | ({"waitForTables": occasion.wait_hours} if occasion.wait_hours else {})


def _planned(choice: Choice, recipients: list[str], interval: int | None) -> dict[str, Any]:
    title = REGISTRY[choice.analysis, choice.version].title
    planned: dict[str, Any] = {
        "name": choice.name,
        "analysis": choice.analysis,
        "version": choice.version,
        "purpose": f"{title}: {', '.join(choice.columns)}",
        "contract": choice.contract,
        "columns": list(choice.columns),
    }
    if choice.params:
        planned["parameters"] = dict(choice.params)
    if interval is not None:
        planned["interval"] = interval
    return {**planned, "recipients": recipients}
