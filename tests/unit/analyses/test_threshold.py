"""The question whether a total passes a threshold, on every suite: one bit, right to the last unit."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.beside import check_beside
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.disclosure.suppression import hide, judge
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed, concat
from counterfoil_prefect.synthetic_data.answers import FIRST_CASE
from tests.spec.circuit_spec import SUITES, run
from tests.unit.analyses.test_analyses import BARE, CONTRACT, planned

TOTAL = sum(FIRST_CASE.values())
EDGE = (1 << 61) - 1


def wide(low: int, high: int) -> Contract:
    """The contract with other bounds of the balance."""
    columns = tuple(
        dataclasses.replace(c, minimum=low, maximum=high) if c.name == "balance" else c for c in CONTRACT.columns
    )
    return dataclasses.replace(CONTRACT, columns=columns)


def asked(contract: Contract = CONTRACT, privacy: Privacy | None = None, **threshold: int) -> Analysis:
    plan = planned("threshold", ("balance",), column="balance", **threshold)
    return build(dataclasses.replace(plan, privacy=privacy), contract, Limits(1, 1, BARE))


def answer(suite: str, analysis: Analysis, totals: list[int], rows: int = 4) -> list[bool]:
    """What is released of each total."""

    def program(p: Protocol, x: Arith) -> Arith:
        passed = []
        for at in range(len(totals)):
            cells = Cells(p.constant(np.array(rows)), {"sum": x[at].reshape()})
            concluded = analysis.conclude(p, cells)
            (verdict,) = judge(p, [concluded], [BARE])
            passed.append(hide(p, concluded, verdict.safe)["passed"].reshape(1))
        return concat(passed)

    released = run(suite, program, (np.array(totals, np.int64),)).values
    return [bool(value) for value in as_signed(released)]


@pytest.mark.parametrize("suite", SUITES)
def test_the_banks_balances_are_more_than_ten_thousand(suite: str) -> None:
    assert answer(suite, asked(above=10_000), [TOTAL]) == [True]
    assert answer(suite, asked(above=TOTAL), [TOTAL]) == [False]
    assert answer(suite, asked(at_least=TOTAL), [TOTAL]) == [True]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("at", [0, 1, -1, -17_500, 10_000, (1 << 53) - 1, 1 - (1 << 53)])
def test_it_is_right_on_both_sides_of_every_threshold(at: int, suite: str) -> None:
    totals = [at - 1, at, at + 1, EDGE, -EDGE, 0]
    contract = wide(-EDGE, EDGE)
    assert answer(suite, asked(contract, above=at), totals) == [total > at for total in totals]
    assert answer(suite, asked(contract, at_least=at), totals) == [total >= at for total in totals]


def test_nothing_but_the_answer_is_released() -> None:
    analysis = asked(above=10_000)
    assert [output.name for output in analysis.outputs()] == ["safe", "passed"]
    assert analysis.reveals == ("whether the sum of the column passes the threshold, and no more of it",)


def test_too_few_rows_answer_nothing() -> None:
    assert answer("plain", asked(above=10_000), [TOTAL], rows=1) == [False]
    result = asked(above=10_000).present({"safe": np.array(0), "passed": np.array(0)})
    assert result.findings == ("Too few rows.",) and result.suppressed == 1
    assert result.tables[0].frame.isna().all(axis=None)


@pytest.mark.parametrize(("passed", "word"), [(1, "yes"), (0, "no")])
def test_the_answer_reads_as_a_sentence(passed: int, word: str) -> None:
    result = asked(above=10_000).present({"safe": np.array(1), "passed": np.array(passed)})
    assert result.findings == (f"balance adds up to more than 10,000 euro cents: {word}.",)
    assert result.tables[0].frame.iloc[0, 0] == bool(passed)


def test_noise_comes_before_the_comparison() -> None:
    """Near the threshold the answer varies with the noise; far from it, it does not."""
    contract = wide(0, 100)
    analysis = asked(contract, Privacy("laplace", Decimal(1)), above=10_000)

    def program(p: Protocol, x: Arith) -> Arith:
        cells = [Cells(p.constant(np.array(9)), {"sum": x[at].reshape()}) for at in range(x.size)]
        return concat(
            [analysis.conclude(p, _fresh(analysis, p, c, n)).values["passed"].reshape(1) for n, c in enumerate(cells)]
        )

    near, far = np.full(60, 10_000), np.full(20, 20_000)
    got = run("plain", program, (np.concatenate([near, far]),)).values
    assert 0 < got[:60].sum() < 60
    assert got[60:].all()
    assert "noised before it was compared" in analysis.present({"safe": np.array(1), "passed": np.array(1)}).findings[0]


def _fresh(analysis: Analysis, p: Protocol, cells: Cells, number: int) -> Cells:
    """Noise as if every one of the cells were a plan of its own."""
    assert analysis.noise is not None
    noised = analysis.noise.add(p, f"plan-{number}", {"count": cells.count, **cells.values})
    return Cells(noised.pop("count"), noised)


def test_the_pooled_answer_is_the_same_question() -> None:
    frames = [pd.DataFrame({"balance": [value]}) for value in FIRST_CASE.values()]
    assert asked(above=10_000).plain(frames).iloc[0, 0]
    assert not asked(above=TOTAL).plain(frames).iloc[0, 0]
    assert asked(at_least=TOTAL).plain(frames).iloc[0, 0]


FAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        (1000, 1050, True),
        (1000, 1000, True),
        (1000, 1111, True),
        (1000, 1112, False),
        (-1000, -950, True),
        (0, 9, False),
    ],
)
def test_one_sum_is_compared_with_no_two_numbers_that_are_near_one_another(one: int, other: int, near: bool) -> None:
    """Between 1,000 and 1,050 a sum is known to 5 %; of a noised answer nobody knows that it is."""
    contract = wide(-1000, 1000)
    pair = {"one": asked(contract, at_least=one), "other": asked(contract, at_least=other)}
    noised = asked(contract, Privacy("laplace", Decimal(1)), at_least=other)
    check_beside(pair | {"other": noised}, FAR)
    for each in (pair, dict(reversed(pair.items()))):
        if near:
            with pytest.raises(PlanError, match="compare one sum with numbers that are less than 10 % apart"):
                check_beside(each, FAR)
        else:
            check_beside(each, FAR)


def test_the_sums_of_other_rows_are_other_sums() -> None:
    plain = asked(at_least=1000)
    some = asked(at_least=1050)
    some.planned = dataclasses.replace(some.planned, where=(Condition("balance", 0, 10, "balance up to 10"),))
    check_beside({"all": plain, "some": some}, FAR)
