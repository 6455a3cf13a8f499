"""Correlations of noised moments: how far a row moves them, what is told, and that the exact one is in the interval."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from counterfoil.analyses.base import Analysis, Checked
from counterfoil.analyses.registry import build
from counterfoil.analyses.sums.correlation import FINE_BITS
from counterfoil.analyses.sums.moments import Moments
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import PlanError
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed
from tests.lib.chance import Chance, at_most
from tests.lib.trials import dice, trials
from tests.spec.circuit_spec import SUITES, run
from tests.unit.analyses.test_analyses import CONTRACT, PLANS, planned
from tests.unit.analyses.test_noise import GAUSSIAN, LAPLACE, random_row, release, results

WAYS = ("correlation, local", "correlation, shared")
ROWS = 40_000
TIGHT = Privacy("laplace", Decimal(4))


def noised(name: str, privacy: Privacy, owners: int = 1, rows: int = ROWS) -> Analysis:
    return build(dataclasses.replace(PLANS[name], privacy=privacy), CONTRACT, Limits(owners, rows))


def people(seed: int, rows: int, slope: float = 0.7) -> pd.DataFrame:
    """Rows in which balances and incomes are related, spread over what the contract allows."""
    rng = dice(seed)
    frame = pd.DataFrame([random_row(rng)] * rows)
    first = rng.uniform(-1, 1, rows)
    second = slope * first + (1 - slope) * rng.uniform(-1, 1, rows)
    for column, z in zip(("balance", "income"), (first, second), strict=True):
        low, high = CONTRACT.column(column).bounds
        frame[column] = np.rint(low + (z + 1) / 2 * (high - low)).astype(np.int64)
    for column in ("age", "days_past_due", "default_flag"):
        low, high = CONTRACT.column(column).bounds
        frame[column] = rng.integers(low, high, rows, endpoint=True)
    return frame


@trials(80, 4000)
@pytest.mark.parametrize("name", WAYS)
def test_a_row_in_place_of_another_moves_moments_no_farther_than_is_said(name: str, trials: range) -> None:
    analysis = noised(name, LAPLACE, rows=200)
    worst = {"sum": 0.0, "cross": 0.0}
    for seed in trials:
        rng = dice(seed)
        before = people(seed, 4)
        after = before.copy()
        for frame in (before, after):
            for column, value in random_row(rng).items():
                frame.loc[0, column] = value
        if not seed % 3:  # from the middle of every column to one of its ends
            for column in ("balance", "income", "age", "days_past_due", "default_flag"):
                low, high = CONTRACT.column(column).bounds
                before.loc[0, column], after.loc[0, column] = (low + high) // 2, high
        was, becomes = results(analysis, [before]), results(analysis, [after])
        assert (becomes["count"] == was["count"]).all()
        for array, moves in analysis.moves().items():
            change = np.array((becomes[array] - was[array]).tolist(), object)
            assert abs(change).sum() <= moves.l1, f"SEED={seed}"
            assert (change * change).sum() <= moves.l2_squared, f"SEED={seed}"
            assert change.size == moves.size == moves.cells
            assert max(abs(was[array])) <= moves.reach
            worst[array] = max(worst[array], abs(change).sum() / moves.l1)
    # All signs of a row flip often; that products and squares move farthest at once is not possible.
    assert worst["sum"] > 0.99
    assert worst["cross"] > 0.65


def test_owners_and_nodes_make_the_same_moments() -> None:
    frames = [people(seed, 300) for seed in range(3)]
    local, shared = (results(noised(name, LAPLACE, 3, 300), frames) for name in WAYS)
    np.testing.assert_array_equal(local["sum"], shared["sum"])
    # Each owner cuts off two numbers, and so do the nodes.
    assert (np.abs(local["cross"] - shared["cross"]) <= 2 * 3).all()
    assert np.abs(local["cross"]).max() > 1 << FINE_BITS


@pytest.mark.parametrize("privacy", [TIGHT, Privacy("gaussian", Decimal(4), Decimal("0.000001"))], ids=["l", "g"])
@pytest.mark.parametrize("name", WAYS)
def test_the_exact_correlation_is_in_the_interval_and_noise_is_told(
    name: str, privacy: Privacy, chance: Chance
) -> None:
    frame = people(3, 20_000)
    analysis = noised(name, privacy)
    exact = analysis.plain([frame]).set_index("column")
    held, off = [], []
    for number in range(6):
        result = release(analysis, [frame], 10, chance.seeds(number))
        matrix, pairs = result.tables
        assert {measure.label for table in result.tables for measure in table.measures.values()} == {"noised"}
        assert len(pairs.frame) == 10
        told = pairs.frame.dropna()
        assert len(told) == 10
        truth = np.array([exact.loc[a, b] for a, b in zip(told["one"], told["other"], strict=True)])
        held.append((told["from"].to_numpy() <= truth) & (truth <= told["to"].to_numpy()))
        off += list(np.abs(told["correlation"] - truth))
        assert ((told["from"] <= told["correlation"]) & (told["correlation"] <= told["to"])).all()
        assert (told["to"] - told["from"] < 0.5).all()
        square = matrix.frame.set_index("column")
        for row in told.itertuples():
            assert square.loc[row.one, row.other] == square.loc[row.other, row.one] == row.correlation
    # Pairs share their moments' noise; releases do not.
    chance.verdict({"pairs": at_most(np.sum(held, axis=0), len(held), 0.95)})
    assert 1e-6 < np.median(off) < 0.1


def test_a_column_that_noise_covers_has_no_correlation() -> None:
    frame = people(4, 20_000)
    low, high = CONTRACT.column("age").bounds
    frame["age"] = (low + high) // 2
    result = release(noised("correlation, local", TIGHT), [frame], minimum=10)
    assert result.assumptions == ("age varies too little for so much noise, so its correlations cannot be told.",)
    matrix, pairs = result.tables
    assert matrix.frame["age"].isna().all()
    about_age = (pairs.frame["one"] == "age") | (pairs.frame["other"] == "age")
    assert pairs.frame["correlation"].isna().tolist() == about_age.tolist()


def test_too_few_rows_tell_nothing() -> None:
    result = release(noised("correlation, shared", LAPLACE), [people(5, 4)], minimum=10)
    assert (result.suppressed, result.findings) == (1, ("Too few rows.",))
    assert all(table.frame.select_dtypes("number").isna().all().all() for table in result.tables)


@trials(300, 20_000)
def test_ends_are_never_passed_by_moments_that_are_off_by_less(trials: range) -> None:
    """Any moments of any rows, moved by no more than said: the correlation that was is between the ends."""
    told = 0
    for seed in trials:
        rng = dice(seed)
        z = rng.uniform(-1, 1, (int(rng.integers(2, 30)), 3)) @ np.diag(rng.choice([0.2, 0.6, 1.0], 3))
        z[:, 1] = np.clip(z[:, 1] + rng.choice([-1, 0, 1]) * z[:, 0], -1, 1)
        exact = Moments(z.mean(axis=0), z.T @ z / len(z))
        by_mean, by_product = rng.choice([0.0, 1e-3, 0.02, 0.1], 2)
        moved = Moments(
            exact.mean + by_mean * rng.uniform(-1, 1, 3),
            exact.product + by_product * _symmetric(rng.uniform(-1, 1, (3, 3))),
        )
        low, high, lost = moved.between(by_mean, by_product)
        with np.errstate(divide="ignore", invalid="ignore"):
            truth = exact.covariance / np.outer(exact.spread, exact.spread)
        known = ~(lost[:, None] | lost) & ~np.eye(3, dtype=bool)
        assert (low[known] <= truth[known] + 1e-9).all(), f"SEED={seed}"
        assert (truth[known] <= high[known] + 1e-9).all(), f"SEED={seed}"
        told += int(known.sum())
    assert told > len(trials)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return np.triu(matrix) + np.triu(matrix, 1).T


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", WAYS)
def test_the_suites_add_noise_to_every_moment(name: str, suite: str) -> None:
    frames = [people(seed, 12) for seed in range(3)]
    analysis = noised(name, GAUSSIAN, 3, 12)
    exact, given = results(analysis, frames), [inputs_of(analysis, frame) for frame in frames]

    def program(p: Protocol, *shares: Arith) -> list[Arith]:
        each = iter(shares)
        owners = []
        for made in given:
            valid = p.constant(np.ones(12 if analysis.inputs()[0].per_row else (), np.int64))
            owners.append(Checked({array: next(each) for array in made}, valid))
        cells = analysis.add_noise(p, analysis.secure(p, owners))
        return [cells.count, *(cells.values[array] for array in ("sum", "cross"))]

    count, *noisy = run(suite, program, [array for made in given for array in made.values()]).values
    assert int(count) == 36
    assert analysis.noise is not None
    for array, got in zip(("sum", "cross"), noisy, strict=True):
        added = analysis.noise.arrays[array]
        off = np.abs(as_signed(got) - exact[array])
        # In the middle of a unit, and none of these is, so that all of them move, whatever the noise.
        assert added.unit > 1 and ((exact[array] - added.unit // 2) % added.unit != 0).all()
        assert (off > 0).all() and (off <= added.bound.high * added.unit + added.unit).all()


def inputs_of(analysis: Analysis, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return analysis.local(Table(CONTRACT, "test", pa.Table.from_pandas(frame, preserve_index=False)))


def test_noise_needs_bounds() -> None:
    free = tuple(dataclasses.replace(c, minimum=None, maximum=None) if c.name == "age" else c for c in CONTRACT.columns)
    plan = dataclasses.replace(planned("correlation", ("balance", "age")), privacy=GAUSSIAN)
    with pytest.raises(PlanError, match="give 'age' a minimum and a maximum"):
        build(plan, dataclasses.replace(CONTRACT, columns=free), Limits(4, 200))
