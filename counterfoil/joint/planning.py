"""Plan an agreement before anybody signs it: every analysis is bound to its contract, and all that is wrong is listed.

A job binds the same analyses to the same contracts (`computation.analyses`), so what is signed here can run there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.planning import problems_of, unknown_analysis
from counterfoil.analyses.registry import build
from counterfoil.canonical import MAX_YAML_BYTES, Ref, load_yaml
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import AgreementError, NotFoundError, PlanError
from counterfoil.files import read_file, read_named
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.parse import planned
from counterfoil.governance.agreements.signing.signed import fetch_agreement, read_agreement
from counterfoil.governance.agreements.where import read_where
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.documents import Problems, read_document
from counterfoil.governance.parties.outline import outline_roster
from counterfoil.governance.parties.roster import Roster
from counterfoil.governance.policies.policy import Policy, strictest
from counterfoil.governance.policies.privacy import read_privacy
from counterfoil.joint.computation import analyses
from counterfoil.storage.records import Records


def read_planned(path: Path, roster: Roster) -> tuple[Agreement, Mapping[str, Analysis]]:
    """Read the agreement in the file with all it rests on, and build its analyses, by their names.

    Raises: AgreementError, ContractError, DocumentError, NotFoundError; PlanError where the plans alone are wrong.
    """
    agreement = read_agreement(path, roster, check_plans)
    return agreement, _together(agreement)


def fetch_planned(exchange: Records, ref: Ref) -> tuple[Agreement, Mapping[str, Analysis]]:
    """Fetch a proposal, and build its analyses, by their names. Raises: as `read_planned`; TamperedError."""
    agreement = fetch_agreement(exchange, ref, check_plans)
    return agreement, _together(agreement)


def roster_beside(path: Path, roster: Path | None, today: date) -> Roster:
    """Read the roster that is given for an agreement's file, or the one in `../rosters` that the agreement names.

    Parties that have no keys yet get some that nobody holds: nothing is signed with it.

    Raises: NotFoundError, RosterError, DocumentError.
    """
    raw, source = read_roster(path, roster)
    return outline_roster(raw, source, today)


def read_roster(path: Path, roster: Path | None) -> tuple[bytes, str]:
    """Read the bytes of the roster as `roster_beside` does, and what errors call it. Raises: as `roster_beside`."""
    if roster is not None:
        return read_file(roster), str(roster)
    named = read_document(read_file(path), str(path), "agreement", AgreementError).value["roster"]
    beside = path.resolve().parent.parent / "rosters" / f"{named}.roster.yaml"
    if not beside.exists():
        raise NotFoundError(f"{path}: no roster {named} in {beside.parent}; give the file: --roster FILE")
    return read_named(beside, MAX_YAML_BYTES), beside.name


def check_plans(
    value: Mapping[str, Any], contracts: Mapping[str, Contract], policies: Sequence[Policy], problems: Problems
) -> Collection[int]:
    """Note what is wrong with each plan of an agreement's content, by itself.

    Returns which plans name an analysis that there is not.
    """
    rules = strictest(policies, (contract.minimum_count for contract in contracts.values()))
    unknown = set()
    for index, item in enumerate(value["analyses"]):
        unknown |= {index} if unknown_analysis(item["analysis"]) else set()
        at, contract = ("analyses", index), contracts.get(item["contract"])
        found = list(problems_of(item, contract))
        for path, text in found:
            problems.add((*at, *path), text, PlanError)
        if found or contract is None or set(item["columns"]) - {column.name for column in contract.columns}:
            continue
        owners = sum(item["contract"] in held for held in value["owners"].values())
        privacy, instead = (read_privacy(item.get(key), (*at, key), problems) for key in ("privacy", "noiseInstead"))
        try:
            where = read_where(item.get("where", {}), contract, (*at, "where"), problems)
            plan = planned(item, privacy, instead, contracts, where)
            build(plan, contract.shared(), Limits(owners, contract.most_rows, rules))
        except PlanError as error:
            problems.add(at, str(error).removeprefix(f"{item['name']}: "), type(error))
    return unknown


def _together(agreement: Agreement) -> Mapping[str, Analysis]:
    """Build all analyses, each of which can be built by itself; name the line of what does not go with the others."""
    try:
        return analyses(agreement)
    except PlanError as error:
        document = load_yaml(agreement.raw, agreement.source)
        for index, plan in enumerate(agreement.analyses):
            if str(error).startswith(f"{plan.name}: "):
                where = document.where(("analyses", index))
                raise type(error)(f"{where}: {str(error).removeprefix(f'{plan.name}: ')}") from None
        if str(error).startswith(f"{agreement.source}: "):
            raise
        raise type(error)(f"{document.where(('analyses',))}: {error}") from None
