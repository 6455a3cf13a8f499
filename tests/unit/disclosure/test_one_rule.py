"""One rule for every sum: attacks that a minimum count, and margins judged by counts alone, let through (ADR 34)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from counterfoil.analyses.registry import build
from counterfoil.data.reading.table import Table
from counterfoil.disclosure import evidence_tests
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.evidence import (
    LARGEST,
    SMALLEST,
    SUM,
    About,
    Evidence,
    Given,
    GivenPeak,
    joined,
    orders,
    unions,
)
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain import Plain
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import _CONTRACT, CONTRACT, PRODUCTS, REGIONS, planned, released

RULES = Rules(safe_other_rows=5)
BOTH = planned("mean_by_group", "value", "region", "product", value="value", by=("region", "product"))
REGION = planned("mean_by_group", "value", "region", name="region", value="value", by=("region",))
TOTAL = planned("total", "value", column="value")
PROFIT = planned("total", "debt", column="debt")
WITH_YEARS = _CONTRACT.replace(
    "      - {name: debt,",
    "      - {name: years, logicalType: integer, required: true, description: how long,\n"
    "          logicalTypeOptions: {minimum: 0, maximum: 90}, customProperties: [{property: unit, value: years},\n"
    "          {property: privacyRole, value: measure}, {property: purpose, value: test}]}\n"
    "      - {name: debt,",
)


def shared(values: list[np.ndarray], cells: list[np.ndarray]) -> list[pd.DataFrame]:
    """A table of each of three owners, with these values in each cell, dealt out in turns."""
    value, cell = np.concatenate(values), np.concatenate(cells)
    frame = pd.DataFrame(
        {"region": np.array(REGIONS)[cell // 2], "product": np.array(PRODUCTS)[cell % 2], "value": value, "debt": 0}
    )
    return [frame[owner::3].reset_index(drop=True) for owner in range(3)]


def spread(n: int, low: int = 20, high: int = 60) -> np.ndarray:
    return np.linspace(low, high, n).astype(np.int64)


def test_what_a_line_hides_is_not_dominated_either() -> None:
    """One of 900 and its partner, the smallest cell: the total less what is shown would be 900 and little more."""
    giant = np.array([900, *[2] * 11, *[3] * 12])
    sizes = [24, 12, 15, 20, 20, 22]
    values = [giant, *(spread(n, 1, 3) for n in sizes[1:])]
    frames = shared(values, [np.full(n, cell) for cell, n in enumerate(sizes)])
    for plans in ([BOTH], [BOTH, TOTAL]):
        opened = released(plans, frames, RULES)["mean_by_group"]
        hidden = opened["safe"].ravel() == 0
        assert hidden[0]
        left = np.concatenate([own for own, gone in zip(values, hidden, strict=True) if gone])
        two = np.sort(left - left.min())[-2:].sum()
        # The remainder of this table is dominated whatever is shown of it, so nothing is.
        assert hidden.all() or two <= RULES.safe_nk_k * (left - left.min()).sum()
        assert hidden.all()


def test_a_union_that_fails_takes_the_next_smallest_cells_before_the_whole_line() -> None:
    """A cell and its partner are enough by count; with a rule on dominance they take a third, not all."""
    values = [np.array([300, *range(1, 13)]), *(spread(n, 0, 60) for n in (15, 18, 60, 70, 80))]
    frames = shared(values, [np.full(len(own), cell) for cell, own in enumerate(values)])
    rules = replace(RULES, safe_nk_k=Fraction(40, 100), safe_pratio_p=Fraction(1, 10))
    hidden = released([BOTH], frames, rules)["mean_by_group"]["safe"].ravel() == 0
    assert hidden.tolist() == [True, True, True, False, False, False]
    few = replace(rules, safe_nk_k=Fraction(1), safe_pratio_p=Fraction(0))
    assert released([BOTH], frames, few)["mean_by_group"]["safe"].ravel().tolist() == [1] * 6


def test_bounds_that_are_declared_far_away_hide_no_giant() -> None:
    """Profit from -1e9 to 1e9: one firm has half of the bound, 99 have 1e4; the sum is the one's."""
    text = _CONTRACT.replace("minimum: -10, maximum: 1000", "minimum: -1000000000, maximum: 1000000000")
    contract = parse_contract(text.encode(), "profit")
    base = pd.DataFrame({"region": "north", "product": "car", "value": 1, "debt": spread(99, 5_000, 15_000)})
    giant = pd.concat([base, base[:1].assign(debt=500_000_000)], ignore_index=True)
    for frame, shown in ((giant, 0), (base, 1), (giant.assign(debt=-giant["debt"]), 0)):
        frames = [frame[owner::3].reset_index(drop=True) for owner in range(3)]
        assert released([PROFIT], frames, Rules(), contract=contract)["total"]["safe"] == shown
    mixed = base.assign(debt=np.where(np.arange(99) % 2, 1, -1) * base["debt"])
    frames = [mixed[owner::3].reset_index(drop=True) for owner in range(3)]
    assert released([PROFIT], frames, Rules(), contract=contract)["total"]["safe"] == 1


@pytest.mark.parametrize("readmitted", [0, 3, 19, 20, 120, 221, 222, 238, 241])
def test_a_mean_of_a_flag_is_a_count(readmitted: int) -> None:
    """241 patients, 3 readmitted, where 20 is promised: the mean says so."""
    text = _CONTRACT.replace("minimum: 0, maximum: 1000", "minimum: 0, maximum: 1")
    contract = parse_contract(text.encode(), "flag")
    frame = pd.DataFrame({"region": "north", "product": "car", "value": np.arange(241) < readmitted, "debt": 0})
    frames = [frame[owner::3].astype({"value": np.int64}).reset_index(drop=True) for owner in range(3)]
    rules = Rules(safe_threshold=20, full_cells_are_disclosive=False, safe_owners=3)
    shown = released([TOTAL], frames, rules, contract=contract)["total"]["safe"]
    assert shown == int(20 <= readmitted <= 221)


def test_an_interior_spike_is_one_person() -> None:
    """All but one row have 5, between bounds of 0 and 1000: nobody is at a bound, and the sum tells of the one."""
    for odd, shown in ((1, 0), (9, 0), (10, 1)):
        value = np.full(300, 5)
        value[:odd] = 3
        frames = [
            pd.DataFrame({"region": "north", "product": "car", "value": value[o::3], "debt": 0}) for o in range(3)
        ]
        assert released([TOTAL], frames, Rules())["total"]["safe"] == shown


def test_sums_without_a_planned_total_are_judged_as_if_there_were_one() -> None:
    """The giant's region alone is hidden if nothing adds up; anybody who knows the total otherwise has it then."""
    values = [np.array([900, *spread(19, 1, 3)]), *(spread(20, 1, 3) for _ in range(5))]
    frames = shared(values, [np.full(20, cell) for cell in range(6)])
    assert released([REGION], frames, RULES, complementary=False)["region"]["safe"].tolist() == [0, 1, 1]
    assert released([REGION], frames, RULES)["region"]["safe"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("odd", "shown"), [(0, 0), (1, 0), (9, 0), (12, 1)])
def test_two_columns_of_one_unit_that_leave_side_by_side_do_not_differ_in_few_persons(odd: int, shown: int) -> None:
    """Net and gross: the totals' difference is that of the few persons whose tax is not 0."""
    value = spread(300, 20, 900)
    tax = np.where(np.arange(300) < odd, 5 + np.arange(300) % 7, 0)
    frame = pd.DataFrame({"region": np.array(REGIONS)[np.arange(300) % 2], "product": "car", "value": value})
    frame["debt"] = value - tax
    frames = [frame[owner::3].reset_index(drop=True) for owner in range(3)]
    both = released([TOTAL, replace(PROFIT, name="profit")], frames, Rules())
    assert [both[name]["safe"].item() for name in ("total", "profit")] == [shown, shown]
    assert released([TOTAL], frames, Rules())["total"]["safe"] == 1  # alone it tells of nobody
    text = _CONTRACT.replace("minimum: 0, maximum: 1000}, customProperties: [", "minimum: 0, maximum: 1000},\n"
                             "          customProperties: [{property: unit, value: euros}, ")  # fmt: skip
    others = released(
        [TOTAL, replace(PROFIT, name="profit")], frames, Rules(), contract=parse_contract(text.encode(), "u")
    )
    assert [others[name]["safe"].item() for name in ("total", "profit")] == [1, 1]  # of two units


def test_of_two_columns_that_differ_in_few_persons_the_second_leaves_the_statistic() -> None:
    rng = dice(3)
    value = rng.integers(0, 900, 300)
    frame = pd.DataFrame({"region": "north", "product": "car", "value": value, "debt": value - (np.arange(300) == 7)})
    frame["years"] = rng.integers(0, 90, 300)
    frames = [frame[owner::3].reset_index(drop=True) for owner in range(3)]
    plan = planned("correlation", "value", "debt", "years")
    found = released([plan], frames, Rules(), contract=parse_contract(WITH_YEARS.encode(), "years"))["correlation"]
    assert found["safe"].tolist() == [0, 1, 0]  # value with debt, years with value, years with debt


def test_a_column_of_a_table_that_is_not_due_does_not_stand_for_one_that_leaves() -> None:
    """Debts leave, values are not due, and a correlation of values with years would tell whose two differ."""
    rng = dice(3)
    value = rng.integers(0, 900, 300)
    frame = pd.DataFrame({"region": "north", "product": "car", "value": value, "debt": value - (np.arange(300) == 7)})
    frame["years"] = rng.integers(0, 90, 300)
    frames = [frame[owner::3].reset_index(drop=True) for owner in range(3)]
    plans = [TOTAL, replace(PROFIT, name="debts"), planned("correlation", "value", "years")]
    contract = parse_contract(WITH_YEARS.encode(), "years")
    found = released(plans, frames, Rules(), contract=contract, withheld="total")
    assert found["debts"]["safe"] == 0  # values leave in other periods, and would tell the same
    assert found["correlation"]["safe"].tolist() == [0]


@pytest.mark.parametrize(("odd", "shown"), [(1, 0), (12, 1)])
@pytest.mark.parametrize("withheld", ["total", "profit"])
def test_two_columns_that_leave_in_different_periods_differ_in_enough_persons_too(
    withheld: str, odd: int, shown: int
) -> None:
    """Net is weekly, gross is quarterly: what they differ by is known once both were released."""
    value = spread(300, 20, 900)
    frame = pd.DataFrame({"region": "north", "product": "car", "value": value})
    frame["debt"] = value - np.where(np.arange(300) < odd, 5 + np.arange(300) % 7, 0)
    frames = [frame[owner::3].reset_index(drop=True) for owner in range(3)]
    (found,) = released([TOTAL, replace(PROFIT, name="profit")], frames, Rules(), withheld=withheld).values()
    assert found["safe"].item() == shown


SCATTERED = planned("correlation", "value", "debt")


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize(("far", "shown"), [(52, 1), (900, 0)])
def test_few_persons_do_not_make_up_most_of_how_a_column_is_scattered(far: int, shown: int, most: int) -> None:
    """Enough persons are at either end, and the sum is everybody's; its squares around the mean are one person's."""
    rng = dice(5)
    contract = of_persons(most)
    value = rng.choice([49, 50, 51], 1500)
    value[0] = far
    frame = pd.DataFrame({"region": "north", "product": "car", "value": value, "debt": rng.integers(-10, 900, 1500)})
    frame["card"] = np.arange(1500)
    frames = [frame[owner::3].reset_index(drop=True) for owner in range(3)]
    assert released([TOTAL], frames, Rules(), contract=contract)["total"]["safe"] == 1
    assert released([SCATTERED], frames, Rules(), contract=contract)["correlation"]["safe"] == shown


def test_what_is_scattered_by_one_scale_is_told_in_its_own_place() -> None:
    """Of three tables the first and the last are told on one scale: the second's squares are the second's."""
    p, found = Plain(), []
    for far, rows in ((52, CONTRACT.most_rows), (900, 1 << 28), (700, CONTRACT.most_rows)):
        value = np.where(np.arange(60) == 0, far, 49 + np.arange(60) % 3)
        frame = pd.DataFrame({"region": "north", "product": "car", "value": value, "debt": np.arange(60)})
        laid = layouts({"c": build(SCATTERED, CONTRACT, Limits(3, rows, Rules()))})["small"]
        tables = [Table(CONTRACT, "test", pa.Table.from_pandas(frame[o::3], preserve_index=False)) for o in range(3)]
        handed = [{name: p.constant(each) for name, each in laid.local(table).items()} for table in tables]
        own = [each for each in laid.given(handed)[()] if each.about.feature.factors == ("value", "value")]
        found += joined(p, own)
    first, second, last = (each.about.fine for each in found)
    assert first == last != second
    together = [as_signed(each.total.parts[0]).tolist() for each in evidence_tests._around(p, found)]
    alone = [as_signed(evidence_tests._around(p, [each])[0].total.parts[0]).tolist() for each in found]
    assert together == alone and len({each[0] for each in alone}) == 3


@trials(30, 1000)
def test_squares_of_distances_are_judged_as_if_all_rows_were_in_one_place(trials: range) -> None:
    """On shares as by pooling: no pair of persons has most of the squares around the mean, none can be worked out."""
    rules = Rules(safe_owners=1, safe_threshold=2, safe_other_rows=0, zeros_are_disclosive=False)
    rules = replace(rules, full_cells_are_disclosive=False, safe_dof_threshold=0)
    told = 0
    for seed in trials:
        rng = dice(seed)
        value = rng.choice([40, 41, 60, 400, 990], int(rng.integers(20, 60)), p=[0.5, 0.3, 0.1, 0.05, 0.05])
        z = np.rint((2 * value - 1000) * 4096 / 1000)
        # Whichever way the mean is rounded to one of 4096, and however near a test is to its edge.
        verdicts = set()
        for mean in np.floor(z.mean()) + np.array([-1, 0, 1]):
            square = np.sort((z - mean) ** 2)[::-1]
            verdicts.add(bool(square[:2].sum() <= 0.9 * square.sum()) and bool(square[2:].sum() >= 0.1 * square[0]))
        frame = pd.DataFrame({"value": value, "debt": rng.integers(-10, 900, value.size)})
        frame = frame.assign(region="north", product="car")
        frames = [frame[owner::3].reset_index(drop=True) for owner in range(3)]
        laid = layouts({"c": build(SCATTERED, CONTRACT, Limits(3, CONTRACT.most_rows, rules))})["small"]
        p = Plain()
        tables = [Table(CONTRACT, "test", pa.Table.from_pandas(each, preserve_index=False)) for each in frames]
        handed = [{name: p.constant(each) for name, each in laid.local(table).items()} for table in tables]
        own = [each for each in laid.given(handed)[()] if each.about.feature.factors == ("value", "value")]
        (evidence,) = joined(p, own)
        (scatter,) = evidence_tests._around(p, [evidence])
        passed = all((as_signed(t.parts[0]) >= 0).all() for _, t in evidence_tests._scattered(rules, scatter, 1))
        assert passed in verdicts
        told += passed
    assert 0 < told < len(trials)


# --- persons ------------------------------------------------------------------------------------------------------


def of_persons(most: int) -> Contract:
    text = _CONTRACT.replace(
        "    properties:\n",
        "    properties:\n"
        "      - {name: card, logicalType: integer, required: true, description: whose, customProperties: [\n"
        "          {property: privacyRole, value: quasi}, {property: purpose, value: test}],\n"
        "          logicalTypeOptions: {minimum: 0, maximum: 100000}}\n",
    )
    text += f"  - {{property: rowsPerPerson, value: {{columns: [card], most: {most}}}}}\n"
    return parse_contract(text.encode(), "cards")


def test_ten_rows_of_one_person_are_one_person() -> None:
    contract = of_persons(10)
    rules = Rules(safe_owners=1, safe_other_rows=0, safe_nk_k=Fraction(1), safe_pratio_p=Fraction(0))
    rows = {"region": "north", "product": "car", "debt": 0}
    for persons, shown in ((1, 0), (10, 0), (12, 1)):
        card = np.repeat(np.arange(persons), 10)
        frame = pd.DataFrame({**rows, "value": card * 7 + 5, "card": card})
        assert released([TOTAL], [frame], rules, contract=contract)["total"]["safe"] == shown


def test_the_rows_of_a_person_are_added_up_before_they_are_compared() -> None:
    """No row is large; the ten of one person are."""
    contract = of_persons(10)
    card = np.concatenate([np.zeros(10, np.int64), np.arange(1, 41)])
    value = np.concatenate([np.full(10, 90), np.arange(40) % 5])
    frame = pd.DataFrame({"region": "north", "product": "car", "debt": 0, "value": value, "card": card})
    rules = Rules(safe_owners=1, safe_other_rows=0)
    assert released([TOTAL], [frame], rules, contract=contract)["total"]["safe"] == 0
    alone = frame.assign(card=np.arange(50))
    assert released([TOTAL], [alone], rules, contract=contract)["total"]["safe"] == 1


# --- evidence -----------------------------------------------------------------------------------------------------

WIDE = About(Feature(("x",)), Bound(-1000, 1000))


def given(p: Plain, parts: list[list[np.ndarray]], depth: int = 2) -> Given:
    """What owners hand in of these values: for each owner an array for each cell."""
    tops, ats = [], []
    for sign in (1, -1):
        top = np.full((len(parts), depth, len(parts[0])), -1000)
        at = np.zeros((len(parts), len(parts[0])), np.int64)
        for owner, cells in enumerate(parts):
            for cell, values in enumerate(cells):
                ordered = np.sort(sign * values)[::-1]
                top[owner, : len(ordered[:depth]), cell] = ordered[:depth]
                at[owner, cell] = (ordered == ordered[0]).sum() if len(ordered) else 0
        tops.append(p.constant(top))
        ats.append(p.constant(at))
    persons = np.array([[len(values) for values in cells] for cells in parts])
    sums = np.array([[values.sum() for values in cells] for cells in parts]).astype(np.int64)
    peaks = {name: GivenPeak(tops[i], ats[i]) for i, name in enumerate((LARGEST, SMALLEST))}
    return Given(WIDE, p.constant(persons), {SUM: p.constant(sums)}, peaks)


def signs(p: Plain, evidence: Evidence, rules: Rules) -> dict[str, list[bool]]:
    (found,) = evidence_tests.tests(p, rules, [evidence])
    return {rule: (as_signed(test.parts[0]) >= 0).all(axis=0).tolist() for rule, test in found.items()}


@pytest.mark.parametrize(("rest", "shown"), [(1, False), (4, False), (5, True), (50, True)])
def test_an_owner_that_takes_its_own_rows_from_the_total_works_nobody_out(rest: int, shown: bool) -> None:
    """One owner has most of the total; of the two others one person has 100, and all others twice `rest`.

    The p-ratio alone takes the second largest away, and finds a hundred times the rest in the rows of the first owner.
    """
    p, rules = Plain(), Rules(safe_threshold=2, safe_owners=1, safe_other_rows=0)
    own = np.arange(100)
    others = [np.append(np.full(rest, 2), 100), np.zeros(rest, np.int64)]
    handed = replace(given(p, [[own], [others[0]], [others[1]]]), about=About(Feature(("x",)), Bound(0, 1000)))
    found = signs(p, joined(p, [handed])[0], rules)
    assert found["safe_nk_k"] == [True] and found["safe_pratio_p"] == [shown]


@trials(40, 2000)
def test_a_union_is_judged_as_a_cell_with_all_its_rows(trials: range) -> None:
    """What is found of chosen cells on shares is what an evidence of one cell with their rows is."""
    p = Plain()
    for seed in trials:
        rng = dice(seed)
        cells, owners = int(rng.integers(2, 6)), int(rng.integers(1, 5))
        parts = [
            [rng.integers(-20, 20, int(rng.integers(0, 6))) * int(rng.choice([1, 30])) for _ in range(cells)]
            for _ in range(owners)
        ]
        line = np.sort(rng.integers(0, 2, cells))
        line -= line.min()
        chosen = rng.integers(0, 2, cells)
        rules = Rules(safe_threshold=int(rng.integers(2, 6)), safe_owners=int(rng.integers(1, 3)), safe_other_rows=2)
        (evidence,) = joined(p, [given(p, parts)])
        (order,), _ = orders(p, [(evidence, line)])
        (union,) = unions(p, [(order, p.constant(chosen))])
        got = signs(p, union, rules)
        for each in range(int(line.max()) + 1):
            at = np.flatnonzero((line == each) & (chosen == 1))
            merged = [[np.concatenate([own[i] for i in at])] for own in parts] if at.size else None
            if merged is None or not sum(len(own[0]) for own in merged):
                continue
            (alone,) = joined(p, [given(p, merged)])
            wanted = signs(p, alone, rules)
            assert {rule: bits[each] for rule, bits in got.items()} == {r: b[0] for r, b in wanted.items()}, seed


def test_changes_since_a_remembered_state_are_judged_like_a_release() -> None:
    """As many persons as the rule asks for must have changed, beside any one owner's; never none."""
    p = Plain()
    rules = Rules(safe_difference=10)

    def passes(changed: list[int], moved: list[int], largest: list[tuple[int, int]]) -> bool:
        made = Given.of_changes(
            About(Feature(("x",)), Bound(0, 1000)),
            [p.constant(np.array([[n]])) for n in changed],
            [p.constant(np.array([[n]])) for n in moved],
            [p.constant(np.array(pair).reshape(1, 2, 1)) for pair in largest],
        )
        (found,) = evidence_tests.tests(p, rules, joined(p, made))
        assert set(found) == {"safe_difference"}
        return bool((as_signed(found["safe_difference"].parts[0]) >= 0).all())

    small = [(10, 10)] * 3
    assert passes([10, 8, 7], [100, 80, 70], small)
    assert not passes([0, 0, 0], [0, 0, 0], [(0, 0)] * 3)
    assert not passes([30, 5, 4], [300, 50, 40], small)  # nine beside the first owner's
    assert not passes([20, 20, 0], [200, 200, 0], small)  # two owners
    assert not passes([10, 8, 7], [5000, 80, 70], [(4930, 10), (10, 10), (10, 10)])  # one moved most of it


# --- what owners hand in ------------------------------------------------------------------------------------------


def test_a_sum_that_follows_from_a_finer_one_is_not_handed_in_twice() -> None:
    plans = [TOTAL, BOTH, REGION]
    built = {plan.name: build(plan, parse_contract(_CONTRACT.encode(), "small"), Limits(3, 500)) for plan in plans}
    names = [item.name for item in layouts(built)["small"].inputs]
    assert [name for name in names if name.endswith(("--sum", "--count"))] == [
        "rule--grid-2-sum-0--count",
        "rule--grid-2-sum-1--sum",
    ]
    assert {name.split("--")[1] for name in names} == {
        "grid-2-sum-0", "grid-0-sum-1", "grid-1-sum-1", "grid-2-sum-1"
    }  # fmt: skip
    assert all(name.startswith("rule--") for name in names)
