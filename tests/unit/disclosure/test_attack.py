"""The attacker finds what was restored by hand, and nothing where there is nothing: on tables a reader can add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.sums.total import Total
from counterfoil.disclosure.attack import arithmetic, findings
from counterfoil.disclosure.attack.findings import Attack, Finding, attack_all
from counterfoil.disclosure.attack.knowledge import Knowledge, Release
from counterfoil.disclosure.declaration import Limits, Opened, Told
from counterfoil.disclosure.features import Feature
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.policies.rules import OFF, Rules
from tests.unit.analyses.judging import CONTRACT, bound, planned, released

BARE = Rules(**{**OFF, "zeros_are_disclosive": True, "safe_threshold": 10, "safe_difference": 10})
TOTAL = planned("total", "value", name="total", column="value")
TABLE = planned("mean_by_group", "value", "region", "product", name="table", value="value", by=("region", "product"))
REGION = planned("mean_by_group", "value", "region", name="region", value="value", by=("region",))
COUNTS = planned("histogram", "value", name="bins", column="value", edges=(0, 5, 10, 1000))

CELLS = {
    (region, kind): 30 + 7 * i + 3 * j
    for i, region in enumerate(("north", "east", "south"))
    for j, kind in enumerate(("car", "card"))
}


def table(cells: Mapping[tuple[str, str], int], value: int = 7) -> pd.DataFrame:
    rows = [(region, kind) for (region, kind), count in cells.items() for _ in range(count)]
    spread = np.arange(len(rows)) % 5
    return pd.DataFrame(rows, columns=["region", "product"]).assign(value=value + spread, debt=1)


def got(
    plans: Sequence[Planned], frame: pd.DataFrame, state: str = "w1", *, hide: bool = True, rules: Rules = BARE
) -> Release:
    opened: Mapping[str, Any] = released(plans, [frame], rules, complementary=hide)
    return Release(state, bound(plans, 1, rules), opened, (len(frame), len(frame)))


def found(*releases: Release, **options: Any) -> Attack:
    return attack_all(Knowledge(releases), **options)


def test_nothing_is_found_in_cells_that_are_large() -> None:
    made = found(got([TOTAL, TABLE, REGION], table(CELLS)))
    assert made.complete and made.findings == () and made.tried > 0


def test_a_cell_that_is_hidden_alone_is_what_its_line_lacks() -> None:
    few = table({**CELLS, ("east", "card"): 3})
    worst, *_ = found(got([TABLE, REGION], few, hide=False)).findings
    assert (worst.persons, worst.low, worst.high) == (3, 3, 3)
    assert "east" in worst.cell and worst.way == arithmetic.REST
    assert found(got([TABLE, REGION], few)).findings == ()


def test_another_agreement_about_the_same_rows_is_put_beside_the_first() -> None:
    few = table({**CELLS, ("east", "card"): 3})
    one, other = got([TABLE], few), got([REGION], few)
    assert found(one).findings == ()
    assert {each.persons for each in found(one, other).findings} >= {3}


def test_a_second_cut_of_a_column_shows_who_is_between() -> None:
    frame = table(CELLS).assign(value=[2] * 100 + [4, 4] + [7] * 100 + [90] * (sum(CELLS.values()) - 202))
    other = planned("histogram", "value", name="other", column="value", edges=(0, 4, 10, 1000))
    worst, *_ = found(got([COUNTS], frame), got([other], frame)).findings
    assert (worst.persons, worst.low, worst.high) == (2, 2, 2) and worst.way in (arithmetic.CUT, arithmetic.REST)


def test_a_cell_that_was_hidden_for_another_and_is_shown_now_gives_the_other_away() -> None:
    """By the programme over both weeks: neither week gives it away by itself."""
    by = planned("mean_by_group", "value", "region", name="t", value="value", by=("region",))
    first = pd.concat([table({("north", "car"): 3}), table({("east", "car"): 12}), table({("south", "car"): 13})])
    second = pd.concat([table({("north", "car"): 3}), table({("east", "car"): 12}), table({("south", "car"): 11})])
    one, two = (
        got([by, TOTAL], week.assign(value=7 + np.arange(len(week))), state)
        for week, state in ((first, "w1"), (second, "w2"))
    )
    assert one.opened["t"]["safe"].tolist() == [0, 0, 1] and two.opened["t"]["safe"].tolist() == [0, 1, 0]
    assert not [each for each in found(one).findings if each.way == findings.PROGRAMME]
    told = [each for each in found(one, two).findings if each.way == findings.PROGRAMME]
    assert any(each.cell == "north (hidden)" and (each.low, each.high) == (1, 3) for each in told), told


def test_a_week_less_the_last_is_about_those_who_came() -> None:
    one = got([TABLE], table(CELLS), "w1")
    two = got([TABLE], table({**CELLS, ("east", "car"): CELLS["east", "car"] + 1}), "w2")
    changed = [each for each in found(one, two).findings if each.way == arithmetic.CHANGE]
    assert ("w1", "w2") in {each.states for each in changed}
    assert {(each.low, each.high) for each in changed if each.what == "count"} >= {(1, 1)}
    judged = replace(two, judged=frozenset({"w1"}))
    assert not [each for each in found(one, judged).findings if each.way == arithmetic.CHANGE]


def test_events_of_two_periods_are_not_about_the_same_persons() -> None:
    one = got([TABLE], table(CELLS), "w1")
    two = got([TABLE], table({**CELLS, ("east", "car"): CELLS["east", "car"] + 1}), "w2")
    assert found(one, two).findings
    for release in (one, two):
        for plan in release.plans.values():
            plan.contract = replace(plan.contract, kind="events")
    assert found(one, two).findings == ()


def test_a_third_release_less_what_the_second_has_more_than_the_first() -> None:
    a, b, c = table({("north", "car"): 200}), table({("north", "car"): 260}), table({("north", "car"): 61})
    made = found(*(got([TOTAL], frame, state) for frame, state in ((a, "w1"), (b, "w2"), (c, "w3"))))
    assert {(each.persons, each.low) for each in made.findings if each.way == arithmetic.WINDOW} >= {(1, 1)}


def test_squares_tell_how_few_differ_from_the_rest() -> None:
    class Squares(Total):
        def axes(self) -> None:
            return None

        def told(self, opened: Opened) -> Iterator[Told]:
            for factors, number in (((), 499), (("value",), 498 * 5 + 3), (("value", "value"), 498 * 25 + 9)):
                yield Told(Feature(factors), number, number)

    frame = table({("north", "car"): 499}).assign(value=5, debt=1)
    frame.loc[0, "value"] = 3
    release = got([TOTAL], frame)
    assert (
        release.opened["total"]["safe"] == 0
    )  # which is why the numbers are told here by what no rule would let leave
    squares = Squares(replace(TOTAL, name="squares"), CONTRACT, Limits(1, 500, BARE))
    release = replace(release, plans={**release.plans, "squares": squares}, opened={**release.opened, "squares": {}})
    told = [each for each in found(release).findings if each.way == findings.SPIKE]
    assert [(each.persons, each.cell) for each in told] == [(4, "rows whose value is not 5")]


def test_time_is_kept_and_what_was_left_out_is_said() -> None:
    made = found(got([TABLE, REGION], table({**CELLS, ("east", "card"): 3})), seconds=0.0)
    assert not made.complete and "linear programme" in made.left[0]


def test_what_is_worst_comes_first() -> None:
    each = [Finding(("w1",), "a", "count", *given, "so") for given in ((5, 0, 1), (2, 0, 9), (2, 1, 1))]
    assert [item.persons for item in sorted(each, key=lambda item: item.badness)] == [2, 2, 5]
    assert sorted(each, key=lambda item: item.badness)[0].low == 1


@pytest.mark.parametrize("base", [1, 20])
def test_rounding_leaves_an_interval(base: int) -> None:
    rules = replace(BARE, safe_round_counts=base, safe_round_sums=base)
    few = table({**CELLS, ("east", "card"): 3})
    made = found(got([TABLE, REGION], few, hide=False, rules=rules))
    counts = [each for each in made.findings if each.what == "count" and each.way == arithmetic.REST]
    assert bool(counts) is (base == 1)
