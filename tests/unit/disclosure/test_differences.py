"""Tables in which too little changed since a release wait, or take noise: found before anything is evaluated."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from counterfoil.analyses.registry import build
from counterfoil.data.reading.table import Table
from counterfoil.data.row_memory import rows_of
from counterfoil.data.row_tags import KEY_BYTES, domain_names, with_tags
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.disclosure.noise import Laplace
from counterfoil.disclosure.protection import unchanged
from counterfoil.disclosure.suppression import judge
from counterfoil.disclosure.tables.layout import Layout, layouts
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.policies.rules import Rules
from counterfoil.joint.computation import JointComputation, analyses
from counterfoil.joint.table_changes import (
    GROUPS,
    Since,
    change_input,
    changed_features,
    changes_given,
    counted,
    cut_spans,
    grouped,
    released_sums,
    shows,
    spans_of,
)
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.session.in_process import reveal, run_local
from counterfoil.mpc.suites.plain.protocol import Plain
from counterfoil.roles.table_comparison import Known, changes_since
from tests.lib.chance import Chance
from tests.lib.private import LAPLACE, NOISED, private, without
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import _CONTRACT, PRODUCTS, REGIONS, planned
from tests.unit.disclosure.test_complement import demo

OWNERS, FEWEST = 4, 10
RULES = Rules(safe_difference=FEWEST)
ID = """      - {name: who, logicalType: string, required: true, unique: true, primaryKey: true, description: whom,
          customProperties: [{property: privacyRole, value: identifier}, {property: purpose, value: test}]}
"""
PEOPLE = parse_contract(_CONTRACT.replace("      - {name: region", f"{ID}      - {{name: region", 1).encode(), "people")

TOTAL, BOTH, REGION = (
    planned("total", "value", name="total", column="value"),
    planned("mean_by_group", "value", "region", "product", name="both", value="value", by=["region", "product"]),
    planned("mean_by_group", "value", "region", name="region", value="value", by=["region"]),
)


def laid_out(*plans: Planned) -> Layout:
    limits = Limits(OWNERS, 500, RULES)
    return layouts({plan.name: build(plan, PEOPLE, limits) for plan in plans or (TOTAL,)})[PEOPLE.id]


def people(who: Sequence[int], owner: int = 0, *, region: int = 0, more: int = 0) -> Table:
    """Rows of these persons of an owner, each with a value of its own."""
    frame = pd.DataFrame(
        {
            "who": [f"{owner}-{each}" for each in who],
            "region": [REGIONS[region]] * len(who),
            "product": [PRODUCTS[each % 2] for each in who],
            "value": [100 + each % 50 + more for each in who],
            "debt": 1,
        }
    )
    table = Table(PEOPLE, "test", pa.Table.from_pandas(frame, preserve_index=False))
    return with_tags(table, bytes([owner]) * KEY_BYTES)


def known(table: Table, layout: Layout, name: str = "0" * 32) -> Known:
    return Known(name, domain_names(PEOPLE)[0], rows_of(table), released_sums(layout))


def waits(now: Sequence[Table], then: Sequence[Table], layout: Layout | None = None, p: Protocol | None = None) -> bool:
    """Whether the tables of all owners have changed too little, all rows together, since those of then."""
    layout = layout or laid_out()
    handed = [changes_since(layout, mine, [known(old, layout)]) for mine, old in zip(now, then, strict=True)]
    return bool(judged(p or Plain(), layout, handed)[0])


def judged(p: Plain | Protocol, layout: Layout, handed: Sequence[np.ndarray], since: Sequence[Since] = ()) -> list[int]:
    cut = [cut_spans(layout, p.constant(array)) for array in handed]
    given = dict(changes_given(layout, cut, since or [(0,) * len(cut)], p.constant(np.zeros((1, 1), np.uint64))))
    return as_signed(unchanged(p, RULES, [given[()], []]).parts[0]).tolist()


def test_few_or_none_and_those_of_one_owner_alone_are_too_few() -> None:
    before = [people(range(100), owner) for owner in range(OWNERS)]
    for gone, expected in (
        ((0, 0, 0, 0), True), ((1, 0, 0, 0), True), ((0, 5, 4, 0), True), ((90, 0, 0, 0), True), ((90, 4, 5, 0), True),
        ((90, 90, 0, 0), True), ((10, 10, 10, 10), False), ((5, 5, 5, 5), False), ((90, 6, 6, 0), False),
        ((90, 5, 5, 0), True),  # of each owner's one may be like the others, and is not counted
    ):  # fmt: skip
        now = [people(range(each, 100), owner) for owner, each in enumerate(gone)]
        assert waits(now, before) == expected, gone


def test_a_sum_within_a_category_shows_the_cells_that_its_column_cuts() -> None:
    """So a state that released a model with a region is one that a table by region is compared with."""
    layout = laid_out(REGION)
    by_region = [each for each in counted(layout) if each.axes == ("region",)]
    for factors, expected in ((("region is 1",), True), (("region is 1", "value"), True), (("debt",), False)):
        assert {shows([(factors, ())], each, layout) for each in by_region} >= {expected}
    model = planned("linear_regression", "value", "region", name="model", formula="value ~ C(region)")
    of_model = [each for each in counted(laid_out(model)) if "region is 1" in each.asked.factors]
    assert of_model and all(shows([((), ("region",))], each, layout) for each in of_model)


def test_persons_whose_values_moved_are_no_others() -> None:
    """All balances moved, and nobody came or went: the number of rows tells of nobody, so nothing else may either."""
    before = [people(range(100), owner) for owner in range(OWNERS)]
    assert waits([people(range(100), owner, more=7) for owner in range(OWNERS)], before)


@trials(20, 500)
def test_what_is_handed_in_is_in_its_ranges_and_not_more_than_changed(trials: range) -> None:
    layout = laid_out(TOTAL, BOTH, REGION)
    for seed in trials:
        rng = dice(seed)
        states = [people(rng.permutation(60)[: rng.integers(1, 60)].tolist()) for _ in range(int(rng.integers(1, 60)))]
        names = [f"{at:032}" for at in range(len(states))]
        now = people(rng.permutation(60)[: rng.integers(1, 60)].tolist())
        made = changes_since(layout, now, [known(each, layout, name) for each, name in zip(states, names, strict=True)])
        spec = change_input(layout, names)
        assert spec is not None and made.shape == spec.shape and len(made) <= len(GROUPS)
        assert spec.low <= made.min() and made.max() <= spec.high
        parts = cut_spans(layout, Plain().constant(made))
        for span in spans_of(layout, len(made)):
            values = as_signed(parts[span.name].parts[0])
            assert values.shape == span.shape and (values >= span.low).all() and (values <= span.high).all()
        assert now.who is not None
        differ = [np.setxor1d(now.who[:, 0], each.who[:, 0]).size for each in states if each.who is not None]
        for line, group in zip(made, grouped(names), strict=True):
            assert line[0] <= min(differ[at] for at in group)


def test_states_are_taken_together_the_further_back_they_are() -> None:
    names = [f"{at:032}" for at in range(52)]
    sizes = [len(each) for each in grouped(names)]
    assert sizes == list(GROUPS) and grouped(names)[0] == [51]
    assert sorted(at for each in grouped(names) for at in each) == list(range(52))
    assert grouped([*names[:2], "f" * 64]) == [[2], [1], [0]]  # what may still be released is a group of its own
    assert change_input(laid_out(), []) is None


def test_a_state_counts_for_what_it_shows_and_for_all_where_it_is_not_known() -> None:
    """Last week's total is no table by region: such a table is held against the last one, a quarter ago."""
    layout, weekly = laid_out(TOTAL, REGION), laid_out(TOTAL)
    quarter, week = people(range(100)), people(range(50, 150))
    now = people(range(52, 152))
    before, last = known(quarter, layout, "0" * 32), known(week, weekly, "1" * 32)

    def counts(*states: Known) -> list[list[int]]:
        """Of all rows, and by region; by state."""
        made = changes_since(layout, now, states)
        return [[int(line[0]), int(line[2])] for line in made]

    most = 2 * 500
    assert counts(before, last) == [[4, most], [104, 104]]
    assert counts(before, replace(last, sums=())) == [[4, 4], [104, 104]]
    assert counts(before, replace(last, rows=None)) == [[0, 0], [104, 104]]
    without_region = {name: each for name, each in rows_of(week).columns.items() if name != "region"}
    renamed = replace(last, rows=replace(rows_of(week), columns=without_region))
    assert counts(before, renamed) == [[4, 0], [104, 104]]


def test_a_table_by_more_columns_is_held_against_one_by_fewer_where_it_does_not_have_these_as_a_margin() -> None:
    both, region = laid_out(BOTH), laid_out(REGION)
    week, now = people(range(100)), people(range(3, 103))
    (line,) = changes_since(both, now, [known(week, region)])
    assert line[2:8].tolist() == [4, 0, 0, 2, 0, 0]  # cells of the north, whose sum the region's was
    (line,) = changes_since(laid_out(BOTH, REGION), now, [known(week, region)])
    assert line[2] == 6 and set(line[8:14].tolist()) == {2 * 500}  # the margin is judged for itself


def test_what_two_columns_of_one_unit_differ_by_is_held_against_states_like_any_sum() -> None:
    """Twenty persons came and twenty went; of three who stayed one column moved, of three others both as far."""
    then, now = people(range(100)), people(range(20, 120))
    moved = now.data.to_pandas()
    moved.loc[[0, 1, 2, 5, 6, 7], "value"] += 2
    moved.loc[[5, 6, 7], "debt"] += 2
    now = replace(now, data=pa.Table.from_pandas(moved, preserve_index=False))
    plans = (TOTAL, planned("total", "debt", name="owed", column="debt"))
    layout = laid_out(*plans)
    made = changes_since(layout, now, [known(then, layout)])
    by_sum = {each.asked.factors: int(made[0, each.at]) for each in counted(layout)}  # persons come first
    # Who came or went counts but for those who are most alike: all of them owe 1, and two have the same value.
    assert by_sum == {(): 40, ("debt",): 3, ("value",): 44, ("value - debt",): 41}
    found = {plan.name: build(plan, PEOPLE, Limits(OWNERS, 500, RULES)) for plan in plans}
    assert changed_features(layout, found, found) == by_sum.keys()
    assert ("value - debt",) in changed_features(layout, ["total"], found)  # what is owed leaves in other periods
    assert ("value - debt",) not in changed_features(laid_out(TOTAL), ["total"], found)


def test_an_owner_without_the_state_has_changed_nothing() -> None:
    p, layout = Plain(), laid_out()
    handed = [
        changes_since(layout, people(range(20, 120), owner), [known(people(range(100), owner), layout)])
        for owner in range(OWNERS)
    ]
    assert judged(p, layout, handed) == [0, 0]
    assert judged(p, layout, handed, [(0, 0, 0, None)]) == [0, 0]
    assert judged(p, layout, handed, [(0, 0, 0, 0), (0, 0, None, None)]) == [1, 0]
    assert judged(p, layout, handed, [(None,) * OWNERS]) == [1, 0]


@pytest.mark.parametrize("held", [True, False], ids=["held by another", "held by nobody"])
@pytest.mark.parametrize("made_up", [1, 5, 40])
def test_made_up_rows_tell_nothing_of_who_is_in_anothers_table(held: bool, made_up: int) -> None:
    """Join-key probing: an owner puts others' people into its table, and reads whether the table waits.

    Each owner tags rows under its own key, and counts its own changes: these are the same, whoever else has the rows.
    """
    own, layout = secrets.token_bytes(KEY_BYTES), laid_out()
    probed = range(made_up) if held else range(1000, 1000 + made_up)
    before, after = (replace(people(who), who=None) for who in (range(60, 90), [*range(60, 90), *probed]))
    counted = changes_since(layout, with_tags(after, own), [known(with_tags(before, own), layout)])
    victim = people(range(60)).who
    tagged = with_tags(after, own).who
    assert victim is not None and tagged is not None and not np.isin(tagged, victim).any()
    assert counted[0, 0] == made_up


@pytest.mark.parametrize("suite", ["rep3-sh/1", "rep4-mal/1"])
@pytest.mark.parametrize("gone", [2, 5])
def test_the_suites_come_to_the_same_verdict(suite: str, gone: int) -> None:
    layout = laid_out()
    handed = [
        changes_since(layout, people(range(gone, 100), owner), [known(people(range(100), owner), layout)])
        for owner in range(OWNERS)
    ]

    def program(p: Protocol, *shares: Arith) -> Arith:
        cut = [cut_spans(layout, each) for each in shares]
        zero = p.constant(np.zeros((1, 1), np.uint64))
        return unchanged(p, RULES, [dict(changes_given(layout, cut, [(0,) * OWNERS], zero))[()], []])

    assert (
        reveal(run_local(suite, program, inputs=handed)).tolist()
        == [int(gone < 4), 0]
        == judged(Plain(), layout, handed)
    )


def test_an_empty_cell_is_not_excused_from_having_changed() -> None:
    """Zeros may be shown; a cell that became empty shows who was in it."""
    p = Plain()
    rules = replace(RULES, zeros_are_disclosive=False)
    few = {rule: p.constant(np.array([[-1, -1]])) for rule in ("safe_owners", "safe_difference")}
    empty = Cells(p.constant(np.array([0, 50])), {}, few)
    (found,) = judge(p, [empty], [rules])
    assert as_signed(found.safe.parts[0]).tolist() == [0, 0]
    assert as_signed(found.fails["safe_owners"].parts[0]).tolist() == [0, 1]
    assert as_signed(found.fails["safe_difference"].parts[0]).tolist() == [1, 1]


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


def look_back(joint: JointComputation) -> None:
    """Hold the tables against a release that no owner remembers: nothing has changed since, as far as anybody knows."""
    joint.since = {"loans": [(None,) * OWNERS]}
    assert joint.look_back() == ("loans",)


@pytest.mark.slow
def test_what_exact_analyses_are_handed_is_enough_for_noised_ones(tmp_path: Path, chance: Chance) -> None:
    """Every analysis of the demo takes noise after its owners handed in what the exact one needs."""
    exact, _ = demo(tmp_path / "exact", policy=ALLOWED, edit=forgiving)
    noised, _ = demo(tmp_path / "noised", policy=ALLOWED, edit=forgiving, checked=look_back)
    was, becomes = exact.finish(), noised.finish()
    assert not exact.agreement.private
    assert {plan.name for plan in noised.terms.private} == set(was) == set(becomes)
    assert not noised.withheld and noised.progress.waiting == ("loans",)
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
def test_what_has_no_noise_to_take_waits_and_nothing_is_decided_too_late(tmp_path: Path) -> None:
    joint, _ = demo(tmp_path / "none", policy=ALLOWED, checked=look_back)
    assert joint.withheld == {plan.name for plan in joint.agreement.analyses if not plan.privacy}
    for name, outputs in joint.finish().items():
        if name in joint.withheld:
            assert not any(as_signed(share.parts[0]).any() for share in outputs.values()), name

    def ask_late(joint: JointComputation) -> None:
        joint.evaluate("total-exposure")
        joint.look_back()

    with pytest.raises(PlanError, match="before anything is evaluated"):
        demo(tmp_path / "late", policy=ALLOWED, edit=forgiving, checked=ask_late)
