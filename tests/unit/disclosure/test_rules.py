"""The rules of a disclosure policy on shares, against the same rules written out over all rows in the clear."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.registry import build
from counterfoil.disclosure.contributions import largest_by_cell
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.disclosure.suppression import counted, judge
from counterfoil.disclosure.tables.layout import depth, layouts
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain import Plain
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import PRODUCTS, REGIONS, draw, judged, planned, released, wide_contract

BY_BOTH = planned("mean_by_group", "value", "region", "product", value="value", by=("region", "product"))
TOTAL = planned("total", "value", column="value")
BINS = planned("histogram", "value", column="value", edges=(0, 5, 10, 1000))
LINKS = planned("correlation", "value", "debt", rows="local")
ROWS = planned("correlation", "value", "debt", rows="shared", name="rows")
BARE = Rules(safe_threshold=2, **OFF)


def broken(cell: pd.DataFrame, owners: int, rules: Rules) -> set[str]:
    """The rules that a cell of sums breaks by itself, as ADR 34 has them. `cell` has columns `value` and `owner`."""
    values = cell["value"].to_numpy()
    found = too_few(cell, owners, rules)
    low, high = (values.min(), values.max()) if len(values) else (0, 0)
    for group in (cell[values > low], cell[values < high]):
        found |= too_few(group, owners, rules) if len(group) else set()
        for rule in ("zeros_are_disclosive", "full_cells_are_disclosive"):
            if getattr(rules, rule) and not len(group):
                found.add(rule)
    for centre in (0, low, high):
        distance = abs(cell["value"] - centre)
        own = [int(distance[cell["owner"] == owner].sum()) for owner in range(owners)]
        found |= dominated(sorted(distance, reverse=True), own, rules)
    return found


def too_few(cell: pd.DataFrame, owners: int, rules: Rules) -> set[str]:
    found = set()
    if len(cell) < rules.safe_threshold:
        found.add("safe_threshold")
    if cell["owner"].nunique() < rules.safe_owners > 1:
        found.add("safe_owners")
    if any(len(cell) - (cell["owner"] == owner).sum() < rules.safe_other_rows for owner in range(owners)):
        found.add("safe_other_rows")
    return found


def dominated(values: list[int], own: list[int], rules: Rules) -> set[str]:
    """The rules of dominance that parts of a sum break; `own` are what each owner has of it."""
    found, total = set(), sum(values)
    first, second = [*values, 0, 0][:2]
    if sum(values[: rules.safe_nk_n]) > rules.safe_nk_k * total:
        found.add("safe_nk_k")
    rests = [total - first - second, *(total - each - first for each in own)]
    if rules.safe_pratio_p and min(rests) < rules.safe_pratio_p * first:
        found.add("safe_pratio_p")
    return found


def expected(frames: list[pd.DataFrame], rules: Rules) -> list[set[str]]:
    """The broken rules of every cell of region by product, those of its lines included."""
    pooled = pd.concat([frame.assign(owner=i) for i, frame in enumerate(frames)])
    found = []
    for region, kind in product(REGIONS, PRODUCTS):
        cell = pooled[(pooled["region"] == region) & (pooled["product"] == kind)]
        names = broken(cell, len(frames), rules)
        if rules.full_cells_are_disclosive and len(cell) in (
            (pooled["region"] == region).sum(),
            (pooled["product"] == kind).sum(),
        ):
            names.add("full_cells_are_disclosive")
        found.append(names if rules.zeros_are_disclosive or len(cell) else set())
    return found


def varied(*frames: pd.DataFrame) -> list[pd.DataFrame]:
    """The same, with debts that vary as far as they may."""
    return [each.assign(debt=[(-10, 1000)[at % 2] for at in range(len(each))]) for each in frames]


def settings(rng: np.random.Generator) -> Rules:
    return Rules(
        safe_threshold=int(rng.integers(2, 8)),
        safe_nk_n=int(rng.integers(1, 5)),
        safe_nk_k=Fraction(int(rng.integers(40, 101)), 100),
        safe_pratio_p=Fraction(int(rng.integers(0, 101)), 100),
        zeros_are_disclosive=bool(rng.integers(2)),
        full_cells_are_disclosive=bool(rng.integers(2)),
        safe_owners=int(rng.integers(1, 4)),
        safe_other_rows=int(rng.choice([0, 1, 3, 6])),
    )


@trials(60, 3000)
def test_every_rule_hides_what_it_should_and_nothing_else(trials: range) -> None:
    for seed in trials:
        rng = dice(seed)
        frames, rules = draw(rng, owners=int(rng.integers(3, 6)), rows=40), settings(rng)
        ((safe, fails),) = judged([BY_BOTH], frames, rules)
        wanted = expected(frames, rules)
        got = [{rule for rule, count in fails.items() if count.ravel()[i]} for i in range(safe.size)]
        assert got == wanted, seed
        assert safe.ravel().tolist() == [int(not names) for names in wanted], seed


@pytest.mark.parametrize("suite", ["rep3-sh/1", "rep4-mal/1"])
def test_the_suites_come_to_the_same_verdicts(suite: str) -> None:
    rng = dice(5)
    frames, rules = draw(rng, owners=4, rows=60), replace(Rules(), safe_threshold=4, safe_nk_n=3)
    plans = [TOTAL, BY_BOTH, BINS, LINKS, ROWS]
    for (safe, fails), (same, too) in zip(
        judged(plans, frames, rules, suite), judged(plans, frames, rules), strict=True
    ):
        np.testing.assert_array_equal(safe, same)
        assert fails.keys() == too.keys()
        for rule in fails:
            np.testing.assert_array_equal(fails[rule], too[rule])


def frame(*values: int, region: str = "north", product: str = "car", debt: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {"region": region, "product": product, "value": np.array(values, np.int64), "debt": debt},
        index=range(len(values)),
    )


def fails_of(frames: list[pd.DataFrame], plan: object, **rules: object) -> set[str]:
    """What the first cell of the plan fails, with all rules off but these."""
    ((_, fails),) = judged([plan], frames, replace(BARE, **rules))
    return {rule for rule, count in fails.items() if count.ravel()[0]}


def test_one_customer_who_makes_up_most_of_a_total_is_not_shown() -> None:
    assert fails_of([frame(900, 10), frame(40), frame(49, 0)], TOTAL, safe_nk_k=Fraction(95, 100)) == set()
    assert fails_of([frame(900, 10), frame(40), frame(50, 0)], TOTAL, safe_nk_n=1, safe_nk_k=Fraction(9, 10)) == set()
    assert fails_of([frame(901, 10), frame(40), frame(49, 0)], TOTAL, safe_nk_n=1, safe_nk_k=Fraction(9, 10)) == {
        "safe_nk_k"
    }


def test_the_second_largest_cannot_work_the_largest_out() -> None:
    close, wide = [[frame(1000, 0), frame(1000, 0), frame(last, 0)] for last in (99, 100)]
    assert fails_of(close, TOTAL, safe_pratio_p=Fraction(1, 10)) == {"safe_pratio_p"}
    assert fails_of(wide, TOTAL, safe_pratio_p=Fraction(1, 10)) == set()


def test_no_owner_works_the_largest_out_with_all_its_rows() -> None:
    close, wide = [[frame(1000, 0), frame(600, 600), frame(last, 0)] for last in (99, 100)]
    assert fails_of(close, TOTAL, safe_pratio_p=Fraction(1, 10)) == {"safe_pratio_p"}
    assert fails_of(wide, TOTAL, safe_pratio_p=Fraction(1, 10)) == set()


def test_a_group_of_two_owners_is_not_shown() -> None:
    two = [frame(1, 2, 3), frame(4, 5), frame(6, region="south"), frame(7, region="east")]
    assert fails_of(two, BY_BOTH, safe_owners=3) == {"safe_owners"}
    assert fails_of([*two, frame(8, 2)], BY_BOTH, safe_owners=3) == set()
    with pytest.raises(PlanError, match="2 owners, and the rule safe_owners asks for 3"):
        judged([TOTAL], two[:2], Rules())


def test_an_owner_cannot_lift_a_single_row_of_another_over_the_threshold() -> None:
    """Probing: it hands in as many rows of its own as the cell needs, and would subtract them."""
    prober, victim, others = frame(*range(20)), frame(999), frame(5, region="south")
    assert fails_of([prober, victim, others], BY_BOTH, safe_threshold=10) == set()
    assert fails_of([prober, victim, others], BY_BOTH, safe_threshold=10, safe_owners=3) == {"safe_owners"}


def test_an_owner_who_fills_a_cell_is_not_told_of_the_few_rows_of_others() -> None:
    """Probing with made-up rows: two others are there, so `safe_owners` holds, but what is left is about two rows."""
    prober, one, two = frame(*range(20)), frame(3), frame(4)
    assert fails_of([prober, one, two], BY_BOTH, safe_threshold=10, safe_owners=3) == set()
    for plan in (BY_BOTH, TOTAL, BINS):
        assert fails_of([prober, one, two], plan, safe_owners=3, safe_other_rows=3) == {"safe_other_rows"}
        assert fails_of([prober, one, two], plan, safe_owners=3, safe_other_rows=2) == set()
    for plan in (LINKS, ROWS):
        assert fails_of(varied(prober, one, two), plan, safe_other_rows=10) == {"safe_other_rows"}
        # Both have the smaller debt, so nobody but the prober is over that.
        assert fails_of(varied(prober, one, two), plan, safe_other_rows=2) == {"safe_other_rows"}
        assert fails_of(varied(prober, frame(3, 5, 7, 9), frame(4)), plan, safe_other_rows=2) == set()


def test_a_group_that_is_all_of_one_kind_is_not_shown() -> None:
    """In the north everybody has a car: the cell holds its whole line, and its neighbour none."""
    frames = [frame(1, 2, 3), frame(4, 6, region="south"), frame(5, region="south", product="card")]
    ((_, fails),) = judged([BY_BOTH], frames, replace(BARE, full_cells_are_disclosive=True))
    at = dict(zip(product(REGIONS, PRODUCTS), fails["full_cells_are_disclosive"].ravel() > 0, strict=True))
    assert at["north", "car"]
    assert not at["south", "car"]
    assert fails_of([frame(1, 2), frame(3), frame(4)], BINS, full_cells_are_disclosive=True) == {
        "full_cells_are_disclosive"
    }


def test_a_sum_of_zeros_and_one_of_maxima_say_what_everybody_has() -> None:
    assert fails_of([frame(0, 0), frame(0)], TOTAL, zeros_are_disclosive=True) == {"zeros_are_disclosive"}
    assert fails_of([frame(1000, 1000), frame(1000)], TOTAL, full_cells_are_disclosive=True) == {
        "full_cells_are_disclosive"
    }


def test_a_correlation_needs_rows_beyond_its_columns() -> None:
    rows = varied(frame(*range(4)), frame(*range(4)), frame(*range(3)))
    for plan in (LINKS, ROWS):
        assert fails_of(rows, plan, safe_dof_threshold=9) == set()
        assert fails_of(rows, plan, safe_dof_threshold=10) == {"safe_dof_threshold"}


def test_empty_cells_are_shown_only_where_zeros_may_be() -> None:
    frames = [frame(1, 2), frame(3, 1), frame(4, region="south")]
    empty = [("east", "car"), ("east", "card"), ("north", "card"), ("south", "card")]
    for shown in (True, False):
        rules = replace(BARE, zeros_are_disclosive=not shown, safe_owners=2)
        ((safe, _),) = judged([BY_BOTH], frames, rules)
        at = dict(zip(product(REGIONS, PRODUCTS), safe.ravel(), strict=True))
        assert all(at[cell] == shown for cell in empty)
        assert (at["north", "car"], at["south", "car"]) == (1, 0)


REFUSED = {
    "rounded steps": (
        planned("leave_one_out", "value", column="value", percent=(50,)),
        Rules(safe_round_counts=5, safe_round_sums=5),
        "leave_one_out releases counts and sums.*safe_round_counts",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_cannot_be_enforced_is_refused_by_name(name: str) -> None:
    plan, rules, words = REFUSED[name]
    with pytest.raises(PlanError, match=words):
        judged([plan], [frame(1)] * 3, rules)


def test_a_comparison_that_could_wrap_is_refused() -> None:
    fine = Rules(safe_nk_k=Fraction(9999, 10000))
    for reach, limits in ((1 << 30, Limits(3, 1 << 14, fine)), (1 << 32, Limits(3, 1 << 17, fine))):
        laid = {TOTAL.name: build(TOTAL, wide_contract(reach), limits)}
        if reach == 1 << 30:
            assert layouts(laid)
            continue
        with pytest.raises(RangeError, match=r"value of small: a comparison of contributions .* could wrap"):
            layouts(laid)


def test_owners_hand_in_as_many_of_their_largest_as_the_rules_need() -> None:
    wanted = {(1, False): 1, (2, False): 2, (3, False): 4, (8, False): 8, (1, True): 2}
    for (n, ratio), much in wanted.items():
        rules = replace(BARE, safe_nk_n=n, safe_nk_k=Fraction(1, 2), safe_pratio_p=Fraction(int(ratio), 10))
        assert depth(rules) == much
    assert depth(BARE) == 1
    found = largest_by_cell(np.array([3, 9, 4, 7]), np.array([2, 0, 2, 2]), (2, 3))
    assert found.tolist() == [[9, 0, 7], [0, 0, 4]]


@pytest.mark.parametrize("tests", [1, 2, 255, 256, 257, 511, 512, 513, 1 << 16])
def test_a_cell_that_fails_any_number_of_tests_fails(tests: int) -> None:
    """0 or 1, whatever the number is a multiple of."""
    p = Plain()
    count = p.constant(np.array([1, 9]))
    failing = p.constant(np.repeat([[-1, 0]], tests, axis=0))
    (verdict,) = judge(p, [Cells(count, {}, {"safe_other_rows": failing})], [replace(BARE, safe_threshold=1)])
    assert as_signed(verdict.safe.parts[0]).tolist() == [0, 1]
    assert as_signed(verdict.fails["safe_other_rows"].parts[0]).tolist() == [1, 0]
    assert as_signed(verdict.fails["safe_threshold"].parts[0]).tolist() == [0, 0]
    assert as_signed(counted([verdict.fails["safe_other_rows"]]).parts[0]).tolist() == [1]


@pytest.mark.parametrize("owners", [255, 256, 257, pytest.param(512, marks=pytest.mark.slow)])
def test_with_many_owners_what_would_restore_a_cell_is_hidden_too(owners: int) -> None:
    """One row in a cell fails a test for each owner, and needs a partner in its line however many these are."""
    cells = [(region, product) for region in REGIONS for product in PRODUCTS]
    filled = pd.DataFrame({"region": [r for r, _ in cells[1:]], "product": [q for _, q in cells[1:]]})
    frames = [filled.assign(value=1, debt=0)] * owners
    lonely = pd.DataFrame({"region": [cells[0][0]], "product": [cells[0][1]], "value": [1], "debt": [0]})
    frames[0] = pd.concat([filled.assign(value=1, debt=0), lonely], ignore_index=True)
    rules = replace(BARE, safe_threshold=1, safe_other_rows=5)
    by_region = planned("mean_by_group", "value", "region", name="region", value="value", by=("region",))
    shown = released([BY_BOTH, by_region], frames, rules)["mean_by_group"]["safe"].reshape(len(REGIONS), -1)
    assert shown.tolist() == [[0, 0], [1, 1], [1, 1]]
