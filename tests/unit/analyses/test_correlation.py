"""Correlations that nodes conclude: from owners' sums and from rows alike, in steps, pair by pair, on every suite."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Result
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.features import Feature
from counterfoil.errors import PlanError
from counterfoil.governance.policies.rules import OFF, Rules
from tests.spec.circuit_spec import SUITES
from tests.unit.analyses import test_analyses as demo
from tests.unit.analyses.judging import bound, planned, released

BARE = Rules(safe_threshold=2, **OFF)
LOCAL, SHARED = (
    planned("correlation", "value", "debt", name=rows, rows=rows) for rows in ("local", "shared")
)  # fmt: skip


def frames(value: Any, debt: Any, owners: int = 3) -> list[pd.DataFrame]:
    whole = pd.DataFrame({"region": "north", "product": "car", "value": value, "debt": debt})
    return [whole.iloc[at].reset_index(drop=True) for at in np.array_split(np.arange(len(whole)), owners)]


def told(tables: list[pd.DataFrame], rules: Rules = BARE, suite: str = "plain") -> tuple[Result, Result]:
    opened = released([LOCAL, SHARED], tables, rules, suite)
    analyses = bound([LOCAL, SHARED], len(tables), rules)
    one, other = (analyses[name].present(opened[name]) for name in ("local", "shared"))
    return one, other


def number(result: Result) -> float:
    return float(result.tables[0].frame["debt"][0])


RNG = np.random.default_rng(5)
UP = np.arange(90) * 11
TIED = {
    "upward": (UP, UP - 10, 1.0),
    "downward": (UP, 1000 - UP, -1.0),
    "few outliers": (np.where(np.arange(90) % 45 == 7, 1000, 0), np.where(np.arange(90) % 45 == 7, 1000, -10), 1.0),
    "below zero": (RNG.integers(0, 1001, 90), RNG.integers(-10, 0, 90), None),
    "anyhow": (RNG.integers(0, 1001, 90), RNG.integers(-10, 1001, 90), None),
    "heavy": (RNG.integers(0, 10, 90) ** 3, RNG.integers(0, 10, 90) ** 3, None),
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", TIED)
def test_owners_and_nodes_come_to_the_same(name: str, suite: str) -> None:
    value, debt, exact = TIED[name]
    exact = np.corrcoef(value, debt)[0, 1] if exact is None else exact
    one, other = (number(result) for result in told(frames(value, debt), suite=suite))
    # The nearest thousandth, and one beside it where the exact one is in the middle of two.
    assert max(abs(one - exact), abs(other - exact)) <= 0.00051
    assert round(1000 * abs(one - other)) in (0, 1)
    assert 1000 * one == pytest.approx(round(1000 * one), abs=1e-9)
    assert abs(one) <= 1


def test_what_one_row_makes_of_a_column_is_hidden() -> None:
    one = np.arange(90) == 7
    for result in told(frames(np.where(one, 1000, 0), np.where(one, 1000, -10))):
        assert (result.suppressed, result.cells) == (1, 1)


def test_flags_have_their_phi() -> None:
    a, b = np.arange(400) % 4 == 0, np.arange(400) % 10 < 5
    value, debt = np.where(a, 1000, 0), np.where(b, 1000, -10)
    one, _ = told(frames(value, debt))
    both, n = (a & b).sum(), 400
    phi = (n * both - a.sum() * b.sum()) / np.sqrt(a.sum() * (n - a.sum()) * b.sum() * (n - b.sum()))
    assert number(one) == pytest.approx(phi, abs=0.00051)


def test_a_column_of_one_value_is_hidden_with_all_its_pairs() -> None:
    for result in told(frames(np.full(60, 7), np.arange(60))):
        assert np.isnan(result.tables[0].frame[["value", "debt"]].to_numpy()).all()
        assert result.findings == ("No correlation can be shown.",)
        assert (result.suppressed, result.cells) == (1, 1)


def test_nothing_is_said_over_no_rows() -> None:
    rules = dataclasses.replace(BARE, zeros_are_disclosive=False)
    none = [frame.head(0) for frame in frames(np.arange(6), np.arange(6))]
    opened = released([LOCAL], none, rules)["local"]
    assert opened["safe"].tolist() == [1]
    assert bound([LOCAL], 3, rules)["local"].present(opened).findings == ("No correlation can be shown.",)


def test_pairs_are_hidden_one_by_one_and_said_so() -> None:
    plan = demo.PLANS["correlation, local"]
    analysis = build(plan, demo.CONTRACT, Limits(4, demo.ROWS, BARE))
    safe = np.ones(10, np.int64)
    safe[0] = 0  # income and balance
    safe[[3, 4, 5]] = 0  # days past due, with what comes before
    opened = {"safe": safe, "count": 900 * safe, "correlation": safe * (100 + np.arange(10))}
    result = analysis.present(opened)
    (table,) = result.tables
    matrix = table.frame.set_index("column")
    assert np.isnan(matrix.loc["balance", "income"])
    assert matrix.loc["default_flag", "days_past_due"] == matrix.loc["days_past_due", "default_flag"] == 0.109
    assert (np.diag(matrix) == 1).all()
    assert matrix.isna().to_numpy().sum() == 2 * (result.suppressed) == 8
    assert result.assumptions[0] == "The correlation of balance and income is hidden: a disclosure rule forbids it."
    assert len(result.assumptions) == 4
    assert "days_past_due and default_flag are the most" in result.findings[0] or "cannot be told" in result.findings[0]


def test_no_moment_is_released_and_few_numbers_are_counted() -> None:
    analysis = build(demo.PLANS["correlation, shared"], demo.CONTRACT, Limits(4, demo.ROWS))
    assert {output.name: output.shape for output in analysis.outputs()} == dict.fromkeys(
        ("safe", "count", "correlation"), (10,)
    )
    assert analysis.numbers() == 11
    assert "mean" not in " ".join(analysis.reveals) and "covariance" not in " ".join(analysis.reveals)


def test_an_attacker_is_told_of_the_pairs_that_are_shown_and_of_no_other() -> None:
    analysis = build(demo.PLANS["correlation, local"], demo.CONTRACT, Limits(4, demo.ROWS, BARE))
    safe = np.array([0, 1, *[0] * 8])
    rows, r = analysis.told({"safe": safe, "count": 900 * safe, "correlation": 250 * safe})
    assert (rows.feature, rows.low, rows.high) == (Feature(), 900, 900)
    assert (r.feature, r.coefficient) == (Feature(("age", "balance")), True)
    assert r.low <= 0.25 - 0.0005 and r.high >= 0.25 + 0.0005
    assert not list(analysis.told(dict.fromkeys(("safe", "count", "correlation"), 0 * safe)))


def test_the_first_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(PlanError, match="name 'version: 2' in the agreement, and have it signed anew"):
        build(dataclasses.replace(demo.PLANS["correlation, local"], version=1), demo.CONTRACT, Limits(4, demo.ROWS))
