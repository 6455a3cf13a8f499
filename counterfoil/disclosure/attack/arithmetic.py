"""What follows from released numbers by adding and subtracting them, so that nothing hides behind a solver's slack.

Every combination is a sum of released sums with small whole weights; how many persons it is about, and what it adds up
to, is known at once. `support` in tests tells who these persons really are.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import Final

from counterfoil.disclosure.attack.boxes import Box
from counterfoil.disclosure.attack.knowledge import Knowledge, Number

MOST_TOGETHER: Final = 4_096
"""So many cells of two tables are held against each other at most, for one state."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A sum of released numbers, with weights, by one way of combining them; it is from `low` to `high`.

    `rows` is how many rows of the last state are in the cells that it is about, where that is known.
    """

    way: str
    terms: tuple[tuple[int, Number], ...]
    rows: tuple[float, float] | None = None

    @property
    def low(self) -> float:
        return sum(weight * (each.low if weight > 0 else each.high) for weight, each in self.terms)

    @property
    def high(self) -> float:
        return sum(weight * (each.high if weight > 0 else each.low) for weight, each in self.terms)

    @property
    def first(self) -> Number:
        return self.terms[0][1]


ALONE: Final = "a released cell"
REST: Final = "a total less its cells that are shown"
CUT: Final = "two cuts of one column, subtracted"
CHANGE: Final = "two releases, subtracted"
REST_CHANGE: Final = "what two releases hide, subtracted"
WINDOW: Final = "three releases: the third less what the second has more than the first"


def combined(knowledge: Knowledge, *, changes: bool = False) -> Iterator[Combination]:
    """Give every combination of what is known that has few terms, and is of a kind that has given persons away.

    Changes that nodes judged are left out, unless `changes` are asked for: what is known of these is that they are
    large enough.
    """
    by_state = {state: _of(knowledge, state) for state in knowledge.states}
    for numbers in by_state.values():
        yield from (Combination(ALONE, ((1, each),), _rows(numbers, each)) for each in numbers.values())
    rests = {state: list(_rests(numbers)) for state, numbers in by_state.items()}
    for found in rests.values():
        yield from found
    for then, now in combinations(knowledge.states, 2):
        if (then, now) in knowledge.judged and not changes:
            continue
        for key in by_state[now].keys() & by_state[then].keys():
            number = by_state[now][key]
            yield Combination(CHANGE, ((1, number), (-1, by_state[then][key])), _rows(by_state[now], number))
        yield from _between(rests[then], rests[now])
        yield from _recut(by_state[then], by_state[now])
    yield from _windows(by_state)


def _recut(then: dict[_Key, Number], now: dict[_Key, Number]) -> Iterator[Combination]:
    """Give a cell of one release less one of another, where the same column was cut in another way then."""
    for key in now.keys() - then.keys():
        for old in then.keys() - now.keys():
            one, other = now[key], then[old]
            if one.factors != other.factors or {c for c, _ in one.box} != {c for c, _ in other.box}:
                continue
            if within(one.box, other.box) or within(other.box, one.box):
                yield Combination(CUT, ((1, one), (-1, other)), _rows(now, one))


def _windows(by_state: dict[str, dict[_Key, Number]]) -> Iterator[Combination]:
    """Give c - (b - a) for three states whose counts say that c is about what b has more than a."""
    states = sorted(by_state)
    for a, b, c in itertools.permutations(states, 3) if len(states) < _FEW_STATES else ():
        common = by_state[a].keys() & by_state[b].keys() & by_state[c].keys()
        for factors, box in common if a < b else ():
            one, two, three = (by_state[state].get(((), box)) for state in (a, b, c))
            if one is None or two is None or three is None:
                continue
            more = two.low - one.high
            left = (three.low - two.high + one.low, three.high - two.low + one.high)
            if more > 0 and left[0] > 0 and left[1] < more / 2:
                terms = tuple((w, by_state[s][factors, box]) for w, s in ((1, c), (-1, b), (1, a)))
                yield Combination(WINDOW, terms, left)


_FEW_STATES: Final = 12

_Key = tuple[tuple[str, ...], Box]


def _of(knowledge: Knowledge, state: str) -> dict[_Key, Number]:
    """Return the closest of all numbers that tell of the same sum."""
    found: dict[_Key, Number] = {}
    for each in knowledge.known:
        if each.state == state:
            old = found.get((each.factors, each.box))
            if old is None or each.high - each.low < old.high - old.low:
                found[each.factors, each.box] = each
    for each in [*_margins(knowledge, list(found.values()))]:
        found.setdefault((each.factors, each.box), each)
    return found


def _margins(knowledge: Knowledge, numbers: list[Number]) -> Iterator[Number]:
    """Add up the cells of every table along its columns, where all of a line are known."""
    tables: dict[tuple[object, ...], list[Number]] = defaultdict(list)
    for each in numbers:
        tables[each.analysis, each.factors, tuple(column for column, _ in each.box)].append(each)
    for same in tables.values():
        columns = [column for column, _ in same[0].box]
        for kept in itertools.chain.from_iterable(itertools.combinations(columns, n) for n in range(len(columns))):
            lines: dict[Box, list[Number]] = defaultdict(list)
            for each in same:
                lines[tuple((column, parts) for column, parts in each.box if column in kept)].append(each)
            whole = prod(knowledge.cuts.cuts[column].size for column in columns if column not in kept)
            for box, line in lines.items():
                sizes = (prod(len(parts) for column, parts in each.box if column not in kept) for each in line)
                if sum(sizes) == whole and disjoint(line):
                    said = f"all that is in {line[0].cell} and {len(line) - 1} more"
                    ends = sum(each.low for each in line), sum(each.high for each in line)
                    yield replace(line[0], cell=said, box=box, low=ends[0], high=ends[1])


def _rests(numbers: dict[_Key, Number]) -> Iterator[Combination]:
    """Give what is left of every known sum when known sums over disjoint parts of its box are taken away.

    Parts of one table are taken away together: all that it shows; and single ones, where two tables cut a column in
    two ways.
    """
    by_factors: dict[tuple[str, ...], list[Number]] = defaultdict(list)
    for (factors, _), number in numbers.items():
        by_factors[factors].append(number)
    for same in by_factors.values():
        tables: dict[tuple[str, frozenset[str]], list[Number]] = defaultdict(list)
        for each in same:
            tables[each.analysis, frozenset(column for column, _ in each.box)].append(each)
        for whole in same:
            for parts in tables.values():
                if len(parts) * len(same) > MOST_TOGETHER:
                    continue
                inside = [part for part in parts if part is not whole and within(part.box, whole.box)]
                if inside and disjoint(inside):
                    terms = ((1, whole), *((-1, each) for each in inside))
                    yield Combination(REST, terms, _rows(numbers, whole, inside))
        yield from _cuts(numbers, same)


def _cuts(numbers: dict[_Key, Number], same: list[Number]) -> Iterator[Combination]:
    """Give differences of two cells of one column's cuts, where one cell holds the other, or all up to an edge."""
    if len(same) ** 2 > MOST_TOGETHER:
        return
    for one, other in itertools.permutations(same, 2):
        if one.analysis != other.analysis and other.box and one.box != other.box and within(other.box, one.box):
            columns = {column for column, _ in one.box}
            if columns == {column for column, _ in other.box}:
                yield Combination(CUT, ((1, one), (-1, other)), _rows(numbers, one, [other]))


def _rows(numbers: dict[_Key, Number], whole: Number, parts: Iterable[Number] = ()) -> tuple[float, float] | None:
    """Count the rows of the whole that are in no part, if all of that is known."""
    every = [numbers.get(((), each.box)) for each in (whole, *parts)]
    if any(each is None for each in every):
        return None
    first, *rest = (each for each in every if each is not None)
    return (first.low - sum(each.high for each in rest), first.high - sum(each.low for each in rest))


def _between(then: list[Combination], now: list[Combination]) -> Iterator[Combination]:
    """Give what the same rest of two states differs by."""
    key = {_shape(each): each for each in then}
    for each in now:
        if (old := key.get(_shape(each))) is not None:
            before = ((-weight, number) for weight, number in old.terms)
            yield Combination(REST_CHANGE, (*each.terms, *before), each.rows)


def _shape(each: Combination) -> tuple[object, ...]:
    return tuple(sorted((weight, number.factors, _sortable(number.box)) for weight, number in each.terms))


def _sortable(box: Box) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((column, tuple(sorted(parts))) for column, parts in box)


def within(part: Box, whole: Box) -> bool:
    """Tell whether every row of the one box is in the other."""
    own = dict(part)
    return all(column in own and own[column] <= parts for column, parts in whole)


def disjoint(numbers: list[Number]) -> bool:
    """Tell whether no row is in two of the boxes, which are all cut by the same columns."""
    seen: set[tuple[int, ...]] = set()
    for each in numbers:
        cells = set(itertools.product(*(sorted(parts) for _, parts in each.box)))
        if cells & seen:
            return False
        seen |= cells
    return True
