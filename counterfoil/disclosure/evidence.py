"""What nodes hold, on shares, of the persons behind the cells of a grid: what every disclosure test goes by.

An `Evidence` is about one feature in the cells of one grid of one contract. Owners hand in its arrays, each of its own
rows, as `Given`; `joined` finds what only all of them together have. Of everything that tests ask there are two kinds:

* **additive**: persons of each owner, and sums over all of them. Those of several cells are added up;
* **peaks**: the largest contributions in a cell, largest first. Of several cells they are the largest of all.

So an evidence of cells makes one of any union of cells, and the same tests judge both:

* `union(p, evidence, chosen, line, order)` makes the evidence of the cells of each line that are chosen on shares;
* `evidence_tests.tests(p, rules, evidence)` makes numbers by rule, (t, cells), that are not negative where a cell, or a
  union, may leave.

Suppression and complement take, for each contract and grid, a list of evidence, and ask nothing else of it: whatever
joins that list is kept for cells and for what lines hide alike. What changed since a remembered state joins it as
`Given.of_changes`, one for each state and feature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.ring.shares import Arith

LARGEST: Final = "largest"
"""Peak of f."""

SMALLEST: Final = "smallest"
"""Peak of -f: a list of the smallest, with the other sign, is largest first, too."""

HEAVIEST: Final = "heaviest"
"""Peak of |f|."""

SUM: Final = "sum"
MAGNITUDE: Final = "magnitude"
"""Sums over all persons of f, and of |f|."""


@dataclass(frozen=True, slots=True)
class About:
    """What is public of an evidence: of which feature, between which bounds a person's part is, and what is asked.

    A person may be in `spread` cells of the grid at most, and counts once in each of them. `change` is of what differs
    from a remembered state: then at least `safe_difference` persons must, and none is too few.
    """

    feature: str
    bound: Bound
    spread: int = 1
    change: bool = False


@dataclass(frozen=True, slots=True)
class GivenPeak:
    """The largest contributions that each owner has in each cell, and how many of its persons have the largest.

    Where an owner has fewer, the lowest public bound is in their place.

    Shapes: top (owners, depth, cells), depth a power of two; at (owners, cells).
    """

    top: Arith
    at: Arith | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """The arrays of one evidence as the owners hand them in, stacked in one order of owners.

    Shapes: persons (owners, cells); each sum (owners, cells).
    """

    about: About
    persons: Arith
    sums: Mapping[str, Arith] = field(default_factory=dict)
    peaks: Mapping[str, GivenPeak] = field(default_factory=dict)

    @classmethod
    def of_changes(
        cls, about: About, changed: Sequence[Arith], moved: Sequence[Arith], moved_largest: Sequence[Arith]
    ) -> list[Given]:
        """Make one for each remembered state, from what each owner counted of its own changes.

        Shapes: for each owner changed and moved (states, cells), moved_largest (states, depth, cells).
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest contributions of all owners in each cell, and how many persons of each owner have the largest.

    Shapes: top (depth, cells); at (owners, cells).
    """

    top: Arith
    at: Arith | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all owners have together of one feature in some cells.

    Shapes: persons (owners, cells); each sum (cells,).
    """

    about: About
    persons: Arith
    sums: Mapping[str, Arith]
    peaks: Mapping[str, Peak]
