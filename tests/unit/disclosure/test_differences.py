"""How far two sets of rows differ, by sketches on shares."""

from __future__ import annotations

import math
import secrets
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from counterfoil.data.reading.table import Table
from counterfoil.data.row_sketch import BUCKETS, KEY_BYTES, KINDS, REPEATS, sketch, tagged
from counterfoil.disclosure.differencing import MARGIN, too_close
from counterfoil.disclosure.noise import Laplace
from counterfoil.errors import DifferenceError, PlanError
from counterfoil.governance.agreements.agreement import Part
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.joint.computation import JointComputation, analyses
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.session.in_process import reveal, run_local
from counterfoil.mpc.suites.plain.protocol import Plain
from tests.lib.chance import Chance, apart
from tests.lib.private import LAPLACE, NOISED, private, without
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import CONTRACT
from tests.unit.disclosure.test_complement import demo

A, B = Part("bank-a", "loans"), Part("bank-b", "loans")
FEWEST = 10


def tags(rng: np.random.Generator, rows: int) -> NDArray[np.uint64]:
    return rng.integers(0, 1 << 64, (rows, KINDS), dtype=np.uint64)


def close(now: dict[Part, NDArray[np.int64]], *earlier: dict[Part, NDArray[np.int64]]) -> list[int]:
    p = Plain()
    sketches = [{part: p.constant(sketch(rows[:, :KINDS])) for part, rows in each.items()} for each in (now, *earlier)]
    return too_close(p, [(sketches[0], then) for then in sketches[1:]], FEWEST).parts[0].tolist()


@trials(40, 2000)
def test_few_rows_more_or_less_are_noticed_and_none_or_many_are_not(trials: range) -> None:
    for seed in trials:
        rng = dice(seed)
        old = tags(rng, int(rng.integers(0, 400)))
        gone = int(rng.integers(0, min(len(old), 30) + 1))
        new = int(rng.integers(0, 30))
        now = np.concatenate([rng.permutation(old)[gone:], tags(rng, new)])
        differ = gone + new
        got = close({A: now}, {A: old})[0]
        if differ == 0 or differ >= FEWEST + MARGIN:
            assert got == 0, seed
        elif differ < FEWEST:
            assert got == 1, seed


def test_one_row_is_always_noticed() -> None:
    for seed in range(200):
        rows = tags(dice(seed), 50)
        assert close({A: rows}, {A: rows[1:]}, {A: rows}, {A: rows[:-1]}) == [1, 0, 1, 0]


def test_each_owner_is_compared_on_its_own() -> None:
    """Others' rows do not hide one row of an owner: whoever knows these others could subtract them."""
    rng = dice(1)
    a, b = tags(rng, 300), tags(rng, 300)
    assert close({A: a, B: tags(rng, 300)}, {A: a[1:], B: b}) == [1, 0]
    assert close({A: a, B: b}, {A: a}) == [0, 0]


@pytest.mark.parametrize("held", [True, False], ids=["held by another", "held by nobody"])
@pytest.mark.parametrize("made_up", [1, 5, 40])
def test_made_up_rows_tell_nothing_of_who_is_in_anothers_table(held: bool, made_up: int) -> None:
    """Join-key probing: an owner puts others' people into its table, and asks the guard, release by release.

    Each owner tags rows under its own key, so what the prober brings is compared with what the prober brought. The
    verdicts are those of its own changes, whether or not somebody else has the same rows.
    """
    people = [10 * number for number in range(120)]
    probed = people[:made_up] if held else [10 * number + 1 for number in range(made_up)]
    own, others = (secrets.token_bytes(KEY_BYTES) for _ in range(2))
    victim = tagged(table(people), others).tags
    before, after = (tagged(table([5, 15, 25, *extra]), own).tags for extra in ([], probed))
    assert victim is not None and before is not None and after is not None
    assert not np.isin(after, victim).any()
    few = int(made_up < FEWEST)
    assert close({A: after, B: victim}, {A: before, B: victim}, {A: after, B: victim}) == [few, 0, 0]
    # Nor does an owner without the rows, or with them, make a difference to the prober's.
    assert close({A: after}, {A: before}) == [few, 0]


def test_a_row_that_was_changed_counts_as_another_row() -> None:
    rows = tags(dice(2), 200)
    changed = rows.copy()
    changed[0, 1] += np.uint64(1)
    assert close({A: changed}, {A: rows}) == [1, 0]


@pytest.mark.parametrize("suite", ["rep3-sh/1", "rep4-mal/1"])
def test_the_suites_come_to_the_same_verdict(suite: str) -> None:
    rows, others = tags(dice(3), 100), tags(dice(4), 100)
    arrays = [sketch(each) for each in (rows, rows[3:], rows, others)]

    def program(p: object, *s: object) -> object:
        return too_close(p, [({A: s[0]}, {A: each}) for each in s[1:]], FEWEST)

    assert reveal(run_local(suite, program, inputs=arrays)).tolist() == [1, 0, 0, 0]


def test_with_no_earlier_release_a_zero_is_opened() -> None:
    assert close({A: tags(dice(5), 9)}) == [0]


# --- tags -------------------------------------------------------------------------------------------------------


def table(values: list[int]) -> Table:
    frame = pd.DataFrame({"region": "north", "product": "car", "value": values, "debt": 1})
    return Table(CONTRACT, "test", pa.Table.from_pandas(frame, preserve_index=False))


def test_tags_are_the_owners_own_and_the_same_each_time() -> None:
    key, other = secrets.token_bytes(32), secrets.token_bytes(32)
    first, again, foreign = (tagged(table([1, 2, 3]), each).tags for each in (key, key, other))
    assert first is not None and again is not None and foreign is not None
    np.testing.assert_array_equal(first, again)
    assert not (first == foreign).any()
    assert len(np.unique(first)) == first.size


def test_a_row_keeps_its_tag_wherever_it_stands() -> None:
    key = secrets.token_bytes(32)
    kept = tagged(table([5, 6, 7, 8]), key).take(np.array([3, 0]))
    alone = tagged(table([8, 5]), key)
    assert kept.tags is not None and alone.tags is not None
    np.testing.assert_array_equal(kept.tags, alone.tags)
    assert kept.select(["value"]).tags is kept.tags


def test_a_sketch_says_nothing_without_the_key(chance: Chance) -> None:
    """Counts in buckets are those of random tags, whatever the rows are."""
    made = sketch(tagged(table(list(range(1000))), chance.seed).tags)
    assert made.shape == (2 * KINDS, REPEATS * BUCKETS)  # as keys are spelt, and as cells are written
    assert (np.abs(made).sum(axis=1) <= REPEATS * 1000).all()
    signs = 1000 * REPEATS
    chance.verdict({"positive": apart((signs + made.astype(np.int64).sum(axis=1)) // 2, signs, 1 / 2)})


# --- noise in place of a refusal ----------------------------------------------------------------------------------


def forgiving(text: str) -> str:
    """The banks' agreement in which every analysis that can take noise does where it would be refused."""
    every = dict.fromkeys((*NOISED, "correlation-of-pre-aggregates", "correlation-of-shared-rows"), LAPLACE)
    return (
        private(without(text, "exposure-without-one-bank"), every)
        .replace("    privacy:", "    noiseInstead:")
        .replace("epsilon: 3", "epsilon: 9")
    )


ALLOWED = "  noise_instead_of_refusal: true\n"


@pytest.mark.slow
def test_what_exact_analyses_are_handed_is_enough_for_noised_ones(tmp_path: Path, chance: Chance) -> None:
    """Every analysis of the demo takes noise after its owners handed in what the exact one needs."""
    exact, _ = demo(tmp_path / "exact", policy=ALLOWED, edit=forgiving)
    noised, _ = demo(
        tmp_path / "noised", policy=ALLOWED, edit=forgiving, checked=lambda joint: joint.noise_instead(["loans"])
    )
    was, becomes = exact.finish(), noised.finish()
    assert not exact.agreement.private
    assert {plan.name for plan in noised.terms.private} == set(was) == set(becomes)
    assert (guarded(exact.agreement), guarded(noised.terms)) == (["loans"], [])
    unmoved = 0.0
    for name, analysis in analyses(noised.terms).items():
        opened = {output: as_signed(share.parts[0]) for output, share in becomes[name].items()}
        before = {output: as_signed(share.parts[0]) for output, share in was[name].items()}
        labels = {measure.label for table in analysis.present(opened).tables for measure in table.measures.values()}
        assert "noised" in labels
        for array in set(analysis.noised) & set(before):  # a correlation's moments have no exact ones to differ from
            both = before["safe"].ravel().astype(bool) & opened["safe"].ravel().astype(bool)
            shown = both if before[array].shape == before["safe"].shape else slice(None)
            moved = before[array].ravel()[shown] != opened[array].ravel()[shown]
            assert moved.any()
            added = analysis.noise.arrays[array]
            assert isinstance(added, Laplace)
            unmoved += math.tanh(1 / (2 * float(added.scale))) ** moved.size  # the probability that all noise is 0
    chance.affords(unmoved)


@pytest.mark.slow
def test_noise_is_not_taken_by_what_has_none_nor_too_late(tmp_path: Path) -> None:
    def ask(joint: JointComputation) -> None:
        joint.noise_instead(["loans"])

    with pytest.raises(DifferenceError, match=r"total-exposure, .*: exact, and may not take noise instead"):
        demo(tmp_path / "none", policy=ALLOWED, checked=ask)

    def ask_late(joint: JointComputation) -> None:
        joint.evaluate("total-exposure")
        joint.noise_instead(["loans"])

    with pytest.raises(PlanError, match="before anything is evaluated"):
        demo(tmp_path / "late", policy=ALLOWED, edit=forgiving, checked=ask_late)
