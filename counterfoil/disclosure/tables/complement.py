"""Complementary suppression: what would restore a hidden cell from its margins is hidden with it, on shares.

The requirement: what a line hides is a released number, since its margin less what it shows is that, whether the margin
is released by somebody or known from elsewhere; so the union of its hidden cells satisfies every rule that a cell does.
And anybody with everything that is published, by all analyses on one contract and to all recipients, the number of all
rows, and that no count is negative, still finds possible for a hidden cell's count every whole number of an interval at
least as wide as the minimum count.

Grid by grid, coarser ones first (`margins`): rows can be moved between cells of a hidden line, or of a hidden cube,
without a trace in any other table. Where a line's union fails, its smallest other cell joins it, then the next one;
then the whole line is hidden, and its union is the margin, which is judged itself. Where margins cross, a forbidden
cell needs the corners of a cube whose neighbours have as many rows as the minimum count; it gets the cheapest, and
where a line's union fails then, the whole grid is hidden. Under a hidden margin all finer cells are hidden. What is
done depends on public shapes alone; which cells are hidden stays shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from counterfoil.disclosure.declaration import Cells, Declaration
from counterfoil.disclosure.evidence import Evidence, Order, orders, unions
from counterfoil.disclosure.evidence_tests import tests, together
from counterfoil.disclosure.lattice import Axes, Grid, Index
from counterfoil.disclosure.suppression import judge
from counterfoil.disclosure.tables.crossings import judged_as
from counterfoil.disclosure.tables.layout import Layout
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.compare import is_zero, less_than, msb
from counterfoil.mpc.circuits.core.convert import b2a, inject
from counterfoil.mpc.circuits.core.ranked import Ordered, Ranked, cut, folded, multiplied, pairs
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

SINGLE: Final = "single"
"""The test that a line does not hide one cell alone."""


def neighbours(analyses: Mapping[str, Declaration], name: str) -> list[str]:
    """Name the analyses without which less of this one would be hidden: their tables share axes with it."""
    here, contract = analyses[name].axes() or (), analyses[name].planned.contract
    columns = {column for column, parts in here if len(parts) > 1}
    found = []
    for other, analysis in analyses.items():
        cut = {column for column, parts in analysis.axes() or () if len(parts) > 1}
        alike = analysis.planned.contract == contract and analysis.noise is None and analyses[name].noise is None
        if other != name and alike and cut & columns and cut != columns:
            found.append(other)
    return found


@dataclass(slots=True, eq=False)
class Place:
    """A grid of a contract, and what is known of its cells: evidence and tests, what is forbidden, what is hidden.

    Where it `crosses` filters, nothing is released of it, and a cell may be empty.
    """

    contract: str
    layout: Layout
    grid: Grid
    crosses: bool = False
    evidence: Sequence[Evidence] = ()
    tests: Sequence[Mapping[str, Arith]] = ()
    forbidden: list[Arith] = field(default_factory=list)
    own: Arith = field(init=False)
    hidden: Arith = field(init=False)
    compared: list[Order] = field(default_factory=list)
    counts: Ordered = field(init=False)
    filled: Arith = field(init=False)

    @property
    def rules(self) -> Rules:
        """The rules by which its cells are judged."""
        return judged_as(self.layout.rules) if self.crosses else self.layout.rules

    def is_of(self, layout: Layout, axes: Axes) -> bool:
        return self.layout is layout and self.grid.axes == axes

    @property
    def persons(self) -> Arith:
        """How many persons are in each cell."""
        return next(each for each in self.evidence if not each.about.feature.factors).persons.sum(axis=0)

    @property
    def below(self) -> list[Axes]:
        return [each.axes for each in self.layout.lattice.below(self.grid)]

    def lines(self) -> list[Index]:
        """Return the number of the line of each cell: of those along the grid's group, or of each of its margins."""
        if len(self.grid.groups) == 1:
            return [self.grid.lines]
        return [self.grid.margin(axes) for axes in self.below if not any(set(axes) < set(each) for each in self.below)]


def tests_of(
    p: Protocol, wanted: Sequence[tuple[Place, object]], evidence: Sequence[Evidence]
) -> list[dict[str, Arith]]:
    """Make the tests of evidence of many places; those with the same rules, which are all of an agreement, at once."""
    found: dict[int, dict[str, Arith]] = {}
    for rules in dict.fromkeys(place.rules for place, _ in wanted):
        at = [i for i, (place, _) in enumerate(wanted) if place.rules == rules]
        found |= zip(at, tests(p, rules, [evidence[i] for i in at]), strict=True)
    return [found[i] for i in range(len(evidence))]


def complement(p: Protocol, places: Sequence[Place]) -> None:
    """Decide what is hidden, of all grids with equally long chains of margins side by side.

    Shapes: `hidden` of a place is (cells,), 1 or 0, as `forbidden` are.
    Cost: 19 rounds, and some 55 for all grids together that are equally far from the number of all rows; a comparison
        for every pair of contributions of a line.
    Reveals: nothing.
    """
    # 1. The order of all contributions, and of counts, along the lines of each grid; and which cells have anybody.
    lined = [place for place in places if place.grid.groups]
    wanted = [(each, line) for place in lined for line in place.lines() for each in place.evidence]
    single = [place for place in lined if len(place.grid.groups) == 1]
    counts = [Ranked.of(-place.persons.reshape(1, -1), None, place.grid.lines) for place in single]
    compared, order = orders(p, wanted, counts) if lined else ([], [])
    for place in lined:
        many = len(place.lines()) * len(place.evidence)
        place.compared, compared = compared[:many], compared[many:]
    for place, each, filled in zip(single, order, _some(p, [place.persons for place in single]), strict=True):
        place.counts, place.filled = each, filled
    # 2. Coarser grids first.
    depths: dict[Place, int] = {}
    for place in places:
        depths[place] = max((depths[_at(places, place, axes)] + 1 for axes in place.below), default=0)
    for depth in range(max(depths.values()) + 1):
        here = [place for place in places if depths[place] == depth]
        wide = [
            _sum(
                [*place.forbidden, *(_at(places, place, axes).hidden[place.grid.margin(axes)] for axes in place.below)]
            )
            for place in here
        ]
        flags = _some(p, [*(_sum(place.forbidden) for place in here), *wide])
        for place, own, hidden in zip(here, flags, flags[len(here) :], strict=False):
            place.own, place.hidden = own, hidden
        _along_lines(p, [place for place in here if len(place.grid.groups) == 1])
        _in_cubes(p, [place for place in here if len(place.grid.groups) > 1])


def _at(places: Sequence[Place], like: Place, axes: Axes) -> Place:
    return next(each for each in places if each.is_of(like.layout, axes))


def _along_lines(p: Protocol, places: Sequence[Place]) -> None:
    """Hide besides, in each line whose union fails, its smallest other cell, the next one, or all."""
    if not places:
        return
    # 1 (two rounds). How many cells that are shown and have anybody are smaller than each.
    shown = multiplied(p, [(p.add_public(-place.hidden, 1), place.filled) for place in places])
    smaller = []
    for place, each in zip(places, shown, strict=True):
        of = place.counts.of
        smaller += [(place.counts.less[0, 0], each[of.second]), (place.counts.under, each[of.first])]
    made = iter(multiplied(p, smaller))
    before = [
        folded(next(made), place.counts.of.first, each.size) + folded(next(made), place.counts.of.second, each.size)
        for place, each in zip(places, shown, strict=True)
    ]
    # 2 (some rounds). The smallest, and the next one. If only the first of equal ones were taken, a reader could tell
    #    which of the hidden cells is the forbidden one.
    hiding = [folded(place.hidden, place.grid.lines, int(place.grid.lines.max()) + 1) for place in places]
    others = _some(p, [*before, *(p.add_public(each, -1) for each in before), *hiding])
    at = [p.add_public(-each, 1) for each in others[: 2 * len(places)]]
    some = others[2 * len(places) :]
    ranks = multiplied(p, [*zip(at, [*shown, *shown], strict=True)])
    first = ranks[: len(places)]
    second = [one + other for one, other in zip(first, ranks[len(places) :], strict=True)]
    # 3. The three unions, side by side.
    steps = [
        [place.hidden, place.hidden + one, place.hidden + two]
        for place, one, two in zip(places, first, second, strict=True)
    ]
    asked = [(place, choice) for place, each in zip(places, steps, strict=True) for choice in each]
    safe = _passing(p, [(place, place.grid.lines, choice) for place, choice in asked])
    # 4 (four rounds). Each line needs more as long as its union fails.
    needs = [[each] for each in some]
    for step in range(3):
        pairs = [(own[-1], p.add_public(-safe[3 * i + step], 1)) for i, own in enumerate(needs)]
        for own, each in zip(needs, multiplied(p, pairs), strict=True):
            own.append(each)
    adding = []
    for place, own, one, two in zip(places, needs, first, second, strict=True):
        line, rest = place.grid.lines, p.add_public(-place.hidden - two, 1)
        adding += [(own[1][line], one), (own[2][line], two - one), (own[3][line], rest)]
    added = iter(multiplied(p, adding))
    for place in places:
        place.hidden = place.hidden + next(added) + next(added) + next(added)


def _in_cubes(p: Protocol, places: Sequence[Place]) -> None:
    """Hide a cube, whose neighbours have persons enough, for every forbidden cell; or all cells, if a union fails."""
    for place in places:
        place.hidden = _cubes(p, place.grid, place.persons, place.own, place.hidden, place.layout.rules.safe_threshold)
    asked = [(place, line, place.hidden) for place in places for line in place.lines()]
    if not asked:
        return
    safe = _passing(p, asked)
    hiding = _some(p, [folded(hidden, line, int(line.max()) + 1) for _, line, hidden in asked])
    failing = multiplied(p, [(some, p.add_public(-each, 1)) for some, each in zip(hiding, safe, strict=True)])
    for place in places:
        own = [each.sum() for each, (of, _, _) in zip(failing, asked, strict=True) if of is place]
        place.hidden = place.hidden + _sum(own).reshape(1).broadcast_to((place.grid.size,))
    for place, hidden in zip(places, _some(p, [place.hidden for place in places]), strict=True):
        place.hidden = hidden


def _passing(p: Protocol, wanted: Sequence[tuple[Place, Index, Arith]]) -> list[Arith]:
    """Return 1 for each line of which the chosen cells, of more than one, satisfy all rules together.

    Cost: that of `unions`, of their tests, and of the verdict.
    """
    chosen = [
        (order, choice, place)
        for place, line, choice in wanted
        for order in place.compared
        if order.line is line or np.array_equal(order.line, line)
    ]
    found = unions(p, [(order, choice) for order, choice, _ in chosen])
    made = iter(zip(found, tests_of(p, [(place, order) for order, _, place in chosen], found), strict=True))
    cells, rules = [], []
    for place, line, choice in wanted:
        own = [next(made) for _ in place.evidence]
        persons = next(each for each, _ in own if not each.about.feature.factors).persons.sum(axis=0)
        several = p.add_public(folded(choice, line, int(line.max()) + 1), -2).reshape(1, -1)
        cells.append(Cells(persons, {}, together({SINGLE: several}, *(each for _, each in own))))
        rules.append(place.layout.rules)
    return [verdict.safe for verdict in judge(p, cells, rules)]


def _cubes(p: Protocol, grid: Grid, count: Arith, own: Arith, hidden: Arith, minimum: int) -> Arith:
    """Hide a cube, whose neighbours have persons enough, for every forbidden cell; or all cells."""
    corners, cell = grid.cubes
    odd = [which for which in range(corners.shape[1]) if which.bit_count() % 2]
    # 1 (12 rounds). Which cells have rows enough; which cubes have that in all neighbours of their first corner.
    enough = p.add_public(-b2a(p, msb(p, p.add_public(count, -minimum))), 1)
    fits = enough[corners[:, odd[0]]]
    for which in odd[1:]:
        fits = p.multiply(fits, enough[corners[:, which]])
    # 2. The cube of each cell that hides the fewest rows more.
    price = p.multiply(count, p.add_public(-hidden, 1))
    cost = _sum([price[corners[:, which]] for which in range(1, corners.shape[1])])
    best = p.multiply(_least(p, cost, fits, cell), own[cell])
    # 3. A forbidden cell without any such cube hides the whole grid.
    (some,) = _some(p, [folded(fits, cell, grid.size)])
    lacking = p.multiply(own, p.add_public(-some, 1))
    everything = lacking.sum().reshape(1).broadcast_to((grid.size,))
    reach = _sum([folded(best, corners[:, which], grid.size) for which in range(corners.shape[1])])
    return _some(p, [hidden + reach + everything])[0]


def _least(p: Protocol, value: Arith, eligible: Arith, line: Index) -> Arith:
    """Return 1 at the smallest eligible value of each line, and at those equal to it; 0 where none is eligible.

    If the first of equal ones were taken, a reader could tell which of two hidden cells is the forbidden one.
    """
    i, j = pairs(line)
    if not i.size:
        return eligible
    # 1 (10 rounds). For every pair of a line, whether the one is smaller, whether the other is.
    smaller = b2a(p, less_than(p, concat([value[j], value[i]]), concat([value[i], value[j]])))
    # 2 (one round). How many eligible cells are smaller than each.
    before = p.multiply(concat([eligible[j], eligible[i]]), smaller)
    rank = folded(before, np.concatenate([i, j]), line.size)
    # 3. The eligible ones that nothing eligible is smaller than.
    width = max(1, int(np.bincount(line).max()).bit_length())
    return inject(p, is_zero(p, rank, width), eligible)


def _some(p: Protocol, arrays: Sequence[Arith]) -> list[Arith]:
    """Return 1 where a number is not 0, for all arrays in one pass. Cost: 9 rounds."""
    if not arrays:
        return []
    flags = p.add_public(-b2a(p, is_zero(p, concat(arrays))), 1)
    return cut(flags, [each.size for each in arrays])


def _sum(arrays: Sequence[Arith]) -> Arith:
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total
