"""What analyses are held against: the same statistic of the pooled rows by another library, case by case.

A row of ORACLES is all that a new analysis adds. The page on accuracy is made of what is seen here:
`python -m tests.unit.analyses.oracles`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import contingency

from counterfoil.analyses.base import Result
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.policies.rules import OFF, Rules
from tests.lib.trials import dice
from tests.unit.analyses.judging import PRODUCTS, REGIONS, planned, released, wide_contract

Answer: TypeAlias = Mapping[str, Any]
"""By measured column of a result's table, what another library says: an array, or one number."""

PAGE = Path("docs/explanation/accuracy.md")
BARE = Rules(safe_threshold=2, **{**OFF, "zeros_are_disclosive": False})
TOLERANCE = 1e-6
WIDE = 10**9
BLURRED = "numbers too small for their bounds"
"""Rows of which some statistics have a bound beyond the tolerance, which is printed, and holds."""

OWNERS = 3


@dataclass(frozen=True)
class Oracle:
    """A plan, the library and function that it is held against, and what these say of the pooled rows.

    `table` is which of the result's tables that is about.
    """

    plan: Planned
    name: str
    answer: Callable[[pd.DataFrame], Answer]
    table: int = 0


def _cells(frame: pd.DataFrame, *by: str) -> Any:
    groups = [pd.Categorical(frame[name], {"region": REGIONS, "product": PRODUCTS}[name]) for name in by]
    return frame.groupby(groups, observed=False)


def _summary(frame: pd.DataFrame) -> Answer:
    cells = _cells(frame, "product")["value"]
    return {
        "rows": cells.size().to_numpy(),
        "sum": cells.sum().to_numpy(),
        "mean": cells.mean().to_numpy(),
        "variance": cells.var().to_numpy(),
        "standard deviation": cells.std().to_numpy(),
    }


def _described(frame: pd.DataFrame) -> Answer:
    own = frame["debt"].astype(float)
    return {"mean": own.mean(), "variance": own.var(ddof=1), "standard deviation": own.std(ddof=1)}


def _weighted(frame: pd.DataFrame) -> Answer:
    by = [frame[frame["product"] == name] for name in PRODUCTS]
    return {
        "weighted mean": [
            np.average(each["debt"], weights=each["value"]) if each["value"].sum() else np.nan for each in by
        ],
        "sum of weights": [each["value"].sum() for each in by],
    }


def _crossed(frame: pd.DataFrame) -> Answer:
    groups = (pd.Categorical(frame["region"], REGIONS), pd.Categorical(frame["product"], PRODUCTS))
    rows = pd.crosstab(*groups, dropna=False).to_numpy(float)
    return {
        "rows": rows.ravel(),
        "% of all": (100 * rows / rows.sum()).ravel(),
        "% of region": (100 * rows / rows.sum(axis=1, keepdims=True)).ravel(),
        "% of product": (100 * rows / rows.sum(axis=0)).ravel(),
    }


def _welch(frame: pd.DataFrame) -> Answer:
    one, other = (frame["debt"][frame["late"] == late].to_numpy(float) for late in (False, True))
    test = stats.ttest_ind(one, other, equal_var=False)
    return _tested(test, one.mean() - other.mean())


def _paired(frame: pd.DataFrame) -> Answer:
    test = stats.ttest_rel(frame["value"].to_numpy(float), frame["debt"].to_numpy(float))
    return _tested(test, float((frame["value"] - frame["debt"]).mean()))


def _tested(test: Any, difference: float) -> Answer:
    interval = test.confidence_interval(0.95)
    return {
        "difference": difference, "t": test.statistic, "degrees of freedom": test.df, "p": test.pvalue,
        "from": interval.low, "to": interval.high,
    }  # fmt: skip


def _anova(frame: pd.DataFrame) -> Answer:
    groups = [frame["debt"][frame["region"] == region].to_numpy(float) for region in REGIONS]
    test = stats.f_oneway(*groups)
    every = frame["debt"].to_numpy(float)
    between = sum(len(own) * (own.mean() - every.mean()) ** 2 for own in groups)
    return {"F": test.statistic, "p": test.pvalue, "eta²": between / ((every - every.mean()) ** 2).sum()}


def _independent(frame: pd.DataFrame) -> Answer:
    counts = pd.crosstab(frame["region"], frame["late"]).to_numpy()
    test = stats.chi2_contingency(counts, correction=False)
    return {
        "chi-square": test.statistic,
        "degrees of freedom": test.dof,
        "p": test.pvalue,
        "Cramér's V": contingency.association(counts, method="cramer", correction=False),
    }


def _risks(frame: pd.DataFrame) -> Answer:
    cells = [
        [((frame["product"] == name) & (frame["late"] == late)).sum() for late in (True, False)]
        for name in ("card", "car")
    ]
    (a, b), (c, d) = cells
    if not (a + b and c + d):
        return dict.fromkeys(("estimate", "from", "to"), [np.nan] * 3)
    risk, odds = contingency.relative_risk(a, a + b, c, c + d), contingency.odds_ratio(cells, kind="sample")
    ends = [each.confidence_interval(0.95) for each in (risk, odds)]
    one, other = a / (a + b), c / (c + d)
    half = stats.norm.isf(0.025) * (one * (1 - one) / (a + b) + other * (1 - other) / (c + d)) ** 0.5
    return {
        "estimate": [risk.relative_risk, odds.statistic, one - other],
        "from": [ends[0].low, ends[1].low, one - other - half],
        "to": [ends[0].high, ends[1].high, one - other + half],
    }


ORACLES: Mapping[str, Oracle] = {
    "summary by group": Oracle(
        planned("summary", "value", "product", values=("value",), by=("product",)), "pandas groupby", _summary
    ),
    "summary of negative numbers": Oracle(
        planned("summary", "value", "debt", values=("value", "debt")), "pandas", _described, table=1
    ),
    "weighted mean": Oracle(
        planned("weighted_mean", "debt", "value", "product", value="debt", weight="value", by=("product",)),
        "numpy average",
        _weighted,
    ),
    "cross-table": Oracle(
        planned("cross_table", "region", "product", by=("region", "product")), "pandas crosstab", _crossed
    ),
    "Welch's t-test": Oracle(
        planned("t_test", "debt", "late", value="debt", by="late"), "scipy.stats.ttest_ind", _welch
    ),
    "paired t-test": Oracle(
        planned("t_test", "value", "debt", value="value", minus="debt"), "scipy.stats.ttest_rel", _paired
    ),
    "analysis of variance": Oracle(
        planned("anova", "debt", "region", value="debt", by="region"), "scipy.stats.f_oneway", _anova
    ),
    "chi-square test": Oracle(
        planned("chi_square", "region", "late", by=("region", "late")), "scipy.stats.chi2_contingency", _independent
    ),
    "relative risk, odds ratio, risk difference": Oracle(
        planned("risk_ratio", "product", "late", exposure="product", event="late"), "scipy.stats.contingency", _risks
    ),
}


def _rows(rng: np.random.Generator, size: int, high: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region": rng.choice(REGIONS, size),
            "product": rng.choice(PRODUCTS, size),
            "value": rng.integers(0, high + 1, size),
            "debt": -rng.integers(0, high + 1, size),
            "late": rng.random(size) < 0.3,
        }
    )


def _tables(rng: np.random.Generator, size: int, make: Callable[[pd.DataFrame], pd.DataFrame]) -> list[pd.DataFrame]:
    return [make(_rows(rng, size, WIDE)) for _ in range(OWNERS)]


DATA: Mapping[str, Callable[[np.random.Generator], list[pd.DataFrame]]] = {
    "random": lambda rng: _tables(rng, 100, lambda frame: frame),
    "small numbers under wide bounds": lambda rng: _tables(
        rng, 100, lambda frame: frame.assign(value=frame["value"] // 10**4, debt=frame["debt"] // 10**4)
    ),
    BLURRED: lambda rng: _tables(
        rng, 100, lambda frame: frame.assign(value=frame["value"] // 10**7, debt=frame["debt"] // 10**7)
    ),
    "outliers at the bounds": lambda rng: _tables(
        rng,
        60,
        lambda frame: frame.assign(value=np.where(frame.index < 2, WIDE, 3), debt=-(frame.index % 7) * WIDE // 6),
    ),
    "a constant column": lambda rng: _tables(rng, 50, lambda frame: frame.assign(value=WIDE)),
    "one row an owner and group": lambda rng: _tables(
        rng, 6, lambda frame: frame.assign(region=[*REGIONS] * 2, product=[*PRODUCTS] * 3, late=np.arange(6) > 2)
    ),
    "a group that is empty": lambda rng: _tables(rng, 60, lambda frame: frame.assign(product="car")),
    "weights of nothing": lambda rng: _tables(
        rng, 60, lambda frame: frame.assign(value=np.where(frame["product"] == "car", 0, frame["value"]))
    ),
}


def answer(case: Oracle, frames: list[pd.DataFrame], suite: str = "plain", rules: Rules = BARE) -> Result:
    """Return what the case's recipient reads of these rows, on a suite."""
    contract: Contract = wide_contract(WIDE)
    opened = released([case.plan], frames, rules, suite, contract=contract)[case.plan.name]
    return build(case.plan, contract, Limits(len(frames), contract.most_rows, rules)).present(opened)


def errors(case: Oracle, result: Result, frames: list[pd.DataFrame]) -> dict[str, float]:
    """Return by measured column how far it is off at most, relative to the oracle's number where that is not 0.

    Where the oracle has no number, the result must have none, and the other way round; and the bound that is printed
    holds, but for the oracle's own last digits.
    """
    table, found = result.tables[case.table], {}
    with np.errstate(all="ignore"):
        answers = case.answer(pd.concat(frames, ignore_index=True))
    for column, expected in answers.items():
        got, wanted = table.frame[column].to_numpy(float, na_value=np.nan), np.atleast_1d(np.asarray(expected, float))
        wanted = np.where(np.isinf(wanted), np.nan, wanted)
        assert got.shape == wanted.shape, column
        assert np.array_equal(np.isnan(got), np.isnan(wanted)), (column, got, wanted)
        off = np.abs(got - wanted)[~np.isnan(wanted)]
        size = np.abs(wanted)[~np.isnan(wanted)]
        assert (off <= table.measures[column].bound + 1e-10 * size).all(), (column, off, table.measures[column])
        found[column] = float(np.max((off / np.maximum(size, 1e-300))[size > 0], initial=0.0))
    return found


def page() -> list[str]:
    """Make the table of the page."""
    seen: dict[tuple[str, str], float] = {}
    for name, case in ORACLES.items():
        for kind, make in DATA.items():
            if kind == BLURRED:
                continue
            frames = make(dice(7))
            for column, error in errors(case, answer(case, frames), frames).items():
                seen[name, column] = max(seen.get((name, column), 0.0), error)
    rows = ["| analysis | statistic | oracle | largest relative error seen |", "|---|---|---|---|"]
    for (name, column), error in seen.items():
        rows.append(f"| {name} | {column} | {ORACLES[name].name} | {_power(error)} |")
    return rows


def _power(error: float) -> str:
    """Write it as the power of ten that it is below, so that no last bit of another machine changes the page."""
    return "none" if not error else f"below 1e{max(-12, math.ceil(math.log10(error)))}"


if __name__ == "__main__":
    head, _, _ = PAGE.read_text("utf-8").partition("| analysis |")
    PAGE.write_text(head + "\n".join(page()) + "\n", "utf-8")
