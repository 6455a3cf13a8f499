"""Every rule of a data contract: one broken line each, and the message that names the file, the line and the change."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.canonical import digest
from counterfoil.errors import ContractError, DocumentError, ExpiredError
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.contracts.quality import QualityRule

REPOSITORY = Path(__file__).parents[3]
LOANS = REPOSITORY / "contracts" / "data" / "loans.odcs.yaml"

SMALL = """\
apiVersion: v3.1.0
kind: DataContract
id: visits
version: 1.2.0
status: active
description: {purpose: Count visits.}
schema:
  - name: visits
    logicalType: object
    quality:
      - {metric: rowCount, mustBeBetween: [1, 900]}
    properties:
      - name: patient
        description: The clinic's number of the patient.
        logicalType: string
        required: true
        primaryKey: true
        logicalTypeOptions: {pattern: "^P[0-9]+$"}
        quality:
          - {metric: duplicateValues, mustBe: 0}
        customProperties:
          - {property: privacyRole, value: key}
      - name: cost
        description: Euros.
        logicalType: number
        logicalTypeOptions: {minimum: 0, maximum: 999.95}
        quality:
          - {metric: nullValues, mustBeLessThan: 5, unit: percent}
        customProperties:
          - {property: privacyRole, value: measure}
          - {property: resolution, value: 2}
          - {property: purpose, value: Is summed up.}
      - name: ward
        description: Where.
        logicalType: string
        customProperties:
          - {property: privacyRole, value: quasi}
          - {property: categories, value: [a, b]}
          - {property: purpose, value: Groups the costs.}
      - name: day
        description: When.
        logicalType: date
        logicalTypeOptions: {minimum: 2026-01-01, maximum: 2026-12-31}
        customProperties:
          - {property: privacyRole, value: time}
          - {property: purpose, value: Weeks.}
customProperties:
  - {property: lawfulBasis, value: consent}
  - {property: minimumCount, value: 5}
  - {property: retention, value: 30}
  - {property: expires, value: 2027-01-31}
  - {property: allowedAnalyses, value: [total, mean_by_group]}
"""

RESOLUTION, CATEGORIES = "{property: resolution, value: 2}", "{property: categories, value: [a, b]}"
WEEKS, EXPIRES = "{property: purpose, value: Weeks.}", "  - {property: expires, value: 2027-01-31}\n"


def coarse(value: str) -> str:
    """One more property of a column."""
    return f"\n          - {{property: generalise, value: {value}}}"


def of_ward(*properties: str) -> str:
    """More properties of the column `ward`."""
    return CATEGORIES + "".join(f"\n          - {{property: {each}}}" for each in properties)


def own(name: str, value: str) -> str:
    """One more property of the contract."""
    return f"  - {{property: {name}, value: {value}}}\n"


# name: (what stands in SMALL, what is put in its place, line of the complaint, words of the complaint)
BROKEN: dict[str, tuple[str, str, int, str]] = {
    "other standard version": ("v3.1.0", "v2.2.0", 1, "must be one of v3.1.0"),
    "other kind": ("kind: DataContract", "kind: Contract", 2, 'must be "DataContract", is "Contract"'),
    "no kind": ("kind: DataContract\n", "", 1, "'kind' is missing"),
    "id with capitals": ("id: visits", "id: Visits", 3, "a-z, 0-9 and hyphens"),
    "id is a path": ("id: visits", "id: ../visits", 3, "is not written as asked"),
    "id with a line break": ("id: visits", 'id: "visits\\n"', 3, "is not written as asked"),
    "version is a number": ("version: 1.2.0", "version: 1.2", 4, "must be text, is 1.2"),
    "version is not x.y.z": ("version: 1.2.0", "version: v1", 4, "MAJOR.MINOR.PATCH"),
    "unknown status": ("status: active", "status: live", 5, "must be one of proposed"),
    "no purpose": ("{purpose: Count visits.}", "{usage: Count visits.}", 6, "'purpose' is missing"),
    "empty purpose": ("{purpose: Count visits.}", '{purpose: ""}', 6, "must not be empty"),
    "misspelt field": ("status: active", "status: active\nlawfulbasis: consent", 6, "'lawfulbasis' is not known here"),
    "field of the standard that we cannot check": ("status: active", "status: active\nprice: {}", 6, "'price'"),
    "schema is a mapping": ("schema:\n  - name", "schema:\n    name", 7, "must be a list, is a mapping"),
    "two tables": (
        "customProperties:\n  - {property: lawfulBasis",
        "  - {name: b, logicalType: object, properties: []}\ncustomProperties:\n  - {property: lawfulBasis",
        7,
        "may have 1 entries",
    ),
    "no columns type": ("        logicalType: date\n", "", 40, "'logicalType' is missing"),
    "type without a meaning here": ("logicalType: date", "logicalType: time", 42, "must be one of integer"),
    "unknown rule for empty cells": (CATEGORIES, of_ward("missing, value: guess"), 39, "must be one of refuse"),
    "empty cells replaced by nothing": (CATEGORIES, of_ward("missing, value: replace"), 39, "come together"),
    "a replacement without its rule": (CATEGORIES, of_ward("replacement, value: a"), 33, "come together"),
    "a replacement of another type": (
        CATEGORIES,
        of_ward("missing, value: replace", "replacement, value: 3"),
        40,
        "not of the column's type, string",
    ),
    "a replacement that is no category": (
        CATEGORIES,
        of_ward("missing, value: replace", "replacement, value: c"),
        40,
        "no value that the column may have",
    ),
    "a replacement out of bounds": (
        RESOLUTION,
        RESOLUTION
        + "\n          - {property: missing, value: replace}\n          - {property: replacement, value: 1000}",
        33,
        "no value that the column may have",
    ),
    "a replacement between two cents": (
        RESOLUTION,
        RESOLUTION
        + "\n          - {property: missing, value: replace}\n          - {property: replacement, value: 1.005}",
        33,
        "more than 2 decimal places",
    ),
    "empty cells of a required column": (
        "        customProperties:\n          - {property: privacyRole, value: key}",
        "        customProperties:\n          - {property: privacyRole, value: key}\n"
        "          - {property: missing, value: leave-out}",
        23,
        "leaves nothing to decide",
    ),
    "spelling of what is no key": (
        CATEGORIES,
        of_ward("keySpelling, value: {case: upper}"),
        39,
        "keys and identifiers of type string",
    ),
    "spelling in title case": (
        CATEGORIES,
        of_ward("keySpelling, value: {case: title}"),
        39,
        "must be one of upper, lower",
    ),
    "a country by its name": (CATEGORIES, of_ward("notFrom, value: [France]"), 39, "a country in two letters"),
    "Norway's ban": (CATEGORIES, of_ward("notFrom, value: [no]"), 39, "a country in two letters"),
    "opting out told by a text": (CATEGORIES, of_ward("optOut, value: true"), 39, "required column of type boolean"),
    "opting out not told": (CATEGORIES, of_ward("optOut, value: false"), 39, "must be true"),
    "misspelt type": ("logicalType: number", "logicalType: numeric", 25, "did you mean 'number'"),
    "column name with a space": ("name: ward", "name: the ward", 33, "starts with a-z"),
    "column twice": ("name: ward", "name: cost", 33, "'cost' is there twice"),
    "no description": ("        description: Where.\n", "", 33, "'description' is missing"),
    "quality of an unknown metric": ("metric: nullValues", "metric: nulls", 28, "must be one of nullValues"),
    "quality by sql": ("metric: nullValues", "metric: nullValues, type: sql", 28, "must be one of library"),
    "two operators": ("mustBeLessThan: 5", "mustBeLessThan: 5, mustBe: 1", 28, "exactly one operator"),
    "no operator": ("mustBeLessThan: 5, ", "", 28, "exactly one operator"),
    "operator with text": ("mustBeLessThan: 5", "mustBeLessThan: few", 28, "must be a number"),
    "percent above 100": ("mustBeLessThan: 5", "mustBeLessThan: 101", 28, "from 0 to 100"),
    "negative number of rows": ("mustBe: 0}", "mustBe: -1}", 20, "not negative"),
    "between the wrong way round": ("[1, 900]", "[9, 1]", 11, "swap them"),
    "between one number": ("[1, 900]", "[9]", 11, "needs at least 2 entries"),
    "row count at a column": ("metric: duplicateValues", "metric: rowCount", 20, "move it up"),
    "row count in percent": ("[1, 900]}", "[1, 9], unit: percent}", 11, "not in percent"),
    "no upper limit of rows": (
        "mustBeBetween: [1, 900]",
        "mustBeGreaterThan: 0",
        8,
        "rowCount rule with an upper limit",
    ),
    "no row count": (
        "quality:\n      - {metric: rowCount, mustBeBetween: [1, 900]}",
        "quality: []",
        8,
        "rowCount rule",
    ),
    "column metric at the table": ("metric: rowCount", "metric: nullValues", 11, "a rule of one column"),
    "duplicates of the table without columns": ("metric: rowCount", "metric: duplicateValues", 11, "properties: [two"),
    "duplicates of unknown columns": (
        "metric: rowCount",
        "metric: duplicateValues, arguments: {properties: [ward, dy]}",
        11,
        "no column 'dy'; did you mean 'day'?",
    ),
    "duplicates of columns at a column": (
        "metric: duplicateValues",
        "metric: duplicateValues, arguments: {properties: [ward, day]}",
        20,
        "remove it here",
    ),
    "missing values unsaid": ("metric: nullValues", "metric: missingValues", 28, "exactly one of the arguments"),
    "invalid values by two rules": (
        "metric: nullValues",
        'metric: invalidValues, arguments: {validValues: [a], pattern: "a"}',
        28,
        "exactly one of the arguments validValues, pattern",
    ),
    "argument of another metric": (
        "metric: nullValues",
        'metric: nullValues, arguments: {pattern: "a"}',
        28,
        "has no argument 'pattern'",
    ),
    "unknown argument": ("metric: nullValues", "metric: nullValues, arguments: {x: 1}", 28, "'x' is not known here"),
    "broken pattern of a rule": (
        "metric: nullValues",
        'metric: invalidValues, arguments: {pattern: "("}',
        28,
        "not a regular expression",
    ),
    "broken pattern of a column": ('"^P[0-9]+$"', '"^P["', 18, "not a regular expression"),
    "pattern that repeats too much": ('"^P[0-9]+$"', '"^P{99999999999}$"', 18, "not a regular expression"),
    "option of another type": ('pattern: "^P[0-9]+$"', "minimum: 1", 18, "'minimum' is not known here"),
    "option that we cannot check": ("maximum: 999.95", "exclusiveMaximum: 1000", 26, "known: maximum, minimum"),
    "bounds the wrong way round": ("minimum: 0, maximum: 999.95", "minimum: 5, maximum: 4", 26, "swap them"),
    "one bound alone": ("minimum: 0, maximum", "maximum", 26, "come together"),
    "no bounds": ("        logicalTypeOptions: {minimum: 0, maximum: 999.95}\n", "", 23, "needs public bounds"),
    "bounds too wide": ("maximum: 999.95", "maximum: 99999999999999999", 26, "no cell has more than 18 digits"),
    "bound finer than the resolution": ("maximum: 999.95", "maximum: 999.955", 26, "more than 2 decimal places"),
    "bound is no day": ("minimum: 2026-01-01", "minimum: 2026-02-30", 43, "not a day of the calendar"),
    "bound of a day is a number": ("minimum: 2026-01-01", "minimum: 20260101", 43, "must be text"),
    "days the wrong way round": ("minimum: 2026-01-01", "minimum: 2027-01-01", 43, "swap them"),
    "no privacy role": ("          - {property: privacyRole, value: time}\n", "", 40, "'privacyRole' is missing"),
    "unknown privacy role": ("value: time}", "value: timestamp}", 45, "must be one of identifier"),
    "unknown custom property": ("property: resolution", "property: decimals", 31, "must be one of privacyRole"),
    "custom property twice": (
        "{property: resolution, value: 2}",
        "{property: purpose, value: b}",
        32,
        "is there twice",
    ),
    "custom property without a value": ("{property: resolution, value: 2}", "{property: resolution}", 31, "'value'"),
    "column without a purpose": ("          - {property: purpose, value: Weeks.}\n", "", 40, "drop the column"),
    "resolution too fine": ("property: resolution, value: 2", "property: resolution, value: 10", 31, "at most 9"),
    "resolution is a fraction": (
        "property: resolution, value: 2",
        "property: resolution, value: 2.0",
        31,
        "whole number",
    ),
    "number without resolution": ("          - {property: resolution, value: 2}\n", "", 23, "needs 'resolution'"),
    "resolution of text": (
        "{property: categories, value: [a, b]}",
        "{property: resolution, value: 2}",
        38,
        "for columns of type number or timestamp, not string",
    ),
    "categories of a number": (
        "{property: resolution, value: 2}",
        "{property: categories, value: [a]}",
        31,
        "categories are for columns of type string",
    ),
    "category twice": ("value: [a, b]", "value: [a, b, a]", 38, "the same entry twice"),
    "no category": ("value: [a, b]", "value: []", 38, "at least 1 entries"),
    "a category that is a number": ("value: [a, b]", "value: [a, 1]", 38, "must be text, is 1"),
    "text without categories": ("          - {property: categories, value: [a, b]}\n", "", 33, "add 'categories'"),
    "categories of an identifier": ("value: quasi}", "value: identifier}", 38, "an identifier has no categories"),
    "measure of text": ("value: quasi}", "value: measure}", 37, "a measure is integer, number or boolean"),
    "time that is no date": ("value: quasi}", "value: time}", 37, "is of type date or timestamp, not string"),
    "primary key that may be empty": ("        required: true\n", "", 16, "add 'required: true'"),
    "column allows more than the contract": (
        "{property: purpose, value: Weeks.}",
        "{property: purpose, value: Weeks.}\n          - {property: allowedAnalyses, value: [totals]}",
        47,
        "does not allow the analysis 'totals'; did you mean 'total'?",
    ),
    "generalised by nothing": (RESOLUTION, RESOLUTION + coarse("{}"), 32, "at least 1 entries"),
    "generalised by an unknown rule": (RESOLUTION, RESOLUTION + coarse("{bands: 5}"), 32, "did you mean 'band'"),
    "bands of nothing": (RESOLUTION, RESOLUTION + coarse("{band: 0}"), 32, "must be more than 0, is 0"),
    "bands finer than the resolution": (
        RESOLUTION,
        RESOLUTION + coarse("{band: 0.001}"),
        32,
        "more than 2 decimal places",
    ),
    "bands and rounding": (RESOLUTION, RESOLUTION + coarse("{band: 5, round: 5}"), 32, "exclude each other"),
    "bottom above top": (RESOLUTION, RESOLUTION + coarse("{bottom: 5, top: 4}"), 32, "swap them"),
    "a number by month": (RESOLUTION, RESOLUTION + coarse("{period: month}"), 32, "use bottom, top, band, round"),
    "a number by prefix": (RESOLUTION, RESOLUTION + coarse("{prefix: 2}"), 32, "not for columns of type number"),
    "a day in bands": ("{property: purpose, value: Weeks.}", WEEKS + coarse("{band: 5}"), 47, "use period"),
    "a day by week": ("{property: purpose, value: Weeks.}", WEEKS + coarse("{period: week}"), 47, "one of month"),
    "a category in bands": (CATEGORIES, CATEGORIES + coarse("{band: 5}"), 39, "use prefix"),
    "a prefix of nothing": (CATEGORIES, CATEGORIES + coarse("{prefix: 0}"), 39, "at least 1"),
    "a key made coarser": ("value: key}", "value: key}" + coarse("{prefix: 2}"), 23, "is not shared as it is"),
    "a pseudonym of a measure": (
        RESOLUTION,
        RESOLUTION + "\n          - {property: pseudonym, value: agreement}",
        32,
        "for columns with the role key",
    ),
    "a pseudonym for ever": (
        "value: key}",
        "value: key}\n          - {property: pseudonym, value: global}",
        23,
        'must be "agreement"',
    ),
    "one person is no crowd": (EXPIRES, EXPIRES + own("kAnonymity", "1"), 52, "at least 2"),
    "half a person": (EXPIRES, EXPIRES + own("kAnonymity", "2.5"), 52, "must be a whole number"),
    "one value is no diversity": (EXPIRES, EXPIRES + own("lDiversity", "1"), 52, "at least 2"),
    "closer than the same": (EXPIRES, EXPIRES + own("tCloseness", "0"), 52, "must be more than 0"),
    "farther than can be": (EXPIRES, EXPIRES + own("tCloseness", "1.5"), 52, "at most 1"),
    "most rows left behind": (EXPIRES, EXPIRES + own("leftBehind", "51"), 52, "at most 50"),
    "a sample of nothing": (EXPIRES, EXPIRES + own("sample", "0"), 52, "must be more than 0"),
    "a sample of more than all": (EXPIRES, EXPIRES + own("sample", "101"), 52, "at most 100"),
    "no lawful basis": ("  - {property: lawfulBasis, value: consent}\n", "", 47, "'lawfulBasis' is missing"),
    "unknown lawful basis": ("value: consent", "value: interest", 48, "must be one of consent"),
    "no minimum count": ("  - {property: minimumCount, value: 5}\n", "", 47, "'minimumCount' is missing"),
    "minimum count of one": ("property: minimumCount, value: 5", "property: minimumCount, value: 1", 49, "at least 2"),
    "retention is text": ("value: 30}", "value: a month}", 50, "must be a whole number"),
    "no such day": ("2027-01-31", "2027-02-31", 51, "not a day of the calendar"),
    "day in another form": ("2027-01-31", "31.01.2027", 51, "YYYY-MM-DD"),
    "another kind of table": (EXPIRES, EXPIRES + own("tableKind", "stream"), 52, "must be one of stock, events"),
    "not about persons, with persons": (
        EXPIRES,
        EXPIRES + own("notAboutPersons", "true") + own("rowsPerPerson", "{columns: [patient], most: 2}"),
        52,
        "'rowsPerPerson' says whom the rows are about; keep one of the two",
    ),
    "no analysis allowed": ("value: [total, mean_by_group]", "value: []", 52, "at least 1 entries"),
    "analysis named like a path": ("value: [total, mean_by_group]", "value: [a/b]", 52, "is not written as asked"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named_with_its_line_and_what_to_change(name: str) -> None:
    old, new, line, words = BROKEN[name]
    assert SMALL.count(old) == 1 or name == "custom property twice", f"{old!r} must be one place"
    with pytest.raises(ContractError) as error:
        parse_contract(SMALL.replace(old, new, 1).encode(), "visits.odcs.yaml")
    problems = [text for text in str(error.value).splitlines() if words in text]
    assert problems, f"{words!r} not in:\n{error.value}"
    assert problems[0].startswith(f"visits.odcs.yaml:{line}: "), problems[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"", "exactly one YAML document"),
        (b"a: 1\n---\nb: 2\n", "exactly one YAML document"),
        (b"a: 1\na: 2\n", "x.yaml:2: the key 'a' is there twice"),
        (b"a: &b 1\n", "x.yaml:1: anchors"),
        (b"a: !!python/object:os.system {}\n", "x.yaml:1: tags"),
        (b"a: {<<: {b: 1}}\n", "merge keys"),
        (b"a: [\n", "not valid YAML"),
        (b"a: " + b"[" * 30 + b"]" * 30, "nested deeper"),
        (b"#" * 300_000, "300000 bytes"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=None) as error:
        parse_contract(text, "x.yaml")
    assert words in str(error.value)


@pytest.mark.parametrize("text", ["- a", "text", "1", "{}", "null"])
def test_another_document_is_a_contract_error(text: str) -> None:
    with pytest.raises(ContractError):
        parse_contract(text.encode(), "x.yaml")


def test_all_problems_are_named_at_once_in_the_order_of_the_file() -> None:
    text = SMALL.replace("status: active", "status: live").replace("value: [a, b]", "value: []")
    with pytest.raises(ContractError) as error:
        parse_contract(text.encode(), "x.yaml")
    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["5", "38"]


def test_the_small_contract_reads_as_written() -> None:
    contract = parse_contract(SMALL.encode(), "x.yaml")
    assert contract.digest == digest(SMALL.encode())
    assert (contract.id, contract.version, contract.status) == ("visits", "1.2.0", "active")
    assert contract.primary_key == ("patient",)
    assert (contract.minimum_count, contract.retention_days) == (5, 30)
    assert contract.expires == date(2027, 1, 31)
    assert contract.most_rows == 900
    cost = contract.column("cost")
    assert (cost.minimum, cost.maximum, cost.resolution) == (Decimal(0), Decimal("999.95"), 2)
    assert cost.bounds == (0, 99995)
    assert contract.column("ward").bounds == (0, 1)
    assert contract.column("day").bounds == (20454, 20818)
    assert contract.column("patient").bounds is None
    assert [rule.metric for rule in contract.quality] == ["rowCount", "duplicateValues", "nullValues"]
    with pytest.raises(ContractError, match="did you mean 'ward'"):
        contract.column("wards")


def test_a_contract_is_good_until_its_last_day() -> None:
    contract = parse_contract(SMALL.encode(), "x.yaml")
    contract.check_current(date(2027, 1, 31))
    with pytest.raises(ExpiredError, match="2027-01-31"):
        contract.check_current(date(2027, 2, 1))


def test_the_loans_contract_is_right() -> None:
    contract = parse_contract(LOANS.read_bytes(), LOANS.name)
    assert contract.column("balance").bounds == (0, 100_000_000)
    assert contract.column("region").bounds == (0, 5)
    assert contract.column("income").allowed_analyses == ("correlation",)
    assert contract.column("customer_id").role == "identifier"


@pytest.mark.parametrize(
    ("operator", "limits", "good", "bad"),
    [
        ("mustBe", (3,), 3, 4),
        ("mustNotBe", (3,), 4, 3),
        ("mustBeGreaterThan", (3,), 4, 3),
        ("mustBeGreaterOrEqualTo", (3,), 3, 2),
        ("mustBeLessThan", (3,), 2, 3),
        ("mustBeLessOrEqualTo", (3,), 3, 4),
        ("mustBeBetween", (3, 5), 5, 6),
        ("mustNotBeBetween", (3, 5), 6, 5),
    ],
)
def test_each_operator_decides_at_its_limit(operator: str, limits: tuple[int, ...], good: int, bad: int) -> None:
    rule = QualityRule("r", "rowCount", (), operator, limits, "x")
    assert rule.holds(good)
    assert not rule.holds(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_contract_or_a_named_error(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_contract(raw, "x.yaml")


@settings(deadline=None)
@given(st.integers(0, len(SMALL) - 1), st.sampled_from(list("{}[]:-#'\"&*!|>%@`\n\t 0aZ~")))
def test_one_changed_character_is_read_or_refused_by_name(position: int, character: str) -> None:
    raw = (SMALL[:position] + character + SMALL[position + 1 :]).encode()
    try:
        contract = parse_contract(raw, "x.yaml")
    except DocumentError as error:
        assert str(error).startswith("x.yaml")
    else:
        assert contract.digest == digest(raw)
