"""What an agreement says to its analyses is checked before anybody signs: all that is wrong, once, at its line."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.planning import problems_of
from counterfoil.analyses.registry import REGISTRY
from counterfoil.errors import AgreementError, CounterfoilError, NotFoundError, PlanError, RangeError
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.joint.planning import read_planned, roster_beside
from tests.unit.conftest import CONTRACTS, TODAY

EXPOSURE = (CONTRACTS / "agreements" / "exposure.agreement.yaml").read_text()
LOANS = (CONTRACTS / "data" / "loans.odcs.yaml").read_text()


def lint(folder: Path, agreement: str, contract: str = LOANS) -> None:
    if not (folder / "contracts").exists():
        shutil.copytree(CONTRACTS, folder / "contracts")
    file = folder / "contracts" / "agreements" / "exposure.agreement.yaml"
    file.write_text(agreement)
    (folder / "contracts" / "data" / "loans.odcs.yaml").write_text(contract)
    read_planned(file, roster_beside(file, None, TODAY))


def complaints(folder: Path, *changes: tuple[str, str], contract: str = LOANS) -> tuple[CounterfoilError, list[str]]:
    text = EXPOSURE
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    with pytest.raises(CounterfoilError) as raised:
        lint(folder, text, contract)
    return raised.value, str(raised.value).splitlines()


@pytest.mark.parametrize("file", sorted((CONTRACTS / "agreements").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_examples_can_run(file: Path) -> None:
    agreement, planned = read_planned(file, roster_beside(file, None, TODAY))
    assert [plan.name for plan in agreement.analyses] == list(planned)


def test_a_roster_is_asked_for_by_its_place(tmp_path: Path) -> None:
    lint(tmp_path, EXPOSURE)
    (tmp_path / "contracts" / "rosters" / "four-banks.roster.yaml").unlink()
    with pytest.raises(NotFoundError, match=r"no roster four-banks in .*--roster FILE"):
        lint(tmp_path, EXPOSURE)


BROKEN = {
    "unknown analysis": ("analysis: total\n", "analysis: totl\n", "analysis: there is no analysis 'totl'; did"),
    "unknown version": ("    version: 1\n", "    version: 7\n", "version: there is no version 7 of total here"),
    "retired version": (
        "analysis: correlation\n    version: 2", "analysis: correlation\n    version: 1",
        "analyses[2].version: correlation v1 no longer runs",
    ),
    "misspelt parameter": (
        "      column: balance\n", "      colum: balance\n",
        "analyses[0].parameters.colum: total has no parameter 'colum'; did you mean 'column'?; it has column",
    ),
    "missing parameter": (
        "    parameters:\n      column: balance\n    recipients", "    recipients",
        "analyses[0]: the parameter 'column' of total is missing; add the column to add up",
    ),
    "wrong form": ("      by: [region, product]", "      by: region", "analyses[1].parameters.by: must be a list, is"),
    "wrong choice": ("rows: local", "rows: lokal", "must be one of local, shared, is \"lokal\"; did you mean 'local'?"),
    "column that is not listed": (
        "    columns: [balance]\n    parameters:\n      column: balance",
        "    columns: [balance]\n    parameters:\n      column: blance",
        "analyses[0].parameters.column: 'blance' is not among the columns of this analysis; did you mean 'balance'?",
    ),
    "column of another type": (
        "    columns: [balance]\n    parameters:\n      column: balance",
        "    columns: [region]\n    parameters:\n      column: region",
        "analyses[0].parameters.column: column 'region' is string; total takes integer or number",
    ),
    "column that makes no groups": (
        "      by: [region, product]", "      by: [balance, product]",
        "analyses[1].parameters.by[0]: 'balance' does not tell few groups apart",
    ),
    "what only the analysis can tell": (
        "[0, 100000, 250000", "[100000, 0, 250000", "analyses[4]: `edges` must rise from one to the next",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_plan_that_cannot_run_is_refused_at_its_line_and_once(case: str, tmp_path: Path) -> None:
    old, new, words = BROKEN[case]
    error, lines = complaints(tmp_path, (old, new))
    assert type(error) is PlanError
    assert len(lines) == 1, lines
    assert words in lines[0]
    changed = EXPOSURE.replace(old, new, 1).splitlines()
    name = words.split(":")[0].split(".")[-1].split("[")[0]
    if f"      {name}:" in "\n".join(changed):
        assert name in changed[int(lines[0].split(":")[1]) - 1]


def test_missing_bounds_are_named_with_the_contract() -> None:
    """A contract that is read has bounds wherever its columns are computed with; one that is made may not."""
    contract = parse_contract(LOANS.encode(), "loans.odcs.yaml")
    bare = [dataclasses.replace(each, minimum=None, maximum=None, categories=()) for each in contract.columns]
    item = {"analysis": "correlation", "version": 2, "columns": ["balance", "age"]}
    means = {"value": "balance", "by": ["region"]}
    told = [*problems_of(item, dataclasses.replace(contract, columns=tuple(bare)))]
    wanted = [(0, "balance"), (1, "age")]
    assert told == [(("columns", n), f"give {name!r} a minimum and a maximum in loans") for n, name in wanted]
    item = {"analysis": "mean_by_group", "version": 1, "columns": ["balance", "region"], "parameters": means}
    told = [*problems_of(item, dataclasses.replace(contract, columns=tuple(bare)))]
    assert [path for path, _ in told] == [("parameters", "value"), ("parameters", "by", 0)]


def test_everything_is_listed_at_once_with_what_the_parties_got_wrong(tmp_path: Path) -> None:
    broken = [BROKEN[case][:2] for case in ("wrong form", "wrong choice", "what only the analysis can tell")]
    error, lines = complaints(tmp_path, ("analysis: total\n", "analysis: totl\n"), ("quorum: 2", "quorum: 5"), *broken)
    assert type(error) is AgreementError
    assert len(lines) == 5, lines
    assert [int(line.split(":")[1]) for line in lines] == sorted(int(line.split(":")[1]) for line in lines)


def test_what_could_wrap_keeps_its_class_and_gets_a_line(tmp_path: Path) -> None:
    error, lines = complaints(tmp_path, contract=LOANS.replace("[1000, 200000]", "[1000, 900000000000]"))
    assert isinstance(error, RangeError)
    assert all(line.startswith("exposure.agreement.yaml:") for line in lines)


def test_analyses_that_do_not_go_together_are_named_by_line(tmp_path: Path) -> None:
    text = EXPOSURE.replace("  quorum: 2\n", "  quorum: 2\n  crossChecks: [sums]\n")
    one = text[: text.index("\n  - name: balance-by-region")] + "\n"
    with pytest.raises(PlanError, match=r"exposure.agreement.yaml.*crossChecks asks for sums"):
        lint(tmp_path, one)


@pytest.mark.parametrize("analysis", REGISTRY.values(), ids=lambda analysis: f"{analysis.key}-{analysis.version}")
def test_every_parameter_says_what_it_is_for(analysis: type[Analysis]) -> None:
    for parameter in analysis.params.values():
        assert parameter.means
        assert parameter.form
        assert not parameter.required or parameter.example is not None
