"""Write the owner's page of how far people in its table stand out, before and after it was minimised.

It holds no cell, but sizes of classes: it is written beside the owner's table, readable by the owner alone. Knows
nothing of how they were measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from counterfoil.data.minimising.minimise import Minimised
from counterfoil.data.minimising.risk import Risk
from counterfoil.data.reading import page
from counterfoil.data.reading.table import Table

EDGES = (1, 2, 3, 5, 10, 20, 50, 100)
"""Where the bars of the plot begin, in rows of a class; the last is open."""


def write(path: Path, table: Table, kept: Minimised, before: Risk, after: Risk, broken: Sequence[str]) -> None:
    """Write the page, whole, with mode 0600; an older one is replaced. Raises: StoreError."""
    contract = table.contract
    words = {
        column.name: column.generalise.describe(column.resolution)
        for column in contract.columns
        if column.generalise and column.name in kept.generalised
    }
    labels = [f"{low}" if high - low == 1 else f"{low}-{high - 1}" for low, high in pairwise(EDGES)]
    page.write(
        path,
        "minimising/risk.html",
        source=table.source,
        contract=contract,
        kept=kept,
        words=words,
        before=before,
        after=after,
        broken=broken,
        labels=[*labels, f"{EDGES[-1]}+"],
        bars=list(zip(_bars(before), _bars(after), strict=True)),
    )


def _bars(risk: Risk) -> list[tuple[int, float]]:
    """Count the rows in classes of each range of sizes, with the height of their bar: 0 to 100, at least 1."""
    counts = [0] * len(EDGES)
    for size, rows in risk.sizes.items():
        counts[max(at for at, edge in enumerate(EDGES) if size >= edge)] += rows
    return [(rows, max(round(100 * rows / risk.rows, 1), 1.0) if rows else 0.0) for rows in counts]
