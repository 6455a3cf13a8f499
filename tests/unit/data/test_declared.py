"""Expectations that a contract declares: all of Great Expectations' core, by name and typed arguments, at the owner."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import yaml

from counterfoil.data.checking.expectations import check_file, validate
from counterfoil.data.reading.cells import TYPES
from counterfoil.data.reading.table import Table
from counterfoil.errors import ContractError, QualityRuleError
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.governance.contracts.expectations.catalogue import FORBIDDEN, FORMS, REFUSED

VISITS = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
NOTE = '{"a": 1}'
ROWS: dict[str, list[Any]] = {
    "code": ["0001", "0002", "0003", "0004", "0005"],
    "area": ["north", "north", "south", "no", "north"],
    "amount": [-1050, 0, 150, 100_000, 150],  # cents
    "day": [date(2000, 1, 1), date(2000, 1, 1), date(2024, 2, 29), date(2030, 12, 31), date(2030, 12, 31)],
    "active": [True, False, True, False, None],
    "score": [0, None, 5, None, 7],
    "note": [NOTE, NOTE, None, NOTE, NOTE],
    "seen": [f"2024-01-0{day}" for day in range(1, 6)],
}
TEXT = {
    "description": "A text.",
    "logicalType": "string",
    "customProperties": [{"property": "privacyRole", "value": "identifier"}],
}


def document(*rules: Mapping[str, Any], column: str = "") -> bytes:
    """Write the contract of visits with these rules alone, of the table or of a column."""
    found = yaml.safe_load(VISITS.read_text())
    table = found["schema"][0]
    rows = {"name": "rows", "metric": "rowCount", "mustBeBetween": [1, 1_000_000]}
    table["quality"] = [rows, *([] if column else rules)]
    table["properties"] += [{"name": name, **TEXT} for name in ("note", "seen")]
    for each in table["properties"]:
        each.pop("quality", None)
        each.pop("unique", None)
        each.pop("primaryKey", None)
        if each["name"] in ("active", "code"):
            each["required"] = False
        each["logicalTypeOptions"] = {k: v for k, v in each.get("logicalTypeOptions", {}).items() if k != "pattern"}
        if each["name"] == column:
            each["quality"] = list(rules)
    return yaml.safe_dump(json.loads(json.dumps(found)), sort_keys=False).encode()  # without anchors


def rule(expectation: str, **kwargs: Any) -> dict[str, Any]:
    implementation = {"type": expectation, "kwargs": kwargs}
    return {"name": "the rule", "type": "custom", "engine": "greatExpectations", "implementation": implementation}


def contract_of(*rules: Mapping[str, Any], column: str = "") -> Contract:
    return parse_contract(document(*rules, column=column), "visits.odcs.yaml")


def table(contract: Contract, **changed: list[Any]) -> Table:
    schema = pa.schema([(column.name, TYPES[column.type]) for column in contract.columns])
    return Table(contract, "visits.csv", pa.table({**ROWS, **changed}, schema))


def holds(contract: Contract, page: Path, **changed: list[Any]) -> bool:
    try:
        validate(table(contract, **changed), page)
    except QualityRuleError as error:
        assert "the rule" in str(error)
        return False
    return True


GOOD_AND_BAD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "column_distinct_values_to_be_in_set",
        {"column": "area", "value_set": ["north", "south", "no"]},
        {"value_set": ["no"]},
    ),
    ("column_distinct_values_to_contain_set", {"column": "amount", "value_set": [1.5, -10.5]}, {"value_set": [1.51]}),
    ("column_distinct_values_to_equal_set", {"column": "active", "value_set": [True, False]}, {"value_set": [True]}),
    (
        "column_kl_divergence_to_be_less_than",
        {
            "column": "area",
            "threshold": 0.1,
            "partition_object": {"values": ["north", "south", "no"], "weights": [0.6, 0.2, 0.2]},
        },
        {"partition_object": {"values": ["north", "south", "no"], "weights": [0.1, 0.8, 0.1]}},
    ),
    ("column_max_to_be_between", {"column": "day", "max_value": "2030-12-31"}, {"max_value": "2030-12-30"}),
    (
        "column_mean_to_be_between",
        {"column": "amount", "min_value": 198.4, "max_value": 198.6},
        {"min_value": 198.6, "max_value": 199},
    ),
    (
        "column_median_to_be_between",
        {"column": "score", "min_value": 5, "max_value": 5},
        {"min_value": 5.5, "max_value": 9},
    ),
    ("column_min_to_be_between", {"column": "amount", "min_value": -10.5}, {"min_value": -10.49}),
    ("column_most_common_value_to_be_in_set", {"column": "area", "value_set": ["north"]}, {"value_set": ["south"]}),
    (
        "column_pair_values_a_to_be_greater_than_b",
        {"column_A": "score", "column_B": "amount", "mostly": 0.3},
        {"mostly": 1},
    ),
    ("column_pair_values_to_be_equal", {"column_A": "area", "column_B": "area"}, {"column_B": "code"}),
    (
        "column_pair_values_to_be_in_set",
        {
            "column_A": "area",
            "column_B": "active",
            "value_pairs_set": [["north", True], ["north", False], ["south", True], ["no", False]],
            "ignore_row_if": "either_value_is_missing",
        },
        {"value_pairs_set": [["north", True]]},
    ),
    ("column_proportion_of_non_null_values_to_be_between", {"column": "score", "min_value": 0.6}, {"min_value": 0.61}),
    (
        "column_proportion_of_unique_values_to_be_between",
        {"column": "code", "min_value": 1},
        {"max_value": 0.9, "min_value": 0},
    ),
    (
        "column_quantile_values_to_be_between",
        {"column": "amount", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1.5, 1.5]]}},
        {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[2, None]]}},
    ),
    (
        "column_stdev_to_be_between",
        {"column": "score", "min_value": 3.6, "max_value": 3.7},
        {"min_value": 3.7, "max_value": 4},
    ),
    (
        "column_sum_to_be_between",
        {"column": "amount", "min_value": 992.5, "max_value": 992.5},
        {"min_value": 992.51, "max_value": 999},
    ),
    ("column_to_exist", {"column": "score", "column_index": 5}, {"column_index": 4}),
    ("column_unique_value_count_to_be_between", {"column": "area", "max_value": 3}, {"max_value": 2}),
    ("column_value_lengths_to_be_between", {"column": "code", "min_value": 4}, {"min_value": 5}),
    ("column_value_lengths_to_equal", {"column": "code", "value": 4}, {"value": 5}),
    (
        "column_value_z_scores_to_be_less_than",
        {"column": "amount", "threshold": 2, "double_sided": True},
        {"threshold": 1},
    ),
    ("column_values_to_be_between", {"column": "amount", "min_value": -10.5, "max_value": 1000}, {"max_value": 999.99}),
    ("column_values_to_be_dateutil_parseable", {"column": "seen"}, {"column": "note"}),
    ("column_values_to_be_decreasing", {"column": "amount", "mostly": 0.2}, {"mostly": 1}),
    (
        "column_values_to_be_in_set",
        {"column": "day", "value_set": ["2000-01-01", "2024-02-29", "2030-12-31"]},
        {"value_set": ["2000-01-01"]},
    ),
    ("column_values_to_be_increasing", {"column": "day"}, {"strictly": True}),
    ("column_values_to_be_json_parseable", {"column": "note"}, {"column": "area"}),
    ("column_values_to_be_null", {"column": "score", "mostly": 0.4}, {"mostly": 0.5}),
    ("column_values_to_be_unique", {"column": "code"}, {"column": "area"}),
    (
        "column_values_to_match_json_schema",
        {"column": "note", "json_schema": {"required": ["a"]}},
        {"json_schema": {"required": ["b"]}},
    ),
    ("column_values_to_match_like_pattern", {"column": "code", "like_pattern": "00%"}, {"like_pattern": "00_"}),
    (
        "column_values_to_match_like_pattern_list",
        {"column": "code", "like_pattern_list": ["_%1", "000_"]},
        {"match_on": "all"},
    ),
    ("column_values_to_match_regex", {"column": "code", "regex": "^0+[1-5]$"}, {"regex": "[1-4]"}),
    ("column_values_to_match_regex_list", {"column": "code", "regex_list": ["1", "[02-5]"]}, {"match_on": "all"}),
    (
        "column_values_to_match_strftime_format",
        {"column": "seen", "strftime_format": "%Y-%m-%d"},
        {"strftime_format": "%d.%m.%Y"},
    ),
    ("column_values_to_not_be_in_set", {"column": "score", "value_set": [9]}, {"value_set": [7]}),
    ("column_values_to_not_be_null", {"column": "score", "mostly": 0.6}, {"mostly": 0.7}),
    ("column_values_to_not_be_outliers", {"column": "score"}, {"column": "amount"}),
    ("column_values_to_not_match_like_pattern", {"column": "code", "like_pattern": "1%"}, {"like_pattern": "%1"}),
    (
        "column_values_to_not_match_like_pattern_list",
        {"column": "code", "like_pattern_list": ["1%", "2%"]},
        {"like_pattern_list": ["1%", "%2"]},
    ),
    ("column_values_to_not_match_regex", {"column": "code", "regex": "[6-9]"}, {"regex": "[5-9]"}),
    ("column_values_to_not_match_regex_list", {"column": "code", "regex_list": ["6", "7"]}, {"regex_list": ["6", "5"]}),
    ("compound_columns_to_be_unique", {"column_list": ["area", "amount"]}, {"column_list": ["area", "day"]}),
    (
        "multicolumn_sum_to_equal",
        {"column_list": ["score", "amount"], "sum_total": 6.5, "mostly": 0.2},
        {"mostly": 0.5},
    ),
    ("multicolumn_values_to_be_equal", {"column_list": ["area", "area"]}, {"column_list": ["area", "code"]}),
    (
        "select_column_values_to_be_unique_within_record",
        {"column_list": ["area", "code"]},
        {"column_list": ["area", "area"]},
    ),
    ("table_column_count_to_be_between", {"min_value": 8, "max_value": 8}, {"min_value": 1, "max_value": 7}),
    ("table_column_count_to_equal", {"value": 8}, {"value": 7}),
    ("table_columns_to_match_ordered_list", {"column_list": list(ROWS)}, {"column_list": list(ROWS)[::-1]}),
    ("table_columns_to_match_set", {"column_set": list(ROWS)[::-1]}, {"column_set": ["area"]}),
    ("table_row_count_to_be_between", {"min_value": 5}, {"min_value": 6}),
    ("table_row_count_to_equal", {"value": 5}, {"value": 4}),
]
DECIDED = {"expect_column_type_to_be", "expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"}


def test_every_core_expectation_is_tried() -> None:
    assert {f"expect_{name}" for name, _, _ in GOOD_AND_BAD} | DECIDED == set(FORMS)


@pytest.mark.parametrize(("name", "good", "change"), GOOD_AND_BAD, ids=[name for name, _, _ in GOOD_AND_BAD])
def test_an_expectation_holds_or_refuses_the_table(
    name: str, good: dict[str, Any], change: dict[str, Any], tmp_path: Path
) -> None:
    assert holds(contract_of(rule(f"expect_{name}", **good)), tmp_path / "page.html")
    assert not holds(contract_of(rule(f"expect_{name}", **{**good, **change})), tmp_path / "page.html")


def test_the_catalogue_is_the_registry_of_the_installed_great_expectations() -> None:
    from great_expectations.expectations import registry
    from great_expectations.expectations.expectation import Expectation

    core = {
        name
        for name in registry.list_registered_expectation_implementations()
        if registry.get_expectation_impl(name).__module__.startswith("great_expectations.expectations.core.")
    }
    assert core == set(FORMS) | set(REFUSED)
    common = set(Expectation.__fields__) | set(FORBIDDEN) | {"library_metadata"}
    for name, form in FORMS.items():
        fields = registry.get_expectation_impl(name).__fields__
        assert set(form.kinds) == set(fields) - common, name
        required = {each for each in fields if fields[each].required}
        assert set(form.needed) == required, name


WRONG = [
    (rule("expect_colum_values_to_be_between", min_value=1), r"did you mean 'expect_column_values_to_be_between'"),
    (rule("__import__", min_value=1), "no core expectation"),
    (rule("expect_query_results_to_match_comparison"), "is not run here: it runs SQL"),
    (rule("unexpected_rows_expectation", unexpected_rows_query="select"), "is not run here: it runs SQL"),
    (rule("expect_column_values_to_be_between", min_valu=1), r"no argument 'min_valu'; did you mean 'min_value'"),
    (rule("expect_column_values_to_be_between", min_value="1"), "must be a number, as column score has them"),
    (rule("expect_column_values_to_be_between", min_value=2, max_value=1), "'min_value' is above 'max_value'"),
    (rule("expect_column_values_to_be_between"), "needs 'min_value', 'max_value' or both"),
    (rule("expect_column_values_to_be_between", min_value={"$PARAMETER": "x"}), "must be a number"),
    (rule("expect_column_values_to_be_between", min_value=1, row_condition="score > 0"), "it is code"),
    (rule("expect_column_values_to_be_between", min_value=1, windows=[]), "results of earlier runs"),
    (rule("expect_column_values_to_be_between", min_value=1, mostly=95), "a share from 0 to 1, is 95"),
    (rule("expect_column_values_to_be_between", min_value=1, column="area"), "is a rule of column score"),
    (rule("expect_column_values_to_match_regex", regex="a"), "is for columns of type string; score is of type integer"),
    (rule("expect_column_values_to_be_in_set", value_set=[]), "a list of 1 to 1000"),
    (rule("expect_column_values_to_be_in_set"), "needs the argument 'value_set'"),
    (rule("expect_column_values_to_be_of_type", type_="str"), "column score is of type integer"),
    (rule("expect_table_row_count_to_equal", value=3), "more than one column; move it up"),
    (rule("expect_column_mean_to_be_between", min_value=float("inf")), "must be a number"),
    ({**rule("expect_column_to_exist"), "engine": None}, "engine"),
    ({**rule("expect_column_to_exist"), "metric": "nullValues"}, "'metric' is for metrics of the standard"),
    ({**rule("expect_column_to_exist"), "mustBe": 0}, "'mustBe' is for metrics of the standard"),
    ({"type": "custom", "engine": "greatExpectations"}, "says which expectation it is"),
    ({"type": "custom", "engine": "greatExpectations", "implementation": "type: [1"}, "is no YAML"),
    ({"name": "rule", "mustBe": 0}, "the field 'metric' is missing"),
]


@pytest.mark.parametrize(("bad", "words"), WRONG)
def test_what_is_wrong_with_an_expectation_is_said_with_its_line(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=rf"^visits.odcs.yaml:\d+: schema\[0\].properties\[5\].quality.*{words}"):
        contract_of(bad, column="score")


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"regex": "(a+)+\\1"}, "back-reference"),
        ({"json_schema": {"$ref": "https://example.org/schema"}}, "another document"),
        ({"json_schema": {"properties": {"a": {"pattern": "(a+)+$"}}}}, "take for ever"),
    ],
)
def test_nothing_takes_for_ever_or_leads_elsewhere(kwargs: dict[str, Any], words: str) -> None:
    name = "regex" if "regex" in kwargs else "json_schema"
    with pytest.raises(ContractError, match=words):
        contract_of(rule(f"expect_column_values_to_match_{name}", **kwargs), column="note")


def test_a_pattern_that_would_take_for_ever_is_matched_in_one_pass(tmp_path: Path) -> None:
    contract = contract_of(rule("expect_column_values_to_match_regex", regex="^(a+)+$"), column="note")
    assert not holds(contract, tmp_path / "page.html", note=["a" * 5000 + "!"] * 5)


@pytest.mark.parametrize(
    "name", ["expect_column_max_to_be_between", "ExpectColumnMaxToBeBetween", "expectColumnMaxToBeBetween"]
)
def test_names_are_read_as_suites_classes_and_the_standard_write_them(name: str) -> None:
    found = [
        rule(name, maxValue=9),
        {**rule(name, max_value=9), "implementation": f"type: {name}\nkwargs: {{max_value: 9}}\n"},
    ]
    first, second = contract_of(*found, column="score").expectations
    assert first == second
    assert (first.type, first.arguments) == ("expect_column_max_to_be_between", {"column": "score", "max_value": 9})


def test_only_that_it_does_not_hold_leaves_and_the_owner_sees_rows(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with pytest.raises(QualityRuleError) as caught:
        validate(table(contract_of(rule("expect_column_values_to_be_in_set", value_set=["no"]), column="area")), page)
    assert not re.search(r"north|south|\d rows?|80", str(caught.value))
    assert re.findall(r'class="row">(\d)<', page.read_text()) == ["1", "2", "3", "5"]
    assert "default-src 'none'" in page.read_text()
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|https?:", page.read_text()), "it asks no network"
    with pytest.raises(QualityRuleError) as caught:
        validate(table(contract_of(rule("expect_column_mean_to_be_between", max_value=7), column="amount")), page)
    assert "198.5" not in str(caught.value) + page.read_text()


def test_a_file_is_checked_as_the_job_does(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    frame = pd.DataFrame({**ROWS, "amount": [cell / 100 for cell in ROWS["amount"]]})
    frame["score"] = frame["score"].astype("Int64")
    frame["active"] = frame["active"].map({True: "true", False: "false"})
    frame.to_csv(path, index=False)
    good = contract_of(rule("expect_column_sum_to_be_between", min_value=992.5, max_value=992.5), column="amount")
    assert check_file(path, good).rules[-1] == "amount: the rule"
    with pytest.raises(QualityRuleError, match="column amount: the rule; correct the table"):
        check_file(path, contract_of(rule("expect_column_sum_to_be_between", max_value=992), column="amount"))


def test_expectations_agree_with_great_expectations_on_the_frame_that_pandas_reads(tmp_path: Path) -> None:
    """Values of every type, with gaps, in random tables: the same answers as a user's own run of the suite has."""
    from counterfoil.data.checking.engine import Asked, Engine, verdicts

    draw, engine = random.Random(11), Engine()
    answers = set()
    for _ in range(12):
        rows: dict[str, list[Any]] = {
            "code": [f"{draw.randrange(60):04d}" for _ in range(40)],
            "area": [draw.choice(["north", "south", "no"]) for _ in range(40)],
            "amount": [draw.choice([-1050, -1, 0, 33, 101, 99_999, 100_000]) for _ in range(40)],
            "day": [date(2024, 1, 1) + timedelta(days=draw.randrange(9)) for _ in range(40)],
            "active": [draw.choice([True, False, None]) for _ in range(40)],
            "score": [draw.choice([None, *range(10)]) for _ in range(40)],
            "note": [NOTE] * 40,
            "seen": ["2024-01-01"] * 40,
        }
        asked: list[tuple[str, dict[str, Any]]] = [
            (
                "expect_column_values_to_be_between",
                {"column": "amount", "min_value": -10.5, "max_value": 999.99, "mostly": 0.8},
            ),
            (
                "expect_column_values_to_be_in_set",
                {"column": "amount", "value_set": [-10.5, -0.01, 0, 0.33, 1.01], "mostly": 0.7},
            ),
            ("expect_column_mean_to_be_between", {"column": "score", "min_value": 4.3, "max_value": 4.9}),
            ("expect_column_values_to_be_unique", {"column": "code", "mostly": 0.4}),
            ("expect_column_values_to_not_be_null", {"column": "active", "mostly": 0.65}),
            ("expect_column_max_to_be_between", {"column": "day", "max_value": "2024-01-08"}),
            ("expect_column_values_to_match_regex", {"column": "code", "regex": "^00[0-5]", "mostly": 0.95}),
            ("expect_compound_columns_to_be_unique", {"column_list": ["area", "score"], "mostly": 0.15}),
        ]
        frame = pd.DataFrame(
            {**rows, "amount": [cell / 100 for cell in rows["amount"]], "day": pd.to_datetime(rows["day"])}
        )
        known: list[dict[str, Any]] = [dict(kwargs) for _, kwargs in asked]
        known[5]["max_value"] = datetime(2024, 1, 8)
        wanted = verdicts(
            engine.batch(frame), [Asked(name, each) for (name, _), each in zip(asked, known, strict=True)]
        )
        found = [holds(contract_of(rule(name, **kwargs)), tmp_path / "p.html", **rows) for name, kwargs in asked[:1]]
        contract = contract_of(
            *({**rule(name, **kwargs), "name": f"the rule {n}"} for n, (name, kwargs) in enumerate(asked))
        )
        try:
            validate(table(contract, **rows), tmp_path / "p.html")
            failed: set[int] = set()
        except QualityRuleError as error:
            failed = {int(number) for number in re.findall(r"the rule (\d)", str(error))}
        assert [number not in failed for number in range(len(asked))] == wanted
        assert found == wanted[:1]
        answers |= set(enumerate(wanted))
    assert len(answers) > len(asked), "some hold of some tables and not of others"


def test_diff_says_which_expectations_came_and_went() -> None:
    old = contract_of(rule("expect_column_max_to_be_between", max_value=9), column="score")
    new = contract_of(rule("expect_column_max_to_be_between", max_value=8), column="score")
    said = [change.text for change in compare(old, new).changes]
    assert any("'max_value': 9" in text and "removed" in text for text in said)
    assert compare(old, new).broken == ("owners",)
    assert json.dumps(compare(old, new).facts())
