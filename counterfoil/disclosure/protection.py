"""What may leave a computation, of all analyses together: each is judged by itself, and by what others would restore.

A noised result is judged by its own counts alone: what is hidden of it must depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from counterfoil.data.encode import columns_of
from counterfoil.disclosure.declaration import Cells, Declaration, sums_released
from counterfoil.disclosure.evidence import Given, joined
from counterfoil.disclosure.evidence_tests import line_tests, tests, together
from counterfoil.disclosure.features import of_one_unit
from counterfoil.disclosure.lattice import Axes, Index, cells_of
from counterfoil.disclosure.suppression import Judged, judge
from counterfoil.disclosure.tables.complement import Place, complement, tests_of
from counterfoil.disclosure.tables.crossings import crossed_cells
from counterfoil.disclosure.tables.layout import Layout
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.compare import is_zero
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.ranked import cut, folded, multiplied
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, concat


@dataclass(frozen=True, slots=True)
class Protected:
    """What the rules say of each analysis by itself, and 1 in the cells that may leave side by side.

    Shapes: those of the cells.
    """

    judged: Mapping[str, Judged]
    safe: Mapping[str, Arith]


def protect(
    p: Protocol,
    analyses: Mapping[str, Declaration],
    layouts: Mapping[str, Layout],
    cells: Mapping[str, Cells],
    given: Mapping[str, Mapping[Axes, Sequence[Given]]],
    *,
    complementary: bool = True,
) -> Protected:
    """Judge all cells by what owners gave, by contract and grid, and hide what would restore forbidden ones.

    `cells` are those that may leave at all: of what is not among them nothing is released, and it hides nothing.

    Shapes: `given` lists the evidence of each grid of each layout.
    Cost: 17 rounds for the largest contributions, 9 for the tests, 16 for the verdict; then 19, and some 55 for all
        grids together that are equally far from the number of all rows; 8 at most where a table leaves as a whole.
    Reveals: nothing.
    """
    if not cells:
        return Protected({}, {})
    # 1. What all owners have together, and its tests.
    places = [
        Place(name, layout, grid)
        for name, layout in layouts.items()
        for grid in layout.lattice.grids
        if any(set(grid.axes) <= set(axes) for table, axes in layout.axes.items() if table in cells)
    ]
    exact = [name for name in cells if analyses[name].noise is None]
    crossing = [
        (Place(name, layout, each.grid, crosses=True), hidden)
        for name, layout in layouts.items()
        for each in layout.crossed
        if (hidden := each.hides(exact))
    ]
    places, lattice = [*places, *(place for place, _ in crossing)], places
    handed = [list(given[place.contract][place.grid.axes]) for place in places]
    evidence = joined(p, [each for own in handed for each in own])
    made = tests_of(p, [(place, each) for place, own in zip(places, handed, strict=True) for each in own], evidence)
    for place, own in zip(places, handed, strict=True):
        place.evidence, evidence = evidence[: len(own)], evidence[len(own) :]
        place.tests, made = made[: len(own)], made[len(own) :]
    # 2. The verdict on each analysis, and on each grid whether it is released or not.
    tables = [
        _Table.of(analyses, name, cells, next(each for each in places if each.is_of(layout, axes)))
        for layout in layouts.values()
        for name, axes in layout.axes.items()
        if name in cells
    ]
    tested = dict(cells) | {table.name: table.tested(p) for table in tables}
    grids = [Cells(place.persons, {}, together(*_of_tables(analyses, cells, place))) for place in lattice]
    grids += [crossed_cells(place.persons, place.tests) for place, _ in crossing]
    rules = [*(analyses[name].rules for name in cells), *(place.rules for place in places)]
    verdicts = judge(p, [*tested.values(), *grids], rules)
    judged = dict(zip(cells, verdicts, strict=False))
    safe = {name: each.safe for name, each in judged.items()}
    found = dict(zip(places, verdicts[len(cells) :], strict=True))
    safe |= _uncrossed(p, safe, [(found[place].safe, hidden) for place, hidden in crossing])
    # 3. What goes with what is forbidden.
    if complementary and lattice:
        for place in lattice:
            verdict = found[place]
            place.forbidden = [p.add_public(-verdict.safe, 1)]
        tables = [table for table in tables if table.name in table.place.layout.lattice.tables]
        for table in tables:
            table.place.forbidden.append(table.on_grid(p, p.add_public(-safe[table.name], 1)))
        complement(p, lattice)
        safe |= {table.name: p.add_public(-table.off_grid(table.place.hidden), 1) for table in tables}
    # 4. What is concluded from cells together stays with any of them.
    safe |= _wholes(p, {name: each for name, each in safe.items() if analyses[name].whole_from is not None}, analyses)
    return Protected(judged, safe)


def _uncrossed(p: Protocol, safe: Mapping[str, Arith], crossing: Sequence[tuple[Arith, str]]) -> dict[str, Arith]:
    """Let nothing leave of a plan where a cell of its filter and another's fails: what is safe of those plans then.

    Shapes: each crossing (cells,), 1 where a cell is safe, with the plan that it hides.
    Cost: 10 rounds, where filters cross.
    Reveals: nothing.
    """
    if not crossing:
        return {}
    failing = [p.add_public(-each.sum(), each.size).reshape(1) for each, _ in crossing]
    names = list(dict.fromkeys(name for _, name in crossing))
    at = np.array([names.index(name) for _, name in crossing], np.int64)
    passes = b2a(p, is_zero(p, folded(concat(failing), at, len(names))))
    flags = [passes[place : place + 1].broadcast_to((safe[name].size,)) for place, name in enumerate(names)]
    made = multiplied(p, [(safe[name].reshape(-1), flag) for name, flag in zip(names, flags, strict=True)])
    return {name: each.reshape(*safe[name].shape) for name, each in zip(names, made, strict=True)}


def _wholes(p: Protocol, safe: Mapping[str, Arith], analyses: Mapping[str, Declaration]) -> dict[str, Arith]:
    """Return 1 for the cells of each part of a table that leaves as a whole, where all of them may leave."""
    if not safe:
        return {}
    hidden = {}
    for name, each in safe.items():
        parts = prod(each.shape[: analyses[name].whole_from])
        hidden[name] = p.add_public(-each, 1).reshape(parts, -1).sum(axis=1)
    width = max(each.size for each in safe.values()).bit_length()
    found = b2a(p, is_zero(p, concat(list(hidden.values())), width))
    made = {}
    for (name, each), bits in zip(safe.items(), cut(found, [each.size for each in hidden.values()]), strict=True):
        spread = bits.reshape(bits.size, 1).broadcast_to((bits.size, each.size // bits.size))
        made[name] = spread.reshape(*each.shape)
    return made


def _blamed(difference: str, released: Container[tuple[str, ...]]) -> str:
    """Say which of two columns leaves the statistics that are concluded from it, where the difference may not leave.

    The one that no table releases; else the second.
    """
    one, other = columns_of(difference)
    return one if (other,) in released and (one,) not in released else other


def _released(analyses: Mapping[str, Declaration], cells: Collection[str], layout: Layout) -> set[tuple[str, ...]]:
    """List the sums that those tables tell which may leave at all, beside what others tell in other periods."""
    tables = layout.lattice.tables
    leaving = (analyses[name] for name in tables if name in cells)
    return sums_released(layout.contract, leaving, (analyses[name] for name in tables))


def _of_tables(analyses: Mapping[str, Declaration], cells: Collection[str], place: Place) -> list[Mapping[str, Arith]]:
    """Give the tests of what tables release: what only concluded cells are made of hides these, and no table."""
    released = _released(analyses, cells, place.layout)
    pairs = zip(place.tests, place.evidence, strict=True)
    return [made for made, of in pairs if of.about.feature.factors in released]


def unchanged(p: Protocol, rules: Rules, tables: Sequence[Sequence[Given]]) -> Arith:
    """Return 1 for each table of which too little changed, in all its rows, since something it is compared with.

    Shapes: each evidence is of one cell, all rows of a table; the result (len(tables),).
    Cost: as that of `joined`, of its tests and of a verdict; none where nothing is compared.
    Reveals: nothing; the caller may open it if the agreement says so.
    """
    waits = p.constant(np.zeros(len(tables), U64))
    compared = [at for at, given in enumerate(tables) if given]
    if not compared:
        return waits
    made = iter(tests(p, rules, joined(p, [each for at in compared for each in tables[at]])))
    rows = p.constant(np.array([rules.safe_threshold], U64))
    cells = [Cells(rows, {}, together(*(next(made) for _ in tables[at]))) for at in compared]
    verdicts = judge(p, cells, [rules] * len(cells))
    close = concat([p.add_public(-each.safe, 1) for each in verdicts])
    return waits + folded(close, np.array(compared, np.int64), len(tables))


@dataclass(frozen=True, slots=True)
class _Table:
    """An analysis's cells, and where each is on its grid, which is flattened over sorted axes.

    Cells that are on no grid are concluded from all rows; `made_of` names the features that each cell goes by.
    """

    name: str
    cells: Cells
    place: Place
    made_of: Sequence[frozenset[tuple[str, ...]]]
    rules: Rules
    at: Index | None

    @classmethod
    def of(cls, analyses: Mapping[str, Declaration], name: str, cells: Mapping[str, Cells], place: Place) -> _Table:
        analysis, layout = analyses[name], place.layout
        parts, axes = analysis.axes(), place.grid.axes
        at = None if parts is None else np.zeros(1, np.int64)
        if parts and axes:
            order = cells_of([len(each) for _, each in parts], [column for column, _ in parts], axes)
            at = np.argsort(order)[analysis.cells()]
        made_of = [{(), *(feature.factors for feature in each)} for each in analysis.made_of()]
        released = _released(analyses, cells, layout)
        for (factor,) in of_one_unit(layout.contract, [each.about.feature.factors for each in place.evidence]):
            for own in (each for each in made_of if (_blamed(factor, released),) in each):
                own.add((factor,))
        return cls(name, cells[name], place, [frozenset(each) for each in made_of], analysis.rules, at)

    def on_grid(self, p: Protocol, x: Arith) -> Arith:
        """Place numbers of its cells on the grid, with 0 in cells that are not released."""
        flat, at = x.reshape(-1), np.arange(0) if self.at is None else self.at
        place = np.full(self.place.grid.size, flat.size)
        place[at] = np.arange(flat.size)
        return concat([flat, p.constant(np.zeros(1, U64))])[place]

    def off_grid(self, x: Arith) -> Arith:
        """Take numbers for its cells from the grid. Shapes: (*lead, grid) to (*lead, *cells)."""
        shape, lead = self.cells.count.shape, x.shape[:-1]
        if self.at is None:
            return x.reshape(*lead, *[1] * len(shape)).broadcast_to((*lead, *shape))
        return x[..., self.at].reshape(*lead, *shape)

    def tested(self, p: Protocol) -> Cells:
        """Give its cells the tests of the features that each is made of."""
        own = []
        for made, of in zip(self.place.tests, self.place.evidence, strict=True):
            goes = np.array([of.about.feature.factors in each for each in self.made_of], np.int64)
            if goes.any():
                by = goes.item() if goes.size == 1 else goes.reshape(self.cells.count.shape)
                own.append({rule: self.off_grid(test) * by for rule, test in made.items()})
        lines = {} if self.at is None else line_tests(p, self.rules, self.off_grid(self.place.persons))
        return replace(self.cells, tests=together(self.cells.tests, *own, lines))
