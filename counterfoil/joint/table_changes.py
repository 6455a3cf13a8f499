"""What an owner counts of its own changes: every sum that exact results are made of, in every grid that they add up to.

Follows from the agreement alone, as all that is handed in does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from counterfoil.analyses.base import Analysis
from counterfoil.data.changes import Asked, Cut
from counterfoil.disclosure.features import Feature


def asked_of(analyses: Iterable[Analysis]) -> list[Asked]:
    """List what is asked of each table: the features of these analyses of one contract, by all their grids' margins."""
    found: dict[str, Asked] = {}
    for analysis in analyses:
        cuts = _cuts(analysis)
        for feature in analysis.features():
            by = [cuts[column] for column in feature.by]
            for grid in (grid for size in range(len(by) + 1) for grid in combinations(by, size)):
                here = Feature(feature.factors, tuple(cut.column for cut in grid))
                found.setdefault(str(here), Asked(str(here), here.factors, grid, _shift(analysis, here.factors)))
    return list(found.values())


def edges_of(analyses: Iterable[Analysis]) -> dict[str, tuple[int, ...]]:
    """Say where these analyses of one contract cut columns of numbers."""
    return {column: tuple(map(int, ends)) for each in analyses for column, ends in each.edges().items()}


def exact(analyses: Mapping[str, Analysis], contract: str) -> Iterator[Analysis]:
    """Return the analyses whose results of the contract's table, by the agreement's name of it, are exact."""
    return (each for each in analyses.values() if each.planned.contract == contract and each.noise is None)


def _cuts(analysis: Analysis) -> dict[str, Cut]:
    edges, found = analysis.edges(), {}
    for name, parts in analysis.axes() or ():
        if name in edges:
            ends = tuple(map(int, edges[name]))
            found[name] = Cut.at(name, ends, beyond=len(parts) == len(ends))
        else:
            low, _ = analysis.contract.column(name).bounds or (0, 0)
            found[name] = Cut(name, low, len(parts))
    return found


def _shift(analysis: Analysis, factors: tuple[str, ...]) -> int:
    """Say in units of which power of two a product is counted, so that the sum of all rows' fits into 60 bits."""
    largest = 1
    for name in factors:
        largest *= max(map(abs, analysis.contract.column(name).bounds or (0, 0)))
    reach = (2 * largest * max(analysis.limits.total_rows, 1)).bit_length()
    return max(reach - 60, 0) if len(factors) > 1 else 0
