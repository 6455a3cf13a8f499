"""No finding is an artefact of rounding, noise, hiding or precision: what cannot be told is said to be so."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from counterfoil.analyses.base import Checked, Result
from counterfoil.analyses.registry import build
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.suppression import hide, judge
from counterfoil.errors import RangeError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain.protocol import Plain
from tests.unit.analyses.judging import CONTRACT, bound, planned

ROWS = 2_000


def wide(high: int = 10**9) -> Contract:
    columns = [Column(name, "integer", "measure", "wide", minimum=0, maximum=high) for name in "yzw"]
    return dataclasses.replace(CONTRACT, columns=tuple(columns))


def correlated(contract: Contract, columns: dict[str, np.ndarray], parts: int = 3) -> Result:
    plan = planned("correlation", *columns, rows="local")
    analysis = build(plan, contract, Limits(parts, 10**5, Rules(**OFF)))
    made = [
        analysis.local(Table(contract, "test", pa.table({name: part[at] for name, part in columns.items()})))
        for at in np.array_split(np.arange(len(columns["y"])), parts)
    ]
    p = Plain()
    one = p.constant(np.array(1))
    owners = [Checked({name: p.constant(array) for name, array in each.items()}, one) for each in made]
    cells = analysis.conclude(p, analysis.secure(p, owners))
    (verdict,) = judge(p, [cells], [analysis.rules])
    released = hide(p, cells, verdict.safe)
    return analysis.present({name: as_signed(each.parts[0]) for name, each in released.items()})


def pair(spread: float, at: float, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(0, 1, ROWS), rng.normal(0, 1, ROWS)
    return {"y": np.rint(at + spread * one).astype(np.int64),
            "z": np.rint(at + spread * (0.8 * one + 0.6 * other)).astype(np.int64)}  # fmt: skip


@pytest.mark.parametrize("at", [1e7, 5e8, 9e8])
@pytest.mark.parametrize("spread", [1, 30, 1e3, 3e4, 1e5, 2e5, 3e5, 1e6])
def test_a_correlation_is_told_within_its_bound_or_said_not_to_be_told(spread: float, at: float) -> None:
    columns = pair(spread, at)
    result = correlated(wide(), columns)
    shown, true = result.tables[0].frame["z"][0], np.corrcoef(columns["y"] - at, columns["z"] - at)[0, 1]
    # A variance of 2^-34, and of 3 parts of 2^-16 over all rows, is the least there is to be of z.
    least = (2.0**-34 + 3 / ROWS * 2.0**-16) ** 0.5 * 5e8
    assert np.isnan(shown) == (min(columns["y"].std(), columns["z"].std()) < least)
    if np.isnan(shown):
        assert result.findings == ("No correlation can be shown.",)
        assert all("varies too little for its bounds, 0 to 1000000000" in text for text in result.assumptions)
        assert len(result.assumptions) == 2
    else:
        assert abs(shown - true) <= result.tables[0].measures["y"].bound == 0.001
        assert result.findings == ("y and z are the most closely related: " + f"{shown:+.3f} over 2,000 rows.",)


def test_the_spread_that_is_asked_for_does() -> None:
    columns = pair(1000, 9e8)
    columns["z"] = np.rint(9e8 + 1e6 * (columns["y"] - 9e8) / 1000).astype(np.int64)
    columns["w"] = np.rint(5e8 + 1e8 * np.sin(columns["y"])).astype(np.int64)
    (told,) = correlated(wide(), columns).assumptions
    assert told.startswith("y has no correlation that can be shown")
    asked = float(told.split("standard deviation of ")[1].split(" would")[0].replace(",", ""))
    columns["y"] = np.rint(9e8 + asked * (columns["y"] - 9e8) / columns["y"].std()).astype(np.int64)
    result = correlated(wide(), columns)
    assert result.assumptions == ()
    assert "y and z are the most closely related: +1.000" in result.findings[0]


def test_what_is_said_follows_from_what_is_released_alone() -> None:
    """Of a column that is the same in all rows it is said what is said of one that hardly varies."""
    columns = pair(1e8, 5e8)
    said = [
        correlated(wide(), columns | {"w": w.astype(np.int64)}).assumptions
        for w in (np.full(ROWS, 7), np.arange(ROWS), 10**9 - np.arange(ROWS) % 2)
    ]
    assert said[0] == said[1] == said[2]
    assert len(said[0]) == 1 and said[0][0].startswith("w has no correlation that can be shown")


def test_what_will_not_be_told_is_known_before_a_job() -> None:
    (text,) = build(planned("correlation", "y", "z"), wide(), Limits(3, 10**5, Rules(**OFF))).untold()
    assert text.startswith("correlations are told of columns whose standard deviation is at least so much, over 3 rows")
    assert "y 2,000,000, z 2,000,000" in text


@pytest.mark.parametrize("high", [0, 1 << 53])
def test_bounds_that_cannot_be_scaled_are_refused_when_planned(high: int) -> None:
    with pytest.raises(RangeError, match="'y' cannot be scaled from 0 to"):
        build(planned("correlation", "y", "z"), wide(high), Limits(3, 10, Rules(**OFF)))


def test_a_column_without_correlations_is_left_out_of_the_finding() -> None:
    columns = {**pair(1e8, 5e8), "w": np.full(ROWS, 7)}
    result = correlated(wide(), columns)
    assert "most closely related of those whose correlation can be told: +0.79" in result.findings[0]
    assert result.tables[0].frame["w"].isna().all()
    assert (result.suppressed, result.cells) == (2, 3)


def test_no_correlation_is_named_where_none_can_be_told_from_zero() -> None:
    columns = pair(1e8, 5e8)
    half = np.tile([4 * 10**8, 6 * 10**8], ROWS // 2)
    columns["z"] = np.repeat([4 * 10**8, 6 * 10**8], 2)[np.arange(ROWS) % 4]
    columns["y"] = half
    result = correlated(wide(), columns)
    assert abs(result.tables[0].frame["z"][0]) <= result.tables[0].measures["z"].bound
    assert result.findings == ("No correlation over 2,000 rows can be told from none at all.",)


def means(sums: list[int], counts: list[int], safe: list[int], base: int = 0, privacy: Privacy | None = None) -> Result:
    rules = Rules(**{**OFF, "safe_threshold": 2, "safe_round_counts": base, "safe_round_sums": base})
    plan = dataclasses.replace(planned("mean_by_group", "value", "region", value="value", by=("region",)),
                               privacy=privacy)  # fmt: skip
    analysis = bound([plan], 3, rules)[plan.name]
    return analysis.present({"safe": np.array(safe), "count": np.array(counts), "sum": np.array(sums)})


def test_equal_means_are_named_together_and_hidden_ones_are_not_ranked() -> None:
    highest, lowest = means([20, 20, 10], [10, 10, 10], [1, 1, 1]).findings
    assert highest == "The highest mean value, 2.00, is in north and in east."
    assert lowest == "The lowest mean value, 1.00, is in south."
    highest, _ = means([20, 10, 0], [10, 10, 0], [1, 1, 0]).findings
    assert highest == "The highest mean value of the groups shown, 2.00, is in north."


def test_rounded_means_are_ranked_only_where_rounding_cannot_turn_them_around() -> None:
    for sentence in means([1000, 990, 980], [50, 50, 50], [1, 1, 1], base=10).findings:
        assert "cannot be told: 3 of them are within what rounding leaves open" in sentence
    assert "is in north" in means([20000, 10000, 10000], [50, 50, 50], [1, 1, 1], base=10).findings[0]


def test_noised_means_are_ranked_only_where_their_intervals_are_apart() -> None:
    privacy = Privacy("laplace", Decimal(1))
    for sentence in means([3000, 2000, 0], [100, 100, 100], [1, 1, 1], privacy=privacy).findings:
        assert "cannot be told: 3 of them are within what noise leaves open" in sentence
    near = means([300_000, 0, -300_000], [1000, 1000, 1000], [1, 1, 1], privacy=privacy)
    assert ["is in north" in near.findings[0], "is in south" in near.findings[1]] == [True, True]


def bins(counts: list[int], safe: list[int], base: int = 0) -> str:
    rules = Rules(**{**OFF, "safe_threshold": 2, "safe_round_counts": base, "safe_round_sums": base})
    plan = planned("histogram", "value", column="value", edges=(0, 5, 10, 1000))
    return bound([plan], 3, rules)[plan.name].present({"safe": np.array(safe), "count": np.array(counts)}).findings[0]


def test_the_fullest_bin_is_named_only_where_it_is_known() -> None:
    assert bins([5, 9, 3], [1, 1, 1]) == "Most rows of all bins, 9, have value [5 – 10)."
    assert bins([5, 9, 0], [1, 1, 0]) == "Most rows of the bins shown, 9, have value [5 – 10)."
    assert bins([9, 9, 3], [1, 1, 1]) == "2 of all bins have 9 rows each, and none has more."
    assert bins([20, 25, 0], [1, 1, 1], base=5) == "Most rows of all bins, 25, have value [5 – 10)."
    assert bins([25, 25, 0], [1, 1, 1], base=5) == (
        "Which of all bins has most rows cannot be told: 2 are within what rounding leaves open."
    )
    assert bins([6, 0, 0], [1, 0, 0], base=8) == "Most rows of the bins shown, 6, have value [0 – 5)."
    assert bins([0, 0, 0], [0, 0, 0]) == "All bins are hidden."
