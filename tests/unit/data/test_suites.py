"""Suites of Great Expectations: a contract's as JSON that it runs, and a suite's expectations taken into a contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from counterfoil.data.checking.suites import export_suite, import_suite
from counterfoil.errors import DocumentError
from counterfoil.governance.contracts.contract import Contract, parse_contract

ROOT = Path(__file__).parents[3]
VISITS = ROOT / "tests" / "lib" / "contracts" / "visits.odcs.yaml"
FRAME = pd.DataFrame(
    {
        "code": ["0001", "0002"],
        "area": ["north", "no"],
        "amount": [-10.5, 1000.0],
        "day": pd.to_datetime(["2000-01-01", "2030-12-31"]),
        "active": [True, False],
        "score": [1.0, None],
    }
)


def contract() -> Contract:
    return parse_contract(VISITS.read_bytes(), VISITS.name)


def failing(suite: str, frame: pd.DataFrame) -> set[str]:
    """Run the suite as its user does, with days as frames have them."""
    import great_expectations as gx

    from counterfoil.data.checking.engine import Engine

    batch, found = Engine().batch(frame), json.loads(suite)
    for entry in found["expectations"]:
        if entry["kwargs"].get("column") == "day":
            ends = {name: pd.Timestamp(each) for name, each in entry["kwargs"].items() if name.endswith("_value")}
            entry["kwargs"] |= ends
    results = batch.validate(gx.ExpectationSuite(**found), result_format="BOOLEAN_ONLY").results
    return {each.expectation_config.meta["name"] for each in results if not each.success}


def test_great_expectations_runs_the_suite_of_a_contract() -> None:
    made = export_suite(contract())
    assert made.left_out == ("area, day: one visit a day and area",)  # less than 75 %: a suite says at least
    assert failing(made.text, FRAME) == set()
    bad = FRAME.assign(code=["0001", "0001\n"], amount=[-10.51, 0], area=["North", "no"], score=[9, None])
    assert failing(made.text, bad) == {
        "written by the contract's pattern",
        "from -10.5 to 1000",
        "one of the contract's 3 categories",
        "no stand-in for an unknown score",
    }


SUITE: dict[str, Any] = {
    "expectation_suite_name": "before version 1",
    "expectations": [
        {"expectation_type": "expect_column_mean_to_be_between", "kwargs": {"column": "amount", "min_value": 1.5}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "area", "batch_id": "x"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 7}, "meta": {"name": "seven rows"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amout", "min_value": 1}},
        {
            "type": "expect_column_max_to_be_between",
            "kwargs": {"column": "score", "max_value": 1, "row_condition": "x"},
        },
        {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select 1"}},
    ],
}


def test_a_suite_is_taken_into_a_contract_and_what_is_not_is_said() -> None:
    made = import_suite(json.dumps(SUITE).encode(), "suite.json", VISITS.read_bytes(), VISITS.name)
    assert (made.added, made.known) == (2, 1)
    found = parse_contract(made.text.encode(), VISITS.name)
    assert [(each.name, each.type, each.columns) for each in found.expectations] == [
        ("seven rows", "expect_table_row_count_to_equal", ()),
        ("expect_column_mean_to_be_between", "expect_column_mean_to_be_between", ("amount",)),
    ]
    assert [each.name for each in found.quality] == [each.name for each in contract().quality]
    assert "# A small contract with every type" in made.text
    said = "\n".join(made.left_out)
    assert "did you mean 'amount'" in said
    assert "it is code" in said
    assert "it runs SQL" in said
    again = import_suite(json.dumps(SUITE).encode(), "suite.json", made.text.encode(), VISITS.name)
    assert (again.added, again.known) == (0, 3)


def test_a_contracts_own_suite_brings_it_nothing_new() -> None:
    for path in (VISITS, *sorted((ROOT / "contracts" / "data").glob("*.odcs.yaml"))):
        suite = export_suite(parse_contract(path.read_bytes(), path.name)).text
        made = import_suite(suite.encode(), "suite.json", path.read_bytes(), path.name)
        assert (made.added, made.left_out) == (0, ()), path.name
        assert made.known > 0


@pytest.mark.parametrize("raw", [b"[]", b"{", b'{"expectations": [1]}', b"[" * 100_000])
def test_what_is_no_suite_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError, match=r"suite.json: is no suite of Great Expectations"):
        import_suite(raw, "suite.json", VISITS.read_bytes(), VISITS.name)
