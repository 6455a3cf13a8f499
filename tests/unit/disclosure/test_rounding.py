"""Rounding of counts and sums on shares: to the nearest multiple, with a bound, and against an attacker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.registry import build
from counterfoil.disclosure.attack import attack, cells_by_label
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.rounding import rounded
from counterfoil.errors import AgreementError, RangeError
from counterfoil.governance.policies.policy import parse_policy
from counterfoil.joint.computation import analyses
from counterfoil.joint.cost_estimate import HIDE, estimate
from counterfoil.joint.rehearsal import rehearse
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import round_to
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain import Plain, price
from counterfoil.report.explain import explain
from counterfoil.report.leakage import statement
from tests.lib.private import only
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import MOST, bound, draw, planned, released, wide_contract
from tests.unit.disclosure.test_complement import BARE, BINS, BOTH, DEBTS, LINKS, PRODUCT, REGION, SOME, TOTAL, demo

PLANS = [TOTAL, BOTH, DEBTS, REGION, PRODUCT, BINS, SOME]
PASSED = planned("threshold", "value", name="passed", column="value", at_least=1000)


def nearest(exact: np.ndarray, base: int) -> np.ndarray:
    """The nearest multiple by another way: of the two around a number, the upper one if it is as near."""
    below = exact - np.mod(exact, base)
    return np.where(exact - below < below + base - exact, below, below + base)


@trials(12, 600)
def test_what_leaves_is_rounded_to_the_nearest_and_hidden_as_without(trials: range) -> None:
    for seed in trials:
        rng = dice(seed)
        frames, base = draw(rng, owners=3, rows=80), int(rng.integers(2, 11))
        exact, got = (
            released(PLANS, frames, replace(BARE, safe_round_counts=each, safe_round_sums=each)) for each in (1, base)
        )
        for name, arrays in exact.items():
            np.testing.assert_array_equal(got[name]["safe"], arrays["safe"], err_msg=f"SEED={seed}")
            for array in set(arrays) - {"safe", "largest"}:
                np.testing.assert_array_equal(got[name][array], nearest(arrays[array], base), err_msg=f"SEED={seed}")


@pytest.mark.parametrize("suite", ["rep3-sh/1", "rep4-mal/1"])
def test_the_suites_round_alike(suite: str) -> None:
    frames, rules = draw(dice(4), owners=3, rows=60), replace(BARE, safe_round_counts=7, safe_round_sums=7)
    plans = [TOTAL, BOTH, BINS, PASSED]
    wanted, got = released(plans, frames, rules), released(plans, frames, rules, suite)
    for name, arrays in wanted.items():
        for array in arrays:
            np.testing.assert_array_equal(got[name][array], arrays[array])


@trials(20, 1000)
def test_every_number_is_within_the_bound_that_is_told(trials: range) -> None:
    bounded = 0
    for seed in trials:
        rng = dice(seed)
        frames = draw(rng, owners=3, rows=int(rng.choice([30, 300])))
        base = int(rng.integers(2, 11))
        rules = replace(BARE, safe_round_counts=base, safe_round_sums=base)
        opened = released(PLANS, frames, rules)
        for name, analysis in bound(PLANS, len(frames), rules).items():
            table, pooled = analysis.present(opened[name]).tables[0], analysis.plain(frames)
            for column, measure in table.measures.items():
                shown = table.frame[column].notna().to_numpy()
                assert measure.label == "bounded" or (column == "mean" and not shown.any())
                off = np.abs(table.frame[column][shown].astype(float) - pooled[column][shown].astype(float))
                assert (off <= measure.bound).all(), f"SEED={seed}"
                assert column == "mean" or measure.bound == rules.safe_round_counts // 2
                bounded += int(shown.sum())
    assert bounded > 20 * len(trials)


def test_the_bound_of_a_mean_is_not_wider_than_need_be() -> None:
    """Three groups of ten rows: the farthest end is the mean of a table that is rounded to the same numbers."""
    frame = pd.DataFrame(
        {"region": ["north", "east", "south"] * 10, "product": "car", "value": [495, 505] * 15, "debt": 1}
    )
    rules = replace(BARE, safe_round_counts=4, safe_round_sums=4)
    opened = released([REGION], [frame], rules)["region"]
    (table,) = bound([REGION], 1, rules)["region"].present(opened).tables
    # 10 rows are rounded to 12, which stands for 10 to 13; 5,000 stays, and stands for 4,998 to 5,001.
    assert table.frame["rows"].tolist()[0] == 12
    assert table.frame["mean"].tolist()[0] == pytest.approx(5000 / 12)
    assert table.measures["mean"].bound == pytest.approx(5001 / 10 - 5000 / 12)


def test_an_attacker_who_knows_of_the_rounding_sees_intervals() -> None:
    """Hidden counts stay as uncertain as without rounding, and every interval holds the truth."""
    for seed in range(6):
        frames, base = draw(dice(seed), owners=3, rows=60), 5
        plans = [BOTH, REGION, PRODUCT, TOTAL]
        rows = sum(len(frame) for frame in frames)
        found = {}
        for each in (1, base):
            rules = replace(BARE, safe_round_counts=each, safe_round_sums=each)
            plain = bound(plans, len(frames), rules)
            opened = released(plans, frames, rules)
            found[each] = {(i.analysis, i.cell, i.what): i for i in attack(plain, opened, rows)}
        assert found[1].keys() == found[base].keys()
        pooled = pd.concat(frames)
        for key, interval in found[base].items():
            assert interval.low <= found[1][key].low
            assert interval.high >= found[1][key].high
            if key[0] == "both" and key[2] == "count":
                kind, region = key[1].split(", ")
                truth = int(((pooled["region"] == region) & (pooled["product"] == kind)).sum())
                assert interval.low <= truth <= interval.high
        assert found[base] != found[1] or not found[1]


def test_counts_alone_are_attacked_by_intervals_too() -> None:
    frame = pd.DataFrame({"region": "north", "product": "car", "value": [1] * 31 + [7] * 2, "debt": 1})
    rules = replace(BARE, safe_round_counts=4, safe_round_sums=4)
    opened = released([BINS], [frame], replace(rules, safe_threshold=2), complementary=False)
    analysis = bound([BINS], 1, rules)
    assert set(cells_by_label(analysis["bins"])) == {"from 0 to 5", "from 5 to 10", "from 10 to 1000"}
    (hidden,) = attack(analysis, opened, 33)
    # 31 stands for 30 to 33 and 2 for 2 to 5, and there are 33 rows: exact counts would leave nothing to the last bin.
    assert (hidden.cell, hidden.low, hidden.high) == ("from 10 to 1000", 0, 1)


def test_a_threshold_is_compared_with_the_rounded_sum() -> None:
    frame = pd.DataFrame({"region": "north", "product": "car", "value": [0, 0, 0, 332, 332, 332], "debt": 1})
    answers = {
        base: released(
            [PASSED], [frame], replace(BARE, safe_threshold=3, safe_round_counts=base, safe_round_sums=base)
        )["passed"]["passed"]
        for base in (1, 6, 10)
    }
    # 996 is a multiple of 6, and 1000 the nearest one of 10.
    assert {base: int(passed) for base, passed in answers.items()} == {1: 0, 6: 0, 10: 1}


def test_the_rows_of_a_correlation_are_rounded_and_it_has_steps_of_its_own() -> None:
    values = np.random.default_rng(1).integers(0, 1000, (3, 11))
    frames = [
        pd.DataFrame({"region": "north", "product": "car", "value": each, "debt": 1000 - each // 2}) for each in values
    ]
    rules = replace(BARE, safe_threshold=3, safe_round_counts=10, safe_round_sums=10)
    opened = released([LINKS], frames, rules)["links"]
    exact = np.corrcoef(values.ravel(), 1000 - values.ravel() // 2)[0, 1]
    assert opened["count"].tolist() == [30]
    assert opened["correlation"].tolist() == [round(1000 * exact)]
    (finding,) = bound([LINKS], 3, rules)["links"].present(opened).findings
    assert finding.endswith(f"{exact:+.3f} over about 30 rows.")


def test_a_sum_that_rounding_could_wrap_is_refused() -> None:
    contract_wide = planned("total", "value", column="value")
    assert bound([contract_wide], 3, replace(BARE, safe_round_counts=5, safe_round_sums=5))
    with pytest.raises(RangeError, match="could wrap"):
        bound([contract_wide], 1 << 50, replace(BARE, safe_round_counts=5, safe_round_sums=5))


def test_what_can_be_rounded_alone_is_rounded_with_others() -> None:
    """Sums of one plan that reach far up, and of another that reach as far down, in one pass."""
    rules, reach = replace(BARE, safe_round_counts=5, safe_round_sums=5), (1 << 61) // (3 * MOST)
    plans = [planned("total", column, name=column, column=column) for column in ("value", "debt")]
    found = {plan.name: build(plan, wide_contract(reach), Limits(3, MOST, rules)) for plan in plans}
    p, far = Plain(), 3 * MOST * reach
    sums = {"value": [0, 7, far], "debt": [-far, -8, 0]}
    hidden = {name: {"count": p.constant([9]), "sum": p.constant(np.array(each))} for name, each in sums.items()}
    got = rounded(p, found, hidden)
    for name, exact in sums.items():
        assert as_signed(got[name]["sum"].parts[0]).tolist() == [(each + 2) // 5 * 5 for each in exact]
        assert as_signed(got[name]["count"].parts[0]).tolist() == [10]


@pytest.mark.parametrize("analysis", ["total", "mean_by_group", "threshold"])
def test_what_no_number_of_digits_could_round_is_refused_when_it_is_planned(analysis: str) -> None:
    params = {
        "total": {"column": "debt"},
        "mean_by_group": {"value": "debt", "by": ("region",)},
        "threshold": {"column": "debt", "above": 1},
    }[analysis]
    plan = planned(analysis, "debt", "region", **params)
    reach = ((1 << 62) - 2) // (3 * MOST)
    build(plan, wide_contract(reach), Limits(3, MOST, BARE))
    most = reach * 3 * MOST
    base = next(b for b in range(2, 1 << 20) if b // 2 - (-most + b // 2) // b * b >= 1 << 62)
    with pytest.raises(RangeError, match=f"{analysis}: its sum cannot be rounded to multiples of {base}"):
        build(
            plan,
            wide_contract(reach),
            Limits(3, MOST, replace(BARE, safe_threshold=base, safe_round_counts=base, safe_round_sums=base)),
        )


@pytest.mark.parametrize("asks", ["above", "at_least"])
@pytest.mark.parametrize("value", [1 << 62, -(1 << 62), 10**30])
def test_a_threshold_that_does_not_fit_a_word_is_refused_when_it_is_planned(asks: str, value: int) -> None:
    with pytest.raises(RangeError, match="no sum reaches 2\\^62"):
        bound([planned("threshold", "value", column="value", **{asks: value})], 3, BARE)
    assert bound([planned("threshold", "value", column="value", **{asks: (1 << 62) - 1})], 3, BARE)


def policy(**rules: int) -> bytes:
    lines = "".join(f"  {name}: {value}\n" for name, value in rules.items())
    return f"kind: DisclosurePolicy\nid: a\nversion: 1.0.0\ntitle: a\nrules:\n{lines}".encode()


def test_a_base_that_rounds_what_may_be_shown_to_nothing_is_refused() -> None:
    assert parse_policy(policy(safe_round_counts=20), "p.yaml").rules.safe_round_counts == 20
    for name in ("safe_round_counts", "safe_round_base"):
        with pytest.raises(AgreementError, match=f"{name}: counts of 10 would be rounded to 0; lower it to 20 or less"):
            parse_policy(policy(**{name: 21}), "p.yaml")


def test_a_policy_with_the_earlier_name_means_both_and_says_what_to_write() -> None:
    before = parse_policy(policy(safe_round_base=5), "p.yaml")
    assert (before.rules.safe_round_counts, before.rules.safe_round_sums) == (5, 5)
    assert [hint.partition(";")[0] for hint in before.hints] == [
        "safe_round_base is read as safe_round_counts and safe_round_sums"
    ]
    assert parse_policy(policy(safe_round_counts=5, safe_round_sums=5), "p.yaml").hints == ()
    with pytest.raises(AgreementError, match=r"earlier name of safe_round_counts and safe_round_sums.*remove it"):
        parse_policy(policy(safe_round_base=5, safe_round_sums=5), "p.yaml")


def test_counts_and_sums_are_rounded_to_steps_of_their_own() -> None:
    frames = draw(dice(8), owners=3, rows=200)
    rules = replace(BARE, safe_round_counts=7, safe_round_sums=100)
    plan = planned("total", "value", column="value")
    exact = released([plan], frames, BARE)["total"]
    got = released([plan], frames, rules)["total"]
    assert got["count"] % 7 == 0 and abs(got["count"] - exact["count"]) <= 3
    assert got["sum"] % 100 == 0 and abs(got["sum"] - exact["sum"]) <= 50
    for each in (replace(rules, safe_round_counts=1), replace(rules, safe_round_sums=1)):
        one = released([plan], frames, each)["total"]
        assert (one["count"] == exact["count"]) == (each.safe_round_counts == 1)
        assert (one["sum"] == exact["sum"]) == (each.safe_round_sums == 1)
    told = bound([plan], 3, rules)["total"].present(got)
    assert "the sum rounded to the nearest 100, the rows rounded to the nearest 7" in told.findings[0]
    assert [measure.bound for measure in told.tables[0].measures.values()] == [3, 50]


def test_signers_and_readers_are_told_and_the_cost_is_that_of_the_run(tmp_path: Path) -> None:
    names = ("total-exposure", "balance-by-region-and-product", "balance-histogram")
    made = {}
    for base in (1, 5):
        joint, _ = demo(
            tmp_path / str(base), policy=f"  safe_round_base: {base}\n", edit=lambda text: only(text, names)
        )
        made[base] = joint
    agreement = made[5].agreement
    told = "Exact sums are rounded to the nearest multiple of 5"
    assert told in explain(agreement)
    assert told in statement(agreement, tuple(analyses(agreement).values()), ())
    assert told not in explain(made[1].agreement)
    costs = {base: estimate(joint.agreement).steps[HIDE] for base, joint in made.items()}
    found, p = analyses(agreement).values(), Plain()
    sizes = [bound.high for analysis in found for bound in analysis.counted().values()]
    round_to(p, p.constant(np.zeros(sum(each.numbers() for each in found), np.int64)), 5, Bound(0, max(sizes)))
    alone = price(p.calls, agreement.suite)
    assert costs[5].rounds - costs[1].rounds == alone.rounds == 30  # two digits
    assert costs[5].sent_bytes - costs[1].sent_bytes == alone.sent_bytes
    for name, arrays in made[5].finish().items():
        for output, share in arrays.items():
            assert output == "safe" or not (as_signed(share.parts[0]) % 5).any(), name
    assert rehearse(agreement).rows > 0
