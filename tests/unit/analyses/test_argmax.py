"""Who has most, on every suite: right to the last unit, ties and all; once, and beside nothing that would tell more."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import counterfoil
from counterfoil.analyses.base import Analysis
from counterfoil.analyses.beside import check_beside
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed, concat
from tests.lib.consortium import CONTRACTS
from tests.spec.circuit_spec import SUITES, run
from tests.unit.analyses.judging import CONTRACT, MOST, planned, released, wide_contract

ONCE = timedelta(days=365)
RULES = Rules(safe_threshold=3, **{**OFF, "zeros_are_disclosive": False})
EDGE = 10**15


def asked(**given: Any) -> Planned:
    return dataclasses.replace(planned("argmax", "value", column="value"), **{"interval": 366, **given})


def bound(owners: int, plan: Planned | None = None, rules: Rules = RULES, who: tuple[str, ...] = ()) -> Analysis:
    return build(plan or asked(), CONTRACT, Limits(owners, MOST, rules, who))


def winners(suite: str, parts: Sequence[Sequence[int]], rules: Rules = RULES) -> list[list[bool]]:
    """Who has most of each of these, by `conclude` alone."""
    contract, owners = wide_contract(EDGE // 500), len(parts[0])
    analysis = build(asked(), contract, Limits(owners, 500, rules))

    def program(p: Protocol, x: Arith) -> Arith:
        cells = [Cells(p.constant(np.array(9)), {"sum": x[at]}) for at in range(len(parts))]
        return concat([analysis.conclude(p, each).values["largest"].reshape(1, owners) for each in cells])

    return [list(map(bool, each)) for each in as_signed(run(suite, program, (np.array(parts),)).values)]


def tables(*values: Sequence[int]) -> list[pd.DataFrame]:
    return [pd.DataFrame({"region": "north", "product": "car", "value": each, "debt": 0}) for each in values]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("owners", [2, 3, 5])
def test_it_is_who_has_most_ties_and_all(owners: int, suite: str) -> None:
    rng = np.random.default_rng(owners)
    drawn = rng.integers(-3, 4, (20, owners)).tolist()
    last = [EDGE - 1] * (owners - 1)
    parts = [*drawn, [0] * owners, [*last, EDGE], [EDGE, *last], [-EDGE, *[EDGE] * (owners - 1)]]
    assert winners(suite, parts) == [[each == max(own) for each in own] for own in parts]


@pytest.mark.parametrize("suite", SUITES)
def test_nothing_but_the_pattern_of_who_has_most_is_released(suite: str) -> None:
    opened = released([asked()], tables([1, 2, 900], [400, 500, 2], [3, 4, 5]), RULES, suite)["argmax"]
    assert {name: array.tolist() for name, array in opened.items() if name not in ("count",)} == {
        "safe": 1,
        "largest": [1, 0, 0],
    }
    assert [output.name for output in bound(3).outputs()] == ["safe", "largest"]
    assert not bound(3).openings()


def told(largest: list[int], safe: int = 1, **given: Any) -> str:
    analysis = bound(len(largest), who=("alice", "bob", "carol")[: len(largest)], **given)
    result = analysis.present({"safe": np.array(safe), "largest": np.array(largest)})
    assert result.tables[0].frame["owner"].tolist() == ["alice", "bob", "carol"][: len(largest)]
    assert result.tables[0].frame["has most"].isna().all() == (not safe)
    return result.findings[0]


def test_it_reads_as_a_sentence() -> None:
    assert told([0, 1, 0]) == "bob has the largest sum of value, of 3 owners."
    assert told([1, 0, 1]) == "alice and carol have the same sum of value, and nobody has more."
    assert told([1, 1]) == "All owners have the same sum of value."
    assert told([0, 0, 0], safe=0).startswith("Too few rows")


def test_an_owner_of_too_few_rows_has_no_part_that_is_compared() -> None:
    """All together have enough, and a part is of one owner alone."""
    enough, few = tables([1, 2, 9], [4, 5, 6], [7, 8, 9]), tables([1, 2, 9], [4, 5, 6], [700, 8])
    assert released([asked()], enough, RULES)["argmax"]["safe"] == 1
    opened = released([asked()], few, RULES)["argmax"]
    assert opened["safe"] == 0 and not opened["largest"].any()


# --- what an attacker would ask for -----------------------------------------------------------------------------


def test_it_leaves_once_or_noised() -> None:
    """Who could move its own rows and ask again each week would weigh the others."""
    noise = Privacy("laplace", Decimal(1))
    for plan in (asked(interval=None), asked(interval=364)):
        with pytest.raises(PlanError, match="it leaves once; write 'interval: 365'"):
            check_beside({"argmax": bound(3, plan)}, ONCE)
        check_beside({"argmax": bound(3, dataclasses.replace(plan, privacy=noise))}, ONCE)
    check_beside({"argmax": bound(3, asked(interval=365))}, ONCE)


@pytest.mark.parametrize(
    "beside",
    [
        planned("total", "value", column="value"),
        planned("mean_by_group", "value", "region", value="value", by=("region",)),
        planned("correlation", "value", "debt", rows="local"),
        planned("histogram", "value", column="value", edges=(0, 10, 1000)),
        planned("leave_one_out", "value", column="value", percent=(50,)),
    ],
    ids=lambda plan: plan.analysis,
)
def test_beside_a_sum_that_would_narrow_the_parts_it_is_refused(beside: Planned) -> None:
    """Of three about equal parts whose total is known, that one's own is largest tells both others."""
    other = build(beside, CONTRACT, Limits(3, MOST, RULES))
    with pytest.raises(PlanError, match=f"argmax: {beside.name} rests on value, too"):
        check_beside({"argmax": bound(3), beside.name: other}, ONCE)
    debts = build(planned("total", "debt", column="debt"), CONTRACT, Limits(3, MOST, RULES))
    check_beside({"argmax": bound(3), "debts": debts}, ONCE)


def test_one_owner_is_refused() -> None:
    with pytest.raises(PlanError, match="compares owners, and here is one"):
        bound(1)


@pytest.mark.parametrize("suite", SUITES)
def test_sums_are_rounded_before_they_are_compared_where_the_policy_rounds(suite: str) -> None:
    rules = Rules(safe_threshold=3, **{**OFF, "safe_round_sums": 100, "zeros_are_disclosive": False})
    assert winners(suite, [[149, 51, 150], [101, 149, -3]], rules) == [[False, False, True], [True, True, False]]
    assert "have the same sum of value when they are rounded" in told([1, 1, 0], rules=rules)


def test_noised_sums_are_compared_where_the_plan_asks_for_noise() -> None:
    """Of near sums either may win; of sums far apart the largest does."""
    analysis = bound(2, asked(interval=None, privacy=Privacy("laplace", Decimal(1))))

    def program(p: Protocol, x: Arith) -> Arith:
        found = []
        for at in range(x.shape[0]):
            assert analysis.noise is not None
            noised = analysis.noise.add(p, f"plan-{at}", {"count": p.constant(np.array(9)), "sum": x[at]})
            found.append(analysis.conclude(p, Cells(noised.pop("count"), noised)).values["largest"].reshape(1, 2))
        return concat(found)

    near, far = np.tile([100, 101], (40, 1)), np.tile([0, 400_000], (10, 1))
    found = as_signed(run("plain", program, (np.concatenate([near, far]),)).values)
    assert {tuple(each) for each in found[:40].tolist()} >= {(0, 1), (1, 0)}
    assert (found[40:] == [0, 1]).all()


def test_the_millionaires_are_a_template_that_a_rehearsal_runs() -> None:
    rehearsed = counterfoil.rehearse(CONTRACTS / "agreements" / "millionaires.agreement.yaml")
    result = rehearsed.results["the-richest"]
    assert result.tables[0].frame["owner"].tolist() == ["alice", "bob", "carol"]
    assert (
        result.tables[0].frame["has most"].sum() == 1
        and "has the largest sum of value, of 3 owners" in result.findings[0]
    )
