"""Whom a combination of released numbers is really about: worked out from the tables, which no attacker has.

What the recipient knows of its own rows is taken away first. A combination gives somebody away if what remains is about
fewer persons than the rules ask for, or if one person, or one owner, makes up nearly all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from counterfoil.disclosure.attack import arithmetic
from counterfoil.disclosure.attack.arithmetic import Combination, combined
from counterfoil.disclosure.attack.boxes import Box, Cuts
from counterfoil.disclosure.attack.findings import COEFFICIENT, PROGRAMME, bounded, close, covers
from counterfoil.disclosure.attack.knowledge import Knowledge, Number
from counterfoil.governance.policies.rules import Rules
from tests.lib.histories import CHURN, NAMES, PRODUCTS, REGIONS, SELF, World

Floats = NDArray[np.float64]

CHANGES = (arithmetic.CHANGE, arithmetic.REST_CHANGE)
"""Ways whose persons are those who changed; what two cuts differ by over time may be nobody."""


@dataclass
class Truth:
    """The tables of one contract, by state."""

    worlds: Mapping[str, World]
    cuts: Cuts
    _inside: dict[tuple[str, Box], NDArray[np.bool_]] = field(default_factory=dict)
    _at: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.owner = np.full(1 + max(int(world[:, 0].max()) for world in self.worlds.values()), -1)
        for world in self.worlds.values():
            self.owner[world[:, 0]] = world[:, 1]

    def of(self, combination: Combination) -> Floats:
        """What each person contributes to it, by persons' numbers; the recipient's own rows contribute nothing."""
        total = np.zeros(self.owner.size)
        for weight, number in combination.terms:
            world = self.worlds[number.state]
            inside = self.inside(number)
            values = np.ones(len(world))
            for factor in number.factors:
                values = values * world[:, NAMES.index(factor)]
            np.add.at(total, world[inside, 0], weight * values[inside])
        total[self.owner == SELF] = 0
        return total

    def left(self, combination: Combination) -> bool:
        """Whether some owner has rows in one of its states, and none in another."""
        owners = {frozenset(self.worlds[number.state][:, 1].tolist()) for _, number in combination.terms}
        return len(owners) > 1

    def inside(self, number: Number) -> NDArray[np.bool_]:
        """Which rows of its state are in the number's box."""
        key = (number.state, number.box)
        if key not in self._inside:
            world = self.worlds[number.state]
            found = np.ones(len(world), bool)
            for column, parts in number.box:
                found &= np.isin(self._part(number.state, column), list(parts))
            self._inside[key] = found
        return self._inside[key]

    def _part(self, state: str, column: str) -> NDArray[np.int64]:
        values, cut = self.worlds[state][:, NAMES.index(column)], self.cuts.cuts[column]
        if cut.edges:
            return cut.of(values)
        words = {"region": REGIONS, "product": PRODUCTS}[column]
        return np.array([cut.names.index(word) for word in words])[values]


@dataclass(frozen=True, slots=True)
class Leak:
    """What gave somebody away."""

    way: str
    states: tuple[str, ...]
    cell: str
    what: str
    why: str


def leaks(
    knowledge: Knowledge, worlds: Mapping[str, World], rng: np.random.Generator, rules: Rules | None = None
) -> Iterator[Leak]:
    """Give every combination that gives somebody away by these rules, and what the linear programme narrows down."""
    if not knowledge.releases:
        return
    truth, rules = Truth(worlds, knowledge.cuts), rules or knowledge.rules
    for each in combined(knowledge, changes=True):
        if close(each, rules) and (why := wrong(each, truth.of(each), truth, rules, knowledge)):
            states = tuple(sorted({number.state for _, number in each.terms}))
            yield Leak(each.way, states, each.first.cell, each.first.what, why)
    yield from _coefficients(knowledge, truth, rules)
    yield from _programmed(knowledge, truth, rules, rng)


def wrong(each: Combination, given: Floats, truth: Truth, rules: Rules, knowledge: Knowledge) -> str:
    """Say what gives somebody away, or "" if nothing does."""
    persons, change = int((given != 0).sum()), each.way in CHANGES
    few = rules.safe_difference if change else rules.safe_threshold
    nothing = covers(each, knowledge) or not (change or rules.zeros_are_disclosive)
    if each.way == arithmetic.CUT and len({number.state for _, number in each.terms}) > 1:
        nothing = True  # over time, two cuts may differ by nobody
    if persons < few and not (persons == 0 and nothing):
        return f"about {persons} persons"
    if not each.first.factors or persons == 0:
        return ""
    size, share = np.abs(given), rules.safe_interval / 100
    if size.sum() - size.max() < share * size.max():
        return "one person makes up nearly all of it"
    owners = np.bincount(truth.owner[size > 0], size[size > 0])
    if change and truth.left(each) and owners.sum() - owners.max() < share * owners.max():
        return "one owner, which came or left, makes up nearly all of it"
    return ""


def _coefficients(knowledge: Knowledge, truth: Truth, rules: Rules) -> Iterator[Leak]:
    """Judge a released correlation with a flag as the group that has it: concluding on shares exempts nothing."""
    for release in knowledge.releases:
        for name, plan in release.exact:
            told = plan.told(release.opened[name]) if release.opened[name]["safe"].any() else ()
            columns = {column for each in told if each.coefficient for column in each.feature.factors}
            flags = sorted(column for column in columns if truth.cuts.bounds.get(column) == (0, 1))
            cells = [((flag, value),) for flag in flags for value in (0, 1)]
            cells += [((f, a), (g, b)) for f, g in combinations(flags, 2) for a, b in product((0, 1), repeat=2)]
            for cell in cells:
                box = tuple((flag, truth.cuts.cuts[flag].between(value, value + 1)) for flag, value in cell)
                number = Number(release.state, name, str(cell), (), box, 0, 0)
                persons = int((truth.of(Combination(arithmetic.ALONE, ((1, number),))) != 0).sum())
                if 0 < persons < rules.safe_threshold:
                    yield Leak(COEFFICIENT, (release.state,), str(cell), "group", f"about {persons} persons")


def _programmed(knowledge: Knowledge, truth: Truth, rules: Rules, rng: np.random.Generator) -> Iterator[Leak]:
    """Attack two successive releases, at random, with the linear programme."""
    states = knowledge.states
    at = int(rng.integers(max(1, len(states) - 1)))
    window = states[at : at + 2]
    weeks = int(window[-1][1:]) - int(window[0][1:])
    if all(len(each.box) == 0 for each in knowledge.hidden if each.state in window):
        return
    for interval in bounded(knowledge, window, 3 * CHURN * max(1, weeks), sums=False):
        if interval.what != "count" or interval.width >= rules.safe_interval:
            continue
        said = (interval.state, interval.analysis, interval.cell, ())
        number = next(each for each in knowledge.hidden if (each.state, each.analysis, each.cell, each.factors) == said)
        persons = int((truth.of(Combination(arithmetic.ALONE, ((1, number),))) != 0).sum())
        right = interval.low <= int(truth.inside(number).sum()) <= interval.high
        if right and 0 < persons < rules.safe_threshold:
            yield Leak(PROGRAMME, window, interval.cell, "count", f"{persons} persons: {interval.low}..{interval.high}")
