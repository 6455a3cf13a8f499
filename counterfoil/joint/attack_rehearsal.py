"""The attacker on synthetic data: what an agreement would release of it, together with what others release of the same.

Before anything real is computed it shows whether tables can be subtracted from one another. Knows no real table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from counterfoil.disclosure.attack.knowledge import Knowledge, Release
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.joint.computation import analyses
from counterfoil.joint.rehearsal import compute, make_tables

SYNTHETIC: Final = "synthetic data"


def rehearsed(agreement: Agreement, others: Iterable[Agreement], recipient: str | None) -> dict[str, Knowledge]:
    """Return, by contract id, what these agreements would tell the recipient of one set of synthetic tables.

    Of others, those count that are about the same bytes of a contract; without a recipient all results.

    Raises: PlanError, ContractError, IntegrityError.
    """
    own = {contract.digest for contract in agreement.contracts.values()}
    every = [agreement, *(each for each in others if own & {one.digest for one in each.contracts.values()})]
    found: dict[str, list[Release]] = {}
    seed = int(agreement.digest[:8], 16)
    for terms in every:
        tables = make_tables(terms, seed)
        opened, plans = compute(terms, tables), analyses(terms)
        for name, contract in terms.contracts.items():
            if contract.digest not in own:
                continue
            given: Mapping[str, object] = {
                plan.name: plan
                for plan in terms.analyses
                if plan.contract == name and (recipient is None or recipient in plan.recipients)
            }
            rows = sum(table.rows for part, table in tables.items() if part.contract == name)
            release = Release(
                SYNTHETIC,
                {each: plans[each] for each in given},
                {each: opened[each] for each in given},
                (rows, rows),
            )
            found.setdefault(contract.id, []).append(release)
    return {contract: Knowledge(releases) for contract, releases in found.items()}
