"""Filters: results are of the rows that satisfy them alone, and tell no more of others than a table of both would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.canonical import load_yaml
from counterfoil.disclosure.attack import attack, cells_by_label
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.errors import AgreementError, PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.agreements.where import in_words, read_where
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.documents import Problems
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.governance.policies.rules import OFF, Rules, named
from counterfoil.joint.table_changes import counted
from tests.lib.trials import dice, trials
from tests.unit.analyses.judging import _CONTRACT, CONTRACT, bound, draw, judged, planned, released

BARE = Rules(safe_threshold=5, **{**OFF, "zeros_are_disclosive": True})


def where(given: Mapping[str, Any], contract: Contract = CONTRACT) -> Any:
    document = load_yaml(b"where:\n  region: 1\n", "a.yaml")
    problems = Problems(document, AgreementError)
    found = read_where(given, contract, ("where",), problems)
    problems.raise_if_any()
    return found


def filtered(plan: Planned, given: Mapping[str, Any]) -> Planned:
    return replace(plan, name=f"{plan.name}-some", where=where(given))


TOTAL = planned("total", "value", column="value")
REGION = planned("mean_by_group", "value", "region", name="region", value="value", by=("region",))
PRODUCT = planned("mean_by_group", "debt", "product", name="product", value="debt", by=("product",))
BINS = planned("histogram", "value", name="bins", column="value", edges=(0, 5, 10, 20))
LINKS = planned("correlation", "value", "debt", name="links", rows="local")
PLANS = (
    TOTAL,
    REGION,
    PRODUCT,
    filtered(TOTAL, {"region": "east"}),
    filtered(REGION, {"product": "card"}),
    filtered(PRODUCT, {"debt": {"from": 0}}),
    filtered(BINS, {"region": "south"}),
    replace(filtered(TOTAL, {"product": "car", "region": "north"}), name="both"),
)


def test_results_are_of_the_rows_that_satisfy_it() -> None:
    rng = dice(3)
    frames = [frame for frame in draw(rng, owners=3, rows=300) if len(frame)]
    pooled = pd.concat(frames)
    found = released(list(PLANS), frames, Rules(safe_threshold=1, **OFF))
    east, card, owed = pooled.region == "east", pooled["product"] == "card", pooled.debt >= 0
    assert found["total-some"]["sum"] == pooled.value[east].sum()
    assert found["total-some"]["count"] == east.sum()
    by_region = pooled[card].groupby("region").value.sum().reindex(["north", "east", "south"], fill_value=0)
    assert found["region-some"]["sum"].tolist() == by_region.tolist()
    by_product = pooled[owed].groupby("product").debt.sum().reindex(["car", "card"], fill_value=0)
    assert found["product-some"]["sum"].tolist() == by_product.tolist()
    assert found["bins-some"]["count"].sum() == ((pooled.region == "south") & (pooled.value <= 20)).sum()
    assert found["both"]["count"] == ((pooled["product"] == "car") & (pooled.region == "north")).sum()


@trials(20, 800)
def test_filtered_and_whole_results_restore_no_forbidden_count(trials: range) -> None:
    """What is not in a filter is the rest of the total, a cell like the others."""
    restored = 0
    for seed in trials:
        rng = dice(seed)
        frames = draw(rng, owners=3, rows=int(rng.choice([10, 40, 150])))
        names = rng.choice(len(PLANS), int(rng.integers(2, 5)), replace=False)
        plans = [PLANS[i] for i in sorted(names)]
        rows = sum(len(frame) for frame in frames)
        if rows < BARE.safe_threshold:
            continue
        analyses = bound(plans, len(frames), BARE)
        wanted = set()
        for plan, (_, fails) in zip(plans, judged(plans, frames, BARE), strict=True):
            for label, place in cells_by_label(analyses[plan.name]).items():
                if label != "all" and any(fail.ravel()[place] for rule, fail in fails.items() if rule in named("rows")):
                    wanted.add((plan.name, label))
        for complementary in (True, False):
            opened = released(plans, frames, BARE, complementary=complementary)
            for each in attack(analyses, opened, rows, sums=False):
                if (each.analysis, each.cell) in wanted and each.width < BARE.safe_threshold:
                    assert not complementary, (seed, [plan.name for plan in plans], each)
                    restored += 1
    assert restored > 0  # or else there was nothing to protect


def test_the_rest_of_a_filter_is_judged_and_hides_it() -> None:
    """All but two rows are in the east: the total less the filtered one would tell of these two."""
    values = {"value": np.arange(42) % 7, "debt": 0}
    frame = pd.DataFrame({"region": ["east"] * 40 + ["north"] * 2, "product": "car", **values})
    found = released([TOTAL, PLANS[3]], [frame], BARE)
    assert found["total"]["safe"] == 1
    assert found["total-some"]["safe"] == 0
    many = pd.concat([frame, frame.assign(region="north"), frame.assign(region="south")])
    assert released([TOTAL, PLANS[3]], [many], BARE)["total-some"]["safe"] == 1


@pytest.mark.parametrize(("few", "shown"), [(0, 1), (1, 0), (5, 0), (8, 1)])
def test_who_satisfies_one_filter_and_not_another_are_nobody_or_enough(few: int, shown: int) -> None:
    """Cards are of the east, and so are few others: the east less the cards is these few.

    Of five one has the smallest value, so that too few have more.
    """
    frame = pd.DataFrame(
        {
            "region": ["east"] * (30 + few) + ["north"] * 30 + ["south"] * 30,
            "product": ["card"] * 30 + ["car"] * (60 + few),
            "value": np.arange(90 + few) % 17,
            "debt": 0,
        }
    )
    plans = [filtered(TOTAL, {"region": "east"}), replace(filtered(TOTAL, {"product": "card"}), name="cards")]
    for pair in (plans, plans[::-1]):
        found = released(pair, [frame], BARE)
        assert [found[plan.name]["safe"].item() for plan in pair] == [1, shown]


def test_filters_that_one_table_cuts_are_not_crossed_again() -> None:
    def pairs(*plans: Planned) -> list[tuple[str, str]]:
        found = layouts(bound(list(plans), 3, BARE))["small"].crossed
        return [(each.first, each.second) for each in found]

    east, card = filtered(TOTAL, {"region": "east"}), replace(filtered(TOTAL, {"product": "card"}), name="cards")
    assert pairs(east, REGION, filtered(REGION, {"product": "card"})) == []
    assert pairs(east, replace(filtered(TOTAL, {"region": "north"}), name="north")) == []
    assert pairs(REGION, east, card) == [(east.name, "cards")]
    # A table of two products tells rows apart as a filter by one does.
    assert pairs(PRODUCT, east, card) == [("product", east.name), (east.name, "cards")]


def test_owners_count_their_changes_where_two_filters_cross() -> None:
    east, owed = filtered(TOTAL, {"region": "east"}), replace(filtered(TOTAL, {"debt": {"from": 0}}), name="owed")
    layout = layouts(bound([east, owed], 3, BARE))["small"]
    (asked,) = (each.asked for each in counted(layout) if len(each.axes) == 2 and each.asked.factors == ("value",))
    cuts = {cut.column: cut for cut in asked.cuts}
    assert cuts["region"].of(np.array([0, 1, 2])).tolist() == [1, 0, 1]
    assert cuts["debt"].of(np.array([-1, 0])).tolist() == [1, 0]


def test_owners_count_their_changes_in_the_cells_that_filters_cut() -> None:
    analyses = bound([filtered(TOTAL, {"debt": {"from": 0, "below": 10}})], 3, BARE)
    asked = {each.asked.name: each.asked for each in counted(layouts(analyses)["small"])}
    assert set(asked) == {"number of rows", "number of rows by debt", "sum of value", "sum of value by debt"}
    (cut,) = asked["sum of value by debt"].cuts
    assert cut.of(np.array([-1, 0, 9, 10])).tolist() == [1, 0, 0, 1]


def test_two_ways_to_cut_a_column_are_refused_by_name() -> None:
    two = filtered(TOTAL, {"region": ["north", "east"]})
    with pytest.raises(PlanError, match="total-some and region cut region in two ways"):
        released([REGION, two], draw(dice(1), 2, 40), BARE)


@pytest.mark.parametrize(
    ("plan", "given", "words"),
    [
        (LINKS, {"region": "east"}, "correlation takes no 'where' yet"),
        (REGION, {"region": "east"}, "region is in 'where', and cuts its table as well"),
        (replace(TOTAL, privacy=Privacy("laplace", Decimal(1))), {"region": "east"}, "leaves the number of rows"),
    ],
)
def test_what_no_filter_suits_is_refused_by_name(plan: Planned, given: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        bound([filtered(plan, given)], 3, BARE)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"regoin": "east"}, "has no column 'regoin'; did you mean 'region'"),
        ({"region": "esat"}, "'esat' is no category of region; did you mean 'east'"),
        ({"region": ["north", "south"]}, "lists values with others between them"),
        ({"region": ["north", "east", "south"]}, "lets every row in"),
        ({"region": {"from": "north"}}, "has no order; list values"),
        ({"value": "7"}, "is not of the column's type, integer"),
        ({"value": 7.5}, "is not of the column's type, integer"),
        ({"value": True}, "is not of the column's type, integer"),
        ({"value": {"from": 20, "to": 10}}, "lets no row in"),
        ({"value": {"from": 2000}}, "lets no row in"),
        ({"value": {"from": 0, "to": 1000}}, "lets every row in"),
    ],
)
def test_a_filter_is_typed_against_the_contract(given: dict[str, Any], words: str) -> None:
    with pytest.raises(AgreementError, match=words) as caught:
        where(given)
    assert str(caught.value).startswith("a.yaml:")


def test_a_filter_begins_and_ends_where_bands_do() -> None:
    """What leaves is the band, so one that is cut could not be filtered."""
    banded = _CONTRACT.replace(
        "minimum: 0, maximum: 1000}, customProperties: [",
        "minimum: 0, maximum: 1000}, customProperties: [{property: generalise, value: {band: 25, top: 500}},",
        1,
    )
    contract = parse_contract(banded.encode(), "banded")
    (condition,) = where({"value": {"from": 25, "below": 100}}, contract)
    assert (condition.low, condition.high, str(condition)) == (25, 75, "value is from 25 to 99")
    for given in ({"from": 30}, {"from": 25, "to": 80}, {"from": 600}):
        with pytest.raises(AgreementError, match="begin and end where its steps do"):
            where({"value": given}, contract)


def test_conditions_say_what_they_are() -> None:
    assert in_words(()) == "all rows"
    given = {"value": {"below": 10}, "region": ["north", "east"], "debt": {"from": 0}}
    assert in_words(where(given)) == "rows where debt is at least 0 and region is north or east and value is at most 9"


def test_limits_of_a_filtered_plan_are_those_of_all_rows() -> None:
    analyses = bound([PLANS[3]], 3, BARE)
    assert analyses["total-some"].limits == Limits(3, CONTRACT.most_rows, BARE)
    assert analyses["total-some"].reveals[0] == "the number of rows, of rows where region is east"
