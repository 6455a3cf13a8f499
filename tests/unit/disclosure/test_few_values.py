"""Columns of few values: sums of them, and of their products, tell of the rows that have each value."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.registry import build
from counterfoil.canonical import load_yaml
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.errors import AgreementError, PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.agreements.where import read_where
from counterfoil.governance.documents import Problems
from counterfoil.governance.policies.rules import Rules
from tests.lib.trials import dice
from tests.unit.analyses.fitting import BARE, contract_of, split
from tests.unit.analyses.judging import planned, released

RULES = Rules()
ROWS, MOST = 300, 10_000
CONTRACT = contract_of(
    {"value": (0, MOST), "flag": (0, 1), "once": (1, 2), "kind": (0, 2), "tenths": (0, 0.2, 1), "many": (0, 9)}
)
TOTAL = planned("total", "value", name="total", column="value")


def weighted(by: str) -> Planned:
    return planned("weighted_mean", "value", by, name="weighted", value="value", weight=by)


def where(plan: Planned, **given: Any) -> Planned:
    problems = Problems(load_yaml(b"where:\n  kind: 1\n", "a.yaml"), AgreementError)
    return dataclasses.replace(plan, name="some", where=read_where(given, CONTRACT, ("where",), problems))


def with_giant(values: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Rows of which every seventh has no flag; of those one has the value 987, and all others next to nothing."""
    rng = dice(1)
    none = np.arange(ROWS) % 7 == 0
    value = np.where(none, values, rng.integers(500, 1_000, ROWS))
    value[0] = 987
    flag = (~none).astype(np.int64)
    return pd.DataFrame({"value": value, "flag": flag, "once": 1 + flag, "kind": 0, "tenths": 0, "many": 0})


@pytest.mark.parametrize("by", ["flag", "once"])
def test_a_total_less_what_a_flag_weighs_is_of_those_without_it(by: str) -> None:
    for value, rules, leaves in ((1, BARE, True), (1, RULES, False), (700, RULES, True)):
        values = np.full(ROWS, value) + dice(2).integers(0, 3, ROWS)
        found = released([TOTAL, weighted(by)], split(with_giant(values)), rules, contract=CONTRACT)
        assert bool(found["weighted"]["safe"]) is leaves
        if not leaves:
            continue
        # By flags of 0 and 1, or of 1 and 2.
        rest = 2 * found["total"]["sum"] - found["weighted"]["weighted"]
        rest -= found["total"]["sum"] if by == "flag" else 0
        frame = with_giant(values)
        assert rest == frame.value[frame.flag == 0].sum()


@pytest.mark.parametrize("column", ["kind", "tenths"])
def test_count_sum_and_squares_tell_how_many_rows_have_each_of_three_values(column: str) -> None:
    plan = planned("summary", column, values=[column])
    for few, rules, leaves in ((3, BARE, True), (3, RULES, False), (30, RULES, True)):
        kinds = np.arange(ROWS) % 2
        kinds[:: ROWS // few] = 2
        frame = with_giant(kinds).assign(kind=kinds, tenths=kinds)
        found = released([plan], split(frame), rules, contract=CONTRACT)["summary"]
        assert bool(found["safe"]) is leaves
        if leaves:  # squares are about the middle, 1
            of_two = (found["sum-0"] - (found["count"] - found["squares-0"])) / 2
            assert of_two == few


def laid(*plans: Planned) -> None:
    layouts({plan.name: build(plan, CONTRACT, Limits(3, ROWS, RULES)) for plan in plans})


@pytest.mark.parametrize(
    "plan",
    [
        planned("histogram", "kind", name="some", column="kind", edges=[0, 1, 2]),
        where(TOTAL, kind=1),
        where(TOTAL, kind={"from": 1}),
        where(TOTAL, many=3),
    ],
)
def test_a_sum_solves_no_two_cells_that_a_table_or_a_filter_leaves(plan: Planned) -> None:
    column = next(name for name in ("kind", "many") if name in (*plan.columns, *(each.column for each in plan.where)))
    sums = planned("total", column, name="sums", column=column)
    for pair in ((plan, sums), (sums, plan)):
        with pytest.raises(PlanError, match=f"sums sums {column} and some cuts by it, which tells hidden cells"):
            laid(*pair)


def test_wide_parts_of_a_column_stand_beside_its_sum() -> None:
    laid(planned("total", "many", name="sums", column="many"), where(TOTAL, many={"from": 5}))
    laid(planned("total", "many", name="sums", column="many"), where(TOTAL, kind={"from": 1}))
    laid(planned("total", "flag", name="sums", column="flag"), where(TOTAL, flag=1))
