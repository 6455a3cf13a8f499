"""No forbidden cell can be restored from what is published: an attacker with linear programming tries."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from counterfoil.data.reading.table import Table
from counterfoil.disclosure.attack import Interval, attack, cells_by_label
from counterfoil.disclosure.lattice import Axis, Family, family
from counterfoil.disclosure.tables.complement import neighbours
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Agreement, Part, Planned
from counterfoil.governance.agreements.signing.signed import read_agreement
from counterfoil.governance.parties.roster import fill_roster
from counterfoil.governance.policies.rules import OFF, Rules, named
from counterfoil.home import Home
from counterfoil.joint.computation import (
    BY_RULE,
    HIDDEN,
    REJECTED,
    WAITS,
    JointComputation,
    analyses,
    local_parts,
)
from counterfoil.joint.openings import declared
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain.protocol import Plain
from counterfoil_prefect.synthetic_data.loans import make_tables
from tests.lib.consortium import CONTRACTS, today
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import bound, draw, judged, planned, released

TOTAL = planned("total", "value", column="value")
BOTH = planned("mean_by_group", "value", "region", "product", name="both", value="value", by=("region", "product"))
DEBTS = planned("mean_by_group", "debt", "region", "product", name="debts", value="debt", by=("product", "region"))
REGION = planned("mean_by_group", "value", "region", name="region", value="value", by=("region",))
PRODUCT = planned("mean_by_group", "value", "product", name="product", value="value", by=("product",))
BINS = planned("histogram", "value", name="bins", column="value", edges=(0, 5, 10, 1000))
SOME = planned("histogram", "debt", name="some", column="debt", edges=(-5, 0, 5))
LINKS = planned("correlation", "value", "debt", name="links", rows="local")
PLANS = (TOTAL, BOTH, DEBTS, REGION, PRODUCT, BINS, SOME, LINKS)

BARE = Rules(safe_threshold=5, **{**OFF, "zeros_are_disclosive": True})
MODEST = replace(BARE, safe_nk_n=1, safe_nk_k=Fraction(7, 10), full_cells_are_disclosive=True, safe_owners=2)


def intervals(
    plans: list[Planned], frames: list[pd.DataFrame], rules: Rules, *, complementary: bool = True, sums: bool = True
) -> dict[tuple[str, str, str], Interval]:
    opened = released(plans, frames, rules, complementary=complementary)
    found = attack(bound(plans, len(frames), rules), opened, sum(len(frame) for frame in frames), sums=sums)
    return {(each.analysis, each.cell, each.what): each for each in found}


def forbidden(plans: list[Planned], frames: list[pd.DataFrame], rules: Rules) -> set[tuple[str, str]]:
    """The analyses and cells that a rule about who is in a cell, and not about its sum, forbids.

    How many rows there are in all is public, whether or not a rule forbids what else is released of them.
    """
    found = set()
    for plan, (_, fails) in zip(plans, judged(plans, frames, rules), strict=True):
        labels = cells_by_label(bound([plan], len(frames), rules)[plan.name])
        for label, place in labels.items():
            if label != "all" and any(fail.ravel()[place] for rule, fail in fails.items() if rule in named("rows")):
                found.add((plan.name, label))
    return found


@trials(25, 1500)
def test_no_forbidden_count_is_known_more_closely_than_the_minimum(trials: range) -> None:
    restored, hidden = 0, 0
    for seed in trials:
        rng = dice(seed)
        frames = draw(rng, owners=3, rows=int(rng.choice([10, 40, 150])))
        rules = [BARE, MODEST][int(rng.integers(2))]
        names = rng.choice(len(PLANS), int(rng.integers(2, 6)), replace=False)
        plans = [PLANS[i] for i in sorted(names) if rules.safe_nk_k == 1 or PLANS[i] is not DEBTS]
        if sum(len(frame) for frame in frames) < rules.safe_threshold:
            continue
        wanted = forbidden(plans, frames, rules)
        found = intervals(plans, frames, rules, sums=False)
        for (name, cell, _), interval in found.items():
            if (name, cell) in wanted:
                assert interval.width >= rules.safe_threshold, (seed, [plan.name for plan in plans], interval)
        hidden += len(wanted)
        alone = intervals(plans, frames, rules, complementary=False, sums=False)
        restored += sum(alone[name, cell, "count"].width < rules.safe_threshold for name, cell in wanted)
    assert hidden > restored > 0  # or else there was nothing to protect


def frame(cells: dict[tuple[str, str], int]) -> pd.DataFrame:
    rows = [(*cell, 5 + i % 5, i % 3) for cell, count in cells.items() for i in range(count)]
    return pd.DataFrame(rows, columns=["region", "product", "value", "debt"])


LARGE = {
    (r, p): 20 + 5 * i + j for i, r in enumerate(("north", "east", "south")) for j, p in enumerate(("car", "card"))
}


def hidden_of(plans: list[Planned], cells: dict[tuple[str, str], int], rules: Rules = BARE) -> dict[str, list[int]]:
    return {name: (1 - each["safe"]).ravel().tolist() for name, each in released(plans, [frame(cells)], rules).items()}


def test_the_smallest_neighbour_goes_with_the_only_small_cell() -> None:
    small = LARGE | {("east", "card"): 3}
    assert hidden_of([BOTH], LARGE) == {"both": [0, 0, 0, 0, 0, 0]}
    # The number of all rows is public, so one hidden cell could be subtracted from it: north, car has the fewest rows.
    assert hidden_of([BOTH], small) == {"both": [1, 0, 0, 1, 0, 0]}
    assert hidden_of([BOTH, REGION], small) == {"both": [0, 0, 1, 1, 0, 0], "region": [0, 0, 0]}


def test_margins_that_cross_need_a_rectangle() -> None:
    small = LARGE | {("east", "card"): 3}
    assert hidden_of([BOTH, REGION, PRODUCT], small) == {
        "both": [1, 1, 1, 1, 0, 0],
        "region": [0, 0, 0],
        "product": [0, 0],
    }


def test_cells_that_hold_next_to_nothing_together_take_a_third() -> None:
    assert hidden_of([BOTH], LARGE | {("east", "card"): 0, ("east", "car"): 1}) == {"both": [1, 0, 1, 1, 0, 0]}


def test_a_hidden_margin_hides_what_adds_up_to_it() -> None:
    small = LARGE | {("east", "card"): 2, ("east", "car"): 2}
    found = hidden_of([BOTH, REGION], small)
    assert found == {"both": [1, 1, 1, 1, 0, 0], "region": [1, 1, 0]}


def test_a_cell_is_hidden_in_every_table_that_has_it() -> None:
    crossed = hidden_of([BOTH, DEBTS], LARGE | {("east", "card"): 3})
    assert crossed["both"] == [1, 0, 0, 1, 0, 0]
    assert crossed["debts"] == [1, 0, 0, 0, 1, 0]  # the same cells, product by region


def test_rows_outside_all_bins_are_a_cell_of_their_own() -> None:
    few = frame(LARGE)
    few.loc[:2, "debt"] = 9
    assert released([SOME], [few], BARE)["some"]["safe"].tolist() == [0, 0]
    assert released([SOME], [frame(LARGE)], replace(BARE, zeros_are_disclosive=False))["some"]["safe"].tolist() != [
        0,
        0,
    ]


def test_a_sum_that_one_row_makes_up_does_not_follow_from_the_others() -> None:
    table = frame(LARGE)
    table.loc[table.index[-1], "value"] = 1000
    rules = replace(BARE, safe_nk_n=1, safe_nk_k=Fraction(8, 10))
    plans = [TOTAL, BOTH, BINS]
    open_ = intervals(plans, [table], rules, complementary=False)
    shut = intervals(plans, [table], rules)
    cell = ("both", "card, south", "sum of value")
    assert open_[cell].width == 0
    assert shut[cell].width > 100


@pytest.mark.parametrize("suite", ["rep3-sh/1", "rep4-mal/1"])
def test_the_suites_hide_the_same_cells(suite: str) -> None:
    rng = dice(3)
    frames = draw(rng, owners=3, rows=60)
    plans = [TOTAL, BOTH, REGION, PRODUCT, BINS, SOME, LINKS]
    rules = replace(MODEST, safe_nk_k=Fraction(9, 10))
    wanted, got = released(plans, frames, rules), released(plans, frames, rules, suite)
    for name, arrays in wanted.items():
        for array in arrays:
            np.testing.assert_array_equal(got[name][array], arrays[array])


def test_one_column_cut_in_two_ways_is_refused() -> None:
    other = planned("histogram", "value", name="other", column="value", edges=(0, 6, 1000))
    with pytest.raises(PlanError, match="other and bins cut value in two ways"):
        released([BINS, other], [frame(LARGE)], BARE)


def axes(*sizes: tuple[str, int]) -> tuple[Axis, ...]:
    return tuple(Axis(name, tuple(map(str, range(size)))) for name, size in sizes)


def test_the_grids_are_those_that_tables_share() -> None:
    r, p, s = ("r", 3), ("p", 2), ("s", 4)
    found = family({"a": axes(p, r), "b": axes(r, s)})
    assert [[axis.column for axis in grid.axes] for grid in found.grids] == [[], ["r"], ["p", "r"], ["r", "s"]]
    assert [grid.groups for grid in found.grids] == [(), ((0,),), ((0,),), ((1,),)]


def cubic(below: tuple[str, ...]) -> Family:
    """The table by p, r and s with some of its margins."""
    sizes = {"p": 2, "r": 3, "s": 2}
    return family({name: axes(*((a, sizes[a]) for a in name)) for name in (*below, "prs")})


BELOW = [c for n in (1, 2, 3) for c in combinations(["p", "r", "s", "pr", "rs", "ps"], n)]


@pytest.mark.parametrize("below", [("pr", "rs", "ps"), ("p", "rs", "ps")])
def test_margins_that_cross_under_a_finer_table_are_refused(below: tuple[str, ...]) -> None:
    with pytest.raises(PlanError, match="no version here can protect all of them"):
        cubic(below)


@pytest.mark.parametrize("below", BELOW)
def test_moving_rows_between_the_corners_changes_no_margin(below: tuple[str, ...]) -> None:
    try:
        found = cubic(below)
    except PlanError:
        assert sum(len(name) == 2 for name in below) >= 2
        return
    grid = found.grids[-1]
    if len(grid.groups) == 1:
        moves = [(i, j) for i in range(grid.size) for j in range(i) if grid.lines[i] == grid.lines[j]]
        signs = [1, -1]
    else:
        moves = grid.cubes[0].tolist()
        signs = [(-1) ** which.bit_count() for which in range(len(moves[0]))]
    assert moves
    for corners in moves:
        for coarse in found.below(grid):
            margin = grid.margin(coarse.axes)
            changed = np.zeros(coarse.size, int)
            np.add.at(changed, margin[list(corners)], signs)
            assert not changed.any()


# --- the demo ---------------------------------------------------------------------------------------------------


MARGINS = """
  - name: balance-by-{axis}
    analysis: mean_by_group
    version: 1
    purpose: A margin of the table by region and product.
    contract: loans
    columns: [balance, {axis}]
    parameters:
      value: balance
      by: [{axis}]
    recipients: [bank-a]
"""


def demo(
    folder: Path,
    margins: Sequence[str] = (),
    policy: str = "",
    edit: Callable[[str], str] = str,
    checked: Callable[[JointComputation], None] = lambda joint: None,
) -> tuple[JointComputation, dict[Part, int]]:
    """The demo's own agreement, policy and tables, computed up to suppression; and the rows of each owner.

    `checked` is called once inputs are checked, when nothing is evaluated yet.
    """
    shutil.copytree(CONTRACTS, folder / "contracts")
    file = folder / "contracts" / "agreements" / "exposure.agreement.yaml"
    file.write_text(edit(file.read_text()) + "".join(MARGINS.format(axis=axis) for axis in margins))
    rules = folder / "contracts" / "policies" / "strict-counts.policy.yaml"
    rules.write_text(rules.read_text() + policy)
    raw = (CONTRACTS / "rosters" / "four-banks.roster.yaml").read_bytes()
    homes = {
        party["id"]: Home.create(folder / party["id"], party["id"], str(folder / "exchange"), party["roles"])
        for party in yaml.safe_load(raw)["parties"]
    }
    roster = fill_roster(raw, "roster.yaml", [home.keys.public for home in homes.values()], today().date())
    agreement = read_agreement(file, roster)
    contract, p = agreement.contracts["loans"], Plain()
    shares, rows = {}, {}
    for owner, table in make_tables(contract, seed=7).items():
        read = Table(contract, "test", pa.Table.from_pandas(table, preserve_index=False))
        made = local_parts(agreement, "loans", read)
        shares[Part(owner, "loans")] = {name: p.constant(array) for name, array in made.items()}
        rows[Part(owner, "loans")] = len(table)
    joint = JointComputation(p, agreement)
    joint.check(shares, rows)
    checked(joint)
    for plan in agreement.analyses:
        joint.evaluate(plan.name)
    joint.compare()
    joint.add_noise()
    joint.suppress()
    return joint, rows


def small_cells(agreement: Agreement) -> int:
    tables = make_tables(agreement.contracts["loans"], seed=7)
    return int((pd.concat(tables).groupby(["region", "product"]).size() < agreement.min_count).sum())


@pytest.mark.parametrize(
    "margins",
    [(), pytest.param(("region", "product"), marks=pytest.mark.slow)],
    ids=["as it is", "with margins"],
)
def test_every_hidden_cell_of_the_demo_survives_the_attack(margins: tuple[str, ...], tmp_path: Path) -> None:
    """What both recipients get together, against the attacker."""
    joint, rows = demo(tmp_path, margins)
    agreement = joint.agreement
    opened = {
        name: {output: as_signed(share.parts[0]) for output, share in arrays.items()}
        for name, arrays in joint.finish().items()
    }
    found = attack(analyses(agreement), opened, sum(rows.values()))
    counts = [each for each in found if each.what == "count"]
    assert len(counts) == sum(int((arrays["safe"] == 0).sum()) for arrays in opened.values()) > 0
    assert 0 < small_cells(agreement) <= len(counts) - 2 * bool(margins)
    for each in found:
        assert each.width >= agreement.min_count, each


@pytest.mark.slow
def test_how_many_cells_each_rule_hides_is_opened_only_if_the_policy_asks_for_it(tmp_path: Path) -> None:
    quiet, _ = demo(tmp_path / "quiet")
    assert quiet.progress.by_rule == {}
    assert [line.label for line in declared(quiet.agreement)] == [REJECTED, HIDDEN, WAITS]
    told, _ = demo(tmp_path / "told", policy="  count_by_rule: true\n")
    assert [line.label for line in declared(told.agreement)] == [REJECTED, HIDDEN, BY_RULE, WAITS]
    table = told.progress.by_rule["balance-by-region-and-product"]
    assert table["safe_threshold"] == small_cells(told.agreement) > 0
    assert set(told.progress.by_rule["balance-histogram"].values()) == {0}


@pytest.mark.slow
def test_what_would_hide_less_is_said_by_name(tmp_path: Path) -> None:
    joint, _ = demo(tmp_path, ("region", "product"))
    plans = analyses(joint.agreement)
    assert neighbours(plans, "balance-by-region-and-product") == ["balance-by-region", "balance-by-product"]
    assert neighbours(plans, "balance-histogram") == neighbours(plans, "total-exposure") == []
