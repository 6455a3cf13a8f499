"""What an analysis releases is a function of the sums that it declares: on random tables and on planted ones (ADR 34).

Each row is there many times, and once more or less: how results move with that is, row by row, a combination of what
the row contributes to the declared sums, or else the result is made of something that nobody judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.registry import REGISTRY, build, family
from counterfoil.data.encode import factor_of
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.features import Feature
from counterfoil.governance.policies.rules import OFF, Rules
from tests.lib.trials import dice
from tests.unit.analyses.judging import CONTRACT, PRODUCTS, REGIONS, planned

BARE = Rules(safe_threshold=2, **OFF)
TIMES = 1_000
K = 10

PLANS = {
    "total": planned("total", "value", column="value"),
    "mean_by_group": planned("mean_by_group", "value", "region", "product", value="value", by=("region", "product")),
    "histogram": planned("histogram", "value", column="value", edges=(0, 5, 10, 500)),
    "correlation": planned("correlation", "value", "debt", rows="local"),
    "linear_regression": planned("linear_regression", "value", "debt", formula="value ~ debt"),
    "threshold": planned("threshold", "value", column="value", at_least=100),
    "summary": planned("summary", "value", "product", values=("value",), by=("product",)),
    "weighted_mean": planned(
        "weighted_mean", "value", "debt", "product", value="debt", weight="value", by=("product",)
    ),
    "cross_table": planned("cross_table", "region", "product", by=("region", "product")),
    "t_test": planned("t_test", "debt", "late", value="debt", by="late"),
    "anova": planned("anova", "debt", "region", value="debt", by="region"),
    "chi_square": planned("chi_square", "region", "late", by=("region", "late")),
    "risk_ratio": planned("risk_ratio", "product", "late", exposure="product", event="late"),
    "mantel_haenszel": planned(
        "mantel_haenszel", "region", "product", "late", strata="region", exposure="product", event="late"
    ),
    "leave_one_out": planned("leave_one_out", "value", column="value", percent=(50,)),
    "argmax": planned("argmax", "value", column="value"),
    "concentration": planned("concentration", "value", "region", column="value", by=("region",), top=(1, 2)),
    "survival": planned("survival", "value", "product", time="value", event="product", bins=(3, 8, 100)),
    "quantiles": planned("quantiles", "value", "region", column="value", bins=(3, 8, 100), by=("region",)),
}


def registered() -> dict[str, Analysis]:
    return {key: build(PLANS[key], CONTRACT, Limits(3, 500, BARE)) for key, _ in REGISTRY}


COUNTED = ("quantiles",)
"""Of the family `ranked`, what is read off counts: it moves in steps."""

SUMS = [key for (key, _), kind in REGISTRY.items() if family(kind) != "decided" and key not in COUNTED]
DECIDED = [key for (key, _), kind in REGISTRY.items() if family(kind) == "decided"]


def at_random(rng: np.random.Generator, rows: int = 14) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region": rng.choice(REGIONS, rows),
            "product": rng.choice(PRODUCTS, rows),
            "value": rng.integers(0, 1001, rows),
            "debt": rng.integers(-10, 1001, rows),
            "late": rng.random(rows) < 0.4,
        }
    )


def groups_of(rng: np.random.Generator, size: int) -> pd.DataFrame:
    """One group of so many rows, and another of twice the minimum."""
    frame = at_random(rng, size + 2 * K).assign(product="car")
    return frame.assign(region=["north"] * size + ["south"] * (2 * K))


def nested_flags(rng: np.random.Generator) -> pd.DataFrame:
    """Two columns of two values; who has the one has the other, but for one row."""
    value = np.arange(24) < 9
    debt = np.arange(24) < 8
    return at_random(rng, 24).assign(value=value.astype(np.int64), debt=debt.astype(np.int64))


TABLES: dict[str, Callable[[np.random.Generator], pd.DataFrame]] = {
    "random": at_random,
    "random, longer": lambda rng: at_random(rng, 30),
    "a group of one": lambda rng: groups_of(rng, 1),
    "a group of the minimum less one": lambda rng: groups_of(rng, K - 1),
    "a group of the minimum": lambda rng: groups_of(rng, K),
    "one outlier": lambda rng: at_random(rng).assign(value=[1000, *[3] * 13]),
    "nested flags": nested_flags,
    "a constant column": lambda rng: at_random(rng).assign(debt=5),
}


def moved(analysis: Analysis, frame: pd.DataFrame) -> NDArray[np.float64]:
    """How each result moves with each row's weight: (results, rows). What is not a number before is left out."""
    weights = np.full(len(frame), TIMES)

    def results(at: int, by: int) -> NDArray[np.float64]:
        own = weights.copy()
        own[at] += by
        made = analysis.plain([frame.loc[np.repeat(frame.index.to_numpy(), own)].reset_index(drop=True)])
        return np.concatenate([made[name].to_numpy(float) for name in made.select_dtypes("number")])

    with np.errstate(invalid="ignore", divide="ignore"):
        sides = [[results(at, by) for by in (1, -1)] for at in range(len(frame))]
    found = np.array([(more - less) / 2 for more, less in sides]).T
    return found[np.isfinite(found).all(axis=1)]


def contributed(analysis: Analysis, features: Sequence[Feature], frame: pd.DataFrame) -> NDArray[np.float64]:
    """What each row contributes to each declared sum, cell by cell: (sums, rows)."""
    rows = []
    for feature in features:
        factors = [factor_of(each, lambda name: frame[name].to_numpy(np.int64)) for each in feature.factors]
        value = np.prod(factors, axis=0) * np.ones(len(frame))
        cell = np.zeros(len(frame), np.int64)
        for column in feature.by:
            ends = analysis.edges().get(column)
            part = np.digitize(frame[column], ends[:-1]) if ends else pd.factorize(frame[column])[0]
            part = np.where(frame[column] > ends[-1], len(ends), part) if ends else part
            cell = cell * 100 + part
        rows += [value * (cell == each) for each in np.unique(cell)]
    return np.array(rows)


def unexplained(analysis: Analysis, features: Sequence[Feature], frame: pd.DataFrame) -> float:
    """The largest share of how a result moves that is no combination of the declared contributions."""
    results, sums = moved(analysis, frame), contributed(analysis, features, frame)
    sums = sums / np.linalg.norm(sums, axis=1, keepdims=True).clip(1e-12)
    left = results.T - sums.T @ np.linalg.lstsq(sums.T, results.T, rcond=1e-10)[0]
    size = np.linalg.norm(results, axis=1).clip(1e-12)
    return float((np.linalg.norm(left, axis=0) / size)[np.linalg.norm(results, axis=1) > 1e-9].max(initial=0.0))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("key", SUMS)
def test_results_move_with_declared_sums_alone(key: str, table: str) -> None:
    analysis = registered()[key]
    for seed in range(2):
        assert unexplained(analysis, analysis.features(), TABLES[table](dice(seed))) < 1e-3, (table, seed)


@pytest.mark.parametrize("key", SUMS)
def test_a_declaration_that_leaves_a_sum_out_is_found(key: str) -> None:
    analysis = registered()[key]
    frame = at_random(dice(3), 30)
    for missing in analysis.features():
        declared = [each for each in analysis.features() if each != missing]
        if declared and not (missing.factors == () and key in ("correlation", "concentration")):
            assert unexplained(analysis, declared, frame) > 1e-2, missing
    assert unexplained(analysis, [Feature(("debt",))], frame) > 1e-2


@pytest.mark.parametrize("key", DECIDED)
def test_what_is_decided_is_the_same_for_all_tables_with_the_same_sums(key: str) -> None:
    """A unit goes from one row to another of the same owner: no declared sum moves, and no answer."""
    analysis = registered()[key]
    assert {each.factors for each in analysis.features()} == {(), ("value",)}
    for seed in range(6):
        rng = dice(seed)
        frames = [at_random(rng, 5).assign(value=rng.integers(1, 14, 5)) for _ in range(3)]
        before = analysis.plain(frames)
        for frame in frames:
            for at in range(4):
                other = frame.copy()
                other.loc[at, "value"] -= 1
                other.loc[at + 1, "value"] += 1
                after = analysis.plain([other if each is frame else each for each in frames])
                pd.testing.assert_frame_equal(before, after)


@pytest.mark.parametrize("key", COUNTED)
def test_what_is_ranked_is_the_same_for_all_tables_with_the_same_sums(key: str) -> None:
    """Rows change places between owners, and values within their bins: no declared sum moves, and no answer."""
    analysis = registered()[key]
    cells = analysis.features()
    assert all(not each.factors for each in cells)
    moved = 0
    for seed in range(6):
        rng = dice(seed)
        pooled = at_random(rng, 30).assign(value=rng.integers(0, 120, 30))
        sums = contributed(analysis, cells, pooled).sum(axis=1)
        before = analysis.plain([pooled])
        for _ in range(8):
            other = pooled.copy()
            at = rng.integers(30)
            other.loc[at, "value"] = rng.integers(0, 120)
            same = np.array_equal(contributed(analysis, cells, other).sum(axis=1), sums)
            shuffled = other.sample(frac=1, random_state=seed)
            moved += not same
            assert not same or before.equals(analysis.plain([shuffled[:12], shuffled[12:]]))
    assert moved
