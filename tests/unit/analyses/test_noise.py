"""Noised analyses: how far one row moves a result, how wide the noise is, and what is hidden by it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from counterfoil.analyses.base import Analysis, Checked, Result
from counterfoil.analyses.registry import build
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.noise import Gaussian, Laplace, Moves, PlanNoise, plan_noise
from counterfoil.disclosure.suppression import hide, judge
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.errors import RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.policies.privacy import Person, Privacy
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain.protocol import Plain
from tests.lib.chance import Chance, apart, at_least, at_most
from tests.lib.trials import dice, trials
from tests.spec.circuit_spec import SUITES, run
from tests.unit.analyses.test_analyses import CONTRACT, FRAMES, PLANS

LAPLACE = Privacy("laplace", Decimal("0.5"))
GAUSSIAN = Privacy("gaussian", Decimal(1), Decimal("0.000001"))
NOISED = ("total", "mean_by_group", "histogram")
ROWS = 200
RUNS = 40


def noised(name: str, privacy: Privacy, rows: int = ROWS) -> Analysis:
    return build(dataclasses.replace(PLANS[name], privacy=privacy), CONTRACT, Limits(4, rows))


def results(analysis: Analysis, frames: list[pd.DataFrame]) -> dict[str, np.ndarray]:
    """The analysis's shared results, as numbers, before noise."""
    p = Plain()
    owners = []
    for frame in frames:
        table = Table(CONTRACT, "test", pa.Table.from_pandas(frame, preserve_index=False))
        values = {name: p.constant(array) for name, array in analysis.local(table).items()}
        valid = np.ones(len(frame) if analysis.inputs()[0].per_row else (), np.int64)
        owners.append(Checked(values, p.constant(valid)))
    cells = analysis.secure(p, owners)
    return {name: as_signed(share.parts[0]) for name, share in {"count": cells.count, **cells.values}.items()}


# --- sensitivity ------------------------------------------------------------------------------------------------


def random_row(rng: np.random.Generator) -> dict[str, object]:
    """A row of the contract whose values are extreme more often than not."""
    row: dict[str, object] = {}
    for column in CONTRACT.columns:
        if column.categories:
            row[column.name] = rng.choice(column.categories)
        elif column.type == "integer" and column.bounds:
            low, high = column.bounds
            row[column.name] = int(rng.choice([low, high, rng.integers(low, high, endpoint=True)]))
    return row


@trials(60, 3000)
@pytest.mark.parametrize("privacy", [LAPLACE, GAUSSIAN], ids=["laplace", "gaussian"])
@pytest.mark.parametrize("name", NOISED)
def test_rows_in_place_of_others_move_results_no_farther_than_is_said(
    name: str, privacy: Privacy, trials: range
) -> None:
    analysis = noised(name, privacy)
    base = FRAMES["bank-a"].head(5)
    worst: dict[str, float] = dict.fromkeys(analysis.moves(), 0.0)
    for seed in trials:
        rng = dice(seed)
        count = int(rng.integers(1, 3, endpoint=True))
        before, after = base.copy(), base.copy()
        for at in range(count):
            for frame in (before, after):
                for column, value in random_row(rng).items():
                    frame.loc[frame.index[at], column] = value
        was, becomes = results(analysis, [before]), results(analysis, [after])
        for array in was:
            change = np.array((becomes[array] - was[array]).ravel().tolist(), object)
            if array not in analysis.moves():
                assert not change.any()
                continue
            moves = analysis.moves()[array].by(count)
            assert abs(change).sum() <= moves.l1, f"SEED={seed}"
            assert (change * change).sum() <= moves.l2_squared, f"SEED={seed}"
            assert np.count_nonzero(change) <= moves.cells, f"SEED={seed}"
            assert change.size == moves.size
            worst[array] = max(worst[array], abs(change).sum() / moves.l1)
            assert max(abs(was[array].ravel()), default=0) <= moves.reach
    assert all(share > 0.99 for share in worst.values()), "what is said is what happens, and not more"


# --- width ------------------------------------------------------------------------------------------------------


def test_laplace_noise_is_as_wide_as_all_rows_of_a_person_move_a_result() -> None:
    moves = {"count": Moves(2, 2, 2, 30, 1000), "sum": Moves(200, 40_000, 2, 30, 10**6), "rows": Moves(0, 0, 0, 1, 9)}
    found = plan_noise(LAPLACE, moves, rows=3)
    # Half of epsilon for each of the two that move: 3·2 / 0.25 and 3·200 / 0.25.
    assert found.arrays == {"count": Laplace(Fraction(24)), "sum": Laplace(Fraction(2400))}
    assert (found.loss.epsilon, found.loss.rho) == (Decimal("0.5"), 0)
    exact = sum(30 * Fraction(2 * digits + 2, 2**64) for digits in (11, 17))
    assert exact <= Fraction(found.loss.distance) <= exact * Fraction(1001, 1000)


def test_gaussian_noise_costs_what_is_said() -> None:
    rho = GAUSSIAN.rho
    back = float(rho) + 2 * np.sqrt(float(rho) * np.log(1e6))
    assert back == pytest.approx(1, abs=1e-9)
    moves = {"count": Moves(2, 2, 2, 30, 1000), "sum": Moves(10**9, 10**18, 2, 30, 10**12)}
    found = plan_noise(GAUSSIAN, moves, rows=2)
    count, total = found.arrays["count"], found.arrays["sum"]
    assert isinstance(count, Gaussian) and isinstance(total, Gaussian)
    assert count.unit == 1 and 2 * 4 / (2 * float(count.sigma) ** 2) == pytest.approx(float(rho) / 2, rel=1e-4)
    # Rounded to units first: every one of up to 4 cells that move may move by one unit more.
    assert total.unit > 1 and float(total.sigma) <= 256
    sensitivity = 2 * 10**9 / total.unit + 2
    assert sensitivity**2 / (2 * float(total.sigma) ** 2) == pytest.approx(float(rho) / 2, rel=1e-4)
    assert total.unit * float(total.sigma) == pytest.approx(2 * 10**9 / np.sqrt(float(rho)), rel=0.1)


def test_noise_that_would_wrap_is_refused() -> None:
    near = {"sum": Moves(1 << 40, 1 << 80, 1, 1, (1 << 62) - (1 << 41))}
    for privacy in (LAPLACE, GAUSSIAN):
        with pytest.raises(RangeError, match=r"could pass 2\^62"):
            plan_noise(privacy, near, rows=1)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    "added", [Laplace(Fraction(40)), Gaussian(Fraction(10)), Gaussian(Fraction(9, 2), 16)], ids=["l", "g", "coarse"]
)
def test_intervals_hold_as_often_as_they_say(added: Laplace | Gaussian, suite: str, chance: Chance) -> None:
    exact, looked = np.arange(-5000, 5000) * 1001, {}
    got = run(suite, lambda p, x: added.add(p, x, "values"), (exact,), chance.seed).values.view(np.int64)
    off = np.abs(got - exact)
    assert off.max() <= added.bound.high * added.unit + added.unit // 2
    for confidence in (Fraction(1, 2), Fraction(95, 100)):
        half = added.half_width(confidence)
        looked[f"{confidence}, or more"] = at_most((off <= half).sum(), exact.size, float(confidence))
        # Not wider than need be: one unit less does not hold so often.
        less = (off <= half - 2 * added.unit).sum()
        looked[f"{confidence}, and no more"] = at_least(less, exact.size, float(confidence))
    steps = (got - added.unit // 2) // added.unit - exact // added.unit
    looked["up as often as down"] = apart((steps > 0).sum(), (steps != 0).sum(), 1 / 2)
    chance.verdict(looked)


# --- what a recipient gets --------------------------------------------------------------------------------------


def release(analysis: Analysis, frames: list[pd.DataFrame], minimum: int, seed: bytes | None = None) -> Result:
    p = Plain(seed=seed)
    owners = []
    for frame in frames:
        table = Table(CONTRACT, "test", pa.Table.from_pandas(frame, preserve_index=False))
        values = {name: p.constant(array) for name, array in analysis.local(table).items()}
        valid = np.ones(len(frame) if analysis.inputs()[0].per_row else (), np.int64)
        owners.append(Checked(values, p.constant(valid)))
    cells = analysis.conclude(p, analysis.add_noise(p, analysis.secure(p, owners)))
    (verdict,) = judge(p, [cells], [dataclasses.replace(analysis.rules, safe_threshold=minimum)])
    released = hide(p, cells, verdict.safe)
    return analysis.present({output.name: as_signed(released[output.name].parts[0]) for output in analysis.outputs()})


@pytest.mark.parametrize("privacy", [LAPLACE, GAUSSIAN], ids=["laplace", "gaussian"])
@pytest.mark.parametrize("name", NOISED)
def test_noised_numbers_are_labelled_and_their_intervals_hold(name: str, privacy: Privacy, chance: Chance) -> None:
    frames = list(FRAMES.values())
    analysis, held, moved = noised(name, privacy, 3000), defaultdict(list), set()
    for number in range(12):
        table = release(analysis, frames, 10, chance.seeds(number)).tables[0]
        expected = analysis.plain(frames)
        for column in expected.select_dtypes("number"):
            measure = table.measures[column]
            shown = table.frame[column].notna().to_numpy()
            got, exact = (each[column][shown].astype(float).to_numpy() for each in (table.frame, expected))
            if measure.interval is None:
                assert (measure.label, list(got)) == ("exact", list(exact))
                continue
            assert measure.label == "noised"
            if np.isnan(measure.interval):
                low, high = (table.frame[side][shown].to_numpy() for side in ("from", "to"))
                assert ((low <= got) & (got <= high)).all()
                held[column] += list((low <= exact) & (exact <= high))
            else:
                held[column] += list(np.abs(got - exact) <= measure.interval)
            if (got != exact).any():
                moved.add(column)
    assert moved == set(held)
    # Cells of one column have noise of their own; what is in two columns may rest on the same.
    chance.verdict({column: at_most(sum(each), len(each), 0.95) for column, each in held.items()})


def test_results_are_exact_unless_noise_is_asked_for() -> None:
    frames = list(FRAMES.values())
    for name in NOISED:
        analysis = build(PLANS[name], CONTRACT, Limits(4, 3000))
        assert analysis.noise is None
        table = release(analysis, frames, minimum=1).tables[0]
        assert {measure.label for measure in table.measures.values()} == {"exact"}
        for column in analysis.plain(frames).select_dtypes("number"):
            np.testing.assert_allclose(
                table.frame[column].astype(float).fillna(0), analysis.plain(frames)[column].fillna(0)
            )


def test_what_is_hidden_depends_on_noised_counts_alone(chance: Chance) -> None:
    """Bins that stand on the same count are shown or hidden by their noise, and never by the count itself."""
    analysis = noised("histogram", Privacy("laplace", Decimal("0.1")), 3000)
    frame = FRAMES["bank-a"].head(40)
    tables = [release(analysis, [frame], 10, chance.seeds(n)).tables[0].frame["rows"] for n in range(RUNS)]
    shown = pd.concat(tables)
    assert shown.dropna().min() >= 10
    rows = analysis.plain([frame])["rows"].to_numpy()
    few = rows < 10
    assert few.any() and analysis.noise is not None
    added = analysis.noise.arrays["count"]
    assert isinstance(added, Laplace)
    alpha = np.exp(-1 / float(added.scale))
    appears = alpha ** (10 - rows[few]) / (1 + alpha)
    chance.affords(float(np.prod(1 - appears) ** RUNS + np.prod(appears) ** RUNS))
    # Some of the bins with fewer than ten rows appear, and each is hidden some time.
    seen = np.array([table.notna().to_numpy() for table in tables])
    assert seen[:, few].any() and not seen[:, few].all()


def test_a_person_of_more_rows_takes_more_noise() -> None:
    scales = []
    for person in (None, Person(("customer_id",), 3), Person(("customer_id",), 3, owners=2)):
        contract = dataclasses.replace(CONTRACT, person=person)
        plan = dataclasses.replace(PLANS["total"], privacy=LAPLACE)
        noise: PlanNoise | None = build(plan, contract, Limits(4, ROWS)).noise
        assert noise is not None and isinstance(noise.arrays["sum"], Laplace)
        scales.append(noise.arrays["sum"].scale)
    assert [scale / scales[0] for scale in scales] == [1, 12, 6]


def test_bounds_of_noise_are_those_of_its_law() -> None:
    assert Laplace(Fraction(20)).bound == Bound.symmetric(1023)
    assert Gaussian(Fraction(3)).bound.high == 30


def test_a_plan_without_noise_has_no_privacy() -> None:
    assert Planned("a", "total", 1, "p", "loans", (), {}, (), "0" * 64).privacy is None


def test_a_noised_table_is_nobodys_margin() -> None:
    """Which of its cells are hidden must not depend on exact counts of another, nor the other way round."""
    exact = {name: build(PLANS[name], CONTRACT, Limits(4, ROWS)) for name in ("total", "mean_by_group")}
    mixed = {**exact, "mean_by_group": noised("mean_by_group", LAPLACE)}
    assert [set(layout.lattice.tables) for layout in layouts(exact).values()] == [{"total", "mean_by_group"}]
    assert [set(layout.lattice.tables) for layout in layouts(mixed).values()] == [{"total"}]
