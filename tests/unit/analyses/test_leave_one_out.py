"""How much a total rests on one owner: the right step, of nobody by name, and no more than the policy allows."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.policies.rules import OFF, Rules
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import CONTRACT, MOST, bound, planned, released

STEPS = (30, 50, 70)
RATIO = Fraction(1, 10)
BARE = Rules(safe_threshold=2, **OFF)


def asked(*percent: int, **more: object) -> Analysis:
    plan = planned("leave_one_out", "value", column="value", percent=percent or STEPS, **more)
    return bound([plan], 4, BARE)[plan.name]


def tables(parts: list[int], rows: int = 4) -> list[pd.DataFrame]:
    """An owner for each part, whose values add up to it."""
    frames = []
    for part in parts:
        values = np.full(rows, part // rows)
        values[: part % rows] += 1
        frames.append(pd.DataFrame({"region": "north", "product": "car", "value": values, "debt": 0}))
    return frames


def opened(parts: list[int], percent: tuple[int, ...] = STEPS, suite: str = "plain") -> tuple[int, int, int]:
    """Whether it is shown, and how many steps the largest part of the sum, and of the rows, reaches."""
    plan = planned("leave_one_out", "value", column="value", percent=percent)
    found = released([plan], tables(parts), BARE, suite)[plan.name]
    return int(found["safe"]), int(found["sum-step"]), int(found["rows-step"])


@pytest.mark.parametrize("suite", ["plain", "rep3-sh/1", "rep4-mal/1"])
@pytest.mark.parametrize(
    ("parts", "step"), [([250, 250, 250, 250], 0), ([400, 300, 200, 100], 1), ([60, 20, 10, 10], 2), ([75, 9, 8, 8], 3)]
)
def test_the_largest_owner_decides_the_step(parts: list[int], step: int, suite: str) -> None:
    assert opened(parts, suite=suite) == (1, step, 0)


@pytest.mark.parametrize(("largest", "step"), [(299, 0), (300, 1), (301, 1), (499, 1), (500, 2), (699, 2), (700, 3)])
def test_it_is_right_to_the_last_unit(largest: int, step: int) -> None:
    rest = 1000 - largest
    parts = [largest, rest // 3, rest // 3, rest - 2 * (rest // 3)]
    assert asked().plain(tables(parts)).iloc[0, 1] == max(25, (0, *STEPS)[step])
    assert opened(parts) == (1, step, 0)


@pytest.mark.parametrize(
    ("parts", "percent"),
    [
        ([250, 250, 250, 250], (26,)),  # all are under 26 %, so all are near 25 %
        ([499, 499, 1, 1], (50,)),  # both are under half, so both are half
        ([600, 390, 5, 5], (40,)),  # from the total less its own part the second knows the first
        ([1000, 0, 0, 0], (50,)),
        ([0, 0, 0, 0], (50,)),
    ],
)
def test_a_step_that_would_tell_a_part_stays_hidden(parts: list[int], percent: tuple[int, ...]) -> None:
    safe, step, rows = opened(parts, percent)
    assert (safe, step, rows) == (0, 0, 0)


@trials(60, 3000)
def test_a_step_narrows_no_part_down_to_less_than_the_ratio(trials: range) -> None:
    """Not for an owner, who knows its own part and perhaps the total; under a step, not for all but two together."""
    shown = 0
    for seed in trials:
        rng = dice(seed)
        parts = np.sort(rng.integers(0, rng.choice([20, 100, 1000], 4)))[::-1].tolist()
        safe, step, _ = opened(parts)
        if not safe:
            continue
        shown += 1
        total, most = sum(parts), parts[0]
        edges = [0, *(Fraction(each, 100) for each in STEPS), 1]
        low, high = edges[step] * total, edges[step + 1] * total
        assert low <= most <= high
        for own in parts[1:]:
            rest = total - own
            assert min(high, rest) - max(low, rest - 2 * high) >= RATIO * most, "the largest"
            assert min(high, rest - low) - max(0, rest - 2 * high) >= min(RATIO * most, rest - low), "another"
        for both in map(sum, combinations(parts, 2)):
            assert min(high, both) - max(0, both - high) >= min(RATIO * most, both)
    assert shown > len(trials) // 10


def test_parts_that_may_be_negative_are_refused() -> None:
    with pytest.raises(PlanError, match="may be negative; raise the column's minimum"):
        build(planned("leave_one_out", "debt", column="debt", percent=(50,)), CONTRACT, Limits(4, MOST, BARE))


@pytest.mark.parametrize("percent", [(), (0,), (100,), (50, 50), (60, 40), (50, 52), (1, 2, 3, 4, 5, 6), (0.5,), "50"])
def test_steps_are_whole_rising_and_apart(percent: object) -> None:
    with pytest.raises(PlanError, match=r"`percent`"):
        build(planned("leave_one_out", "value", column="value", percent=percent), CONTRACT, Limits(4, MOST, BARE))


def test_two_owners_would_learn_each_others_part() -> None:
    plan = planned("leave_one_out", "value", column="value", percent=(50,))
    with pytest.raises(PlanError, match="3 owners or more"):
        build(plan, CONTRACT, Limits(2, MOST, BARE))
    with pytest.raises(RangeError, match="could wrap"):
        build(plan, CONTRACT, Limits(4, 1 << 46, BARE))


def test_nothing_but_the_steps_is_released_and_it_reads_as_a_sentence() -> None:
    analysis = asked()
    assert [output.name for output in analysis.outputs()] == ["safe", "sum-step", "rows-step"]
    result = analysis.present({"safe": np.array(1), "sum-step": np.array(1), "rows-step": np.array(0)})
    assert result.findings == (
        "Without the owner that brings most of it, value adds up to at least 30 % less, and to less than 50 % less; "
        "without any other owner it falls by no more.",
    )
    assert result.tables[0].frame.to_numpy().tolist() == [["sum of value", 30, 50], ["rows", 25, 30]]
    hidden = analysis.present({"safe": np.array(0), "sum-step": np.array(0), "rows-step": np.array(0)})
    assert hidden.suppressed == 1 and hidden.tables[0].frame.iloc[:, 1:].isna().all(axis=None)
