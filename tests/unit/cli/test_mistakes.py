"""Forty mistakes that newcomers make: each has a line that says what to do, an exit code of its own, and no traceback.

A mistake is made here, or another test holds it, which `HELD` names. What nobody holds yet fails as it is expected to,
and has to be named once it is held.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.errors import (
    AgreementError,
    ContractError,
    CounterfoilError,
    DocumentError,
    MissingColumnError,
    PlanError,
    RosterError,
    UnreadableTableError,
    WrongTypeError,
)
from counterfoil.governance.agreements.signing.signed import publish, read_agreement
from counterfoil.governance.agreements.templates import copy_examples
from tests.unit.conftest import Consortium, make_consortium
from tests.unit.data.test_workbooks import xlsx

ROOT = Path(__file__).parents[3]
RIGHT = None
LOANS, EXPOSURE = "data/loans.odcs.yaml", "agreements/exposure.agreement.yaml"


@dataclass
class Desk:
    """A newcomer's folder, in a consortium whose agreement nobody has signed yet."""

    folder: Path
    banks: Consortium

    def change(self, file: str, old: str, new: str) -> Path:
        path = self.folder / "ours" / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        return path

    def run(self, *words: object, home: str = "") -> Result:
        options = ["--home", str(self.banks.homes[home].path)] if home else []
        return CliRunner().invoke(app, [*map(str, words), *options])

    def lint(self, old: str, new: str, file: str = EXPOSURE) -> Result:
        self.change(file, old, new)
        return self.run("agreement", "lint", self.folder / "ours" / EXPOSURE)

    def draft(self, old: str, new: str, file: str = EXPOSURE) -> Result:
        self.change(file, old, new)
        roster = self.folder / "roster.yaml"
        roster.write_bytes(self.banks.roster.raw)
        return self.run("agreement", "draft", self.folder / "ours" / EXPOSURE, "--roster", roster, home="bank-a")

    def rehearse(self, old: str, new: str, file: str = EXPOSURE, *options: object) -> Result:
        self.change(file, old, new)
        return self.run("rehearse", self.folder / "ours" / EXPOSURE, *options)

    def sign(self, old: str, new: str) -> Result:
        """Sign what somebody proposed by a program of its own, which plans nothing."""
        self.change(EXPOSURE, old, new)
        ref = publish(read_agreement(self.folder / "ours" / EXPOSURE, self.banks.roster), self.banks.exchange, "bank-b")
        return self.run("agreement", "sign", ref, "--yes", home="bank-a")

    def contract(self, old: str, new: str) -> Result:
        return self.run("contract", "lint", self.change(LOANS, old, new))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    banks = make_consortium(tmp_path, today=clock.today())
    copy_examples(tmp_path / "ours", clock.today())
    return Desk(tmp_path, banks)


TOTAL = "    columns: [balance]\n    parameters:\n      column: balance\n"


def _ended(desk: Desk) -> Result:
    path = desk.folder / "ours" / LOANS
    lines = path.read_text().splitlines()
    for at, line in enumerate(lines):
        if line.strip() in ("- property: expires", "- property: reviewBy"):
            lines[at + 1] = '    value: "2020-01-01"'
    path.write_text("\n".join(lines))
    return desk.run("contract", "lint", path)


def _ended_draft(desk: Desk) -> Result:
    _ended(desk)
    return desk.draft("kind: Agreement", "kind: Agreement")


def _ended_rehearsal(desk: Desk) -> Result:
    _ended(desk)
    return desk.rehearse("kind: Agreement", "kind: Agreement")


def _rehearsed_into_new_folder(desk: Desk) -> Result:
    made = desk.rehearse("suite: rep3", "suite: rep3", EXPOSURE, "--out", desk.folder / "not" / "there")
    assert (desk.folder / "not" / "there" / "bank-a" / "rehearsal.html").exists()
    return made


def _twice(desk: Desk) -> Result:
    desk.run("agreement", "sign", desk.banks.ref, "--yes", home="bank-a")
    return desk.run("agreement", "sign", desk.banks.ref, "--yes", home="bank-a")


def _no_card(desk: Desk) -> Result:
    roster = desk.folder / "ours" / "rosters" / "four-banks.roster.yaml"
    card = desk.folder / "bank-b.json"
    card.write_text(desk.run("party", "card", home="bank-b").stdout)
    return desk.run("roster", "new", roster, "--card", card, "--out", desk.folder / "filled.yaml")


def _new_folder(desk: Desk) -> Result:
    out = desk.folder / "not" / "there"
    made = desk.run("contract", "synth", desk.folder / "ours" / LOANS, "--rows", 1000, "--out", out / "tables")
    assert made.exit_code == 0, made.output
    return desk.run("contract", "new", out / "tables" / "loans.csv", "--out", out / "data" / "loans.odcs.yaml")


def _groups(desk: Desk) -> Result:
    path = desk.change(LOANS, "allowedAnalyses\n            value: [correlation, survival]\n\nteam", "allowedAnalyses\n"
                       "            value: [correlation, survival, mean_by_group]\n\nteam")  # fmt: skip
    assert path
    desk.change(EXPOSURE, "columns: [balance, region, product]", "columns: [balance, region, default_flag]")
    return desk.lint("by: [region, product]", "by: [region, default_flag]")


VISITS = ROOT / "tests" / "lib" / "contracts" / "visits.odcs.yaml"
HEADER = "code,area,amount,day,active,score"
ROWS = [("0007", "north", "117.50", "2024-02-29", "true", "5"), ("0010", "no", "2.25", "2024-03-01", "false", "")]
COMMAS = "servers: [{server: all, type: local, customProperties: [{property: decimalMark, value: ','}]}]\nschema:"


def _visits(desk: Desk, text: str | bytes, name: str = "visits.csv", *changes: tuple[str, str]) -> Result:
    """Try a file on the contract of visits, with changes of the contract."""
    terms = VISITS.read_text("utf-8")
    for old, new in changes:
        assert old in terms
        terms = terms.replace(old, new, 1)
    (desk.folder / "visits.odcs.yaml").write_text(terms, "utf-8")
    file = desk.folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return desk.run("contract", "test", file, "--contract", desk.folder / "visits.odcs.yaml")


def _table(delimiter: str = ",", header: str = HEADER, **cells: str) -> str:
    """Write the rows, with some cells of the first one as a newcomer has them."""
    names = HEADER.split(",")
    rows = [dict(zip(names, row, strict=True)) for row in ROWS]
    rows[0] |= cells
    lines = [header.split(","), *(list(row.values()) for row in rows)]
    return "".join(f"{delimiter.join(line)}\n" for line in lines)


def _commas(desk: Desk, *changes: tuple[str, str]) -> Result:
    text = _table(";", amount="117,50").replace("2.25", "2,25")
    return _visits(desk, text, "visits.csv", *changes)


def _workbook(desk: Desk) -> Result:
    book = xlsx(desk.folder / "book.xlsx", visits=[HEADER.split(","), *map(list, ROWS)])
    return _visits(desk, book.read_bytes(), "visits.xlsx")


def _five_missing(desk: Desk) -> Result:
    made = _visits(desk, "code\n0007\n0010\n")
    for name in HEADER.split(",")[1:]:
        lines = [line for line in made.output.splitlines() if f"column {name}: a column of the contract" in line]
        assert len(lines) == 1, made.output
    return made


Made = tuple[Callable[[Desk], Result], type[CounterfoilError] | None, str]

MADE: dict[str, Made] = {
    "1 misspelt contract field": (
        lambda desk: desk.contract("\nversion: ", "\nverson: "), ContractError,
        "verson: the field 'verson' is not known here; did you mean 'version'?",
    ),
    "1 misspelt column field": (
        lambda desk: desk.contract("        required: true", "        requird: true"), ContractError,
        "did you mean 'required'?",
    ),
    "1 misspelt column field, rehearsed": (
        lambda desk: desk.rehearse("        required: true", "        requird: true", LOANS), ContractError,
        "did you mean 'required'?",
    ),
    "2 misspelt parameter, rehearsed": (
        lambda desk: desk.rehearse("      value: balance", "      valu: balance"), PlanError,
        "parameters.valu: mean_by_group has no parameter 'valu'; did you mean 'value'?",
    ),
    "3 no such analysis, rehearsed": (
        lambda desk: desk.rehearse("analysis: total\n", "analysis: totl\n"), PlanError,
        "there is no analysis 'totl'; did you mean 'total'?",
    ),
    "4 a text in a total, rehearsed": (
        lambda desk: desk.rehearse(TOTAL, TOTAL.replace("balance", "region")), PlanError,
        "column 'region' is string; total takes integer or number",
    ),
    "5 wrong column, rehearsed": (
        lambda desk: desk.rehearse(TOTAL, TOTAL.replace("balance", "blance")), AgreementError,
        "contract loans has no column 'blance'; did you mean 'balance'?",
    ),
    "6 tab in YAML, rehearsed": (
        lambda desk: desk.rehearse("  purpose: >-", "\tpurpose: >-", LOANS), DocumentError,
        "indent with spaces, not with tabs",
    ),
    "7 ended contract, rehearsed": (
        _ended_rehearsal, AgreementError, "loans ends on 2020-01-01, before the agreement does",
    ),
    "9 quorum above the reviewers, rehearsed": (
        lambda desk: desk.rehearse("quorum: 2", "quorum: 5"), AgreementError, "is more than the 3 reviewers",
    ),
    "32 rehearsed into a folder that is not there": (_rehearsed_into_new_folder, RIGHT, "bank-a/rehearsal.html"),
    "33 owner as reviewer, rehearsed": (
        lambda desk: desk.rehearse("reviewers: [reviewer-1,", "reviewers: [bank-b,"), AgreementError,
        "in the roster bank-b is owner, not reviewer",
    ),
    "2 misspelt parameter, lint": (
        lambda desk: desk.lint("      value: balance", "      valu: balance"), PlanError,
        "parameters.valu: mean_by_group has no parameter 'valu'; did you mean 'value'?",
    ),
    "2 misspelt parameter, draft": (
        lambda desk: desk.draft("      value: balance", "      valu: balance"), PlanError, "did you mean 'value'?",
    ),
    "2 misspelt parameter, sign": (
        lambda desk: desk.sign("      value: balance", "      valu: balance"), PlanError, "did you mean 'value'?",
    ),
    "3 no such analysis, lint": (
        lambda desk: desk.lint("analysis: total\n", "analysis: totl\n"), PlanError,
        "there is no analysis 'totl'; did you mean 'total'?; there are anova, argmax",
    ),
    "3 no such analysis, draft": (
        lambda desk: desk.draft("analysis: total\n", "analysis: totl\n"), PlanError, "there is no analysis 'totl'",
    ),
    "3 no such version, sign": (
        lambda desk: desk.sign("    version: 1\n", "    version: 9\n"), PlanError, "there is no version 9 of total",
    ),
    "3 no such analysis, in a contract": (
        lambda desk: desk.contract("value: [total, leave", "value: [totl, leave"), ContractError, "no analysis 'totl'",
    ),
    "4 whole numbers as a group": (_groups, RIGHT, "right"),
    "4 a text in a total": (
        lambda desk: desk.lint(TOTAL, TOTAL.replace("balance", "region")), PlanError,
        "column 'region' is string; total takes integer or number",
    ),
    "5 wrong column": (
        lambda desk: desk.lint(TOTAL, TOTAL.replace("balance", "blance")), AgreementError,
        "contract loans has no column 'blance'; did you mean 'balance'?",
    ),
    "6 tab in YAML": (
        lambda desk: desk.contract("  purpose: >-", "\tpurpose: >-"), DocumentError,
        "indent with spaces, not with tabs",
    ),
    "7 ended contract, lint": (_ended, RIGHT, "contract loans ended on 2020-01-01"),
    "7 ended contract, draft": (_ended_draft, AgreementError, "loans ends on 2020-01-01, before the agreement does"),
    "8 second signature": (_twice, RIGHT, "bank-a had signed already"),
    "9 missing card": (_no_card, RosterError, "no card of bank-a is given; ask for it: counterfoil party card"),
    "9 unknown owner": (
        lambda desk: desk.lint("  bank-d: [loans]", "  bank-x: [loans]"), AgreementError,
        "the roster has no party 'bank-x'; did you mean 'bank-",
    ),
    "9 quorum above the reviewers": (
        lambda desk: desk.lint("quorum: 2", "quorum: 5"), AgreementError, "is more than the 3 reviewers",
    ),
    "20 semicolon and decimal comma": (
        _commas, WrongTypeError, "column amount: type number does not hold in 2 rows",
    ),
    "20 semicolon and decimal comma, declared": (
        lambda desk: _commas(desk, ("schema:", COMMAS)), RIGHT, "2 rows satisfy",
    ),
    "21 Latin-1": (
        lambda desk: _visits(desk, _table(area="s\xfcd").encode("latin-1")), WrongTypeError,
        "column area: type string does not hold in 1 row",
    ),
    "22 tabs between cells": (lambda desk: _visits(desk, _table("\t")), RIGHT, "2 rows satisfy"),
    "23 an Excel file": (_workbook, RIGHT, "2 rows satisfy"),
    "23 a damaged Excel file": (
        lambda desk: _visits(desk, b"PK\x03\x04" + b"\0" * 40, "visits.xlsx"), UnreadableTableError,
        "save the sheet as CSV UTF-8",
    ),
    "24 midnights where days are meant": (
        lambda desk: _visits(desk, _table(day="2024-02-29 00:00:00")), RIGHT, "2 rows satisfy",
    ),
    "24 times where days are meant": (
        lambda desk: _visits(desk, _table(day="2024-02-29 13:05:00")), WrongTypeError,
        "write the day alone, as YYYY-MM-DD",
    ),
    "25 integers with gaps from pandas": (lambda desk: _visits(desk, _table(score="5.0")), RIGHT, "2 rows satisfy"),
    "26 a header with dots, capitals, blanks": (
        lambda desk: _visits(
            desk, _table(header="Visit No.,area,amount,day,active,score"), "visits.csv",
            ("      - name: code\n", "      - name: code\n        physicalName: Visit No.\n"),
        ),
        RIGHT, "2 rows satisfy",
    ),
    "27 five columns missing": (_five_missing, MissingColumnError, "column score: a column of the contract"),
    "28 dd.mm.yyyy": (
        lambda desk: _visits(desk, _table(day="29.02.2024")), WrongTypeError, "write them as YYYY-MM-DD",
    ),
    "28 dd.mm.yyyy, declared": (
        lambda desk: _visits(
            desk, _table(day="29.02.2024").replace("2024-03-01", "01.03.2024"), "visits.csv",
            ('          maximum: "2030-12-31"\n', '          maximum: "2030-12-31"\n          format: dd.MM.yyyy\n'),
        ),
        RIGHT, "2 rows satisfy",
    ),
    "32 --out in a folder that is not there": (_new_folder, RIGHT, "a draft; see what is left to decide"),
    "33 owner as reviewer": (
        lambda desk: desk.lint("reviewers: [reviewer-1,", "reviewers: [bank-b,"), AgreementError,
        "in the roster bank-b is owner, not reviewer",
    ),
}  # fmt: skip

HELD: dict[int, str] = {
    9: "tests/unit/roles/test_least_privilege.py::test_a_role_is_refused_what_is_not_its_own",
    10: "tests/unit/deployments/test_jobs.py::test_a_worker_that_is_off_is_named_with_the_command_that_starts_it",
    11: "tests/system/test_deploy.py::test_a_mistake_is_one_line_with_a_code_of_its_own",
    12: "tests/system/test_party_command.py::test_without_a_home",
    13: "tests/unit/mpc/test_listen.py::test_a_port_that_another_process_holds_is_named_within_seconds",
    14: "tests/unit/roles/test_period_tables.py::test_no_table_at_all_is_said_as_ever",
    15: "tests/system/test_doctor.py::test_what_is_missing_is_said_with_its_remedy_and_then_it_is_well",
    16: "tests/system/test_deploy.py::test_each_way_of_the_page_deploys_all_to_a_bare_server",
    17: "tests/system/test_deploy.py::test_each_way_of_the_page_deploys_all_to_a_bare_server",
    18: "tests/system/test_server_away.py::test_a_job_goes_on_when_its_server_is_back",
    19: "tests/unit/deployments/test_doctor.py::test_many_parties_on_sqlite_are_told_of_postgresql",
    29: "tests/unit/data/test_category_spellings.py::test_following_the_remedy_mends_it",
    31: "tests/unit/roles/test_preparation.py::test_a_trial_says_what_the_job_says",
    34: "tests/unit/roles/test_new_consortium.py::test_two_owners_are_refused_before_any_table_is_read",
    35: "tests/unit/deployments/test_doctor.py::test_last_weeks_file_is_recognised",
    36: "tests/unit/roles/test_tables.py::test_a_table_in_which_few_rows_changed_is_told_so_before_it_is_handed_in",
    37: "tests/unit/deployments/test_doctor.py::test_a_clock_that_is_off_by_an_hour_is_named_beside_the_servers",
    38: "tests/unit/storage/test_state.py::test_a_full_disk_is_named",
    39: "tests/unit/governance/test_succession.py::test_another_roster_of_the_same_name_is_refused",
    40: "tests/unit/roles/test_least_privilege.py::test_a_role_is_refused_what_is_not_its_own",
}
"""The test that holds a mistake which is not made here."""

OPEN: dict[int, str] = {
    30: "empty cells in one analysis's column: only that analysis",
}
"""What is still to be mended, or to be named in HELD: a test of this list fails once it is."""


@pytest.mark.parametrize("mistake", MADE)
def test_a_mistake_gets_its_line(mistake: str, desk: Desk) -> None:
    make, error, words = MADE[mistake]
    result = make(desk)
    assert result.exit_code == (error.exit_code if error else 0), result.output
    lines = [line for line in result.output.splitlines() if words in line]
    assert len(lines) == 1, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    "mistake", ["1 misspelt contract field", "2 misspelt parameter, lint", "3 no such analysis, lint"]
)
def test_a_mistake_is_said_once(mistake: str, desk: Desk) -> None:
    assert len([line for line in MADE[mistake][0](desk).output.splitlines() if ".yaml:" in line]) == 1


def _unheld(number: int) -> Any:
    reason = OPEN.get(number, "")
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(number, marks=marks, id=f"{number}")


@pytest.mark.parametrize("number", [_unheld(number) for number in range(1, 41)])
def test_each_of_the_forty_is_made_or_held(number: int) -> None:
    if any(int(mistake.split()[0]) == number for mistake in MADE):
        return
    file, _, name = HELD.get(number, "").partition("::")
    assert file, f"mistake {number} is held by no test"
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
