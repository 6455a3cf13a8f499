"""Contract rules as expectations: every kind of rule holds on good data, and fails on bad data with its own class."""

import logging
import re
import socket
import stat
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pytest

from counterfoil.data.checking.expectation_rules import Rule, compile_rules
from counterfoil.data.checking.expectations import PIECE_ROWS, validate
from counterfoil.data.reading.cells import TYPES
from counterfoil.data.reading.table import Table, load
from counterfoil.errors import (
    ContractError,
    DataError,
    DuplicateKeyError,
    MissingColumnError,
    MissingValueError,
    OutOfBoundsError,
    QualityRuleError,
    UnknownCategoryError,
    WrongTypeError,
)
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.quality import QualityRule
from counterfoil.governance.policies.privacy import Person
from counterfoil_prefect.synthetic_data import make_tables, write_tables

ROWS: dict[str, list[Any]] = {
    "code": ["0001", "0002", "0003", "0004"],
    "area": ["north", "north", "south", "no"],
    "amount": [-1050, 0, 1, 100_000],
    "day": [date(2000, 1, 1), date(2000, 1, 1), date(2024, 2, 29), date(2030, 12, 31)],
    "active": [True, False, True, False],
    "score": [0, None, 5, None],
}


@pytest.fixture(scope="module")
def contract() -> Contract:
    path = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
    return parse_contract(path.read_bytes(), path.name)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "mend.html"


def table(contract: Contract, **changed: list[Any]) -> Table:
    schema = pa.schema([(column.name, TYPES[column.type]) for column in contract.columns])
    return Table(contract, "visits.csv", pa.table({**ROWS, **changed}, schema))


def test_good_table_passes_every_rule(contract: Contract, page: Path) -> None:
    validation = validate(table(contract), page)
    assert (validation.rows, validation.contract) == (4, contract.digest)
    assert validation.rules_checked == len(compile_rules(contract)) == 28
    assert not page.exists()


def test_synthetic_tables_satisfy_the_loans_contract(tmp_path: Path, page: Path) -> None:
    loans = Path(__file__).parents[3] / "contracts" / "data" / "loans.odcs.yaml"
    own = parse_contract(loans.read_bytes(), loans.name)
    for path in write_tables(make_tables(own, seed=7, canaries=True), tmp_path).values():
        validation = validate(load(path, own, page), page)
        assert validation.rows == 20_000
        assert validation.rules_checked == len(compile_rules(own))


BAD = {
    "missing value": ("area", ["north", None, "south", "no"], MissingValueError, "column area: required", 1),
    "below": ("amount", [-1051, 0, 1, 2], OutOfBoundsError, "column amount: from -10.5 to 1000", 1),
    "above": ("amount", [100_001, 0, 1, 100_002], OutOfBoundsError, "column amount", 2),
    "day too early": ("day", [date(1999, 12, 31), *ROWS["day"][1:]], OutOfBoundsError, "column day", 1),
    "day too late": ("day", [date(2031, 1, 1), *ROWS["day"][1:]], OutOfBoundsError, "column day", 1),
    "unknown category": ("area", ["north", "North", "south", "no"], UnknownCategoryError, "3 categories", 1),
    "pattern": ("code", ["0001", "77310", "0003", "0004"], QualityRuleError, "column code", 1),
    "pattern before a line end": ("code", ["0001\n", "0002", "0003", "0004"], QualityRuleError, "column code", 1),
    "pattern within a cell": ("code", ["0001", "x0002", "0003", "00045"], QualityRuleError, "column code", 2),
    "duplicate": ("code", ["0001", "0002", "0002", "0004"], DuplicateKeyError, "column code: unique", 2),
    "too many empty": ("score", [None, None, 5, None], QualityRuleError, "scores are mostly there", 3),
    "stand-in": ("score", [0, None, 9, None], QualityRuleError, "no stand-in for an unknown score", 1),
    "unknown scores": ("score", [6, 7, 8, 5], QualityRuleError, "scores are known", 3),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_table(
    contract: Contract, page: Path, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    column, cells, error, words, count = BAD[name]
    with caplog.at_level(logging.DEBUG), pytest.raises(error) as caught:
        validate(table(contract, **{column: cells}), page)
    assert type(caught.value) is error
    text = str(caught.value)
    assert words in text
    assert f"does not hold in {count} row" in text
    said = text + caplog.text + "".join(capfd.readouterr())
    assert not any(cell in said for cell in ("1999", "2031", "North", "77310", "0002", "100001", "100002", "1000.01"))
    rows = re.findall(r'<td class="row">(\d+)</td>', page.read_text())
    assert len(rows) >= count
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_rules_of_several_columns_and_of_the_table(contract: Contract, page: Path) -> None:
    same = {"area": ["no"] * 4, "day": [date(2001, 1, 1)] * 3 + [date(2002, 1, 1)]}
    with pytest.raises(QualityRuleError, match="one visit a day and area does not hold in 3 rows"):
        validate(table(contract, **same), page)
    one = {name: cells[:1] for name, cells in ROWS.items()}
    with pytest.raises(QualityRuleError, match=r"enough rows.*asks for at least 2 and at most 100000 rows"):
        validate(table(contract, **one), page)
    key = replace(contract, primary_key=("area", "active"), quality=())
    with pytest.raises(DuplicateKeyError, match="column area, active: primary key does not hold in 2 rows"):
        validate(table(key, active=[True] * 4), page)


def test_missing_column_and_wrong_type_are_noticed_without_the_reader(contract: Contract, page: Path) -> None:
    good = table(contract)
    with pytest.raises(MissingColumnError, match="column area: present"):
        validate(Table(contract, "visits.csv", good.data.drop_columns(["area"])), page)
    text = good.data.set_column(2, "amount", pa.array(["1", "2", "3", "4"]))
    with pytest.raises(WrongTypeError, match="column amount: type number"):
        validate(Table(contract, "visits.csv", text), page)


def test_first_failing_rule_decides_and_all_are_named(contract: Contract, page: Path) -> None:
    bad = table(contract, area=["north", "x", None, "no"], amount=[10**9, 0, 0, 0])
    with pytest.raises(DataError) as caught:
        validate(bad, page)
    assert type(caught.value) is MissingValueError
    assert re.search(
        r"\(1\) column area: required.*\n\(2\) column area: one of.*\n\(3\) column amount", str(caught.value)
    )
    assert "10000000.00" in page.read_text()


def test_nothing_is_sent_written_or_printed(
    contract: Contract, page: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    changed = tmp_path.stat().st_mtime_ns
    validate(table(contract), page)
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.stat().st_mtime_ns == changed
    assert capfd.readouterr() == ("", "")


def quality(**changed: Any) -> QualityRule:
    rule = QualityRule("rule", "nullValues", ("score",), "mustBe", (0,), "visits.odcs.yaml:9: quality[0]")
    return replace(rule, **changed)


@pytest.mark.parametrize(
    "rule",
    [
        quality(limits=(1,)),
        quality(operator="mustNotBe"),
        quality(operator="mustBeGreaterThan"),
        quality(operator="mustBeGreaterOrEqualTo", limits=(1,)),
        quality(operator="mustBeLessThan"),
        quality(operator="mustBeBetween", limits=(1, 2)),
        quality(operator="mustNotBeBetween", limits=(1, 2)),
        quality(metric="rowCount", columns=(), operator="mustNotBe"),
        quality(metric="rowCount", columns=(), operator="mustNotBeBetween", limits=(1, 2)),
        quality(metric="missingValues", missing_values=("", 9), operator="mustBeLessThan", limits=(3,)),
        quality(metric="missingValues", missing_values=("nine",)),
        quality(metric="invalidValues", valid_values=(True,)),
        quality(metric="invalidValues", columns=("amount",), valid_values=("much",)),
        quality(metric="invalidValues", columns=("day",), valid_values=("2024-02-30",)),
        quality(metric="invalidValues", columns=("active",), valid_values=(1,)),
    ],
)
def test_rules_that_no_expectation_expresses_are_refused(contract: Contract, rule: QualityRule) -> None:
    with pytest.raises(ContractError, match=r"^visits.odcs.yaml:9: quality\[0\]: the rule 'rule'.*cannot be checked; "):
        compile_rules(replace(contract, quality=(rule,)))


def held(contract: Contract, rule: QualityRule, page: Path, rows: dict[str, list[Any]]) -> bool:
    try:
        validate(table(replace(contract, quality=(rule,)), **rows), page)
    except QualityRuleError:
        return False
    return True


@pytest.mark.parametrize("empty", range(5))
@pytest.mark.parametrize(
    "rule",
    [
        quality(),
        quality(operator="mustBeLessThan", limits=(2,)),
        quality(operator="mustBeLessThan", limits=(1.5,)),
        quality(operator="mustBeLessOrEqualTo", limits=(3,)),
        quality(operator="mustBeBetween", limits=(0, 1)),
        quality(operator="mustBeLessThan", limits=(50,), unit="percent"),
        quality(operator="mustBeLessOrEqualTo", limits=(50,), unit="percent"),
        quality(operator="mustBeBetween", limits=(0, 74.9), unit="percent"),
    ],
)
def test_tolerances_agree_with_the_contracts_own_reading(
    contract: Contract, rule: QualityRule, empty: int, page: Path
) -> None:
    measured = empty * 25 if rule.unit == "percent" else empty
    rows = {"score": [None] * empty + [1] * (4 - empty)}
    assert held(contract, rule, page, rows) == rule.holds(measured)


@pytest.mark.parametrize("count", range(1, 6))
@pytest.mark.parametrize(
    ("operator", "limits"),
    [
        ("mustBe", (3,)),
        ("mustBeGreaterThan", (2,)),
        ("mustBeGreaterOrEqualTo", (2.5,)),
        ("mustBeLessThan", (3,)),
        ("mustBeLessOrEqualTo", (3.5,)),
        ("mustBeBetween", (2, 4)),
    ],
)
def test_row_counts_agree_with_the_contracts_own_reading(
    contract: Contract, operator: Any, limits: tuple[float, ...], count: int
) -> None:
    rule = quality(metric="rowCount", columns=(), operator=operator, limits=limits)
    found: Rule = compile_rules(replace(contract, quality=(rule,)))[-1]
    low, high = found.arguments["min_value"], found.arguments["max_value"]
    assert ((low is None or low <= count) and (high is None or count <= high)) == rule.holds(count)


@pytest.mark.slow
def test_large_table_is_validated_with_its_own_row_numbers(contract: Contract, page: Path) -> None:
    count = 2 * PIECE_ROWS + 1_000
    rows = pd.DataFrame({name: [cells[2]] * count for name, cells in ROWS.items()}).to_dict("list")
    rows["code"] = [f"{i:04d}" if i < 10_000 else f"{i}" for i in range(count)]
    rows["amount"][count - 1] = -5000
    rows["code"][count - 2] = "0003"
    own = replace(contract, quality=(), columns=tuple(replace(c, pattern=None) for c in contract.columns))
    with pytest.raises(DuplicateKeyError, match=r"unique does not hold in 2 rows.*\n.* does not hold in 1 row"):
        validate(table(own, **rows), page)
    html = page.read_text()
    assert f'<td class="row">{count}</td><td class="cell">-50.00</td>' in html
    for row in (4, count - 1):
        assert f'<td class="row">{row}</td><td class="cell">0003</td>' in html


@pytest.mark.slow
def test_tolerances_count_over_all_pieces(contract: Contract, page: Path) -> None:
    count = 2 * PIECE_ROWS
    rows = {name: [cells[0]] * count for name, cells in ROWS.items()}
    rows["score"] = [None] * 3 + [1] * (count - 6) + [None] * 3
    own = replace(contract, columns=tuple(replace(c, unique=False) for c in contract.columns))
    assert held(own, quality(operator="mustBeLessOrEqualTo", limits=(6,)), page, rows)
    assert not held(own, quality(operator="mustBeLessOrEqualTo", limits=(5,)), page, rows)
    shown = re.findall(r'<td class="row">(\d+)</td>', page.read_text())
    assert shown == [str(row) for row in (1, 2, 3, count - 2, count - 1, count)]


def test_nobody_has_more_rows_than_the_contract_says_of_a_person(contract: Contract, page: Path) -> None:
    rows = {"area": ["north", "north", "south", "north"]}
    free = replace(contract, quality=())
    assert validate(table(replace(free, person=Person(("area",), 3)), **rows), page).rows == 4
    with pytest.raises(QualityRuleError, match="column area: at most 2 rows of one person does not hold in 3 rows"):
        validate(table(replace(free, person=Person(("area",), 2)), **rows), page)
    assert re.findall(r'<td class="row">(\d+)</td>', page.read_text()) == ["1", "2", "4"]
