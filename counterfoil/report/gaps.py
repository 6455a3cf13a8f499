"""Say which rows an analysis is about where cells are empty, and why others are not. From the agreement alone.

A row with an empty cell where the contract says `missing: leave-out` is left out of every analysis of its table if any
needs that column. Rows of one analysis less those of another would be a number about few persons that no rule judges. A
filter (`where`) is an axis of the lattice that is judged; emptiness can become one more condition of that kind, and
these rows then be each analysis's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from counterfoil.governance.agreements.agreement import Agreement, Planned


def rows_said(agreement: Agreement, plan: Planned) -> Iterator[str]:
    """Say which rows the analysis is about, and why others are not, where their cells are empty."""
    found = gaps(agreement, plan.contract)
    if found:
        why = "; ".join(f"{column} is needed by {', '.join(names)}" for column, names in found.items())
        which = f"the rows of {plan.contract} with no empty cell in {', '.join(found)}"
        yield f"    about {which}; others are in no analysis: {why}"


def gaps(agreement: Agreement, contract: str) -> dict[str, list[str]]:
    """Return the columns where an empty cell leaves out its row, and by name the analyses that need each."""
    leaving = {column.name for column in agreement.contracts[contract].columns if column.missing.rule == "leave-out"}
    found: dict[str, list[str]] = {}
    for plan in agreement.analyses:
        for column in plan.needed if plan.contract == contract else ():
            if column in leaving:
                found.setdefault(column, []).append(plan.name)
    return dict(sorted(found.items()))
