"""Bands of numbers and periods of days as groups: every row is in one, and they are axes like any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.groupings import by_bands
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.policies.rules import OFF, Rules
from tests.lib.trials import dice
from tests.unit.analyses.judging import bound, draw, planned, released

ALL = Rules(safe_threshold=1, **OFF)
AGE = Column("age", "integer", "quasi", "", minimum=0, maximum=110)
DAY = Column("day", "date", "time", "", minimum=date(2024, 2, 10), maximum=date(2025, 1, 20))
PAID = Column("paid", "number", "measure", "", minimum=Decimal(0), maximum=Decimal(100), resolution=2)
BANDED = planned("mean_by_group", "value", "debt", "region", name="banded", value="value", by=("region",),
                 bands={"debt": [0, 5]})  # fmt: skip


@pytest.mark.parametrize("low", [-10, 0, 5, 1000])
def test_every_value_is_in_one_band(low: int) -> None:
    found = by_bands("p", replace(AGE, minimum=-10, maximum=1000), [0, 5])
    assert found.labels == ("below 0", "0 to below 5", "5 on")
    assert found.codes(np.array([low])).tolist() == [{-10: 0, 0: 1, 5: 2, 1000: 2}[low]]


def test_bands_of_decimals_and_commas_are_in_the_columns_own_unit() -> None:
    found = by_bands("p", PAID, [9.5, 50])
    assert found.labels == ("below 9.50", "9.50 to below 50.00", "50.00 on")
    assert found.codes(np.array([949, 950, 5000])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("period", ["week", "month", "quarter", "year"])
def test_periods_are_those_of_the_calendar(period: str) -> None:
    found = by_bands("p", DAY, period)
    first, last = date(2024, 2, 10), date(2025, 1, 20)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    told = {
        "week": lambda day: f"{day.isocalendar().year}-W{day.isocalendar().week:02d}",
        "month": lambda day: f"{day:%Y-%m}",
        "quarter": lambda day: f"{day.year}-Q{(day.month - 1) // 3 + 1}",
        "year": lambda day: str(day.year),
    }[period]
    codes = found.codes(np.array([(day - date(1970, 1, 1)).days for day in days]))
    assert [found.labels[code] for code in codes] == [told(day) for day in days]


def test_times_fall_into_the_days_of_their_periods() -> None:
    from datetime import UTC, datetime

    ends = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)
    column = Column("seen", "timestamp", "time", "", minimum=ends[0], maximum=ends[1], resolution=3)
    found = by_bands("p", column, "month")
    stamp = [int(datetime(2024, 3, 1, tzinfo=UTC).timestamp() * 1000) + off for off in (-1, 0)]
    assert [found.labels[code] for code in found.codes(np.array(stamp))] == ["2024-02", "2024-03"]


@pytest.mark.parametrize(
    ("column", "given", "words"),
    [
        (AGE, [], "must list where they begin, each a whole number"),
        (AGE, [1.5], "must list where they begin, each a whole number"),
        (AGE, [18, 18], "must rise"),
        (AGE, [0, 18], "is cut above its minimum, 0, and at its maximum, 110, at most"),
        (AGE, "month", "'age' is integer; month is no band of it"),
        (DAY, "decade", "decade is no band of it"),
        (replace(DAY, maximum=date(2040, 1, 1)), "month", "is cut into 192 bands, of 2 to 120"),
    ],
)
def test_bands_that_cannot_be_are_refused_by_name(column: Column, given: object, words: str) -> None:
    with pytest.raises(PlanError, match=f"p: .*{words}"):
        by_bands("p", column, given)


def test_means_by_bands_are_those_of_pooled_rows() -> None:
    frames = [frame for frame in draw(dice(5), 3, 200) if len(frame)]
    found = released([BANDED], frames, ALL)
    analysis = bound([BANDED], len(frames), ALL)["banded"]
    shown = analysis.present(found["banded"]).tables[0].frame
    pooled = pd.concat(frames)
    band = np.where(pooled.debt < 0, "below 0", np.where(pooled.debt < 5, "0 to below 5", "5 on"))
    wanted = pooled.groupby([pooled.region, band]).value.agg(["count", "mean"])
    for row in shown.itertuples():
        if (row.region, row.debt) in wanted.index:
            count, mean = wanted.loc[(row.region, row.debt)]
            assert (row.rows, row.mean) == (count, pytest.approx(mean))
        else:
            assert row.rows == 0
    assert shown.rows.sum() == len(pooled)
    pd.testing.assert_series_equal(analysis.plain(frames)["rows"], shown["rows"], check_dtype=False)


def test_bands_and_a_histogram_with_the_same_edges_share_an_axis() -> None:
    bins = planned("histogram", "debt", name="bins", column="debt", edges=(-10, 0, 5, 1000))
    frames = draw(dice(5), 3, 200)
    assert released([BANDED, bins], frames, ALL)["bins"]["count"].sum() == sum(map(len, frames))
    other = planned("histogram", "debt", name="bins", column="debt", edges=(-10, 0, 6, 1000))
    with pytest.raises(PlanError, match="cut debt in two ways"):
        released([BANDED, other], frames, ALL)


def test_groups_are_by_either() -> None:
    with pytest.raises(PlanError, match="`by` or `bands` must name at least one column"):
        bound([planned("mean_by_group", "value", value="value")], 2, ALL)
    with pytest.raises(PlanError, match="'debt' is in `by` and in `bands`"):
        bound([replace(BANDED, params={"value": "value", "by": ("debt",), "bands": {"debt": [0]}})], 2, ALL)
