"""What a recipient works out from fits: the sums behind them, as closely as they are released; so these are judged."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.flags import check_told_apart
from counterfoil.analyses.registry import build
from counterfoil.analyses.sums.regression_table import INTERCEPT
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.features import Feature
from counterfoil.errors import PlanError
from counterfoil.governance.policies.rules import Rules
from tests.lib.trials import dice
from tests.unit.analyses.fitting import BARE, contract_of, fit, split
from tests.unit.analyses.judging import planned, released
from tests.unit.analyses.test_linear_regression import CONTRACT, RULES, G, by_term, few, rows_of


def shown(formula: str, frame: pd.DataFrame, rules: Rules = BARE) -> tuple[pd.DataFrame, float, int, Analysis]:
    """The coefficients, the residual standard error and the number of rows, as a recipient reads them."""
    result, _, analysis = fit(formula, split(frame), CONTRACT, rules, digits=9)
    line = result.tables[1].frame.iloc[0]
    table = by_term(result)[["estimate", "standard error"]].astype(float)
    return table, float(line["residual standard error"]), int(line["rows"]), analysis


def test_a_fit_gives_back_the_sums_that_it_is_concluded_from() -> None:
    frame = rows_of(11)
    table, s, n, analysis = shown("y ~ x", frame)
    (slope, error), (start, start_error) = table.loc["x"], table.loc[INTERCEPT]
    spread = (s / error) ** 2  # of x around its mean
    mean = np.sqrt(((start_error / s) ** 2 - 1 / n) * spread)
    of_y = start + slope * mean
    worked_out = {
        ("x",): n * mean,
        ("x", "x"): spread + n * mean**2,
        ("y",): n * of_y,
        ("x", "y"): slope * spread + n * mean * of_y,
        ("y", "y"): s**2 * (n - 2) + slope**2 * spread + n * of_y**2,
    }
    own = frame.assign(y=frame["y"] / 10)
    for factors, found in worked_out.items():
        assert found == pytest.approx(own[list(factors)].prod(axis=1).sum(), rel=1e-3)
        assert Feature(factors) in analysis.features()


def test_two_fits_that_overlap_give_a_sum_within_a_category() -> None:
    frame, large = few("f", 1, 0, 4), rows_of(3)
    for rows, rules, leaves in ((frame, BARE, True), (frame, RULES, False), (large, RULES, True)):
        _, opened, analysis = fit("y ~ x + f", split(rows), CONTRACT, rules, digits=9)
        assert bool(opened["safe"]) is leaves
        if not leaves:
            continue
        both, s_both, _, _ = shown("y ~ x + f", rows, rules)
        alone, s_alone, _, _ = shown("y ~ x", rows, rules)
        spread = (s_alone / alone.loc["x", "standard error"]) ** 2
        # What f explains of x, from how much larger the error of x is with it.
        explained = 1 - (s_both / both.loc["x", "standard error"]) ** 2 / spread
        assert explained == pytest.approx(rows["x"].corr(rows["f"]) ** 2, abs=2e-5)
        assert Feature(("f", "x")) in analysis.features()


def test_a_fit_restores_no_group_that_a_table_of_means_hides() -> None:
    frame = few("g", "south", "east", 5)
    groups = planned("mean_by_group", "y", "g", name="groups", value="y", by=["g"])
    model = planned("linear_regression", "y", "g", name="model", formula="y ~ C(g)", digits=9)
    # Without any rule the fit tells the few rows by their number and their mean.
    opened = released([model], split(frame), BARE, contract=CONTRACT)["model"]
    table, s, _, _ = shown("y ~ C(g)", frame)
    of_north = (s / table.loc[INTERCEPT, "standard error"]) ** 2
    of_south = 1 / ((table.loc["g = south", "standard error"] / s) ** 2 - 1 / of_north)
    assert round(of_south) == (frame["g"] == "south").sum() and opened["safe"]
    mean = table.loc[INTERCEPT, "estimate"] + table.loc["g = south", "estimate"]
    assert mean == pytest.approx(frame.loc[frame["g"] == "south", "y"].mean() / 10, rel=1e-4)
    # With the rule neither tells it.
    both = released([groups, model], split(frame), RULES, contract=CONTRACT)
    assert both["groups"]["safe"].tolist() == [0, 1, 0] or not both["groups"]["safe"][G.index("south")]
    assert not both["model"]["safe"] and not both["model"]["estimate"].any()


def plans(*formulas: str) -> dict[str, Analysis]:
    contract = contract_of({"y": (0, 99), "x": (0, 99), "f": (0, 1), "g": G, "k": ["a", "b", "c"]})
    made = {}
    for formula in formulas:
        names = [each for each in ("y", "x", "f", "g", "k") if each in formula]
        plan = planned("linear_regression", *names, name=f"m{len(made)}", formula=formula)
        made[plan.name] = build(plan, contract, Limits(3, 500, BARE))
    return made


def test_two_models_tell_rows_apart_by_nested_columns_or_not_at_all() -> None:
    for formulas in (
        ("y ~ x", "y ~ C(g)"),
        ("y ~ C(g)", "y ~ x + C(g) + f"),
        ("y ~ g", "x ~ g"),
        ("y ~ f", "y ~ f + k"),
    ):
        check_told_apart(plans(*formulas))
    for formulas, words in (
        (("y ~ C(g)", "y ~ C(k)"), "add g to the formula of m1"),
        (("y ~ C(g) + x", "y ~ x", "f ~ C(k)"), "m0 and m2 tell rows apart by other columns: g and f, k"),
    ):
        with pytest.raises(PlanError, match=words):
            check_told_apart(plans(*formulas))


def test_categories_of_two_models_that_differ_in_few_rows_would_tell_them() -> None:
    """What is refused above: g and k are alike but for three rows, and two means give their sum."""
    rng = dice(4)
    contract = contract_of({"y": (0, 1_000), "g": G, "k": G})
    frame = pd.DataFrame({"y": rng.integers(0, 1_001, 300), "g": rng.choice(G, 300)})
    frame["k"] = frame["g"]
    at = frame.index[frame["g"] == "south"][:3]
    frame.loc[at, "k"] = "east"
    rules = dataclasses.replace(RULES, safe_threshold=10)

    def released_of(column: str) -> dict[str, Any]:
        plan = planned("linear_regression", "y", column, name=column, formula=f"y ~ C({column}) - 1", digits=6)
        return released([plan], split(frame), rules, contract=contract)[column]

    one, other = (released_of(column) for column in ("g", "k"))
    assert one["safe"] and other["safe"]  # each by itself is judged, and may leave
    residual = [float(each["residual"]) * 1e-3 for each in (one, other)]
    sums = [
        (each["estimate"][2] * 1e-3) * round((s / (each["error"][2] * 1e-3)) ** 2)
        for each, s in zip((one, other), residual, strict=True)
    ]
    assert sums[0] - sums[1] == pytest.approx(frame.loc[at, "y"].sum(), abs=2)
    # One model with both columns is judged by their joint cells, of which one has three rows.
    plan = planned("linear_regression", "y", "g", "k", name="both", formula="y ~ C(g) + C(k)")
    assert not released([plan], split(frame), rules, contract=contract)["both"]["safe"]
