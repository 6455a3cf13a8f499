"""Quantiles by bin: as pandas has them, on every suite; nothing finer than bins that a histogram could show."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis, Result
from counterfoil.analyses.ranked.places import NONE, bins_of, places
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed, concat
from tests.lib.trials import dice
from tests.spec.circuit_spec import SUITES, run
from tests.unit.analyses.judging import CONTRACT, MOST, draw, judged, planned, released

BINS = (3, 8, 100)
OPEN = Rules(safe_threshold=1, **{**OFF, "zeros_are_disclosive": False})
GUARDED = Rules(safe_threshold=4, **{**OFF, "safe_owners": 2, "zeros_are_disclosive": True})


def asked(by: tuple[str, ...] = (), **params: Any) -> Planned:
    columns = ("value", *by)
    return planned("quantiles", *columns, column="value", **{"bins": BINS, **({"by": by} if by else {}), **params})


def bound(plan: Planned, rules: Rules = OPEN, owners: int = 3) -> Analysis:
    return build(plan, CONTRACT, Limits(owners, MOST, rules))


def told(plan: Planned, frames: list[pd.DataFrame], rules: Rules = OPEN, suite: str = "plain") -> Result:
    opened: Mapping[str, NDArray[Any]] = released([plan], frames, rules, suite)[plan.name]
    return bound(plan, rules, len(frames)).present(opened)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("by", [(), ("region",), ("region", "product")], ids=len)
def test_they_are_those_of_pandas(by: tuple[str, ...], suite: str) -> None:
    plan = asked(by, probabilities=(0.001, 0.25, 0.5, 0.667, 0.75, 0.999))
    for seed in range(4 if suite == "plain" else 1):
        frames = draw(dice(seed), 3, 30)
        frame = told(plan, frames, suite=suite).tables[0].frame
        pd.testing.assert_frame_equal(frame, bound(plan).plain(frames), check_dtype=False)


@pytest.mark.parametrize("suite", SUITES)
def test_places_are_exact_for_every_number_of_rows_and_tie(suite: str) -> None:
    """Bins of values 0 to 4 against numpy's order statistics, with no row, one, ties, and all in one bin."""
    rng, ways = dice(1), ("lower", "higher")
    probabilities = [Fraction(1, 1000), Fraction(1, 3), Fraction(1, 2), Fraction(3, 4), Fraction(999, 1000)]
    counts = np.concatenate(
        [
            np.zeros((1, 5), np.int64),
            np.eye(5, dtype=np.int64),
            7 * np.eye(5, dtype=np.int64),
            rng.integers(0, 4, (40, 5)),
        ]
    )

    def program(p: Protocol, count: Arith) -> Arith:
        return concat([each.reshape(-1) for each in places(p, count, probabilities)])

    marks = as_signed(run(suite, program, (counts,)).values).reshape(2, len(counts), 5, len(probabilities))
    found = bins_of(*marks)
    for group, count in enumerate(counts):
        rows = np.repeat(np.arange(5), count)
        for at, each in enumerate(probabilities):
            for side, way in enumerate(ways):
                # numpy's own place is of a float; this one is exact
                exact = each * (rows.size - 1)
                place = int(exact) if way == "lower" else -int(-exact // 1)
                assert found[side][group, at] == (rows[place] if rows.size else NONE)


def test_a_median_between_two_bins_is_told_as_two() -> None:
    frames = [pd.DataFrame({"region": "north", "product": "car", "value": [1, 1, 50, 60], "debt": 0})]
    result = told(asked(probabilities=(0.5,)), frames)
    row = result.tables[0].frame.iloc[0]
    assert (row["bin"], row["at least"], row["at most"]) == ("below 3, or 8 to below 100", 0, 99)
    assert result.findings[0].startswith(
        "The median of value is between two rows, of which one is below 3 and one 8 to"
    )
    assert "In the first bin, which is bounded by what the contract allows alone: median." in result.findings


def test_the_interquartile_range_is_between_what_both_bins_allow() -> None:
    value = [1] * 4 + [5] * 4 + [50] * 5
    frames = [pd.DataFrame({"region": "north", "product": "car", "value": value, "debt": 0})]
    findings = told(asked(), frames).findings
    assert "The interquartile range of value is between 6 and 99." in findings
    pooled = pd.Series(value)
    assert 6 <= pooled.quantile(0.75) - pooled.quantile(0.25) <= 99


# --- named outcomes -----------------------------------------------------------------------------------------------


def test_no_rows_is_said_and_so_is_a_group_without_any() -> None:
    nobody = draw(dice(0), 2, 12)[0].head(0)
    assert told(asked(), [nobody, nobody]).findings == ("There are no rows, so value has no quantiles.",)
    some = draw(dice(3), 1, 40)[0].assign(region="north")
    result = told(asked(("region",)), [some])
    assert "There are no rows of east, so value has no quantiles." in result.findings
    frame = result.tables[0].frame
    assert frame.loc[frame["region"] != "north", ["bin", "at least", "at most"]].isna().all(axis=None)


def test_rows_of_one_owner_only_have_no_quantile_that_is_told() -> None:
    frames = draw(dice(5), 3, 60)
    alone = [frames[0], *(frame.head(0) for frame in frames[1:])]
    result = told(asked(), alone, GUARDED)
    assert result.suppressed == result.cells == 4
    assert "too few rows, of too few owners, or of one owner alone" in result.findings[0]
    assert result.tables[0].frame[["bin", "at least", "at most"]].isna().all(axis=None)


def test_a_quantile_in_an_open_end_is_named() -> None:
    frames = [pd.DataFrame({"region": "north", "product": "car", "value": [1, 5, 500, 600, 700], "debt": 0})]
    findings = told(asked(), frames).findings
    assert "In the last bin, which is bounded by what the contract allows alone: median, upper quartile." in findings


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"probabilities": (0.0,)}, "over 0 and under 1"),
        ({"probabilities": (1.0,)}, "the largest value are somebody's"),
        ({"probabilities": (0.12345,)}, "at most three decimal places"),
        ({"probabilities": (0.5, 0.5)}, "must rise"),
        ({"bins": ()}, "must list where they begin"),
        ({"bins": (2000,)}, "is cut above its minimum"),
        ({"by": ("value",)}, "does not tell few groups apart"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(params: Mapping[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        bound(asked(**params)).outputs()


# --- what an attacker makes of it ---------------------------------------------------------------------------------


def test_they_show_only_where_a_histogram_beside_them_shows_every_bin() -> None:
    """So however many probabilities, filters and weeks there are, they tell no more than cells that may leave."""
    many = tuple(np.arange(1, 100) / 100)
    beside = planned("histogram", "value", column="value", edges=(0, *BINS, 1000))
    seen = set()
    for seed in range(30):
        frames = draw(dice(seed), 3, 60)
        found = released([asked(probabilities=many), beside], frames, GUARDED)
        shown, every = found["quantiles"]["safe"], bool(found["histogram"]["safe"].all())
        assert set(shown.tolist()) == {int(every)}
        seen.add(every)
        if not every:
            assert not found["quantiles"]["lower"].any() and not found["quantiles"]["higher"].any()
    assert seen == {True, False}


def test_of_groups_each_stands_or_falls_by_its_own_bins() -> None:
    some = draw(dice(8), 3, 60)
    frames = [
        pd.concat([each.assign(region="north", value=[1, 5, 50, 500] * 5), each.assign(region="south").head(2)])
        for each in (frame.sample(20, replace=True, random_state=1) for frame in some)
    ]
    safe = released([asked(("region",))], frames, Rules(safe_threshold=4, **OFF))["quantiles"]["safe"]
    assert safe[0].all() and not safe[2].any()


def test_other_bins_of_the_same_column_are_refused() -> None:
    with pytest.raises(PlanError, match="cut value in two ways"):
        judged([asked(), planned("histogram", "value", column="value", edges=(0, 4, 1000))], draw(dice(0), 2, 9), OPEN)


def test_a_filter_is_a_cut_beside_the_bins() -> None:
    where = dataclasses.replace(asked(), where=(Condition("region", 0, 0, "north"),))
    frames = draw(dice(4), 2, 40)
    own = [frame[frame["region"] == "north"] for frame in frames]
    frame = told(where, frames).tables[0].frame
    pd.testing.assert_frame_equal(frame, bound(asked()).plain(own), check_dtype=False)


def test_counts_are_rounded_before_they_are_compared_where_the_policy_rounds() -> None:
    """What leaves is a function of the counts that a histogram under the same policy would show."""
    rules = Rules(safe_threshold=1, **{**OFF, "zeros_are_disclosive": False, "safe_round_counts": 5})
    beside = planned("histogram", "value", column="value", edges=(0, *BINS, 1000))
    for seed in range(6):
        frames = draw(dice(seed), 2, 60)
        found = released([asked(), beside], frames, rules)
        rounded = np.repeat([1, 5, 50, 500], found["histogram"]["count"])
        as_if = [frames[0].head(0).reindex(range(len(rounded))).assign(region="north", product="car", value=rounded)]
        expected = bound(asked()).plain(as_if)
        result = bound(asked(), rules, 2).present(found["quantiles"])
        pd.testing.assert_frame_equal(result.tables[0].frame, expected, check_dtype=False)
        assert "rounded to the nearest 5 before places were compared" in result.assumptions[0]


def test_noise_is_in_the_counts_before_they_are_compared() -> None:
    """Near the end of a bin the answer varies with the noise; far from it, it does not."""
    analysis = bound(dataclasses.replace(asked(probabilities=(0.5,)), privacy=Privacy("laplace", Decimal(1))))
    assert analysis.noise is not None and not analysis.features() and analysis.numbers() == 0

    def program(p: Protocol, count: Arith) -> Arith:
        found = []
        for at in range(count.shape[0]):
            assert analysis.noise is not None
            noised = analysis.noise.add(p, f"plan-{at}", {"count": count[at]})["count"]
            found.append(analysis.conclude(p, Cells(noised, {})).values["lower"].reshape(1, -1))
        return concat(found)

    near, far = np.tile([50, 50, 50, 50], (40, 1)), np.tile([20, 20, 400, 20], (10, 1))
    marks = as_signed(run("plain", program, (np.concatenate([near, far]),)).values).reshape(50, 4)
    assert len({tuple(each) for each in marks[:40].tolist()}) > 1
    assert (marks[40:] == [1, 1, 1, 0]).all()
