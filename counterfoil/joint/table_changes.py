"""What an owner counts of its own changes: every sum that exact results are made of, in every grid that they add up to.

Follows from the agreement alone, as all that is handed in does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis
from counterfoil.data.changes import DEPTH, Asked, Changes, Cut
from counterfoil.disclosure.features import Feature
from counterfoil.governance.jobs.manifest import ArraySpec
from counterfoil.mpc.ring.shares import Arith, concat

PREFIX: Final = "rule-change"
"""How the names of these arrays begin."""


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


def change_inputs(asked: Iterable[Asked], analyses: Iterable[Analysis], states: int) -> dict[str, ArraySpec]:
    """Describe the arrays that an owner hands in of its changes since so many states: none where there are none.

    Of the number of rows it hands in how many persons changed; of other sums by how much, too. A person's movements in
    several cells are added up, and rows may have come and gone.

    Shapes: (states, cells), the largest ones (states, DEPTH, cells).
    """
    plans = list(analyses)
    if not states or not plans:
        return {}
    contract, rows = plans[0].contract, plans[0].limits.rows
    found = {}
    for at, each in enumerate(asked):
        most = 2 * _largest(plans[0], each)
        found[_name(at, "changed")] = ArraySpec((states, each.cells), 0, 2 * rows)
        if each.factors:
            found[_name(at, "moved")] = ArraySpec((states, each.cells), 0, most * rows)
            of_one = min(contract.person.most, rows) if contract.person else 1
            found[_name(at, "largest")] = ArraySpec((states, DEPTH, each.cells), 0, most * of_one)
    return found


def change_arrays(asked: Iterable[Asked], counted: Mapping[str, Changes]) -> dict[str, NDArray[np.int64]]:
    """Name what an owner counted as it is handed in."""
    found = {}
    for at, each in enumerate(asked):
        changes = counted[each.name]
        if not len(changes.changed):
            continue
        found[_name(at, "changed")] = changes.changed
        if each.factors:
            found |= {_name(at, "moved"): changes.moved, _name(at, "largest"): changes.largest}
    return found


def aligned(handed: Arith, states: Sequence[str], jobs: Sequence[str], zero: Arith) -> Arith:
    """Put what one owner handed in, of the states that it names, into the order of the jobs; others have not changed.

    `zero` is a sharing of nothing, of the shape of one state. Local.
    """
    places = {job: at for at, job in enumerate(states)}
    whole = concat([handed, zero.reshape(1, *zero.shape)])
    return whole[np.array([places.get(job, len(states)) for job in jobs], np.int64)]


def _name(at: int, item: str) -> str:
    return f"{PREFIX}--{at}-{item}"


def _largest(analysis: Analysis, each: Asked) -> int:
    """Return the most that one row contributes to a feature, in its units."""
    largest = 1
    for name in each.factors:
        largest *= max(map(abs, analysis.contract.column(name).bounds or (0, 0)))
    return (largest >> each.shift) + 1


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
    """Say in units of which power of two it is counted, so that no sum of all rows', nor a test of it, can wrap."""
    largest = 1
    for name in factors:
        largest *= max(map(abs, analysis.contract.column(name).bounds or (0, 0)))
    reach = (2 * largest * max(analysis.limits.total_rows, 1)).bit_length()
    rules = analysis.rules
    room = max((each.numerator + each.denominator).bit_length() for each in (rules.safe_nk_k, rules.safe_pratio_p))
    return max(reach + room - 60, 0) if factors else 0
