"""The rules of a disclosure policy as tests on shares: numbers that are not negative where a cell satisfies a rule.

All comparisons are between integers: shares and ratios are fractions, and both sides are multiplied out. Bounds are
propagated from the contract before anything runs, so that no test can wrap. Tests have the shape (t, *cells): a rule
may ask several things of a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.disclosure.declaration import Declaration
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.policies.rules import OFF, RULES, Rules, called_for, named
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.largest import largest
from counterfoil.mpc.circuits.core.suppress import at_least
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

DOMINANCE: Final = named("contributions") & frozenset(OFF)
"""The rules that compare contributions with their sum."""

_KEPT: Final = DOMINANCE | frozenset(
    {
        "zeros_are_disclosive",
        "full_cells_are_disclosive",
        "safe_owners",
        "safe_other_rows",
        "check_missing_values",
        "safe_round_base",
    }
)
"""The rules that tables keep by the tests below, by `rounding`, or because no column with empty cells leaves its owner
(`data.encode`). A rule that is not among them is refused by name where it is called for."""

COUNTS: Final = called_for("counts") & _KEPT
SUMS: Final = called_for("sums") & _KEPT
"""What tables of counts, and tables of sums, enforce."""


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


def depth(rules: Rules) -> int:
    """Return how many of its largest contributions an owner hands in for each cell: a power of two, or 0."""
    wanted = (rules.safe_nk_n if "safe_nk_k" in rules.in_force else 0, 2 if "safe_pratio_p" in rules.in_force else 0)
    return 1 << (max(wanted) - 1).bit_length() if any(wanted) else 0


def check_dominance(name: str, rules: Rules, value: Bound, rows: int) -> None:
    """Check that dominance can be tested, if a rule about it is in force.

    Raises: PlanError when contributions may be negative; RangeError when a comparison could wrap.
    """
    if not DOMINANCE & rules.in_force:
        return
    if value.low < 0:
        raise PlanError(
            f"{name}: the rules {' and '.join(sorted(DOMINANCE & rules.in_force))} compare contributions, and these "
            "may be negative; raise the column's minimum to 0 or more, or turn the rules off in the policy"
        )
    try:
        total = value.joined(Bound(0, 0)).summed(rows)
        for fraction in (rules.safe_nk_k, rules.safe_pratio_p):
            total.times(fraction.numerator) - total.times(fraction.denominator)
    except RangeError:
        raise RangeError(
            f"{name}: a comparison of contributions with their sum could wrap; narrow the column's bounds in the "
            "contract, or give the policy's shares fewer decimal places"
        ) from None


def largest_by_cell(values: NDArray[np.int64], cell: NDArray[np.int64], cells: int, how_many: int) -> NDArray[np.int64]:
    """Find each cell's largest values at an owner, largest first, then zeros; shape (how_many, cells)."""
    order = np.lexsort((-values, cell))
    starts = np.searchsorted(cell[order], np.arange(cells))
    place = np.arange(cell.size) - starts[cell[order]]
    found = np.zeros((how_many, cells), np.int64)
    kept = place < how_many
    found[place[kept], cell[order][kept]] = values[order][kept]
    return found


def owners_test(p: Protocol, rules: Rules, counts: Sequence[Arith]) -> Mapping[str, Arith]:
    """Test that enough owners have rows in the cell, and enough rows are left without any one of them.

    Shapes: each owner's counts have the shape of the cells.
    """
    tests = {}
    if rules.safe_owners > 1:
        present = at_least(p, _stacked(counts), 1)
        tests["safe_owners"] = _stacked([p.add_public(present.sum(axis=0), -rules.safe_owners)])
    if rules.safe_other_rows:
        own = _stacked(counts)
        every = own.sum(axis=0).reshape(1, *own.shape[1:]).broadcast_to(own.shape)
        tests["safe_other_rows"] = p.add_public(every - own, -rules.safe_other_rows)
    return tests


def dominance_tests(
    p: Protocol, rules: Rules, total: Arith, tops: Sequence[Arith], value: Bound
) -> Mapping[str, Arith]:
    """Test that few contributions do not make up most of the sum, and that none can be worked out too closely.

    `tops` holds each owner's largest contributions: shape (depth, *cells).
    """
    if not tops:
        return {}
    flat = [top.reshape(len(top), -1) for top in tops]
    top = largest(p, flat, value.joined(Bound(0, 0)).width + 1).reshape(len(tops[0]), *total.shape)
    tests = {}
    if "safe_nk_k" in rules.in_force:
        k = rules.safe_nk_k
        few = top[: rules.safe_nk_n].sum(axis=0)
        tests["safe_nk_k"] = _stacked([total * k.numerator - few * k.denominator])
    if "safe_pratio_p" in rules.in_force:
        ratio = rules.safe_pratio_p
        rest = total - top[0] - top[1]
        tests["safe_pratio_p"] = _stacked([rest * ratio.denominator - top[0] * ratio.numerator])
    return tests


def sum_tests(p: Protocol, rules: Rules, count: Arith, total: Arith, value: Bound) -> Mapping[str, Arith]:
    """Test that the sum is not that of nothing but zeros, nor of rows that are all at one bound of the column."""
    tests = {}
    if rules.zeros_are_disclosive and value.low == 0:
        tests["zeros_are_disclosive"] = _stacked([p.add_public(total, -1)])
    if rules.full_cells_are_disclosive and value.low < value.high:
        ends = [total - count * value.low, count * value.high - total]
        tests["full_cells_are_disclosive"] = p.add_public(_stacked(ends), -1)
    return tests


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
    return {"full_cells_are_disclosive": p.add_public(_stacked(others), -1)}


def joined(*tests: Mapping[str, Arith]) -> dict[str, Arith]:
    """Join all tests by their rules; those of one rule one after the other."""
    found: dict[str, Arith] = {}
    for rule, test in (item for each in tests for item in each.items()):
        found[rule] = concat([found[rule], test]) if rule in found else test
    return found


def _stacked(arrays: Sequence[Arith]) -> Arith:
    """Stack arrays of one shape along a new first axis."""
    return concat([array.reshape(1, *array.shape) for array in arrays])
