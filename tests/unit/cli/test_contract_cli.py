"""The commands for data contracts, as people type them."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil.audit.event import Event
from counterfoil.canonical import digest, jcs
from counterfoil.cli import app
from counterfoil.errors import (
    AnonymityError,
    ContractError,
    CounterfoilError,
    DataError,
    DocumentError,
    DuplicateKeyError,
    ExpiredError,
    MissingColumnError,
    MissingValueError,
    NotFoundError,
    OutOfBoundsError,
    QualityRuleError,
    RefusedError,
    SignatureError,
    StoreError,
    UnknownCategoryError,
    UnreadableTableError,
    WrongTypeError,
)
from counterfoil.home import Home
from tests.unit.conftest import CONTRACTS
from tests.unit.governance.test_contract import SMALL

VISITS = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
LOANS = CONTRACTS / "data" / "loans.odcs.yaml"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["contract", *map(str, arguments)])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    result = run("synth", VISITS, "--rows", 40, "--out", tmp_path / "tables")
    assert result.exit_code == 0, result.output
    return tmp_path / "tables" / "visits.csv"


def test_made_tables_pass(table: Path) -> None:
    result = run("test", table, "--contract", VISITS)
    assert result.exit_code == 0, result.output
    assert "40 rows satisfy 28 rules" in result.output
    assert [path.name for path in table.parent.iterdir()] == ["visits.csv"]


# name: (column, what its first cell becomes, the error)
FAILURES: dict[str, tuple[str, str, type[DataError]]] = {
    "no column": ("area", "", MissingColumnError),
    "type": ("amount", "7731045x", WrongTypeError),
    "bounds": ("amount", "7731045", OutOfBoundsError),
    "category": ("area", "7731045", UnknownCategoryError),
    "empty": ("area", "", MissingValueError),
    "pattern": ("code", "7731045", QualityRuleError),
    "twice": ("code", "", DuplicateKeyError),
    "no file": ("", "", UnreadableTableError),
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_has_its_exit_code_and_a_page_for_the_owner(name: str, table: Path) -> None:
    column, cell, error = FAILURES[name]
    header, first, second, *rest = (line.split(",") for line in table.read_text().splitlines())
    if name == "no column":
        header[header.index('"area"')] = "aera"
    elif name == "twice":
        first[0] = second[0]
    elif name != "no file":
        first[header.index(f'"{column}"')] = cell
    table.write_text("\n".join(map(",".join, [header, first, second, *rest])) + "\n")
    if name == "no file":
        table.unlink()
    result = run("test", table, "--contract", VISITS)
    assert result.exit_code == error.exit_code, result.output
    assert "7731045" not in result.output
    said, fault, where = result.output.splitlines()
    assert all(line.startswith("error: ") for line in (said, where)) and fault.startswith("error: (1) "), "a line each"
    page = table.with_suffix(".faults.html")
    assert f"Details are in {page.name} beside it" in result.output
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert ("7731045" in page.read_text()) == cell.startswith("7731045")


def test_the_page_goes_when_the_table_is_mended(table: Path) -> None:
    good = table.read_text()
    table.write_text(good.replace("true", "yes", 1))
    assert run("test", table, "--contract", VISITS).exit_code == WrongTypeError.exit_code
    table.write_text(good)
    assert run("test", table, "--contract", VISITS).exit_code == 0
    assert not table.with_suffix(".faults.html").exists()


def test_risk_shows_who_stands_out_and_refuses_below_a_demand(tmp_path: Path) -> None:
    admissions = CONTRACTS / "data" / "admissions.odcs.yaml"
    for rows, code in ((800, 0), (200, AnonymityError.exit_code)):
        assert run("synth", admissions, "--rows", rows, "--out", tmp_path).exit_code == 0
        result = run("risk", tmp_path / "admissions.csv", "--contract", admissions)
        assert result.exit_code == code, result.output
        assert "demands: 3 rows alike in specialty, sex, age" in result.output or not code
        assert (tmp_path / "admissions.risk.html").exists()


def test_a_party_that_reads_its_table_outside_of_a_job_finds_that_in_its_log(table: Path, tmp_path: Path) -> None:
    home = Home.create(tmp_path / "bank-a", "bank-a", str(tmp_path / "exchange"), ("owner",))
    told = ("--home", home.path)
    table.write_text(table.read_text().replace("true", "yes", 1))
    assert run("test", table, "--contract", VISITS, *told).exit_code == WrongTypeError.exit_code  # it was read still
    run("risk", table, "--contract", VISITS, *told)
    run("new", table, "--out", tmp_path / "draft.odcs.yaml", *told)
    events = [Event.parse(entry) for entry in home.log.entries()]
    assert [(event.type, event.subject) for event in events] == [
        ("table-read", "visits"),
        ("table-read", "visits"),
        ("table-read", None),
    ]
    assert {event.refs.get("contract") for event in events[:2]} == {digest(VISITS.read_bytes())}


def test_lint_refuses_rules_that_nothing_checks_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "visits.odcs.yaml"
    text = SMALL.replace("mustBeLessThan: 5, unit: percent", "mustBeGreaterThan: 5")
    file.write_text(text.replace("duplicateValues, mustBe: 0", "duplicateValues, mustNotBe: 0"))
    result = run("lint", file)
    assert result.exit_code == ContractError.exit_code
    first, second = result.output.splitlines()
    assert first.startswith(f"{file}:20: schema[0].properties[0].quality[0]: the rule 'duplicateValues of patient'")
    assert second.startswith(f"{file}:28: schema[0].properties[1].quality[0]: the rule 'nullValues of cost'")
    assert "cannot be checked; use mustBe: 0" in first


PEOPLE = """\
apiVersion: v3.1.0
kind: DataContract
id: people
version: 1.0.0
status: active
description: {purpose: Tests.}
schema:
  - name: people
    logicalType: object
    quality:
      - {metric: rowCount, mustBeBetween: [1, 900]}
    properties:
      - name: id
        description: A number.
        logicalType: string
        required: true
        unique: true
        logicalTypeOptions: {pattern: "^P[0-9]+$"}
        customProperties:
          - {property: privacyRole, value: key}
      - name: age
        description: Years.
        logicalType: integer
        logicalTypeOptions: {minimum: 0, maximum: 99}
        customProperties:
          - {property: privacyRole, value: quasi}
          - {property: purpose, value: Tests.}
""" + SMALL[SMALL.index("customProperties:\n  - {property: lawfulBasis") :]

KEYED = SMALL.replace(
    "        primaryKey: true\n", "        relationships:\n          - {to: people.odcs.yaml#people.id}\n"
).replace("          - {metric: duplicateValues, mustBe: 0}\n", "          - {metric: nullValues, mustBe: 0}\n")


def test_made_tables_keep_to_foreign_keys(tmp_path: Path) -> None:
    visits, people = tmp_path / "visits.odcs.yaml", tmp_path / "people.odcs.yaml"
    visits.write_text(KEYED)
    people.write_text(PEOPLE)
    assert run("lint", visits, people).exit_code == 0
    made = run("synth", visits, people, "--rows", 300, "--out", tmp_path)
    assert made.exit_code == 0, made.output
    ids = {line.split(",")[0] for line in (tmp_path / "people.csv").read_text().splitlines()[1:]}
    found = [line.split(",")[0] for line in (tmp_path / "visits.csv").read_text().splitlines()[1:]]
    assert len(ids) == len(found) == 300
    assert set(found) < ids
    assert run("test", tmp_path / "visits.csv", "--contract", visits).exit_code == 0
    alone = run("synth", visits, "--rows", 300, "--out", tmp_path)
    assert alone.exit_code == ContractError.exit_code
    assert "foreign keys lead to people.odcs.yaml; give that contract too" in alone.output


# name: (what stands in the contracts, what is put there, words of the complaint)
BAD_REFERENCES = {
    "no such file": ("people.odcs.yaml#people.id", "folk.odcs.yaml#people.id", "there is no folk.odcs.yaml beside"),
    "other table": ("people.odcs.yaml#people.id", "people.odcs.yaml#folk.id", "about the table 'people', not 'folk'"),
    "no column": ("people.odcs.yaml#people.id", "people.odcs.yaml#people.ids", "has no column 'ids'"),
    "not unique": ("        unique: true\n", "", "neither the primary key"),
    "may be empty": ("        required: true\n        unique: true\n", "        unique: true\n", "neither the primary"),
    "other type": ("people.odcs.yaml#people.id", "people.odcs.yaml#people.age", "is of type integer, patient of type"),
    "a path": ("people.odcs.yaml#people.id", "../people.odcs.yaml#people.id", "is not written as asked"),
    "no table": ("people.odcs.yaml#people.id", "people.odcs.yaml#id", "like stores.odcs.yaml#stores.store_id"),
    "from at a property": ("{to: people", "{from: visits.patient, to: people", "the field 'from' is not known here"),
    "another kind": ("{to: people", "{type: lookup, to: people", 'must be "foreignKey"'),
}


@pytest.mark.parametrize("name", BAD_REFERENCES)
def test_foreign_keys_that_lead_nowhere_are_refused_with_their_line(name: str, tmp_path: Path) -> None:
    old, new, words = BAD_REFERENCES[name]
    visits, people = tmp_path / "visits.odcs.yaml", tmp_path / "people.odcs.yaml"
    visits.write_text(KEYED.replace(old, new) if old in KEYED and "people" in old else KEYED)
    people.write_text(PEOPLE.replace(old, new, 1))
    result = run("lint", visits)
    assert result.exit_code == ContractError.exit_code
    assert words in result.output
    assert result.output.startswith(f"{visits}:18: schema[0].properties[0].relationships[0]")


def test_foreign_keys_in_a_circle_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "visits.odcs.yaml"
    file.write_text(KEYED.replace("people.odcs.yaml#people.id", "visits.odcs.yaml#visits.patient"))
    result = run("synth", file, "--rows", 3, "--out", tmp_path)
    assert result.exit_code == ContractError.exit_code
    assert "lead in a circle" in result.output


def test_diff_says_what_is_signed_again(tmp_path: Path) -> None:
    new = tmp_path / "loans.odcs.yaml"
    new.write_text(LOANS.read_text().replace("maximum: 100\n", "maximum: 90\n"))
    result = run("diff", LOANS, new)
    assert result.exit_code == 0, result.output
    assert "column age: maximum 100 becomes 90 [breaks owners, analyses]" in result.output
    assert "have all its parties sign" in result.output
    assert "calls itself 1.0.0; call it 2.0.0 or later" in result.output
    assert json.loads(run("diff", LOANS, new, "--json").stdout)["least_version"] == "2.0.0"
    assert "nothing is to be signed" in run("diff", LOANS, LOANS).output


def test_new_drafts_a_contract_and_never_overwrites(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "draft.odcs.yaml"
    assert run("new", table, "--out", out).exit_code == 0
    again = run("new", table, "--out", out)
    assert again.exit_code == StoreError.exit_code
    asked = run("lint", out)
    assert asked.exit_code == ContractError.exit_code
    assert all(line.startswith(f"{out}:") for line in asked.output.splitlines())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["lint", "nowhere.yaml"], NotFoundError),
        (["show", "nowhere.yaml"], NotFoundError),
        (["diff", LOANS, "nowhere.yaml"], NotFoundError),
        (["synth", "nowhere.yaml", "--out", "."], NotFoundError),
        (["new", "nowhere.csv", "--out", "x.yaml"], UnreadableTableError),
        (["show", __file__], DocumentError),
        (["synth", LOANS, "--rows", "10", "--out", "."], QualityRuleError),
    ],
)
def test_what_cannot_be_done_is_an_exit_code(
    arguments: list[object], error: type[CounterfoilError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == error.exit_code, result.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def parties(tmp_path: Path) -> list[Home]:
    return [Home.create(tmp_path / name, name, str(tmp_path / "exchange"), ["owner"]) for name in ("bank-a", "bank-b")]


def test_a_contract_is_signed_by_itself_and_by_several(tmp_path: Path, parties: list[Home]) -> None:
    file = tmp_path / "loans.odcs.yaml"
    file.write_bytes(LOANS.read_bytes())
    cards = []
    for home in parties:
        card = tmp_path / f"{home.party}.json"
        card.write_bytes(jcs(home.keys.public.to_json()))
        cards += ["--card", card]
    assert "signed by nobody" in run("show", file).output
    for home in parties:
        result = run("sign", file, "--home", home.path)
        assert result.exit_code == 0, result.output
        event = json.loads(home.log.entries()[-1])
        assert (event["type"], event["refs"]) == ("contract-signed", {"contract": digest(file.read_bytes())})
    assert "signed by bank-a, bank-b" in run("show", file, *cards).output
    assert "signed by bank-b" in run("show", file, *cards[2:]).output
    assert run("lint", file).exit_code == 0


def test_signatures_of_other_bytes_count_for_nothing(tmp_path: Path, parties: list[Home]) -> None:
    file = tmp_path / "loans.odcs.yaml"
    file.write_bytes(LOANS.read_bytes())
    assert run("sign", file, "--home", parties[0].path).exit_code == 0
    file.write_bytes(file.read_bytes() + b"\n")
    for command in (("lint", file), ("show", file), ("sign", file, "--home", parties[1].path)):
        result = run(*command)
        assert result.exit_code == SignatureError.exit_code
        assert "under other bytes" in result.output


def test_a_signature_under_another_key_is_not_believed(tmp_path: Path, parties: list[Home]) -> None:
    file, card = tmp_path / "loans.odcs.yaml", tmp_path / "card.json"
    file.write_bytes(LOANS.read_bytes())
    card.write_bytes(jcs(parties[1].keys.public.to_json()))
    assert run("sign", file, "--home", parties[0].path).exit_code == 0
    result = run("show", file, "--card", card)
    assert result.exit_code == SignatureError.exit_code
    assert "not signed by bank-b" in result.output


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [("status: active", "status: retired", RefusedError), ('"2028-12-31"', '"2026-01-31"', ExpiredError)],
)
def test_what_is_over_is_not_signed(
    old: str, new: str, error: type[CounterfoilError], tmp_path: Path, parties: list[Home]
) -> None:
    file = tmp_path / "loans.odcs.yaml"
    file.write_text(LOANS.read_text().replace('"2028-06-30"', '"2026-01-31"').replace(old, new))
    assert run("sign", file, "--home", parties[0].path).exit_code == error.exit_code
    assert not (tmp_path / "loans.odcs.yaml.signed").exists()


@pytest.mark.parametrize("path", sorted((CONTRACTS / "data").glob("*.odcs.yaml")), ids=lambda path: path.name)
def test_every_shipped_contract_is_right_and_can_be_signed(path: Path, tmp_path: Path, parties: list[Home]) -> None:
    folder = tmp_path / "data"
    shutil.copytree(CONTRACTS / "data", folder)
    file = folder / path.name
    for command in (("sign", file, "--home", parties[0].path), ("lint", file), ("show", file), ("diff", path, file)):
        result = run(*command)
        assert result.exit_code == 0, result.output
