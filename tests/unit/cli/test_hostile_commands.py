"""No command ends in a traceback, whatever is done to it, and each ends with an exit code that says what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from counterfoil import errors
from counterfoil.cli import app
from counterfoil.cli.guard import INTERRUPTED, UNREAD
from counterfoil.errors import CounterfoilError, InternalError, NotFoundError, StoreError
from counterfoil.home import Home
from tests.lib.commands import commands

ROOT = Path(__file__).parents[3]
USAGE = 2
NEEDS_NO_HOME = (
    "party init",
    "contract",
    "agreement templates",
    "agreement new",
    "roster new",
    "roster show",
    "verify",
)

CODES = {
    each.exit_code for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CounterfoilError)
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lib.hostile_commands", str(tmp_path_factory.mktemp("hostile"))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_every_command_meets_every_condition(cases: list[dict[str, Any]]) -> None:
    met = {(each["command"], each["condition"]) for each in cases}
    under = {condition for _, condition in met}
    assert len(under) > 20
    assert {command for command, _ in met} == set(commands())
    assert len(met) == len(cases) == len(under) * (len(set(commands())) - 1) + 2


@pytest.mark.slow
def test_no_command_ends_in_a_traceback_or_by_a_signal(cases: list[dict[str, Any]]) -> None:
    def wrong(case: Mapping[str, Any]) -> bool:
        return (
            "Traceback" in case["printed"]
            or "Exception ignored" in case["printed"]
            or case["status"] == InternalError.exit_code
            or case["status"] not in CODES | {0, 1, USAGE, INTERRUPTED, UNREAD}
        )

    assert [case for case in cases if wrong(case)] == []


@pytest.mark.slow
def test_what_fails_says_so_in_a_line(cases: list[dict[str, Any]]) -> None:
    silent = {"stdout is closed", "nobody reads", "stdout is full", "it is interrupted"}
    for case in cases:
        if case["status"] and case["condition"] not in silent:
            assert case["printed"].strip(), case


@pytest.mark.slow
def test_help_needs_nothing(cases: list[dict[str, Any]]) -> None:
    helped = [case for case in cases if case["condition"] == "help"]
    assert {case["status"] for case in helped} == {0}
    assert all("Example" in case["printed"] for case in helped)
    assert {case["status"] for case in cases if case["condition"] == "help on a full disk"} == {StoreError.exit_code}


@pytest.mark.slow
def test_without_a_home_one_line_names_the_remedy(cases: list[dict[str, Any]]) -> None:
    told = [case for case in cases if case["condition"] == "no home" and not case["command"].startswith(NEEDS_NO_HOME)]
    assert len(told) > 25
    for case in told:
        if case["status"] == NotFoundError.exit_code and "home" in case["printed"]:
            assert case["printed"].count("\n") == 1
            assert "use --home or set COUNTERFOIL_HOME; counterfoil party init makes one" in case["printed"]
    assert sum(case["status"] == NotFoundError.exit_code for case in told) > 25


@pytest.mark.parametrize("command", [["--help"], ["log", "show"], ["log", "show", "--home", "nowhere"]])
def test_a_command_whose_reader_goes_away_ends_quietly(command: list[str], tmp_path: Path) -> None:
    """As in `counterfoil log show | head -1`; where it fails by itself, its error is still told."""
    home = Home.create(tmp_path / "bank-a", "bank-a", str(tmp_path / "exchange"), ("owner",))
    home.log.append("table-validated")
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            [Path(sys.executable).with_name("counterfoil"), *command],
            env={**os.environ, "COUNTERFOIL_HOME": str(home.path)},
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    if "nowhere" in command:
        assert (ended.returncode, "no party's home" in ended.stderr) == (NotFoundError.exit_code, True)
    else:
        assert (ended.returncode, ended.stderr) == (UNREAD, "")


@pytest.mark.slow
def test_an_interrupted_command_says_so(cases: list[dict[str, Any]]) -> None:
    ended = [case for case in cases if case["condition"] == "it is interrupted" and case["status"] == INTERRUPTED]
    assert len(ended) > 25
    assert all(case["printed"] == "interrupted\n" for case in ended)


def test_a_fault_of_ours_is_a_line_that_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise ValueError("customer 4711")

    monkeypatch.setattr("counterfoil.governance.agreements.templates.templates", fail)
    result = CliRunner().invoke(app, ["agreement", "templates"])
    assert result.exit_code == InternalError.exit_code
    assert "a fault of Counterfoil itself (ValueError in counterfoil/cli/commands/agreement.py:" in result.stderr
    assert "4711" not in result.output


def test_the_version_names_formats_and_python() -> None:
    lines = CliRunner().invoke(app, ["--version"]).output.splitlines()
    assert lines[0].startswith("counterfoil ") and lines[1].startswith("software sha256 ")
    assert "evidence/2" in lines[3] and lines[4].startswith(f"Python {sys.version.split()[0]}")


@pytest.mark.slow
def test_output_goes_into_folders_that_are_made(tmp_path: Path) -> None:
    contract = ROOT / "contracts" / "data" / "loans.odcs.yaml"
    out = tmp_path / "a" / "b"
    assert (
        CliRunner().invoke(app, ["contract", "synth", str(contract), "--rows", "2000", "--out", str(out)]).exit_code
        == 0
    )
    new = tmp_path / "c" / "d" / "draft.yaml"
    assert CliRunner().invoke(app, ["contract", "new", str(out / "loans.csv"), "--out", str(new)]).exit_code == 0
    blocked = new / "x" / "draft.yaml"
    result = CliRunner().invoke(app, ["contract", "new", str(out / "loans.csv"), "--out", str(blocked)])
    assert result.exit_code == StoreError.exit_code and "cannot make the folder" in result.output
