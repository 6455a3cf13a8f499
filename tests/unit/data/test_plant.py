"""Planted answers: the made table has them exactly, and still satisfies its contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.data.checking.expectations import validate
from counterfoil.data.reading.table import Table
from counterfoil.data.synthetic.plant import CLOSE, Plant, plant
from counterfoil.data.synthetic.synth import make_tables
from counterfoil.errors import ContractError, DocumentError
from counterfoil.governance.contracts.contract import parse_contract

LOANS = Path(__file__).parents[3] / "contracts" / "data" / "loans.odcs.yaml"
ROWS = 1200


@pytest.fixture(scope="module")
def loans() -> dict[str, Table]:
    return make_tables({LOANS.name: parse_contract(LOANS.read_bytes(), LOANS.name)}, ROWS, 7)


def planted(loans: dict[str, Table], *texts: str) -> tuple[Table, dict[str, float]]:
    made, answers = plant(loans, [Plant.parse(text) for text in texts], seed=3)
    return made[LOANS.name], answers


def test_answers_of_all_kinds_hold_together(loans: dict[str, Table], tmp_path: Path) -> None:
    texts = ("correlation:income,balance=0.6", "total:balance=40000000000", "count:product=mortgage:7")
    table, answers = planted(loans, *texts)
    frame = table.frame()
    assert frame["balance"].sum() == answers[texts[1]] == 40_000_000_000
    assert (frame["product"] == "mortgage").sum() == answers[texts[2]] == 7
    assert frame["income"].corr(frame["balance"]) == pytest.approx(answers[texts[0]])
    assert answers[texts[0]] == pytest.approx(0.6, abs=CLOSE)
    assert validate(table, tmp_path / "page.html").rows == ROWS
    assert frame["income"].equals(loans[LOANS.name].frame()["income"])


@settings(max_examples=30, deadline=None)
@given(total=st.integers(0, ROWS * 10**8), count=st.integers(0, ROWS), ties=st.sampled_from(["age", "default_flag"]))
def test_any_answer_within_the_contract_can_be_planted(
    loans: dict[str, Table], total: int, count: int, ties: str
) -> None:
    table, _ = planted(loans, f"total:balance={total}", f"count:product=car:{count}", f"correlation:income,{ties}=-0.3")
    frame = table.frame()
    assert frame["balance"].sum() == total
    assert frame["balance"].between(0, 10**8).all()
    assert (frame["product"] == "car").sum() == count
    assert frame["income"].corr(frame[ties]) == pytest.approx(-0.3, abs=CLOSE)
    assert np.array_equal(np.sort(frame[ties]), np.sort(loans[LOANS.name].frame()[ties]))


REFUSED = {
    "total:balance": (DocumentError, "is no answer to plant"),
    "sum:balance=3": (DocumentError, "is no answer to plant"),
    "correlation:age,balance=1.2": (DocumentError, "is no answer to plant"),
    "total:balanc=3": (ContractError, "0 tables have balanc, not one; did you mean 'balance'?"),
    "total:balance=-1": (ContractError, "have no such total"),
    "total:balance=0.5": (ContractError, "have no such total"),
    "total:age=1": (ContractError, "have no such total"),
    "total:product=5": (ContractError, "product has no bounds"),
    "total:customer_id=5": (ContractError, "rules of loans.odcs.yaml decide on customer_id"),
    "count:region=north:3": (ContractError, "decide on region"),
    "count:product=boat:3": (ContractError, "no category 'boat'"),
    "count:product=car:1201": (ContractError, "1200 rows have a product"),
    "count:age=20:3": (ContractError, "age has no categories"),
    "correlation:income,default_flag=1": (ContractError, "at best"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_an_answer_that_no_table_has_is_refused(text: str, loans: dict[str, Table]) -> None:
    error, words = REFUSED[text]
    with pytest.raises(error) as caught:
        planted(loans, text)
    assert words in str(caught.value)
