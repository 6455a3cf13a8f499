"""Tests and ratios: named outcomes, what is judged, what is refused, and what an attacker makes of a statistic."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.registry import build
from counterfoil.analyses.sums.chi_square import Independence
from counterfoil.analyses.sums.two_by_two import Strata, TwoByTwo
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.policies.rules import Rules
from tests.unit.analyses.judging import CONTRACT, MOST, planned
from tests.unit.analyses.oracles import BARE
from tests.unit.analyses.test_description import read, rows

WELCH = planned("t_test", "value", "late", value="value", by="late")
PAIRED = planned("t_test", "value", "debt", value="value", minus="debt")
ANOVA = planned("anova", "value", "region", value="value", by="region")
CHI = planned("chi_square", "region", "late", by=("region", "late"))
STRATA = planned("mantel_haenszel", "region", "product", "late", strata="region", exposure="product", event="late")
RISK = planned("risk_ratio", "product", "late", exposure="product", event="late")


def test_a_test_says_size_direction_and_uncertainty() -> None:
    frames = [frame.assign(value=np.where(frame["late"], 600, 400) + frame["value"] // 10) for frame in rows(1)]
    (said,) = read(WELCH, frames).findings
    assert said.startswith("The mean of value is ") and " less in false than in true (95 % " in said
    assert "p < 0.001" in said and "chance" not in said
    (unsure,) = read(WELCH, rows(5)).findings
    assert unsure.endswith("A difference of this size may well be chance.")


def test_two_columns_of_the_same_rows_are_compared() -> None:
    frames = [frame.assign(debt=np.clip(frame["value"] - 20 - frame.index % 5, -10, 1000)) for frame in rows(2)]
    result = read(PAIRED, frames)
    assert result.findings[0].startswith("value is 2")
    assert "more than debt in the same rows, on average" in result.findings[0]
    assert result.tables[1].frame["rows"].tolist() == [180]


@pytest.mark.parametrize(
    ("plan", "change", "said"),
    [
        (WELCH, {"value": 5}, "No test: nothing varies in false and true, or by less than can be told."),
        (WELCH, {"late": True}, "No test: false cannot be shown, or has fewer than two rows."),
        (PAIRED, {"debt": 3, "value": 9}, "No test: nothing varies in value - debt, or by less than can be told."),
        (
            ANOVA,
            {"value": 5},
            "No test: fewer than two groups have rows, or value varies in none by more than can be told.",
        ),
        (
            ANOVA,
            {"region": "east"},
            "No test: fewer than two groups have rows, or value varies in none by more than can be told.",
        ),
        (CHI, {"late": True}, "No test: all rows are alike in region or in late."),
        (RISK, {"late": False}, "Nobody with product card has late true, so there is no ratio of risks."),
        (RISK, {"late": True}, "Everybody with product car has late true, so there is no ratio of odds."),
        (
            STRATA,
            {"product": "car"},
            "No ratio: no stratum that is shown has the event, and has it not, in both groups.",
        ),
        (RISK, {"product": "car"}, "Nobody has product card, so nothing is compared."),
    ],
)
def test_what_has_no_statistic_is_named(plan: Planned, change: dict[str, object], said: str) -> None:
    result = read(plan, [frame.assign(**change) for frame in rows(3)])
    assert said in result.findings
    frame = result.tables[0].frame
    assert frame.select_dtypes("number").isna().any(axis=None)


def test_a_category_that_nobody_has_is_left_out_and_said() -> None:
    result = read(CHI, [frame.assign(region=frame["region"].replace("south", "east")) for frame in rows(4)])
    assert result.tables[0].frame["degrees of freedom"].tolist() == [1]
    assert "Nobody has region south, so that is left out." in result.assumptions


def test_few_expected_are_said() -> None:
    result = read(CHI, [frame.head(6) for frame in rows(4)], replace(BARE, safe_threshold=1))
    assert any("expected counts are below 5, so p is rough" in each for each in result.assumptions)


def test_a_hidden_count_leaves_no_statistic() -> None:
    frames = [frame.assign(late=frame["region"] != "south") for frame in rows(6)]
    one = pd.DataFrame({"region": ["south"], "product": ["car"], "value": [1], "debt": [1], "late": [True]})
    frames[0] = pd.concat([frames[0], one], ignore_index=True)
    result = read(CHI, frames)
    assert result.suppressed and result.tables[0].frame.select_dtypes("number").isna().all(axis=None)
    assert result.findings[0].endswith("counts are hidden; merge categories of region and late.")
    result = read(ANOVA, [*frames[1:], frames[0][frames[0]["region"] != "south"], one])
    assert not result.suppressed and "F = " in result.findings[0]
    few = [*(frame[frame["region"] != "south"] for frame in frames), one]
    assert "groups are hidden; merge categories of region." in read(ANOVA, few).findings[0]
    risk = [frame.assign(product=np.where(frame["region"] == "south", "car", "card")) for frame in frames]
    assert read(RISK, risk).findings == ("A count is hidden, so there is no ratio.",)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (planned("t_test", "value", value="value"), "give one of `by`"),
        (planned("t_test", "value", "region", value="value", by="region"), "'region' has 3 groups"),
        (planned("t_test", "value", value="value", minus="value"), "less itself is nothing"),
        (planned("chi_square", "region", by=("region",)), "`by` names the two columns"),
        (
            planned("risk_ratio", "region", "late", exposure="region", event="late"),
            "'region' has 3 values; let `exposed` be",
        ),
        (
            planned("risk_ratio", "product", "late", exposure="product", event="late", exposed="van"),
            "'product' has no 'van'; let `exposed` be one of car, card",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(plan: Planned, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        build(plan, CONTRACT, Limits(3, MOST, BARE))


@pytest.mark.parametrize("plan", [WELCH, ANOVA, CHI, RISK, STRATA], ids=lambda plan: plan.analysis)
def test_a_policy_that_rounds_is_refused_by_name(plan: Planned) -> None:
    with pytest.raises(PlanError, match="no version here enforces the rule safe_round_counts"):
        build(plan, CONTRACT, Limits(3, MOST, replace(BARE, safe_round_counts=5)))


def test_who_counts_as_exposed_may_be_chosen() -> None:
    frames = rows(7)
    one = read(RISK, frames).tables[0].frame["estimate"]
    plan = replace(RISK, params={**RISK.params, "exposed": "car", "happened": True})
    other = read(plan, frames).tables[0].frame["estimate"]
    np.testing.assert_allclose(one[:2] * other[:2], 1)
    assert one[2] == pytest.approx(-other[2])


def test_the_exposed_are_compared_with_all_others() -> None:
    frames = rows(7)
    plan = planned("risk_ratio", "region", "late", exposure="region", exposed="east", event="late")
    pooled = pd.concat(frames)
    risks = [pooled["late"][(pooled["region"] == "east") == exposed].mean() for exposed in (True, False)]
    result = read(plan, frames)
    assert result.tables[0].frame["estimate"][0] == pytest.approx(risks[0] / risks[1])
    assert "times as likely with region east as with north or south" in result.findings[0]


def test_the_difference_of_two_columns_is_judged_with_all_that_it_is_made_of() -> None:
    analysis = build(PAIRED, CONTRACT, Limits(3, MOST, BARE))
    assert {each.factors for each in analysis.features()} == {
        *((), ("value",), ("debt",), ("value - debt",)),
        *(("debt", "value"), ("value", "value"), ("debt", "debt"), ("value - debt", "value - debt")),
    }


def test_a_difference_that_one_row_makes_up_is_hidden_though_neither_column_is() -> None:
    """All have nearly the same in both columns but one person, whose difference its sum and squares would give away."""
    frames = [frame.assign(debt=np.clip(frame["value"] - frame.index % 2, 0, 1000)) for frame in rows(8)]
    rules = replace(BARE, safe_pratio_p=Rules().safe_pratio_p, safe_threshold=10)
    assert read(PAIRED, frames, rules).suppressed == 0
    frames[0].loc[0, ["value", "debt"]] = (900, 100)
    assert read(PAIRED, frames, rules).suppressed == 1
    for column in ("value", "debt"):
        assert read(planned("summary", column, values=(column,)), frames, rules).suppressed == 0


def test_a_recipient_of_margins_and_chi_square_would_know_the_table() -> None:
    """So the counts are judged themselves: of all tables with these margins, two at most have the statistic."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        table = rng.integers(0, 40, (2, 2)).astype(float)
        if not (table.sum(axis=0).all() and table.sum(axis=1).all()):
            continue
        rows, columns = table.sum(axis=1), table.sum(axis=0)
        shown = Independence.of(table)
        assert shown is not None
        alike = []
        for a in range(int(min(rows[0], columns[0])) + 1):
            other = np.array([[a, rows[0] - a], [columns[0] - a, rows[1] - columns[0] + a]])
            found = Independence.of(other) if (other >= 0).all() else None
            if found and round(found.statistic, 3) == round(shown.statistic, 3):
                alike.append(a)
        assert 1 <= len(alike) <= 2 and table[0, 0] in alike


def test_squares_about_a_public_number_tell_attackers_those_about_nothing() -> None:
    plan, frames = planned("summary", "debt", values=("debt",)), rows(9)
    analysis = build(plan, CONTRACT, Limits(3, MOST, BARE))
    pooled = pd.concat(frames)["debt"]
    opened = {
        name: np.array(value)
        for name, value in {
            "safe": 1,
            "count": len(pooled),
            "sum-0": pooled.sum(),
            "squares-0": ((pooled - 495) ** 2).sum(),
        }.items()
    }
    (told,) = analysis.told(opened)
    assert told.feature.factors == ("debt", "debt")
    assert told.low == told.high == (pooled**2).sum()
    assert not list(itertools.chain(analysis.told({**opened, "safe": np.array(0)})))


def test_strata_are_pooled_as_in_the_published_example() -> None:
    """Admissions to Berkeley in 1973, by department, as R's documentation of mantelhaen.test has them."""
    departments = [
        *(TwoByTwo(512, 313, 89, 19), TwoByTwo(353, 207, 17, 8), TwoByTwo(120, 205, 202, 391)),
        *(TwoByTwo(138, 279, 131, 244), TwoByTwo(53, 138, 94, 299), TwoByTwo(22, 351, 24, 317)),
    ]
    found = Strata(departments).odds_ratio()
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.9046968, 0.7719074, 1.0603298), abs=5e-8)
    test = Strata(departments).chi_square()
    assert test == pytest.approx(1.5246, abs=5e-5)


def test_one_stratum_is_a_table_of_two_by_two() -> None:
    table = TwoByTwo(30, 70, 12, 88)
    for pooled, own in (
        (Strata([table]).odds_ratio(), table.odds_ratio()),
        (Strata([table]).relative_risk(), table.relative_risk()),
    ):
        assert pooled is not None and own is not None
        assert (pooled.value, pooled.low, pooled.high) == pytest.approx((own.value, own.low, own.high))


def test_a_stratum_with_a_hidden_count_is_left_out_and_said() -> None:
    frames = rows(11)
    south = [frame["region"] == "south" for frame in frames]
    frames = [frame[~here | ~frame["late"]] for frame, here in zip(frames, south, strict=True)]
    one = pd.DataFrame({"region": ["south"], "product": ["car"], "value": [1], "debt": [1], "late": [True]})
    result = read(STRATA, [*frames, one])
    assert result.assumptions[1] == "A count of north, south is hidden, so that is left out."  # north protects south
    kept = (pd.concat(frames)["region"] == "east").sum()
    assert f"over {kept:,} rows" in result.findings[0]
    assert result.tables[0].frame["rows"].isna().tolist() == [True, False, True]
