"""A first contract from a file: what the file shows is there, what a person must decide is asked for, no cell leaks."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from counterfoil.data.draft import RARE, draft
from counterfoil.data.expectations import load_valid
from counterfoil.data.profile import profile
from counterfoil.data.rules import compile_rules
from counterfoil.errors import ContractError, UnreadableTableError
from counterfoil.governance.contract import parse_contract

ROWS = 40
COLUMNS: dict[str, tuple[list[Any], str]] = {
    "key": ([f"AB-{n:04d}x" for n in range(ROWS)], "string"),
    "group": (["red"] * 25 + ["blue"] * 13 + ["secretly-ill"] * 2, "string"),
    "note": ([f"free text {'x' * n}" for n in range(ROWS)], "string"),
    "count": ([str(n - 7) for n in range(ROWS)], "integer"),
    "price": ([f"{n}.{n % 10}5" for n in range(ROWS)], "number:2"),
    "mixed": (["", "1", "2.125", *["3.5"] * (ROWS - 3)], "number:3"),
    "day": ([f"2024-02-{n % 29 + 1:02d}" for n in range(ROWS)], "date"),
    "truth": (["true", "false"] * (ROWS // 2), "boolean"),
    "flag": (["0", "1"] * (ROWS // 2), "integer"),
    "nothing": ([""] * ROWS, "integer"),
}


def write_csv(path: Path, columns: dict[str, list[Any]]) -> Path:
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cells = {name: column for name, (column, _) in COLUMNS.items()}
    return write_csv(tmp_path_factory.mktemp("profile") / "Some Table.csv", cells)


def test_types_are_the_narrowest_that_every_cell_fits(file: Path) -> None:
    assert {column.name: column.kind for column in profile(file).columns} == {
        name: kind for name, (_, kind) in COLUMNS.items()
    }


def test_stored_types_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "stored.parquet"
    data = {
        "whole": pa.array([1, 2], pa.int16()),
        "real": pa.array([0.5, 1.25]),
        "money": pa.array([Decimal("1.5"), Decimal("1.25")], pa.decimal128(12, 2)),
        "digits": pa.array(["1", "2"]),
        "day": pa.array([datetime.date(2024, 1, 1)] * 2),
        "truth": pa.array([True, None]),
    }
    pq.write_table(pa.table(data), path)
    kinds = {column.name: column.kind for column in profile(path).columns}
    assert kinds == {
        "whole": "integer",
        "real": "number:2",
        "money": "number:2",
        "digits": "string",
        "day": "date",
        "truth": "boolean",
    }


def test_the_draft_says_what_the_file_shows(file: Path) -> None:
    text = draft(profile(file), file.stem)
    value = yaml.safe_load(text)
    assert (value["id"], value["schema"][0]["name"]) == ("some-table", "some_table")
    columns = {item["name"]: item for item in value["schema"][0]["properties"]}
    assert columns["key"]["logicalTypeOptions"] == {"pattern": r"^[A-Z]{2}\-[0-9]{4}[a-z]$"}
    assert columns["key"]["unique"] is True
    assert columns["count"]["logicalTypeOptions"] == {"minimum": -10, "maximum": 50}
    assert columns["price"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 50}
    assert columns["price"]["customProperties"] == [{"property": "resolution", "value": 2}]
    assert columns["day"]["logicalTypeOptions"] == {"minimum": "2024-01-01", "maximum": "2024-12-31"}
    assert columns["group"]["customProperties"] == [{"property": "categories", "value": ["blue", "red"]}]
    assert "required" not in columns["mixed"]
    assert f"1 more stand in fewer than {RARE} rows" in text


def test_no_rare_cell_is_in_the_draft(file: Path) -> None:
    text = draft(profile(file), file.stem)
    for cell in ("secretly-ill", "free text", "AB-", "39", "32", "-7", "2.125"):
        assert cell not in re.sub(r"#.*", "", text)
    assert "secretly-ill" not in text


def test_lint_asks_for_what_a_person_decides_and_then_it_is_a_contract(file: Path, tmp_path: Path) -> None:
    text = draft(profile(file), file.stem)
    with pytest.raises(ContractError) as words:
        parse_contract(text.encode(), "x")
    asked = str(words.value).splitlines()
    assert "what the parties want to learn from the table" in asked[0]
    assert sum("what a cell of the column says" in line for line in asked) == len(COLUMNS)

    text = text.replace("description: {}", "description: {purpose: Tests.}")
    text = re.sub(r"( +)logicalType: (?!object)", r"\1description: A column.\n\1logicalType: ", text)
    with pytest.raises(ContractError) as roles:
        parse_contract(text.encode(), "x")
    assert str(roles.value).count("say which of identifier, quasi, sensitive, measure, key, time it is") == len(COLUMNS)
    assert "'lawfulBasis' is missing" in str(roles.value)

    text = text.replace("customProperties: []\n", "customProperties:\n") + TERMS
    text = re.sub(r"( +)customProperties:\n", rf"\1customProperties:\n\1{OWN}", text)
    before, after = text.split('- name: "count"')
    text = before + '- name: "count"' + after.replace("value: key}", "value: measure}\n" + WHY, 1)
    contract = parse_contract(text.encode(), "x")
    assert compile_rules(contract)
    _, verdict = load_valid(write_csv(tmp_path / "again.csv", {n: c for n, (c, _) in clean().items()}), contract)
    assert verdict.rows == ROWS


TERMS = """\
  - {property: lawfulBasis, value: consent}
  - {property: minimumCount, value: 5}
  - {property: retention, value: 30}
  - {property: expires, value: 2027-01-31}
  - {property: allowedAnalyses, value: [total]}
"""
OWN = "  - {property: privacyRole, value: key}\n"
WHY = "          - {property: purpose, value: Is counted.}"


def clean() -> dict[str, tuple[list[Any], str]]:
    """The columns with the rare category that the owner chose to leave out."""
    return COLUMNS | {"group": (["red"] * 27 + ["blue"] * 13, "string")}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"when": pa.array([0, 1], pa.timestamp("s"))}, "column when: the file stores neither numbers"),
        ({"list": pa.array([[1], [2]])}, "column list: the file stores neither"),
        ({"a": pa.array([], pa.int64())}, "it has no rows"),
    ],
)
def test_what_no_contract_could_hold_is_refused(cells: dict[str, pa.Array], words: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(cells), tmp_path / "odd.parquet")
    with pytest.raises(UnreadableTableError, match=words):
        profile(tmp_path / "odd.parquet")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("a,a\n1,2\n", "names it twice"),
        ("a,b\n1\n", "as many cells"),
        ("a,b\n", "no rows"),
        ("\x00\x01", "neither CSV"),
    ],
)
def test_unreadable_files_are_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(UnreadableTableError, match=words):
        profile(tmp_path / "odd.csv")
