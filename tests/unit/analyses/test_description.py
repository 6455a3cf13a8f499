"""Summaries, weighted means and cross-tables: named outcomes, rounding with bounds that hold, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Result
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.governance.policies.rules import Rules
from tests.lib.trials import dice
from tests.unit.analyses.judging import CONTRACT, MOST, planned, released
from tests.unit.analyses.oracles import BARE
from tests.unit.analyses.test_declared_sums import at_random

SUMMARY = planned("summary", "value", "debt", "product", values=("value", "debt"), by=("product",))
OVERALL = planned("summary", "value", values=("value",))
WEIGHTED = planned("weighted_mean", "debt", "value", "product", value="debt", weight="value", by=("product",))
CROSSED = planned("cross_table", "region", "product", by=("region", "product"))


def read(plan: Planned, frames: Sequence[pd.DataFrame], rules: Rules = BARE) -> Result:
    opened = released([plan], frames, rules)[plan.name]
    return build(plan, CONTRACT, Limits(len(frames), MOST, rules)).present(opened)


def rows(seed: int, size: int = 60) -> list[pd.DataFrame]:
    rng = dice(seed)
    return [at_random(rng, size) for _ in range(3)]


def test_a_summary_says_mean_spread_and_uncertainty() -> None:
    frames = rows(1)
    (said,) = read(OVERALL, frames).findings
    values = pd.concat(frames)["value"]
    assert said.startswith(f"value has a mean of {values.mean():,.4g} (95 % ± ")
    assert f"standard deviation of {values.std():,.4g}, over 180 rows" in said


def test_a_summary_has_a_table_for_each_column() -> None:
    frames = rows(2)
    result = read(SUMMARY, frames)
    assert [table.title for table in result.tables] == ["value by product", "debt by product"]
    pooled = pd.concat(frames).groupby("product")["debt"].std()
    np.testing.assert_allclose(result.tables[1].frame["standard deviation"], pooled[["car", "card"]], rtol=1e-12)
    assert len(result.findings) == 2
    assert " in car" in result.findings[0] and " in card" in result.findings[0]


def test_a_constant_column_and_an_empty_group_are_named() -> None:
    frames = [frame.assign(value=7, product="car") for frame in rows(3)]
    result = read(
        replace(SUMMARY, params={"values": ("value",), "by": ("product",)}, columns=("value", "product")), frames
    )
    assert "value does not vary in car." in result.findings
    assert result.assumptions == ("1 groups have no two rows, so they have no variance.",)
    assert result.tables[0].frame["rows"].tolist() == [180, 0]


@pytest.mark.parametrize("step", [(1, 50), (5, 1), (10, 100)])
@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_where_the_policy_rounds(seed: int, step: tuple[int, int]) -> None:
    """Whatever rounding hides, the exact number is within what is printed."""
    rules = replace(BARE, safe_round_counts=step[0], safe_round_sums=step[1])
    frames = rows(seed, 100)
    for plan, columns in (
        (SUMMARY, ("rows", "mean", "standard deviation", "variance")),
        (WEIGHTED, ("weighted mean",)),
        (CROSSED, ("rows", "% of all", "% of region", "% of product")),
    ):
        analysis = build(plan, CONTRACT, Limits(3, MOST, rules))
        table, exact = read(plan, frames, rules).tables[0], analysis.plain(frames)
        for column in columns:
            off = np.abs(table.frame[column].to_numpy(float) - exact[column].to_numpy(float))
            assert (off <= table.measures[column].bound + 1e-9).all(), (column, off, table.measures[column])
        assert table.measures[columns[-1]].bound > 0 or 1 in step


def test_weights_of_nothing_are_named() -> None:
    frames = [frame.assign(value=np.where(frame["product"] == "car", 0, frame["value"])) for frame in rows(4)]
    result = read(WEIGHTED, frames)
    assert "All weights of car are zero, or may be, so it has no weighted mean." in result.findings
    assert np.isnan(result.tables[0].frame["weighted mean"][0]) and result.suppressed == 0


def test_weights_below_nothing_are_refused() -> None:
    plan = planned("weighted_mean", "debt", "value", value="value", weight="debt")
    with pytest.raises(PlanError, match="weights may be negative; give 'debt' a minimum of 0 in small"):
        build(plan, CONTRACT, Limits(3, MOST, BARE))


def test_a_hidden_cell_hides_what_is_in_percent_of_its_line() -> None:
    frame = pd.DataFrame({"region": ["north"] * 30 + ["east"] * 30, "product": ["car"] * 15 + ["card"] * 45})
    frames = [frame.assign(value=1, debt=1) for _ in range(3)]
    alone = pd.DataFrame({"region": ["south"], "product": ["car"], "value": [1], "debt": [1]})
    frames[0] = pd.concat([frames[0], alone], ignore_index=True)
    result = read(CROSSED, frames)
    table, margins = result.tables[0].frame.set_index(["region", "product"]), result.tables[1:]
    assert result.suppressed and pd.isna(table.loc[("south", "car"), "rows"])
    assert table["% of all"].isna().all() and table["% of product"].isna().any()
    assert margins[0].frame["rows"].isna().any()


@pytest.mark.parametrize("plan", [SUMMARY, WEIGHTED], ids=lambda plan: plan.analysis)
def test_what_takes_no_noise_says_so(plan: Planned) -> None:
    with pytest.raises(PlanError, match="takes no noise; remove 'privacy' from it"):
        build(replace(plan, privacy=Privacy("laplace", Decimal(1))), CONTRACT, Limits(3, MOST, BARE))
