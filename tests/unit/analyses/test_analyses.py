"""The demo's planned analyses, through all three worlds, against pooled pandas."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from counterfoil.analyses.base import Analysis, Result
from counterfoil.analyses.registry import REGISTRY, build
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.suppression import hide, judge
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.joint.range_check import Handed, check_ranges
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain.protocol import Plain
from counterfoil_prefect.synthetic_data.loans import make_tables
from tests.unit.analyses.judging import newest

CONTRACT_FILE = Path("contracts/data/loans.odcs.yaml")
CONTRACT = parse_contract(CONTRACT_FILE.read_bytes(), CONTRACT_FILE.name)
NUMERIC = ("balance", "income", "age", "days_past_due", "default_flag")
ROWS = 3000
BARE = Rules(safe_threshold=2, **OFF)


def planned(analysis: str, columns: tuple[str, ...], **params: object) -> Planned:
    return Planned(analysis, analysis, newest(analysis), "test", "loans", columns, params, ("regulator",), "0" * 64)


PLANS = {
    "total": planned("total", ("balance",), column="balance"),
    "threshold": planned("threshold", ("balance",), column="balance", above=10**9),
    "leave_one_out": planned("leave_one_out", ("balance",), column="balance", percent=(30, 50, 70)),
    "mean_by_group": planned(
        "mean_by_group", ("balance", "region", "product"), value="balance", by=("region", "product")
    ),
    "linear_regression": planned(
        "linear_regression", ("days_past_due", "income", "product"), formula="days_past_due ~ income + C(product)"
    ),
    "histogram": planned("histogram", ("balance",), column="balance", edges=(0, 10**5, 10**6, 10**7, 10**8)),
    "summary": planned("summary", ("balance", "product"), values=("balance",), by=("product",)),
    "weighted_mean": planned(
        "weighted_mean", ("age", "balance", "region"), value="age", weight="balance", by=("region",)
    ),
    "cross_table": planned("cross_table", ("region", "product"), by=("region", "product")),
    "t_test": planned("t_test", ("balance", "default_flag"), value="balance", by="default_flag"),
    "anova": planned("anova", ("balance", "region"), value="balance", by="region"),
    "chi_square": planned("chi_square", ("region", "product"), by=("region", "product")),
    "risk_ratio": planned(
        "risk_ratio", ("product", "default_flag"), exposure="product", exposed="card", event="default_flag"
    ),
    "argmax": planned("argmax", ("balance",), column="balance"),
    "concentration": planned(
        "concentration", ("balance", "region", "product"), column="balance", by=("region", "product"), top=(1, 3)
    ),
    "survival": planned(
        "survival",
        ("age", "default_flag", "region"),
        time="age",
        event="default_flag",
        bins=(30, 40, 50),
        by=("region",),
    ),
    "quantiles": planned(
        "quantiles", ("balance", "region"), column="balance", bins=(10**5, 10**6, 10**7), by=("region",)
    ),
    "mantel_haenszel": planned(
        "mantel_haenszel",
        ("region", "product", "default_flag"),
        strata="region",
        exposure="product",
        exposed="card",
        event="default_flag",
    ),
    "correlation, local": planned("correlation", NUMERIC, rows="local"),
    "correlation, shared": planned("correlation", NUMERIC, rows="shared"),
}
FRAMES = make_tables(CONTRACT, seed=3, rows=ROWS)


def run(plan: Planned, frames: list[pd.DataFrame], minimum: int) -> tuple[Analysis, Result, int]:
    """The released result under a minimum count alone, and how many rows or contributions were rejected."""
    rules = Rules(safe_threshold=minimum, **{**OFF, "zeros_are_disclosive": minimum > 1})
    analysis = build(plan, CONTRACT, Limits(len(frames), ROWS, rules))
    p = Plain()
    handed = []
    for frame in frames:
        table = Table(CONTRACT, "test", pa.Table.from_pandas(frame, preserve_index=False))
        arrays = analysis.local(table)
        assert {name: array.shape for name, array in arrays.items()} == {
            item.name: item.shape_for(len(frame)) for item in analysis.inputs()
        }
        handed.append(Handed(analysis.inputs(), {n: p.constant(a) for n, a in arrays.items()}, len(frame)))
    checked, rejected = check_ranges(p, handed)
    cells = analysis.conclude(p, analysis.secure(p, checked))
    (verdict,) = judge(p, [cells], [rules])
    released = hide(p, cells, verdict.safe, analysis.whole_from)
    opened = {output.name: as_signed(released[output.name].parts[0]) for output in analysis.outputs()}
    assert {o.name: o.shape for o in analysis.outputs()} == {name: array.shape for name, array in opened.items()}
    return analysis, analysis.present(opened), int(as_signed(rejected.parts[0]).sum())


@pytest.mark.parametrize("name", PLANS)
def test_equals_the_pooled_answer(name: str) -> None:
    frames = list(FRAMES.values())
    analysis, result, rejected = run(PLANS[name], frames, minimum=1)
    assert rejected == 0
    expected, table = analysis.plain(frames), result.tables[0]
    for column in expected.columns:
        got = table.frame[column]
        if expected[column].dtype.kind in "iu" or column == "rows":
            filled = expected[column].astype("Int64")
            assert (got.fillna(0) == filled).all()
        elif expected[column].dtype.kind == "f":
            measure = table.measures[column]
            bound = np.array(measure.bounds) if measure.bounds else measure.bound
            told = expected[column].notna().to_numpy()
            assert (got.notna().to_numpy() == told).all()
            off = np.abs(got.astype(float) - expected[column].to_numpy())
            assert (off <= (bound if np.any(bound) else 1e-7 * np.abs(expected[column])))[told].all()
        else:
            assert list(got) == list(expected[column])


def test_small_cells_are_hidden_and_nothing_else() -> None:
    frames = list(FRAMES.values())
    analysis, result, _ = run(PLANS["mean_by_group"], frames, minimum=10)
    expected, got = analysis.plain(frames), result.tables[0].frame
    small = expected["rows"].to_numpy() < 10
    assert small.any() and not small.all()
    assert result.suppressed == small.sum()
    assert got["rows"].isna().to_numpy().tolist() == small.tolist()
    assert got["mean"].isna().to_numpy().tolist() == small.tolist()


@pytest.mark.parametrize("name", PLANS)
def test_everything_is_hidden_when_there_are_too_few_rows(name: str) -> None:
    _, result, _ = run(PLANS[name], [frame.head(2) for frame in FRAMES.values()], minimum=1000)
    assert result.suppressed == result.cells
    numeric = result.tables[0].frame.select_dtypes("number")
    assert numeric.isna().all().all()


def test_a_row_out_of_range_counts_for_nothing() -> None:
    analysis = build(PLANS["correlation, shared"], CONTRACT, Limits(1, 100, BARE))
    limb = 1 << 15
    high, low = np.zeros((4, len(NUMERIC)), np.int64), np.zeros((4, len(NUMERIC)), np.int64)
    high[0, 1], high[1, 2], high[2, 3], low[3, 0] = limb, limb + 1, -(1 << 63), -1
    p = Plain()
    values = {"high": p.constant(high), "low": p.constant(low)}
    (checked,), rejected = check_ranges(p, [Handed(analysis.inputs(), values, 4)])
    assert checked.valid.parts[0].tolist() == [1, 0, 0, 0]
    kept = as_signed(checked.values["high"].parts[0])
    assert kept[0, 1] == limb
    assert np.count_nonzero(kept) == 1
    assert not checked.values["low"].parts[0].any()
    assert rejected.parts[0].tolist() == [3]


def test_a_contribution_out_of_range_counts_for_nothing() -> None:
    analysis = build(PLANS["total"], CONTRACT, Limits(2, 10, BARE))
    highest = 10 * 100_000_000
    p = Plain()
    good = {"count": p.constant(np.array(10)), "sum": p.constant(np.array(highest))}
    bad = {"count": p.constant(np.array(11)), "sum": p.constant(np.array(0))}
    checked, rejected = check_ranges(p, [Handed(analysis.inputs(), values, 10) for values in (good, bad)])
    assert [int(item.valid.parts[0]) for item in checked] == [1, 0]
    assert [int(item.values["count"].parts[0]) for item in checked] == [10, 0]
    assert rejected.parts[0].tolist() == [0, 1]


def test_a_column_that_does_not_vary_has_no_correlation() -> None:
    frames = [frame.assign(default_flag=0) for frame in FRAMES.values()]
    _, result, _ = run(PLANS["correlation, local"], frames, minimum=10)
    frame = result.tables[0].frame
    assert frame["default_flag"].isna().all()
    exact = pd.concat(frames)["balance"].corr(pd.concat(frames)["income"])
    assert frame.loc[0, "income"] == pytest.approx(exact, abs=0.001)
    (said,) = result.assumptions
    assert said.startswith("default_flag has no correlation that can be shown: a disclosure rule forbids it, or it")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (planned("total", ("balance",), column="blance"), "has no column 'blance'; did you mean 'balance'"),
        (planned("total", ("region",), column="region"), "'region' is string"),
        (planned("total", ("balance",), column="balance", row=1), "no parameter 'row'"),
        (planned("median", ("balance",)), "no analysis median v1 here; there are anova v1, argmax v1, chi_square v1"),
        (planned("histogram", ("balance",), column="balance", edges=(3, 2)), "`edges` must rise"),
        (planned("histogram", ("balance",), column="balance", edges=(3,)), "at least two"),
        (planned("mean_by_group", ("balance",), value="balance", by=()), "`by` or `bands` must name"),
        (planned("correlation", ("balance",)), "at least two numeric"),
        (
            dataclasses.replace(planned("correlation", ("balance", "age")), version=1),
            "correlation v1 no longer runs: it released sums of products.*name 'version: 2' in the agreement",
        ),
        (planned("threshold", ("balance",), column="balance"), "one of `above` and `at_least`"),
        (planned("threshold", ("balance",), column="balance", above=1, at_least=2), "one of `above` and `at_least`"),
        (planned("threshold", ("balance",), column="balance", above=1.5), "a whole number"),
        (planned("correlation", ("balance", "age"), rows="some"), "local or shared"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(plan: Planned, words: str) -> None:
    with pytest.raises(PlanError, match=words.replace("`", "`")):
        build(plan, CONTRACT, Limits(4, ROWS)).outputs()


def test_a_plan_that_could_wrap_is_refused() -> None:
    with pytest.raises(RangeError, match="could wrap"):
        build(PLANS["total"], CONTRACT, Limits(1000, 1 << 30, BARE))
    with pytest.raises(RangeError, match="rows are too many"):
        build(PLANS["correlation, shared"], CONTRACT, Limits(4, 1 << 30))


def test_every_analysis_says_what_it_reveals() -> None:
    assert all(analysis.title for analysis in REGISTRY.values())
    for plan in PLANS.values():
        analysis = build(plan, CONTRACT, Limits(4, ROWS))
        assert analysis.reveals == tuple(analysis.learned.values())
        assert {"safe", *analysis.learned} == {output.name for output in analysis.outputs()}


def test_no_analysis_releases_anything_for_a_row() -> None:
    """What leaves is as large for a thousand rows as for a hundred thousand, however the rows come in."""
    assert {(plan.analysis, plan.version) for plan in PLANS.values()} == set(REGISTRY)
    some_per_row = False
    for plan in PLANS.values():
        few, many = (build(plan, CONTRACT, Limits(4, rows)) for rows in (1_000, 100_000))
        some_per_row |= any(item.per_row for item in many.inputs())
        assert few.outputs() == many.outputs()
        assert sum(int(np.prod(output.shape)) for output in many.outputs()) < 1_000
        assert many.reveals
    assert some_per_row


@pytest.mark.parametrize("wish", ["select", "rows", "filter", "head", "join"])
def test_rows_cannot_be_asked_for(wish: str) -> None:
    with pytest.raises(PlanError, match=f"no analysis {wish} v1 here"):
        build(planned(wish, NUMERIC), CONTRACT, Limits(4, ROWS))
