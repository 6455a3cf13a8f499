"""What could be narrowed down, to how few persons and how closely: the attacker's answer, judged by `safe_interval`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import ceil, floor, prod, sqrt
from typing import Final

from counterfoil.disclosure.attack import arithmetic
from counterfoil.disclosure.attack.arithmetic import Combination, within
from counterfoil.disclosure.attack.knowledge import Knowledge, Number
from counterfoil.disclosure.attack.programme import Interval, Programme
from counterfoil.errors import PlanError
from counterfoil.governance.policies.rules import Rules

CHURN: Final = 0.05
"""Not more than this share of a table's rows comes, or leaves, from one release to the next, as an attacker thinks."""

_SLACK: Final = 1e-6
_NAMED: Final = 4

PROGRAMME: Final = "all released numbers together"
SPIKE: Final = "count, sum and sum of squares of one column"
COEFFICIENT: Final = "a correlation, with mean and spread"


@dataclass(frozen=True, slots=True)
class Finding:
    """A number about so few persons that it should not be known, and between what it must be.

    `persons` is the most that it can be about, by what is known. `way` says how it follows, `states` from what.
    """

    states: tuple[str, ...]
    cell: str
    what: str
    persons: int
    low: float
    high: float
    way: str

    @property
    def badness(self) -> tuple[float, float]:
        """Sort what is about fewer persons, and then what is known more closely, first."""
        return (self.persons, self.high - self.low)


@dataclass(frozen=True, slots=True)
class Attack:
    """What was found, worst first; how many numbers were tried; and what there was no time for."""

    findings: tuple[Finding, ...]
    tried: int
    left: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.left


def attack_all(
    knowledge: Knowledge,
    *,
    churn: float = CHURN,
    seconds: float = 60.0,
    told: Callable[[str], object] = bool,
    window: int = 2,
) -> Attack:
    """Try everything on what a recipient holds, and return what it narrows down below `safe_interval`.

    Arithmetic first, then a linear programme over every `window` successive states, until so many seconds are over.
    `told` is given a line on what is being tried.
    """
    end, rules = time.monotonic() + seconds, knowledge.rules
    found: dict[tuple[object, ...], Finding] = {}
    tried, left = 0, []
    told("adding and subtracting released numbers")
    for each in (
        *_by_arithmetic(knowledge, rules, churn),
        *_spikes(knowledge, rules),
        *_coefficients(knowledge, rules),
    ):
        _keep(found, each)
    tried += sum(1 for _ in knowledge.known)
    for states in _windows(knowledge.states, window if knowledge.linked else 1):
        told(f"everything released of {' and '.join(states)} together")
        if time.monotonic() >= end:
            left.append(f"linear programme over {' and '.join(states)}")
            continue
        try:
            for interval in bounded(knowledge, states, churn, lambda: time.monotonic() < end):
                tried += 1
                if (finding := _of_interval(interval, states, rules)) is not None:
                    _keep(found, finding)
        except PlanError as error:
            left.append(str(error))
            continue
        if time.monotonic() >= end:
            left.append(f"linear programme over {' and '.join(states)}, in part")
    return Attack(tuple(sorted(found.values(), key=lambda each: each.badness)), tried, tuple(left))


def bounded(
    knowledge: Knowledge,
    states: Sequence[str],
    churn: float,
    goes_on: Callable[[], bool] = lambda: True,
    *,
    sums: bool = True,
) -> list[Interval]:
    """Bound the hidden numbers of these states, with a larger share of changing rows where the numbers need it.

    Raises: PlanError if what was released cannot be true of any such tables, or if they are too large to attack.
    """
    share = churn
    while True:
        try:
            return list(Programme(knowledge, states, share, sums).intervals(goes_on=goes_on))
        except PlanError:
            if len(states) == 1 or share >= 1:
                raise
            share = min(1.0, share * 4)


def _windows(states: Sequence[str], size: int) -> list[tuple[str, ...]]:
    if len(states) < size:
        return [tuple(states)] if states else []
    return [tuple(states[at : at + size]) for at in range(len(states) - size + 1)]


def _keep(found: dict[tuple[object, ...], Finding], finding: Finding) -> None:
    key = (finding.states[-1:], finding.cell, finding.what)
    if key not in found or finding.badness < found[key].badness:
        found[key] = finding


def _of_interval(interval: Interval, states: Sequence[str], rules: Rules) -> Finding | None:
    """Judge a hidden number: a count of few persons, or any sum that is known to a few percent."""
    if interval.what == "count":
        if interval.low >= rules.safe_threshold or interval.width >= rules.safe_interval:
            return None
        persons = interval.high
    else:
        largest = max(abs(interval.low), abs(interval.high))
        if 100 * interval.width >= rules.safe_interval * largest:
            return None
        persons = rules.safe_threshold
    return Finding(
        tuple(states), f"{interval.cell} (hidden)", interval.what, persons, interval.low, interval.high, PROGRAMME
    )


def _by_arithmetic(knowledge: Knowledge, rules: Rules, churn: float) -> Iterator[Finding]:
    for each in arithmetic.combined(knowledge):
        if (persons := _persons(each, rules, churn, knowledge)) is not None:
            first = each.first
            cell = first.cell if each.way in (arithmetic.ALONE, arithmetic.CHANGE) else _rest(each, knowledge)
            states = tuple(sorted({number.state for _, number in each.terms}))
            yield Finding(states, cell, first.what, persons, _whole(each.low), _whole(each.high), each.way)


def _rest(each: Combination, knowledge: Knowledge) -> str:
    """Name the hidden cells that a total less what is shown is about, as the officer sees them in the table."""
    whole, (_, part) = each.first, each.terms[1]
    alike = (
        other
        for other in knowledge.hidden
        if (other.state, other.analysis) == (part.state, part.analysis) and within(other.box, whole.box)
    )
    names = list(dict.fromkeys(other.cell for other in alike))
    if 0 < len(names) <= _NAMED:
        return f"{' and '.join(names)} (hidden)"
    if names:
        return f"{len(names)} hidden cells of {part.analysis} in {whole.cell}"
    return f"{whole.cell} without {part.cell} of {part.analysis}"


def _persons(each: Combination, rules: Rules, churn: float, knowledge: Knowledge) -> int | None:
    """Return how many persons the combination can be about at most, if these are too few and it is known closely."""
    if each.rows is None:
        return None
    few, persons = rules.safe_threshold, floor(each.rows[1] + _SLACK)
    change = each.way in (arithmetic.CHANGE, arithmetic.REST_CHANGE)
    if change:
        places = [knowledge.states.index(number.state) for _, number in each.terms]
        few, persons = rules.safe_difference, floor(2 * churn * (max(places) - min(places)) * max(0, persons))
    nothing = covers(each, knowledge) or not (change or rules.zeros_are_disclosive)
    if persons >= few or (persons <= 0 and nothing):
        return None
    return persons if close(each, rules) else None


def close(each: Combination, rules: Rules) -> bool:
    """Tell whether the number is known more closely than `safe_interval` lets it be."""
    width = each.high - each.low
    if each.first.factors:
        return 100 * width < rules.safe_interval * max(1, abs(each.low), abs(each.high))
    return width < rules.safe_interval


def covers(each: Combination, knowledge: Knowledge) -> bool:
    """Tell whether a total less its parts, of one state, is nothing because they are all its parts."""
    cuts, own = knowledge.cuts.cuts, [term for term in each.terms if term[1].state == each.first.state]
    parts = [dict(number.box) for weight, number in own if weight < 0]
    whole = dict(each.first.box)
    columns = sorted({*whole, *(column for part in parts for column in part)})
    every = prod(len(whole.get(column, range(cuts[column].size))) for column in columns)
    return every == sum(prod(len(part.get(column, whole.get(column, ()))) for column in columns) for part in parts)


def _spikes(knowledge: Knowledge, rules: Rules) -> Iterator[Finding]:
    """Find columns of which nearly all rows have one value: the squares tell how many have not, at most."""
    for state in knowledge.states:
        known = {(each.factors, each.box): each for each in knowledge.known if each.state == state}
        for (factors, box), square in known.items():
            total, rows = known.get((factors[:1], box)), known.get(((), box))
            if len(factors) != 2 or factors[0] != factors[1] or total is None or rows is None or rows.high <= 0:
                continue
            value = round((total.low + total.high) / 2 / rows.high)
            apart = square.high - 2 * value * (total.low if value > 0 else total.high) + value * value * rows.high
            if 1 <= (most := floor(apart + _SLACK)) < rules.safe_threshold:
                yield Finding((state,), f"rows whose {factors[0]} is not {value}", "count", most, 1, most, SPIKE)


def _coefficients(knowledge: Knowledge, rules: Rules) -> Iterator[Finding]:
    """Find the value of the only row with a flag: x = mean + r · sd · sqrt(n - 1)."""
    for release in knowledge.releases:
        known = {each.factors: each for each in knowledge.known if each.state == release.state and not each.box}
        for name, plan in release.exact:
            for each in plan.told(release.opened[name]):
                if not each.coefficient:
                    continue
                for flag, column in permutations(each.feature.factors):
                    yield from _of_coefficient(
                        knowledge, release.state, known, flag, column, (each.low, each.high), rules
                    )


def _of_coefficient(
    knowledge: Knowledge,
    state: str,
    known: dict[tuple[str, ...], Number],
    flag: str,
    column: str,
    r: tuple[float, float],
    rules: Rules,
) -> Iterator[Finding]:
    cuts = knowledge.cuts
    rows, total, square = known.get(()), known.get((column,)), known.get((column, column))
    if cuts.bounds.get(flag) != (0, 1) or rows is None or total is None or square is None or rows.low < 2:
        return
    box = ((flag, cuts.cuts[flag].between(1, 2)),)
    ones = next(
        (each for each in knowledge.known if each.state == state and not each.factors and each.box == box), None
    )
    n, mean = rows.low, (total.low + total.high) / 2 / rows.low
    spread = sqrt(max(0.0, (square.low + square.high) / 2 / n - mean * mean))
    for k in (1,) if ones is None else range(max(1, ceil(ones.low)), min(rules.safe_threshold, floor(ones.high) + 1)):
        # The mean of k rows with the flag is mean + r · sd · sqrt((n - k) / k).
        low, high = (k * (mean + each * spread * sqrt((n - k) / k)) for each in r)
        if ones is not None and 100 * abs(high - low) < rules.safe_interval * max(abs(low), abs(high)):
            yield Finding(
                (state,), f"rows with {flag} 1", f"sum of {column}", k, min(low, high), max(low, high), COEFFICIENT
            )


def _whole(value: float) -> float:
    return float(round(value)) if abs(value - round(value)) < _SLACK else value
