"""The rules of a disclosure policy as tests on shares: numbers that are not negative where evidence satisfies a rule.

All comparisons are between integers: shares and ratios are fractions, and both sides are multiplied out. Bounds are
propagated from the contract before anything runs (`layout`), so that no test can wrap. Tests have the shape
(t, *cells): a rule may ask several things of a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from counterfoil.disclosure.declaration import Declaration
from counterfoil.disclosure.evidence import (
    DISTANCE,
    HEAVIEST,
    HIGHEST,
    LARGEST,
    LOWEST,
    MAGNITUDE,
    ROWS,
    SMALLEST,
    SQUARES,
    SUM,
    Evidence,
    side_by_side,
)
from counterfoil.errors import PlanError
from counterfoil.governance.policies.rules import RULES, Rules, called_for, named
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.compare import is_zero
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.ranked import cut, grouped, multiplied, stacked, ungrouped
from counterfoil.mpc.circuits.numeric.divide import divide
from counterfoil.mpc.circuits.numeric.fixed import Fixed, settle
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, concat

_KEPT: Final = named("contributions") | frozenset(
    {
        "zeros_are_disclosive",
        "full_cells_are_disclosive",
        "safe_owners",
        "safe_other_rows",
        "check_missing_values",
        "safe_round_counts",
        "safe_round_sums",
    }
)
"""The rules that tables keep by the tests below, by `rounding`, or because no column with empty cells leaves its owner
(`data.encode`). A rule that is not among them is refused by name where it is called for."""

_DOMINANCE: Final = frozenset({"safe_nk_k", "safe_pratio_p"})

COUNTS: Final = called_for("counts") & _KEPT
SUMS: Final = called_for("sums") & _KEPT
"""What tables of counts, and tables of sums, enforce."""

_ROUNDED: Final = named("rounding")
EXACT_COUNTS: Final = COUNTS - _ROUNDED
EXACT_SUMS: Final = SUMS - _ROUNDED
"""What those enforce whose statistics follow from exact numbers alone: a policy that rounds them is refused by name."""


def check_rules(name: str, analysis: Declaration, owners: int) -> None:
    """Check that the analysis keeps every rule in force that is about what it releases.

    Raises: PlanError when it does not, or when there are fewer owners than every cell needs, so that nothing could ever
        be released.
    """
    rules = analysis.rules
    for rule in sorted(rules.in_force - analysis.enforces):
        if about := sorted(analysis.statistics & RULES[rule].called_for):
            raise PlanError(
                f"{name}: {analysis.key} releases {' and '.join(about)}, and no version here enforces the rule {rule} "
                f"on them; turn it off in the policy, or leave the analysis out"
            )
    if owners < rules.safe_owners:
        raise PlanError(
            f"{name}: {owners} owners, and the rule safe_owners asks for {rules.safe_owners} in every cell: each of so "
            "few could subtract its own part; find more owners, or lower the rule"
        )


def tests(p: Protocol, rules: Rules, evidence: Sequence[Evidence]) -> list[dict[str, Arith]]:
    """Make the tests of each evidence by their rules; those of one rule one after the other.

    A sum must satisfy: of persons whose contribution is over the smallest, and of those whose is under the largest that
    is present, there are enough, of enough owners, without those of any one owner, too; or none where that may be told.
    And few contributions do not make up most of it, nor can one be worked out too closely, whichever of 0, the smallest
    and the largest they are counted from; where a column's squares are summed, too, also squares of distances from its
    mean. A count, and a change, must satisfy this of all persons in it.

    Shapes: tests (t, cells).
    Cost: 10 rounds; where squares are summed, some 45 more.
    Reveals: nothing.
    """
    if not evidence:
        return []
    alike = grouped([each.kind for each in evidence])
    made = _tests(p, rules, [side_by_side([evidence[i] for i in at]) for at in alike])
    return ungrouped(alike, (_parted(each, [evidence[i] for i in at]) for each, at in zip(made, alike, strict=True)))


def _tests(p: Protocol, rules: Rules, evidence: Sequence[Evidence]) -> list[dict[str, Arith]]:
    groups = [list(_groups(each)) for each in evidence]
    every = [group for own in groups for group in own]
    # 1 (9 rounds). In which groups an owner has nobody, and in which there is nobody at all.
    counted = [array for group in every for array in (group.persons.reshape(-1), group.total)]
    absent = iter(cut(b2a(p, is_zero(p, concat(counted))), [array.size for array in counted]))
    # 2 (one round). The smallest and the largest contribution, once for each person.
    valued = [each for each in evidence if LARGEST in each.peaks and SMALLEST in each.peaks]
    ends = [
        (each.persons, each.peaks[name].top[0].reshape(1, -1).broadcast_to(each.persons.shape))
        for each in valued
        for name in (SMALLEST, LARGEST)
    ]
    products = iter(multiplied(p, ends) if ends else [])
    around = iter(
        _around(p, [each for each in evidence if HIGHEST in each.peaks]) if rules.in_force & _DOMINANCE else []
    )
    made = []
    for each, own in zip(evidence, groups, strict=True):
        found: dict[str, list[Arith]] = {}
        for group in own:
            owners = next(absent).reshape(*group.persons.shape)
            for rule, test in _counts(p, rules, each, group, owners, next(absent)):
                found.setdefault(rule, []).append(test)
        for rule, test in _dominance(rules, each, products):
            found.setdefault(rule, []).append(test)
        if HIGHEST in each.peaks and (scatter := next(around, None)):
            for rule, test in _scattered(rules, scatter, each.about.spread):
                found.setdefault(rule, []).append(test)
        made.append({rule: stacked(numbers) for rule, numbers in found.items()})
    return made


def line_tests(p: Protocol, rules: Rules, count: Arith) -> Mapping[str, Arith]:
    """Test that no cell holds all rows of its line, along any axis that has more than one cell."""
    shape = count.shape
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    if not rules.full_cells_are_disclosive or not axes:
        return {}
    others = []
    for axis in axes:
        along = (*shape[:axis], 1, *shape[axis + 1 :])
        others.append(count.sum(axis=axis).reshape(*along).broadcast_to(shape) - count)
    return {"full_cells_are_disclosive": p.add_public(stacked(others), -1)}


def together(*made: Mapping[str, Arith]) -> dict[str, Arith]:
    """Join all tests by their rules; those of one rule one after the other."""
    found: dict[str, Arith] = {}
    for rule, test in (item for each in made for item in each.items()):
        found[rule] = concat([found[rule], test]) if rule in found else test
    return found


def _parted(made: Mapping[str, Arith], evidence: Sequence[Evidence]) -> list[dict[str, Arith]]:
    """Give each evidence the tests of its own cells, of those that were side by side."""
    ends = np.cumsum([0, *(each.persons.shape[1] for each in evidence)]).tolist()
    return [{rule: test[:, start:end] for rule, test in made.items()} for start, end in pairwise(ends)]


@dataclass(frozen=True, slots=True)
class _Group:
    """Persons, by owner, of whom there must be enough; `some` says that there may be none where that may be told."""

    persons: Arith
    total: Arith
    some: bool

    @classmethod
    def of(cls, persons: Arith, *, some: bool) -> _Group:
        return cls(persons, persons.sum(axis=0), some)


def _groups(evidence: Evidence) -> Iterator[_Group]:
    ends = [peak.at for name in (SMALLEST, LARGEST) if (peak := evidence.peaks.get(name)) and peak.at is not None]
    if not ends:
        yield _Group.of(evidence.persons, some=False)
    for at in ends:
        yield _Group.of(evidence.persons - at, some=True)


def _counts(
    p: Protocol, rules: Rules, evidence: Evidence, group: _Group, absent: Arith, nobody: Arith
) -> Iterator[tuple[str, Arith]]:
    """Test that the group is large enough; `absent` is 1 for each owner without anybody in it, `nobody` if all are."""
    least = rules.safe_difference if evidence.about.change else rules.safe_threshold
    waived = nobody if group.some else p.constant(np.zeros(nobody.shape, U64))

    def named_as(rule: str) -> str:
        return "safe_difference" if evidence.about.change else rule

    def enough(found: Arith, wanted: int) -> Arith:
        return p.add_public(found + waived * wanted, -wanted)

    yield named_as("safe_threshold"), enough(group.total, least * evidence.overlap)
    if rules.safe_owners > 1:
        present = p.add_public(-absent.sum(axis=0), len(absent))
        yield named_as("safe_owners"), enough(present, rules.safe_owners)
    others = least if evidence.about.change else rules.safe_other_rows
    if others:
        for owner in range(len(group.persons)):
            yield named_as("safe_other_rows"), enough(group.total - group.persons[owner], others * evidence.overlap)
    if group.some:
        for rule in ("zeros_are_disclosive", "full_cells_are_disclosive"):
            if getattr(rules, rule):
                yield rule, -nobody


def _dominance(rules: Rules, evidence: Evidence, products: Iterator[Arith]) -> Iterator[tuple[str, Arith]]:
    """Test the contributions as they are counted from 0, from the smallest, and from the largest."""
    peaks, sums = evidence.peaks, evidence.sums
    counted = []
    if HEAVIEST in peaks:
        counted.append((sums[MAGNITUDE], peaks[HEAVIEST].top))
    elif LARGEST in peaks:
        # Never negative, or never positive.
        name, sign = (LARGEST, 1) if evidence.about.bound.low >= 0 else (SMALLEST, -1)
        counted.append((sums[SUM] * sign, peaks[name].top))
    if LARGEST in peaks and SMALLEST in peaks:
        highest, lowest = peaks[LARGEST].top, peaks[SMALLEST].top  # of f, and of -f
        persons_low, persons_high = next(products), next(products)
        counted.append((sums[SUM] + persons_low, _raised(highest, lowest[0])))
        counted.append((persons_high - sums[SUM], _raised(lowest, highest[0])))
    for parts, top in counted:
        for rule, test in _dominated(rules, parts, top, evidence.overlap, apart=not evidence.about.middle):
            yield "safe_difference" if evidence.about.change else rule, test


def _dominated(rules: Rules, parts: Arith, top: Arith, overlap: int, *, apart: bool) -> Iterator[tuple[str, Arith]]:
    """Test that few contributions do not make up most of the total, and that none can be worked out too closely.

    Neither by who made the second largest, nor, where owners are told `apart`, by one that takes its own rows away:
    without any one owner's part the total is more than the largest by the ratio. That may be of this owner; then more
    is asked than needed.

    Where a cell has fewer persons than there are places in `top`, what stands in for them is not positive: of the first
    contributions as many are taken as make the most of it. A person in several cells of a union counts as if all its
    contributions were as large as the largest.

    Shapes: parts (owners, cells), top (depth, cells).
    """
    total = parts.sum(axis=0)
    if "safe_nk_k" in rules.in_force:
        k = rules.safe_nk_k
        for n in range(1, rules.safe_nk_n + 1):
            few = top[:n].sum(axis=0)
            yield "safe_nk_k", total * k.numerator - few * (k.denominator * overlap)
    if "safe_pratio_p" in rules.in_force:
        ratio = rules.safe_pratio_p
        rest = total - (top[0] + top[1]) * overlap
        yield "safe_pratio_p", rest * ratio.denominator - top[0] * (ratio.numerator * overlap)
        for own in range(parts.shape[0] if apart and parts.shape[0] > 1 else 0):
            rest = total - parts[own] - top[0] * overlap
            yield "safe_pratio_p", rest * ratio.denominator - top[0] * (ratio.numerator * overlap)


@dataclass(frozen=True, slots=True)
class _Scatter:
    """Squares of distances from the mean: their sum, and those of the highest and of the lowest contributions.

    Shapes: total (cells,); high and low (depth, cells).
    """

    total: Arith
    high: Arith
    low: Arith


def _around(p: Protocol, evidence: Sequence[Evidence]) -> list[_Scatter]:
    """Take squares of distances from each cell's mean, rounded to a whole number, of which the sums are exact.

    Evidence told on one scale is taken together, wherever it is in the list. Returns one for each, in their order.

    Cost: a division, a truncation, and two rounds.
    """
    scales = grouped([each.about.fine for each in evidence])
    made = []
    for at in scales:
        alike = [evidence[i] for i in at]
        fine = alike[0].about.fine
        if fine is None:
            raise PlanError("squares are judged around a mean, and nothing says how finely the column is told")
        z, rows, squares = (concat([each.total(name) for each in alike]) for name in (DISTANCE, ROWS, SQUARES))
        high, low = (concat([each.peaks[name].top for each in alike], axis=1) for name in (HIGHEST, LOWEST))
        # 1. The mean, within one.
        one = 1 << fine.bits
        most, reach = Bound(0, fine.rows), Bound.symmetric(one * fine.rows)
        quotient, _ = divide(p, Fixed(z, 0, reach), Fixed(rows, 0, most), limit=one)
        mean = settle(p, quotient, 0).value
        # 2 (two rounds). The sum of (z - m)^2 is that of z^2, less 2m times that of z, and m^2 for each row.
        over, under = _raised(high, -mean), _raised(low, mean)
        crossed, high, low, again = multiplied(p, [(z, mean), (over, over), (under, under), (rows, mean)])
        (squared,) = multiplied(p, [(again, mean)])
        total = squares - crossed * 2 + squared
        ends = np.cumsum([0, *(each.persons.shape[1] for each in alike)])
        parts = pairwise(ends.tolist())
        made.append([_Scatter(total[start:end], high[:, start:end], low[:, start:end]) for start, end in parts])
    return ungrouped(scales, made)


def _scattered(rules: Rules, of: _Scatter, overlap: int) -> Iterator[tuple[str, Arith]]:
    """Test that few persons do not make up most of how the rows are scattered; `overlap` rows are one person's.

    The farthest are among the highest and the lowest, and one way to take them from both is right: no other asks more.
    """
    if "safe_nk_k" in rules.in_force:
        k = rules.safe_nk_k
        for n in range(1, rules.safe_nk_n + 1):
            for highest in range(n + 1):
                few = concat([of.high[:highest], of.low[: n - highest]]).sum(axis=0)
                yield "safe_nk_k", of.total * k.numerator - few * (k.denominator * overlap)
    if "safe_pratio_p" in rules.in_force:
        ratio = rules.safe_pratio_p
        for one, other in ((of.high, of.high[1:]), (of.high, of.low), (of.low, of.high), (of.low, of.low[1:])):
            rest = of.total - (one[0] + other[0]) * overlap
            yield "safe_pratio_p", rest * ratio.denominator - one[0] * (ratio.numerator * overlap)


def _raised(top: Arith, by: Arith) -> Arith:
    return top + by.reshape(1, by.size).broadcast_to(top.shape)
