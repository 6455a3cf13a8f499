"""What nodes hold, on shares, of the persons behind the cells of a grid: what every disclosure test goes by.

An `Evidence` is about one feature in the cells of one grid of one contract. Owners hand in its arrays, each of its own
rows, as `Given`; `joined` finds what only all of them together have. Of everything that tests ask there are two kinds:

* **additive**: persons of each owner, and sums over them. Those of several cells are added up;
* **peaks**: the largest contributions in a cell, largest first. Of several cells they are the largest of all.

So an evidence of cells makes one of any union of cells, and the same tests judge both:

* `unions(p, orders, wanted)` makes the evidence of the cells of each line that are chosen on shares, for many at once;
* `evidence_tests.tests(p, rules, evidence)` makes numbers by rule, (t, cells), that are not negative where a cell, or a
  union, may leave.

Suppression and complement take, for each contract and grid, a list of evidence, and ask nothing else of it: whatever
joins that list is kept for cells and for what lines hide alike. What changed since a remembered state joins it as
`Given.of_changes`, one for each state and feature. Everything is made for all evidence of a job at once, so that rounds
do not grow with features, grids and contracts. What is done depends on public shapes alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.lattice import Index
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.ranked import (
    Ordered,
    Peak,
    Ranked,
    folded_rows,
    grouped,
    multiplied,
    ordered,
    stacked,
    top_of_lines,
    ungrouped,
)
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, Words, concat

LARGEST: Final = "largest"
"""Peak of f."""

SMALLEST: Final = "smallest"
"""Peak of -f: a list of the smallest, with the other sign, is largest first, too."""

HEAVIEST: Final = "heaviest"
"""Peak of |f|."""

SUM: Final = "sum"
MAGNITUDE: Final = "magnitude"
"""Sums over all persons of f, and of |f|."""


HIGHEST: Final = "highest"
LOWEST: Final = "lowest"
"""Peaks of z and of -z: the column of which this is the sum of squares, scaled to whole numbers of few bits."""

ROWS: Final = "rows"
DISTANCE: Final = "z"
SQUARES: Final = "z-squared"
"""Sums over all rows of 1, of z, and of its square."""


@dataclass(frozen=True, slots=True)
class Fine:
    """How finely z is told: from -2^bits to 2^bits, over so many rows at most."""

    bits: int
    rows: int


@dataclass(frozen=True, slots=True)
class About:
    """What is public of an evidence: of which feature, between which bounds a person's part is, and what is asked.

    A person may be in `spread` cells of the grid at most, and counts once in each of them. `change` is of what differs
    from a remembered state: then at least `safe_difference` persons must, and none is too few. What is left of changes
    around a `middle` is held against the largest, and no owner's part is taken away. Of a column's squares `fine` says
    how the column is told, so that squares of distances from its mean are judged, too.
    """

    feature: Feature
    bound: Bound
    spread: int = 1
    change: bool = False
    middle: bool = False
    fine: Fine | None = None


@dataclass(frozen=True, slots=True)
class GivenPeak:
    """The largest contributions that each owner has in each cell, and how many of its persons have the largest.

    Where an owner has fewer, the lowest public bound is in their place.

    Shapes: top (owners, depth, cells); at (owners, cells).
    """

    top: Arith
    at: Arith | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """The arrays of one evidence as the owners hand them in, stacked in one order of owners.

    Without a sum of |f|, and a peak of it, f is never negative, or never positive.

    Shapes: persons, and each sum, (owners, cells).
    """

    about: About
    persons: Arith
    sums: Mapping[str, Arith] = field(default_factory=dict)
    peaks: Mapping[str, GivenPeak] = field(default_factory=dict)

    @classmethod
    def of_changes(
        cls,
        about: About,
        changed: Sequence[Arith],
        moved: Sequence[Arith] = (),
        moved_largest: Sequence[Arith] = (),
    ) -> list[Given]:
        """Make one for each comparison with remembered states, from what each owner counted of its own changes.

        A person who changed in several cells of a grid is counted in none, so nobody is several times in a union. Of a
        number of rows nothing moves.

        Shapes: for each owner changed and moved (comparisons, cells), moved_largest (comparisons, depth, cells).
        """
        of, persons = replace(about, spread=1, change=True), stacked(changed)
        if not moved:
            return [cls(of, persons[:, at]) for at in range(persons.shape[1])]
        sums, tops = stacked(moved), stacked(moved_largest)
        return [
            cls(of, persons[:, at], {MAGNITUDE: sums[:, at]}, {HEAVIEST: GivenPeak(tops[:, at])})
            for at in range(persons.shape[1])
        ]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all owners have together of one feature in some cells; in unions of cells a person may be `overlap` times.

    Shapes: persons, and each sum, (owners, cells).
    """

    about: About
    persons: Arith
    sums: Mapping[str, Arith] = field(default_factory=dict)
    peaks: Mapping[str, Peak] = field(default_factory=dict)
    overlap: int = 1

    def total(self, name: str) -> Arith:
        """Add up a sum over all owners. Shapes: the result (cells,)."""
        return self.sums[name].sum(axis=0)

    @property
    def kind(self) -> Hashable:
        """What evidence has in common of which the same is asked, whatever the feature."""
        peaks = tuple((name, peak.top.shape[0], peak.at is None) for name, peak in self.peaks.items())
        return (
            self.persons.shape[0],
            tuple(self.sums),
            peaks,
            (self.about.change, self.about.middle),
            self.about.bound.low >= 0,
            self.overlap,
            self.about.fine and (self.about.fine, self.about.spread),
        )


def side_by_side(evidence: Sequence[Evidence]) -> Evidence:
    """Put evidence of one kind side by side, cell after cell: of many small arrays much the most is handling."""
    first = evidence[0]
    if len(evidence) == 1:
        return first
    return replace(
        first,
        persons=concat([each.persons for each in evidence], axis=1),
        sums={name: concat([each.sums[name] for each in evidence], axis=1) for name in first.sums},
        peaks={name: Peak.side_by_side([each.peaks[name] for each in evidence]) for name in first.peaks},
    )


def joined(p: Protocol, given: Sequence[Given]) -> list[Evidence]:
    """Join what the owners handed in: the largest contributions of all of them are found among theirs.

    Cost: 10 rounds for the order of any two owners' contributions, 3 + log2(owners · depth) and 3 more.
    Reveals: nothing.
    """
    peaks = [peak for each in given for peak in each.peaks.values()]
    groups = grouped([(*peak.top.shape[:2], peak.at is None) for peak in peaks])
    # An owner's contributions are like those of a cell of their own, all in one line: each cell is a line.
    ranked = []
    for at in groups:
        tops, counts = [peaks[i].top for i in at], [each for i in at if (each := peaks[i].at) is not None]
        top = concat(tops, axis=2)
        ranked.append(
            Ranked.of(
                top.map(_owner_by_owner),
                concat(counts, axis=1).map(_on_diagonal) if counts else None,
                np.tile(np.arange(top.shape[2]), top.shape[0]),
            )
        )
    made = top_of_lines(p, ordered(p, ranked), [None] * len(ranked))
    sizes = ([peaks[i].top.shape[2] for i in at] for at in groups)
    found = iter(ungrouped(groups, (peak.parted(own) for peak, own in zip(made, sizes, strict=True))))
    return [Evidence(each.about, each.persons, each.sums, {name: next(found) for name in each.peaks}) for each in given]


@dataclass(frozen=True, slots=True)
class Order:
    """Which contributions of the cells of a line are larger than which, on shares, for each peak of an evidence."""

    evidence: Evidence
    line: Index
    peaks: Mapping[str, Ordered]


def orders(
    p: Protocol, wanted: Sequence[tuple[Evidence, Index]], also: Sequence[Ranked] = ()
) -> tuple[list[Order], list[Ordered]]:
    """Compare the contributions of all pairs of cells of a line, for each evidence with the line of each of its cells.

    And `also` what else is to be compared with them in the same rounds.

    Cost: 10 rounds.
    Reveals: nothing.
    """
    ranked = [Ranked.of(peak.top, peak.at, line) for evidence, line in wanted for peak in evidence.peaks.values()]
    found = iter(ordered(p, [*ranked, *also]))
    own = [Order(evidence, line, {name: next(found) for name in evidence.peaks}) for evidence, line in wanted]
    return own, list(found)


def unions(p: Protocol, wanted: Sequence[tuple[Order, Arith]]) -> list[Evidence]:
    """Make, for each of these, the evidence of the cells of each line that are chosen.

    Shapes: each choice (cells,), 1 or 0; the evidence has a cell for each line.
    Cost: 7 rounds and log2 of the contributions in a line.
    Reveals: nothing.
    """
    # 1 (one round). What adds up, of chosen cells alone.
    parts = [(each, chosen) for each, chosen in wanted]
    spread: list[tuple[Arith, Arith]] = []
    for order, chosen in parts:
        evidence = order.evidence
        spread += [(each, chosen.broadcast_to(each.shape)) for each in (evidence.persons, *evidence.sums.values())]
    kept = iter(multiplied(p, spread))
    persons, sums = [], []
    for order, _ in parts:
        lines = int(order.line.max()) + 1
        persons.append(folded_rows(next(kept), order.line, lines))
        sums.append({name: folded_rows(next(kept), order.line, lines) for name in order.evidence.sums})
    # 2. The peaks.
    lists = [each for order, _ in parts for each in order.peaks.values()]
    choices = [chosen for order, chosen in parts for _ in order.peaks]
    found = iter(top_of_lines(p, lists, choices))
    return [
        Evidence(
            order.evidence.about,
            own,
            each,
            {name: next(found) for name in order.evidence.peaks},
            min(order.evidence.about.spread, int(np.bincount(order.line).max())),
        )
        for (order, _), own, each in zip(parts, persons, sums, strict=True)
    ]


def _owner_by_owner(part: Words) -> Words:
    """Put owners beside one another: (owners, depth, cells) to (depth, owners · cells)."""
    owners, depth, cells = part.shape
    return part.transpose(1, 0, 2).reshape(depth, owners * cells)


def _on_diagonal(part: Words) -> Words:
    """Let only its own owner's persons have the first of a list: (owners, cells) to (owners, owners · cells)."""
    owners, cells = part.shape
    made = np.zeros((owners, owners, cells), U64)
    made[np.arange(owners), np.arange(owners)] = part
    return made.reshape(owners, -1)
