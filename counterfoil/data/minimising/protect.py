"""Minimise a table and check the result against its contract's demands of anonymity, with a page for its owner."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from counterfoil.data.minimising import risk_page
from counterfoil.data.minimising.minimise import Minimised, minimise
from counterfoil.data.minimising.risk import Risk, measure
from counterfoil.data.reading.table import Table
from counterfoil.errors import AnonymityError


def protect(table: Table, needed: Iterable[str], page: Path, link_key: bytes | None = None) -> Minimised:
    """Minimise the table and check its contract's demands. `page` tells the owner how it was and how it is.

    Raises: AnonymityError when it does not; otherwise as `minimise`.
    """
    kept = minimise(table, needed, link_key)
    before, after = measure(table), measure(kept.table)
    broken = _broken(kept.table, after)
    risk_page.write(page, table, kept, before, after, broken)
    if broken:
        raise AnonymityError(
            f"{table.source}: even minimised it does not have what contract {table.contract.id} demands: "
            f"{'; '.join(broken)}. Details are in {page.name} beside it"
        )
    return kept


def _broken(table: Table, risk: Risk) -> list[str]:
    """List the demands of the contract that do not hold."""
    demands = table.contract.demands
    broken = []
    if risk.k < demands.k:
        broken.append(
            f"{demands.k} rows alike in {', '.join(risk.quasi)} (generalise these more, or let more rows stay behind)"
        )
    for name, diversity in risk.diversity.items():
        if diversity < demands.diversity:
            broken.append(f"{demands.diversity} different values of {name} in every class")
    for name, closeness in risk.closeness.items():
        if closeness > demands.closeness:
            broken.append(f"every class within {demands.closeness} of the table's distribution of {name}")
    return broken
