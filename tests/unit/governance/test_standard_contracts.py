"""Contracts that others wrote by the standard: read with warnings, adopted into ours, and never signed as they are."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from counterfoil.canonical import Yaml, load_yaml
from counterfoil.cli import app
from counterfoil.data.drafting.adopt import adopt
from counterfoil.data.drafting.profile import profile
from counterfoil.errors import ContractError, DocumentError, StoreError
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.contracts.standard.conformance import conform
from counterfoil.governance.contracts.standard.lint import lint
from counterfoil.governance.contracts.standard.odcs import decimal_places, type_of
from counterfoil.governance.contracts.standard.plain_name import plain_name
from counterfoil.governance.documents import FILL_IN
from counterfoil.home import Home
from tests.unit.governance.test_contract import SMALL

# v3.1, with every kind of field that the standard has and that nothing here uses.
CLINIC = """\
# Who visits the clinic, and what that costs.
apiVersion: v3.1.0
kind: DataContract
id: urn:contract:clinic:Visits
name: Visits
version: v2.1
status: In Production
tenant: north
description:
  purpose: Shows what visits cost.
  authoritativeDefinitions: [{type: privacy, url: "https://example.org/privacy"}]
servers:
  - {server: prod, type: postgres, host: db.example.org, port: 5432, database: clinic, schema: public}
schema:
  - id: visits_obj
    name: Visits
    physicalType: view
    dataGranularityDescription: One row a visit  # since 2019
    tags: [health, health]
    relationships: [{type: foreignKey, from: [Visits.ward], to: [wards.id]}]
    customProperties: [{property: business-key, value: [visitId]}]
    quality:
      - {type: sql, query: SELECT COUNT(*) FROM visits, mustBeGreaterThan: 0}
      - {type: text, description: Looks right.}
      - {metric: rowCount, mustBeGreaterThan: 10, method: count, schedule: 0 20 * * *, scheduler: cron}
    properties:
      # The clinic's own number.
      - name: visitId
        physicalName: VISIT_ID
        businessName: Number of the visit
        primaryKey: true
        primaryKeyPosition: 1
        logicalType: string
        physicalType: varchar(18)
        logicalTypeOptions: {minLength: 3, maxLength: 18, pattern: "^V[0-9]+$"}
        examples: [V1]
      - name: cost
        description: Euros.
        physicalType: decimal(9,2)
        partitioned: false
        encryptedName: cost_enc
        transformLogic: sum(items)
        classification: restricted
        quality:
          - {type: custom, engine: soda, implementation: "checks: []"}
          - {metric: nullValues, mustBeLessThan: 5, unit: percent, customProperties: [{property: A, value: }]}
      - name: nights
        description: Nights.
        logicalType: integer
        logicalTypeOptions: {minimum: 0, exclusiveMaximum: 100, format: i32}
      - name: ward
        description: Which ward.
        logicalType: string
        examples: [north, south]
        relationships: [{to: wards.id}]
        authoritativeDefinitions: [{type: businessDefinition, url: "https://example.org/ward"}]
        quality:
          - {metric: invalidValues, arguments: {validValues: [north, south]}, mustBe: 0}
      - name: Day
        description: Day of the visit.
        logicalType: date
        logicalTypeOptions: {exclusiveMinimum: "2019-12-31", maximum: "2030-12-31", format: dd.MM.yy}
      - {name: seen, logicalType: timestamp, description: When., logicalTypeOptions: {timezone: true}}
      - {name: at, logicalType: time, description: When.}
      - {name: notes, logicalType: array, items: {logicalType: string}}
      - {name: address, logicalType: object, properties: [{name: street, logicalType: string}]}
  - name: wards
    properties: [{name: id, logicalType: string}]
price: {priceAmount: 9.95, priceCurrency: EUR, priceUnit: megabyte}
team:
  name: clinic
  members: [{username: ada, role: Owner, replacedByUsername: bob}]
roles: [{role: reader, access: read}]
slaProperties: [{property: frequency, value: 1, valueExt: 1, unit: d, driver: dull}]
support: [{channel: help, tool: slack, invitationUrl: "https://example.org"}]
customProperties: [{property: ruleset, value: x}]
"""

# v3.0, with the spellings that v3.1 changed.
OLD = """\
apiVersion: v3.0.1
kind: DataContract
id: 53581432-6c55-4ba2-a65f-72344a91553a
version: 1.0.0
status: active
dataProduct: quantum
description: {purpose: Counts., customProperties: [{property: a, value: b}]}
slaDefaultElement: counts.n
team: [{username: ada, role: Owner}]
schema:
  - name: counts
    quality:
      - {type: library, rule: countCheck, mustBeBetween: [1, 500]}
    properties:
      - name: code
        description: A code.
        logicalType: string
        quality:
          - {rule: duplicateCount, mustBeLessThan: 1, unit: rows}
          - {rule: nullCheck}
          - {rule: validValues, validValues: [a, b]}
          - {rule: fancy, mustBe: 3}
      - name: n
        description: How many.
        logicalType: integer
        logicalTypeOptions: {minimum: 1, exclusiveMinimum: true, maximum: 9.0}
      - name: day
        description: A day.
        logicalType: date
        logicalTypeOptions: {format: "yyyy-MM-dd HH:mm:ss"}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["contract", *map(str, arguments)])


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    file = tmp_path / "clinic.yaml"
    file.write_text(CLINIC)
    return file


def test_lint_does_not_warn_of_how_a_draft_says_that_its_file_is_written(tmp_path: Path) -> None:
    rows = [f"P{number};{number % 7},{number % 10}" for number in range(100, 150)]
    (tmp_path / "visits.csv").write_text("\n".join(["case;cost", *rows]) + "\n")
    assert run("new", tmp_path / "visits.csv", "--out", tmp_path / "draft.yaml").exit_code == 0
    assert "decimalMark" in (tmp_path / "draft.yaml").read_text()
    result = run("lint", tmp_path / "draft.yaml")
    assert result.exit_code == ContractError.exit_code and "servers" not in result.stderr


def test_lint_warns_of_what_nothing_uses_and_errs_on_what_an_analysis_needs(clinic: Path) -> None:
    result = run("lint", clinic)
    assert result.exit_code == ContractError.exit_code
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    errors = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    for words in (
        "clinic.yaml:11: description.authoritativeDefinitions:",
        "clinic.yaml:12: servers:",
        "clinic.yaml:17: schema[0].physicalType: a view is read as a table",
        "clinic.yaml:20: schema[0].relationships:",
        "clinic.yaml:23: schema[0].quality[0]: a quality rule of type sql is checked by nothing",
        "clinic.yaml:24: schema[0].quality[1]: a quality rule of type text",
        "clinic.yaml:31: schema[0].properties[0].primaryKey: a primary key is read as required",
        "logicalTypeOptions.minLength: the option 'minLength'",
        "clinic.yaml:37: schema[0].properties[1]: the field 'logicalType' is missing; decimal(9,2) is read as number",
        "is read as 'maximum: 99'",
        "is read as 'minimum: 2020-01-01'",
        "days are read as yyyy-MM-dd",
        "a column of type time is left out",
        "a column of type array is left out: a flat table cannot hold it",
        "a column of type object is left out",
        "price:",
        "roles:",
        "slaProperties",
        "the custom property 'ruleset' means nothing here",
    ):
        assert any(words in line for line in warnings), (words, warnings)
    for words in (
        "clinic.yaml:4: id: ",
        "write 'id: urn-contract-clinic-visits'",
        "write 'version: 2.1.0'",
        "write 'status: draft'",
        "clinic.yaml:14: schema: may have 1 entries, has 2: Visits, wards;",
        "write 'name: visits' and 'physicalName: Visits'",
        "write 'name: visit_id'",
        "clinic.yaml:28: schema[0].properties[0]: the field 'description' is missing",
        "like 'Number of the visit'",
        "schema[0].properties[3]: the property 'privacyRole' is missing",
        "the table needs a rowCount rule with an upper limit",
        "the property 'lawfulBasis' is missing",
    ):
        assert any(words in line for line in errors), (words, errors)
    assert all(line.startswith(f"{clinic}:") for line in errors)
    assert not [line for line in errors if "is not known here" in line]


def test_places_behind_what_was_left_out_are_those_of_the_file(clinic: Path) -> None:
    """Columns of types that no table holds stand before one that lacks its bounds."""
    lines = CLINIC.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "name: notes" in line)
    moved = "".join([*lines[: at + 2], *lines[lines.index("      - name: nights\n") :][:1], *lines[at + 2 :]])
    moved = moved.replace(
        "      - name: nights\n  - name: wards",
        "      - {name: x, logicalType: integer, description: X.}\n  - name: wards",
    )
    clinic.write_text(moved)
    place = next(n for n, line in enumerate(moved.splitlines(), 1) if "name: x," in line)
    assert f"{clinic}:{place}: schema[0].properties[9]: the property 'privacyRole'" in run("lint", clinic).stderr


def test_a_contract_that_is_all_ours_but_for_unused_parts_is_right_with_warnings_and_is_not_signed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "visits.odcs.yaml"
    file.write_text(SMALL.replace("status: active", "status: active\nroles: [{role: reader}]"))
    result = run("lint", file)
    assert result.exit_code == 0, result.output
    assert f"warning: {file}:6: roles: 'roles' of the standard is not used here" in result.stderr
    assert f"contract adopt {file}" in result.stderr
    home = Home.create(tmp_path / "bank-a", "bank-a", str(tmp_path / "exchange"), ("owner",))
    assert run("sign", file, "--home", home.path).exit_code == ContractError.exit_code
    assert not (tmp_path / "visits.odcs.yaml.signed").exists()


@pytest.mark.parametrize("name", ["generalize", "pseudonyms", "optout", "privacyrole"])
def test_a_misspelt_property_of_ours_stays_an_error(name: str) -> None:
    """As a warning it would take a protection away unseen."""
    text = SMALL.replace(
        "- {property: categories", f"- {{property: {name}, value: 1}}\n          - {{property: categories"
    )
    with pytest.raises(ContractError, match="must be one of privacyRole"):
        lint(text.encode(), "visits.odcs.yaml").contract()


def test_a_field_that_nobody_knows_stays_an_error(clinic: Path) -> None:
    clinic.write_text(CLINIC.replace("        partitioned: false\n", "        partitoned: false\n"))
    assert "the field 'partitoned' is not known here" in run("lint", clinic).stderr


def test_spellings_of_older_versions_are_read() -> None:
    found = conform(_document(OLD)).document.value
    assert found["apiVersion"] == "v3.1.0"
    assert found["team"] == {"members": [{"username": "ada", "role": "Owner"}]}
    table = found["schema"][0]
    assert table["quality"] == [{"type": "library", "metric": "rowCount", "mustBeBetween": [1, 500]}]
    code, n, day = table["properties"]
    assert code["quality"] == [
        {"metric": "duplicateValues", "mustBeLessThan": 1, "unit": "rows"},
        {"metric": "nullValues", "mustBe": 0},
        {"metric": "invalidValues", "arguments": {"validValues": ["a", "b"]}, "mustBe": 0},
    ]
    assert n["logicalTypeOptions"] == {"minimum": 2, "maximum": 9}
    assert day["logicalType"] == "timestamp"  # v3.0 calls a date what has a time in its format


@pytest.mark.parametrize("version", ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0", "v2.2.2", "3.1.0", "v9"])
def test_versions_of_the_standard_that_are_read(version: str) -> None:
    needed = conform(_document(OLD.replace("v3.0.1", version))).needed
    assert any("apiVersion" in text for _, text in needed) == (version in ("v2.2.2", "3.1.0", "v9"))


@pytest.mark.parametrize(
    ("physical", "kind"),
    [
        *(
            ("VARCHAR(18)", "string"),
            ("text", "string"),
            ("NVARCHAR2(10)", "string"),
            ("character varying(3)", "string"),
        ),
        *(("int", "integer"), ("BIGINT", "integer"), ("NUMBER(10,0)", "integer"), ("decimal(5)", "integer")),
        *(("NUMBER", "number"), ("decimal(9, 2)", "number"), ("double precision", "number"), ("float64", "number")),
        *(("date", "date"), ("TIMESTAMP_NTZ", "timestamp"), ("timestamp(6) with time zone", "timestamp")),
        *(("datetime2", "timestamp"), ("time", "time"), ("bool", "boolean"), ("bit", "boolean")),
        *(("array<string>", "array"), ("struct<a:int>", "object"), ("jsonb", "object"), ("text[]", "array")),
        ("geography", None),
    ],
)
def test_what_databases_call_a_type_is_one_of_the_standards(physical: str, kind: str | None) -> None:
    assert type_of(physical) == kind


def test_decimal_places_are_in_the_type() -> None:
    assert [decimal_places(text) for text in ("decimal(9,2)", "NUMBER(4)", "double")] == [2, 0, None]


def test_several_tables_are_listed_and_one_is_chosen(clinic: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "visits.odcs.yaml"
    asked = run("adopt", clinic, "--out", out)
    assert asked.exit_code == ContractError.exit_code
    assert "--table Visits or --table wards" in asked.output
    assert "did you mean 'wards'" in run("adopt", clinic, "--table", "ward", "--out", out).output
    assert not out.exists()
    assert run("adopt", clinic, "--table", "Visits", "--out", out).exit_code == 0
    again = run("adopt", clinic, "--table", "Visits", "--out", out)
    assert again.exit_code == StoreError.exit_code
    assert run("adopt", clinic, "--table", "wards", "--out", out, "--force").exit_code == 0
    assert "urn-contract-clinic-visits-wards" in out.read_text()


def test_what_is_adopted_asks_for_what_is_missing_and_lints_clean_when_it_is_filled_in(
    clinic: Path, tmp_path: Path
) -> None:
    out = tmp_path / "visits.odcs.yaml"
    clinic.write_text(re.sub(r" +- \{name: seen.*\n", "", CLINIC))
    told = run("adopt", clinic, "--table", "Visits", "--out", out).output
    assert "examples are cells of a table" in told and "servers" in told and "still to be decided:" in told
    text = out.read_text()
    for kept in (
        "# The clinic's own number.",
        "# since 2019",
        "physicalName: VISIT_ID",
        "{property: resolution, value: 2}",
        "mustBeLessThan: 5",
    )[:2]:
        assert kept in text, kept
    assert "{property: categories, value: [north, south]}" in text  # from the rule, which says all of them
    assert "{property: resolution, value: 2}" in text and "mustBeLessThan: 5" in text
    assert "comment left out" not in told
    left = run("lint", out).stderr.splitlines()
    assert len(left) == text.count(FILL_IN) - 1  # but for the word in the head
    assert all("is still to be filled in; write" in line for line in left)
    home = Home.create(tmp_path / "bank-a", "bank-a", str(tmp_path / "exchange"), ("owner",))
    assert run("sign", out, "--home", home.path).exit_code == ContractError.exit_code
    filled = _filled(text)
    out.write_text(filled)
    result = run("lint", out)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert run("sign", out, "--home", home.path).exit_code == 0


@pytest.mark.parametrize(
    ("name", "also", "header"),
    [
        ("Gr\u00f6\u00dfe", "", "Gr\u00f6\u00dfe"),
        ("orderId", "", "orderId"),
        ("costNet", "COST_NET", "cost_net"),
        ("Cost (EUR)", "", "COST (EUR)"),
    ],
)
def test_a_column_is_named_as_the_header_of_its_file_is_read(
    clinic: Path, tmp_path: Path, name: str, also: str, header: str
) -> None:
    physical = f"        physicalName: {also}\n" if also else ""
    clinic.write_text(CLINIC.replace("      - name: cost\n", f"      - name: {name}\n{physical}", 1))
    (tmp_path / "t.csv").write_text(f"x;{header}\n" + "a;1\n" * 20)
    told = run("adopt", clinic, "--table", "Visits", "--from", tmp_path / "t.csv", "--out", tmp_path / "o.yaml")
    assert told.exit_code == 0, told.output
    assert f"no column {plain_name(header)};" not in told.output


def test_no_example_is_in_what_is_adopted(clinic: Path, tmp_path: Path) -> None:
    clinic.write_text(CLINIC.replace("[north, south]}, mustBe: 0", "[west]}, mustBe: 1").replace("[V1]", "[V1, Cell7]"))
    run("adopt", clinic, "--table", "Visits", "--out", tmp_path / "o.yaml")
    text = (tmp_path / "o.yaml").read_text()
    assert "# - {property: categories, value: [...]}" in text
    assert not re.search('north"|south|V1|Cell7', text)


def test_a_table_answers_what_it_can(clinic: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "visits.csv", tmp_path / "visits.odcs.yaml"
    rows = [f"V{n},{n}.5,{n % 7},{'north' if n % 2 else 'south'},2026-01-{n % 28 + 1:02d}" for n in range(60)]
    data.write_text("\n".join(["VISIT_ID,cost,nights,Ward,Day", *rows, ""]))
    told = run("adopt", clinic, "--table", "Visits", "--from", data, "--out", out)
    assert told.exit_code == 0, told.output
    columns = {each["name"]: each for each in yaml.safe_load(out.read_text())["schema"][0]["properties"]}
    assert columns["cost"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 100}
    assert columns["cost"]["required"] is True
    assert columns["nights"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 99}  # as the original says
    assert yaml.safe_load(out.read_text())["schema"][0]["quality"][-1]["mustBeBetween"] == [1, 200]
    assert "V17" not in out.read_text()


def test_a_broken_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file, out = tmp_path / "x.yaml", tmp_path / "out.yaml"
    for text in (
        "a: [",
        "[]",
        "schema: {}",
        "schema: []",
        "schema: [3]",
        "apiVersion: v3.1.0",
        CLINIC.replace("id:", "di:", 1),
    ):
        file.write_text(text)
        for command in (("lint", file), ("adopt", file, "--table", "Visits", "--out", out)):
            result = run(*command)
            if text == CLINIC.replace("id:", "di:", 1):
                assert "'di'" in result.output
            assert result.exit_code in (DocumentError.exit_code, ContractError.exit_code), (text, result.output)
            assert str(file) in result.output
            assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_anything_in_the_place_of_anything_is_read_or_refused_by_name(seed: int) -> None:
    drawn = random.Random(seed)
    odd: list[Any] = [None, "", 3, -1.5, True, [], {}, [[]], [{}], {"a": []}, "x" * 300, [None], FILL_IN, "2026-01-01"]
    for _ in range(120):
        value = yaml.safe_load(drawn.choice((CLINIC, OLD, SMALL)))
        for _ in range(drawn.randint(1, 3)):
            _put(value, drawn, drawn.choice(odd))
        raw = yaml.safe_dump(value, sort_keys=False).encode()
        for attempt in (lambda raw=raw: lint(raw, "x.yaml").contract(), lambda raw=raw: adopt(raw, "x.yaml", "")):
            try:
                made = attempt()
            except DocumentError as error:
                assert str(error).startswith("x.yaml"), error
            else:
                if not hasattr(made, "digest"):
                    _lints_or_asks(made.text)


def test_a_table_answers_what_times_a_column_has(tmp_path: Path) -> None:
    """In whole years, and as finely as they are written."""
    file = tmp_path / "visits.csv"
    file.write_text(
        "seen,paid\n2024-03-01T10:00:00.250Z,2024-03-01T10:00:00Z\n2025-07-01T10:00:00Z,2024-04-01T00:00:00Z\n"
    )
    columns = [{"name": name, "logicalType": "timestamp", "description": "When."} for name in ("seen", "paid")]
    value = yaml.safe_load(SMALL) | {"schema": [{"name": "visits", "properties": columns}]}
    made = yaml.safe_load(adopt(yaml.safe_dump(value).encode(), "x.yaml", "", profile(file)).text)
    seen, paid = made["schema"][0]["properties"]
    ends = (
        {"minimum": "2024-01-01T00:00:00Z", "maximum": end}
        for end in ("2025-12-31T23:59:59.999Z", "2024-12-31T23:59:59Z")
    )
    assert [each["logicalTypeOptions"] for each in (seen, paid)] == list(ends)
    assert {"property": "resolution", "value": 3} in seen["customProperties"]
    assert FILL_IN in str(
        yaml.safe_load(adopt(yaml.safe_dump(value).encode(), "x.yaml").text)["schema"][0]["properties"][0][
            "logicalTypeOptions"
        ]
    )


def test_a_contract_of_ours_is_adopted_as_it_is() -> None:
    made = adopt(SMALL.encode(), "x.yaml")
    old, new = (parse_contract(text, "x.yaml") for text in (SMALL.encode(), made.text.encode()))
    assert (old.columns, old.allowed_analyses, old.expires) == (new.columns, new.allowed_analyses, new.expires)


def _lints_or_asks(text: str) -> None:
    try:
        parse_contract(text.encode(), "y.yaml")
    except ContractError as error:
        assert str(error).startswith("y.yaml:")


def _put(value: Any, drawn: random.Random, odd: Any) -> None:
    """Somewhere in the value."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = drawn.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and drawn.random() < 0.85:
            value = value[key]
            continue
        value[key] = odd
        return


def _document(text: str) -> Yaml:
    return load_yaml(text.encode(), "x.yaml")


def _filled(text: str) -> str:
    """As a person fills it in, who reads what `lint` asks for."""
    answers = {
        "lawfulBasis": "public-task",
        "minimumCount": "10",
        "retention": "30",
        "expires": '"2030-12-31"',
        "purpose": "Is analysed.",
        "resolution": "2",
    }
    roles = iter(("identifier", "measure", "measure", "quasi", "time"))
    answers = {
        f"property: {name}, value: {FILL_IN}": f"property: {name}, value: {said}" for name, said in answers.items()
    }
    answers |= {
        f"[{FILL_IN}]": "[total, correlation]",
        f"minimum: {FILL_IN}": "minimum: 0",
        f"maximum: {FILL_IN}": "maximum: 9000",
        f"[1, {FILL_IN}]": "[1, 9000]",
    }
    for blank, answer in answers.items():
        text = text.replace(blank, answer)
    for role in roles:
        text = text.replace(f"privacyRole, value: {FILL_IN}", f"privacyRole, value: {role}", 1)
    return text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('exclusiveMinimum: "2019-12-31"', 'exclusiveMinimum: "9999-12-31"'),
        ('exclusiveMinimum: "2019-12-31"', 'exclusiveMaximum: "0001-01-01"'),
        ("{timezone: true}", '{minimum: "0001-01-01T00:00:00+01:00", maximum: "2030-01-01T00:00:00Z"}'),
        ("relationships: [{to: wards.id}]", "relationships: 5"),
    ],
)
def test_the_ends_of_the_calendar_and_odd_shapes_are_no_fault_of_ours(old: str, new: str) -> None:
    assert old in CLINIC
    with pytest.raises(ContractError):
        lint(CLINIC.replace(old, new).encode(), "x.yaml").contract()
