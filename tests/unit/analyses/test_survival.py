"""Kaplan-Meier curves: exact on a published table, and merged where bins have too few."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Analysis, Result
from counterfoil.analyses.beside import check_beside
from counterfoil.analyses.life_table import LifeTable, LogRank
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.merging import merged_ends
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed, concat
from tests.lib.trials import dice
from tests.spec.circuit_spec import SUITES, run
from tests.unit.analyses.judging import lung_contract, planned, released

LUNG = pd.read_csv(Path(__file__).parents[2] / "corpus" / "lung.csv")
"""NCCTG lung (Loprinzi et al. 1994), 228 patients: days, status 1 where the patient died, sex 1 male and 2 female."""

CONTRACT = lung_contract(1022)
OPEN = Rules(safe_threshold=1, **{**OFF, "zeros_are_disclosive": False})
CLINICAL = Rules(safe_threshold=20, safe_owners=3, safe_other_rows=20)
DAYS = tuple(int(each) for each in np.unique(LUNG["time"]))[1:]


def asked(by: tuple[str, ...] = (), bins: Any = DAYS, **given: Any) -> Planned:
    plan = planned("survival", "time", "died", *by, time="time", event="died", bins=bins, **({"by": by} if by else {}))
    return dataclasses.replace(plan, contract=CONTRACT.id, **given)


def bound(plan: Planned, rules: Rules = OPEN, owners: int = 3) -> Analysis:
    return build(plan, CONTRACT, Limits(owners, CONTRACT.most_rows, rules))


def owners(frame: pd.DataFrame = LUNG) -> list[pd.DataFrame]:
    """Three groups of the institutions that patients came from, as three owners."""
    made = pd.DataFrame(
        {"sex": np.where(frame["sex"] == 1, "male", "female"), "time": frame["time"], "died": frame["status"]}
    )
    return [made[frame["inst"] % 3 == at].reset_index(drop=True) for at in range(3)]


def told(plan: Planned, rules: Rules, frames: list[pd.DataFrame] | None = None, suite: str = "plain") -> Result:
    frames = owners() if frames is None else frames
    opened = released([plan], frames, rules, suite, contract=CONTRACT)[plan.name]
    return bound(plan, rules, len(frames)).present(opened)


# --- a published table ------------------------------------------------------------------------------------------


def textbook(frame: pd.DataFrame) -> pd.DataFrame:
    """Kaplan and Meier's curve at every time, as their paper has it."""
    rows, left = [], 1.0
    for time in np.unique(frame["time"]):
        at_risk = int((frame["time"] >= time).sum())
        died = int(((frame["time"] == time) & (frame["died"] == 1)).sum())
        left *= 1 - died / at_risk
        rows.append((at_risk, died, left))
    return pd.DataFrame(rows, columns=["at risk", "events", "survival"])


@pytest.mark.parametrize("suite", SUITES)
def test_the_curve_of_the_lung_trial_is_exact_where_no_bin_is_too_small(suite: str) -> None:
    bins = DAYS if suite == "plain" else DAYS[::6]
    frames = [frame.assign(time=frame["time"]) for frame in owners()]
    result = told(asked(bins=bins), OPEN, frames, suite)
    shown = result.tables[0].frame
    if suite == "plain":
        pooled = textbook(pd.concat(frames))
        pd.testing.assert_frame_equal(shown[["at risk", "events"]], pooled[["at risk", "events"]])
        np.testing.assert_allclose(shown["survival"], pooled["survival"], rtol=1e-12)
        assert result.findings[0] == "The median time is from 310 to below 315 days; 165 of 228 had the event."
    pd.testing.assert_frame_equal(shown, bound(asked(bins=bins)).plain(frames), check_exact=False)


def test_the_log_rank_test_of_the_lung_trial_is_that_of_the_literature() -> None:
    """R's survdiff(Surv(time, status) ~ sex, lung): chi-square 10.3 on 1 degree of freedom, p = 0.001."""
    result = told(asked(("sex",)), OPEN)
    assert "The log-rank test of 2 groups: chi-square 10.33 with 1 degree of freedom, p = 0.001." in result.findings
    curves = result.tables[0].frame.groupby("sex", sort=False)
    tables = [
        LifeTable.of(each["events"].to_numpy(), (each["at risk"] - each["events"] - after).to_numpy())
        for _, each in curves
        for after in [np.append(each["at risk"].to_numpy()[1:], 0)]
    ]
    test = LogRank.of(tables)
    assert test is not None
    assert (test.statistic, test.p) == pytest.approx((10.326741954885648, 0.0013111645203554782), rel=1e-9)
    assert test.expected == pytest.approx([91.5817, 73.4183], abs=1e-4)  # survdiff prints 91.6 and 73.4
    assert test.observed.tolist() == [112, 53]


def test_greenwoods_intervals_are_those_of_lifelines() -> None:
    """KaplanMeierFitter().fit(lung.time, lung.status) of lifelines 0.30.3, whose answers are kept here as a table."""
    frame = told(asked(), OPEN).tables[0].frame.set_index("time")
    kept = {
        "1 to below 11": (0.9956140351, 0.9692770362, 0.9993810114),
        "60 to below 61": (0.9254385965, 0.8827962797, 0.9529763524),
        "310 to below 315": (0.4950242932, 0.4242440728, 0.5617959791),
        "883 to below 965": (0.0503455681, 0.0178661711, 0.1086621760),
    }
    for time, expected in kept.items():
        assert frame.loc[time, ["survival", "from", "to"]].tolist() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("rules", "bins"), [(Rules(), 5), (CLINICAL, 1)], ids=["default", "clinical"])
def test_under_a_policy_the_same_trial_has_few_and_long_bins(rules: Rules, bins: int) -> None:
    """The documented example: each bin has enough deaths and censorings, and the curve is near that of all data."""
    result = told(asked(bins=30), rules)
    frame = result.tables[0].frame
    assert len(frame) == bins and frame["at risk"].iloc[0] == 228 and frame["events"].sum() == 165
    assert (frame["events"] >= rules.safe_threshold).all()
    assert any(f"35 bins of time were merged to {bins}" in each for each in result.findings)
    again = bound(asked(bins=30)).plain_as(owners(), result.tables[0])
    pd.testing.assert_frame_equal(frame, again, check_exact=False)
    if bins > 1:
        left = frame.set_index("time").loc["271 to below 331", "survival"]
        exact = (LUNG["time"] > 330).mean()
        assert left == pytest.approx(0.498, abs=5e-4) and exact < left < 0.51


# --- merging ----------------------------------------------------------------------------------------------------


def ends_of(own: np.ndarray, rules: Rules, suite: str = "plain") -> tuple[list[int], bool]:
    """The last bin of each merged bin, and whether not even all of them together may leave."""

    def program(p: Protocol, x: Arith) -> Arith:
        return concat([*merged_ends(p, x, rules)])

    *ends, never = as_signed(run(suite, program, (own,)).values).tolist()
    assert set(ends) <= {0, 1}
    return [at for at, end in enumerate(ends) if end], bool(never)


def by_hand(own: np.ndarray, rules: Rules) -> tuple[list[int], bool]:
    def enough(part: np.ndarray) -> bool:  # (owners, tables)
        every = part.sum(axis=0)
        return bool(
            (every >= rules.safe_threshold).all()
            and ((part > 0).sum(axis=0) >= rules.safe_owners).all()
            and (every - part >= rules.safe_other_rows).all()
        )

    ends, start = [], 0
    for last in range(own.shape[2]):
        if enough(own[:, :, start : last + 1].sum(axis=2)):
            ends.append(last)
            start = last + 1
    if not ends:
        return [], True
    return [*ends[:-1], own.shape[2] - 1], False


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("rules", [CLINICAL, Rules(safe_threshold=5, **OFF), Rules(safe_threshold=2, safe_owners=2)])
def test_bins_are_merged_from_the_first_on_until_each_has_enough(rules: Rules, suite: str) -> None:
    seen = set()
    for seed in range(12 if suite == "plain" else 3):
        rng = dice(seed)
        own = rng.poisson(rng.choice([0.2, 2, 6, 12]), (3, 2, int(rng.integers(1, 9))))
        found = ends_of(own, rules, suite)
        assert found == by_hand(own, rules)
        seen.add(found[1])
    assert False in seen or suite != "plain"


def test_every_cell_that_leaves_satisfies_the_rules() -> None:
    """What a recipient gets by subtraction of what there is up to the ends, of any two of them, too."""
    for seed in range(8):
        frame = LUNG.sample(180, random_state=seed)
        opened = released([asked(bins=20)], owners(frame), CLINICAL, contract=CONTRACT)["survival"]
        ends = np.flatnonzero(opened["ends"])
        cells = np.diff(opened["until"][:, ends], axis=1, prepend=0)
        assert (cells >= 20).all()
        assert not opened["until"][:, opened["ends"] == 0].any()
        if not opened["safe"].all():
            assert not len(ends) and not opened["count"].any()


# --- named outcomes -----------------------------------------------------------------------------------------------


def test_one_owner_only_has_no_curve() -> None:
    frames = owners()
    result = told(asked(bins=100), CLINICAL, [pd.concat(frames), *(each.head(0) for each in frames[1:])])
    assert result.suppressed == result.cells and "No curve is told" in result.findings[0]
    assert result.tables[0].frame.empty


@pytest.mark.parametrize("seed", range(20))
def test_the_curve_and_median_of_all_times_are_within_what_wide_bins_tell(seed: int) -> None:
    """Who is censored in a wide bin was at risk for some of its events: the curve of all days is between two."""
    rng = dice(seed)
    days, died = rng.integers(0, 60, 200), rng.random(200) < rng.choice([0.3, 0.5, 0.8])
    of = [[np.bincount(days[each] // step, minlength=60 // step) for each in (died, ~died)] for step in (1, 12)]
    fine, coarse = (LifeTable.of(events, censored, np.full(len(events), len(events) < 60)) for events, censored in of)
    assert (fine.lowest == fine.survival).all()
    at_ends = fine.survival[11::12]
    assert (coarse.lowest <= at_ends + 1e-12).all() and (at_ends <= coarse.survival + 1e-12).all()
    (true, _), (earliest, latest) = fine.median(), coarse.median()
    if true is not None:
        assert earliest is not None and earliest <= true // 12
        assert latest is None or true // 12 <= latest
    else:
        assert latest is None


def test_a_median_is_told_from_the_earliest_to_the_latest_that_it_may_be() -> None:
    """40 are censored on day 10, 40 die on day 20: two thirds of those left, and the median is 20 days."""
    times, died = np.repeat([10, 20, 900], [40, 40, 20]), np.repeat([0, 1, 0], [40, 40, 20])
    frame = pd.DataFrame({"sex": "male", "time": times, "died": died})
    frames = [frame, frame.head(0), frame.head(0)]
    assert told(asked(), OPEN, frames).findings[0].startswith("The median time is from 15 to below 26 days")
    assert told(asked(bins=[500]), OPEN, frames).findings[0] == (
        "The median time is from 1 days on, or beyond what was observed: between 33.3 % and 60.0 % are left at its "
        "end, which depends on when in their bins others were censored."
    )
    frame["died"] = np.repeat([0, 1, 1], [40, 40, 20])
    wide = told(asked(bins=[500]), OPEN, [frame, *frames[1:]]).findings[0]
    assert wide == "The median time is from 1 to the end; 60 of 100 had the event."


@pytest.mark.parametrize("case", ["nobody", "all censored", "all die"])
def test_extreme_tables_are_said(case: str) -> None:
    frames = [each.head(0) if case == "nobody" else each.assign(died=int(case == "all die")) for each in owners()]
    result = told(asked(bins=100), OPEN, frames)
    said = {
        "nobody": "There are no rows, so there is no curve.",
        "all censored": "No event in 228 rows: all are censored.",
        "all die": "The median time is from 200 to below 300 days; 228 of 228 had the event.",
    }
    assert result.findings[0].replace("201", "200").replace("301", "300").startswith(said[case][:24])
    if case == "all die":
        assert result.tables[0].frame["survival"].iloc[-1] == 0
        assert result.tables[0].frame[["from", "to"]].iloc[-1].isna().all()


def test_groups_that_cannot_be_compared_are_said() -> None:
    frames = [each.assign(died=0) for each in owners()]
    findings = told(asked(("sex",), bins=100), OPEN, frames).findings
    assert "Whether the groups differ cannot be tested: never two of them had somebody at risk of an event." in findings


def test_no_other_exact_result_may_rest_on_the_time() -> None:
    """Its bins end where data says: with any other cut of the column, what was merged would be told apart."""
    term = timedelta(days=365)
    curve = bound(asked(interval=365))
    mean = dataclasses.replace(planned("total", "time", column="time"), contract=CONTRACT.id)
    other = build(mean, CONTRACT, Limits(3, 500, OPEN))
    with pytest.raises(PlanError, match="survival: total rests on time, too, and narrows down"):
        check_beside({"survival": curve, "total": other}, term)
    check_beside({"survival": curve}, term)


def test_of_a_stock_it_leaves_once() -> None:
    """What changed in bins that data cuts is judged by nobody; of events, each period has other persons."""
    assert CONTRACT.kind == "stock"
    with pytest.raises(PlanError, match="it leaves once; write 'interval: 365'"):
        check_beside({"survival": bound(asked())}, timedelta(days=365))
    events = dataclasses.replace(CONTRACT, kind="events")
    check_beside({"survival": build(asked(), events, Limits(3, 500, OPEN))}, timedelta(days=365))
