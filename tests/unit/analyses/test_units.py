"""Decimals, days and times through whole analyses: exact in the column's own unit, and equal to the pooled answer."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from counterfoil.analyses.base import Analysis, Result
from counterfoil.analyses.registry import build
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.rounding import rounded
from counterfoil.disclosure.suppression import hide, judge
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.joint.range_check import Handed, check_ranges
from counterfoil.joint.rehearsal import _written, same_as_pooled
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.session.in_process import reveal, run_local
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.suites.plain.protocol import Plain
from counterfoil.report.pages import tables
from tests.unit.analyses.judging import CONTRACT, planned

MOST = 10_000
BARE = Rules(**{**OFF, "safe_threshold": 2})
COLUMNS = (
    Column("price", "number", "measure", "money", minimum=Decimal("-99.99"), maximum=Decimal("10000"), resolution=2,
           unit="EUR"),
    Column("share", "number", "measure", "a part", minimum=Decimal(0), maximum=Decimal(1), resolution=9),
    Column("grade", "integer", "quasi", "1 to 4", minimum=1, maximum=4),
    Column("kept", "boolean", "quasi", "yes or no"),
    Column("day", "date", "time", "when", minimum=date(2024, 1, 1), maximum=date(2024, 12, 31)),
    Column("seen", "timestamp", "time", "when", minimum=datetime(2024, 1, 1, tzinfo=UTC),
           maximum=datetime(2024, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), resolution=3),
)  # fmt: skip
TERMS = dataclasses.replace(CONTRACT, columns=COLUMNS)


def draw(rng: np.random.Generator, rows: int) -> pa.Table:
    days = rng.integers(*next(column.bounds or (0, 0) for column in COLUMNS if column.name == "day"), rows)
    low, high = COLUMNS[-1].bounds or (0, 0)
    return pa.table(
        {
            "price": rng.integers(-9999, 1_000_000, rows),
            "share": rng.integers(0, 10**9, rows),
            "grade": rng.integers(1, 5, rows),
            "kept": rng.random(rows) < 0.5,
            "day": pa.array(days.astype("datetime64[D]")),
            "seen": rng.integers(low, high, rows),
        }
    )


def run(plan: Planned, parts: list[pa.Table], rules: Rules = BARE, suite: str = "") -> tuple[Analysis, Result]:
    analysis = build(plan, TERMS, Limits(len(parts), MOST, rules))
    made = [analysis.local(Table(TERMS, "test", part)) for part in parts]
    flat = [arrays[item.name] for arrays in made for item in analysis.inputs()]

    def program(p: Any, *shares: Any) -> Any:
        given = iter(shares)
        handed = [
            Handed(analysis.inputs(), {item.name: next(given) for item in analysis.inputs()}, part.num_rows)
            for part in parts
        ]
        checked, _ = check_ranges(p, handed)
        cells = analysis.conclude(p, analysis.secure(p, checked))
        (verdict,) = judge(p, [cells], [analysis.rules])
        return rounded(p, {plan.name: analysis}, {plan.name: hide(p, cells, verdict.safe)})[plan.name]

    if suite:
        parties = run_local(suite, program, inputs=flat)
        opened = {name: as_signed(reveal([party[name] for party in parties])) for name in parties[0]}
    else:
        p = Plain()
        opened = {name: as_signed(share.parts[0]) for name, share in program(p, *map(p.constant, flat)).items()}
    return analysis, analysis.present(opened)


def frames(parts: list[pa.Table]) -> list[pd.DataFrame]:
    return [Table(TERMS, "test", part).frame() for part in parts]


PLANS = [
    planned("total", "price", column="price"),
    planned("total", "share", column="share"),
    planned("mean_by_group", "price", "grade", "kept", value="price", by=("grade", "kept")),
    planned("histogram", "price", column="price", edges=(-99.99, 0, 0.05, 1250.5, 10000)),
    planned("histogram", "day", column="day", edges=("2024-01-01", "2024-02-29", "2024-12-31")),
    planned("histogram", "seen", column="seen", edges=("2024-01-01T00:00:00Z", "2024-03-01T01:00:00+01:00")),
    planned("threshold", "price", column="price", above=4.99),
    planned("correlation", "price", "share"),
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.analysis}-{plan.columns[0]}")
def test_the_pooled_answer_in_the_column_s_own_unit(plan: Planned) -> None:
    rng = np.random.default_rng(5)
    parts = [draw(rng, rows) for rows in (300, 200, 250)]
    analysis, result = run(plan, parts)
    pooled = analysis.plain(frames(parts))
    assert same_as_pooled(result.tables[0], pooled)
    assert {"exact", "bounded"} >= {measure.label for measure in result.tables[0].measures.values()}
    for name in result.tables[0].frame:
        if name not in result.tables[0].measures:
            assert list(result.tables[0].frame[name]) == list(pooled[name])
    assert plan.analysis in ("histogram", "threshold") or _written(pooled)


@pytest.mark.parametrize("suite", SUITES)
def test_a_total_of_cents_is_exact_on_shares(suite: str) -> None:
    part = pa.table({"price": [1, 2, 1050]})
    _, result = run(PLANS[0], [part, pa.table({"price": [-9999]})], suite=suite)
    assert result.tables[0].frame["price"].tolist() == [Decimal("-89.46")]
    assert result.findings == ("price adds up to -89.46 EUR over 4 rows.",)
    assert result.tables[0].measures["price"].label == "exact"


def test_a_decimal_is_shown_with_its_places_and_written_without_a_float() -> None:
    _, result = run(PLANS[0], [pa.table({"price": [123400, 50]})])
    table = result.tables[0]
    assert tables.column_texts(table, "price") == ["1,234.50"]
    assert tables.as_json(table, "")["rows"] == [[2, 1234.5]]
    assert tables.as_csv(tables.flat(table), "hidden").splitlines()[1] == "2,1234.50"
    _, large = run(planned("total", "share", column="share"), [pa.table({"share": [10**9] * 9 + [123456789]})])
    assert json.dumps(tables.as_json(large.tables[0], "")["rows"]) == "[[10, 9.123456789]]"
    wide = dataclasses.replace(table, frame=table.frame.assign(price=[Decimal("1234567890123456.78")]))
    assert tables.as_json(wide, "")["rows"] == [[2, "1234567890123456.78"]]


def test_sums_of_cents_are_rounded_to_the_base_and_not_to_as_many_cents() -> None:
    rules = Rules(**{**OFF, "safe_threshold": 2, "safe_round_counts": 5, "safe_round_sums": 5})
    part = pa.table({"price": [1234, 250, 101], "grade": [1, 1, 1], "kept": [True] * 3})
    _, result = run(PLANS[0], [part], rules)
    assert result.tables[0].frame["price"].tolist() == [Decimal("15.00")]  # of 15.85
    assert result.tables[0].frame["rows"].tolist() == [5]
    assert (result.tables[0].measures["rows"].bound, result.tables[0].measures["price"].bound) == (2, 2.5)
    analysis, means = run(PLANS[2], [part], rules)
    exact = analysis.plain(frames([part]))
    assert same_as_pooled(means.tables[0], exact)
    assert means.tables[0].measures["mean"].bound >= 5.28 - 3


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (planned("histogram", "price", column="price", edges=(0, 0.005)), "a number with up to 2 decimal places"),
        (planned("histogram", "price", column="price", edges=("0", "1")), "a number with up to 2 decimal places"),
        (planned("histogram", "day", column="day", edges=(0, 1)), "a day, as"),
        (planned("histogram", "seen", column="seen", edges=("2024-01-01", "2025-01-01")), "a time, as"),
        (planned("total", "day", column="day"), "'day' is date; total takes integer or number"),
        (planned("threshold", "price", column="price", above=1.005), "a number with up to 2 decimal places"),
        (planned("mean_by_group", "price", "share", value="price", by=("share",)), "'share' is number"),
    ],
)
def test_a_plan_that_asks_for_finer_is_refused(plan: Planned, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        build(plan, TERMS, Limits(3, MOST, BARE)).outputs()


def test_too_many_whole_numbers_are_no_groups() -> None:
    columns = tuple(dataclasses.replace(c, maximum=101) if c.name == "grade" else c for c in COLUMNS)
    with pytest.raises(PlanError, match="bounds of 100 whole numbers at most"):
        build(PLANS[2], dataclasses.replace(TERMS, columns=columns), Limits(3, MOST, BARE))
