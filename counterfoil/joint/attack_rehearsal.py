"""The attacker on synthetic data: what an agreement would release of it, together with what others release of the same.

Before anything real is computed it shows whether tables can be subtracted from one another. Knows no real table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from counterfoil.disclosure.attack.knowledge import Knowledge, Release
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.joint.computation import analyses
from counterfoil.joint.rehearsal import ROWS, compute, make_tables

SYNTHETIC: Final[Mapping[str, int]] = {"synthetic data": ROWS, "few synthetic data": 60}
"""The states that are attacked, with an owner's rows in each: where these are few, there are small groups."""


def rehearsed(agreement: Agreement, others: Iterable[Agreement], recipient: str | None) -> dict[str, Knowledge]:
    """Return, by contract id, what these agreements would tell the recipient of one set of synthetic tables.

    Of others, those count that are about the same bytes of a contract; without a recipient all results.

    Raises: PlanError, ContractError, IntegrityError.
    """
    own = {contract.digest for contract in agreement.contracts.values()}
    every = [agreement, *(each for each in others if own & {one.digest for one in each.contracts.values()})]
    found: dict[str, list[Release]] = {}
    for state, rows in SYNTHETIC.items():
        for terms in every:
            for name, release in _released(terms, state, rows, int(agreement.digest[:8], 16), recipient):
                if terms.contracts[name].digest in own:
                    found.setdefault(terms.contracts[name].id, []).append(release)
    return {contract: Knowledge(releases) for contract, releases in found.items()}


def _released(
    terms: Agreement, state: str, rows: int, seed: int, recipient: str | None
) -> Iterator[tuple[str, Release]]:
    """Give what the agreement releases of each contract's tables. Different states say nothing of one another."""
    tables = make_tables(terms, seed, rows)
    opened, plans = compute(terms, tables), analyses(terms)
    for name in terms.contracts:
        given = [
            plan.name
            for plan in terms.analyses
            if plan.contract == name and (recipient is None or recipient in plan.recipients)
        ]
        total = sum(table.rows for part, table in tables.items() if part.contract == name)
        shown = {each: plans[each] for each in given}, {each: opened[each] for each in given}
        yield name, Release(state, *shown, (total, total), judged=frozenset(SYNTHETIC))
