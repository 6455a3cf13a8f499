"""How concentrated a sum is: that of pandas on every suite, and only where all the groups' sums could leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Analysis, Result
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.policies.rules import OFF, Rules
from tests.lib.trials import dice
from tests.spec.circuit_spec import SUITES
from tests.unit.analyses.judging import CONTRACT, MOST, PRODUCTS, REGIONS, draw, planned, released

OPEN = Rules(safe_threshold=1, **{**OFF, "zeros_are_disclosive": False})
GUARDED = Rules(safe_threshold=4, **{**OFF, "safe_owners": 2, "safe_pratio_p": OFF["safe_pratio_p"]})
BY = ("region", "product")


def asked(by: tuple[str, ...] = BY, **params: Any) -> Planned:
    return planned("concentration", "value", *by, column="value", by=by, **params)


def bound(plan: Planned, rules: Rules = OPEN) -> Analysis:
    return build(plan, CONTRACT, Limits(3, MOST, rules))


def told(plan: Planned, frames: list[pd.DataFrame], suite: str = "plain", rules: Rules = OPEN) -> Result:
    return bound(plan, rules).present(released([plan], frames, rules, suite)[plan.name])


def cells(values: list[int]) -> list[pd.DataFrame]:
    """One row in each cell, of these values."""
    frame = pd.DataFrame([(r, c) for r in REGIONS for c in PRODUCTS], columns=list(BY))
    return [frame.assign(value=values, debt=0)]


@pytest.mark.parametrize("suite", SUITES)
def test_it_is_that_of_pandas_within_half_a_step(suite: str) -> None:
    plan = asked(top=(1, 2, 5))
    for seed in range(6 if suite == "plain" else 1):
        frames = draw(dice(seed), 3, 60)
        got, expected = told(plan, frames, suite).tables[0], bound(plan).plain(frames)
        assert got.frame["measure"].tolist() == expected["measure"].tolist()
        off = (got.frame["value"].astype(float) - expected["value"].astype(float)).abs().max()
        assert off <= got.measures["value"].bound < 0.00051


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("values", "hhi", "top"),
    [
        ([7] * 6, 0.167, (0.167, 0.333)),  # all alike: ties have one place each
        ([0, 0, 0, 0, 0, 9], 1.0, (1.0, 1.0)),
        ([1000, 1, 0, 0, 0, 0], 0.998, (0.999, 1.0)),
        ([5, 5, 0, 0, 0, 0], 0.5, (0.5, 1.0)),
    ],
)
def test_published_and_extreme_cases(values: list[int], hhi: float, top: tuple[float, ...], suite: str) -> None:
    found = told(asked(top=(1, 2)), cells(values), suite).tables[0].frame["value"].tolist()
    assert found == pytest.approx([hhi, *top])


def test_a_sum_of_nothing_is_said() -> None:
    result = told(asked(), cells([0] * 6))
    assert result.findings == ("value adds up to nothing, so it is not concentrated anywhere.",)
    assert result.tables[0].frame["value"].isna().all()


def test_it_reads_as_a_sentence() -> None:
    (finding,) = told(asked(), cells([5, 5, 0, 0, 0, 0])).findings
    assert finding == (
        "Of value, the largest group of 6 has 50.0 %; the index of concentration is 0.500, as if 2.0 groups had "
        "the same share each."
    )


def test_it_shows_only_where_the_table_of_all_sums_shows_every_cell() -> None:
    beside = planned("mean_by_group", "value", "region", value="value", by=("region",))
    seen = set()
    for seed in range(30):
        found = released([asked(("region",)), beside], draw(dice(seed), 3, 40), GUARDED)
        every = bool(found["mean_by_group"]["safe"].all())
        assert bool(found["concentration"]["safe"].all()) is every
        if not every:
            assert not found["concentration"]["hhi"] and not found["concentration"]["top"].any()
        seen.add(every)
    assert seen == {True, False}


def test_sums_are_rounded_before_where_the_policy_rounds() -> None:
    rules = Rules(safe_threshold=1, **{**OFF, "zeros_are_disclosive": False, "safe_round_sums": 100})
    result = told(asked(top=(1,)), cells([149, 51, 0, 0, 0, 0]), rules=rules)
    assert result.tables[0].frame["value"].tolist() == [0.5, 0.5]
    assert result.assumptions == ("Sums were rounded to the nearest 100 before.",)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (asked(top=(6,)), "under the number of groups, which is 6"),
        (asked(top=(2, 1)), "rises from one to the next"),
        (asked(by=()), "number of groups, which is 1"),
        (planned("concentration", "debt", "region", column="debt", by=("region",)), "raise the minimum of debt to 0"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(plan: Planned, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        bound(plan)


def test_large_sums_keep_their_digits() -> None:
    frames = cells([int(each) for each in np.array([1000, 999, 998, 1, 0, 2])])
    many = [pd.concat(frames * 80, ignore_index=True)]
    got, expected = told(asked(top=(1, 3)), many).tables[0], bound(asked(top=(1, 3))).plain(many)
    assert (got.frame["value"].astype(float) - expected["value"]).abs().max() <= got.measures["value"].bound
