"""`counterfoil help` explains all that an error, an agreement or a policy may name; its examples run."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from counterfoil.analyses import registry
from counterfoil.analyses.registry import REGISTRY, example
from counterfoil.cli import app
from counterfoil.cli.topics import DOCUMENTS, every_error, explain
from counterfoil.errors import CounterfoilError, NotFoundError
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.policies.rules import RULES
from counterfoil.joint.computation import analyses
from counterfoil.joint.planning import read_planned, roster_beside
from counterfoil.joint.rehearsal import rehearse
from tests.unit.conftest import CONTRACTS, TODAY

EXPOSURE = CONTRACTS / "agreements" / "exposure.agreement.yaml"


def said(*words: str) -> str:
    result = CliRunner().invoke(app, ["help", *words])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_error_says_what_to_do(error: type[CounterfoilError]) -> None:
    assert "remedy" in vars(error)
    assert error.remedy[0].isupper() and error.remedy.endswith(".")
    assert explain(error.__name__) == explain(str(error.exit_code))
    assert error.remedy in explain(str(error.exit_code))


@pytest.mark.parametrize("key", sorted({key for key, _ in REGISTRY}))
def test_every_analysis_is_explained_with_its_parameters(key: str) -> None:
    text = said(key)
    for (name, _), analysis in REGISTRY.items():
        if name == key:
            assert all(each.means in text for each in analysis.params.values())
            assert all(each in text for each in analysis.learns.values())


@pytest.mark.parametrize("analysis", REGISTRY.values(), ids=lambda each: f"{each.key}-v{each.version}")
def test_the_example_of_an_analysis_runs(analysis: Any, tmp_path: Any) -> None:
    written = registry.example(analysis)
    shown = "\n".join(explain(analysis.key)).partition("for example:\n")[2]
    assert written in yaml.safe_load(shown) or len([key for key, _ in REGISTRY if key == analysis.key]) > 1
    text = EXPOSURE.read_text()
    head = text[: text.index("\nanalyses:\n")].replace("recipients: [regulator, bank-a]", "recipients: [regulator]")
    for room in ("policies", "rosters"):
        (tmp_path / room).symlink_to(CONTRACTS / room)
    for room in ("agreements", "data"):
        (tmp_path / room).mkdir()
    loans = (CONTRACTS / "data" / "loans.odcs.yaml").read_text()
    every = ", ".join(sorted({key for key, _ in REGISTRY}))
    allowed = re.sub(r"(allowedAnalyses\n +value: )\[.*\]", rf"\1[{every}]", loans)
    (tmp_path / "data" / "loans.odcs.yaml").write_text(allowed)
    file = tmp_path / "agreements" / EXPOSURE.name
    file.write_text(f"{head}\n{yaml.safe_dump({'analyses': [written]}, sort_keys=False)}")
    agreement, planned = read_planned(file, roster_beside(file, None, TODAY))
    assert list(planned) == [written["name"]] == list(analyses(agreement))
    assert rehearse(agreement).rows > 0


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_field_of_a_document_is_explained(document: str) -> None:
    lines = explain(document)
    assert [line for line in lines if line.endswith(": ")] == []
    assert len(lines) > 15


def test_custom_properties_of_a_contract_are_explained() -> None:
    named = {line.partition(":")[0].rpartition(".")[2] for line in explain("contract")}
    contract = parse_contract((CONTRACTS / "data" / "loans.odcs.yaml").read_bytes(), "loans")
    assert {"minimumCount", "allowedAnalyses", "privacyRole", "categories"} <= {
        each.removeprefix("[]") for each in named
    }
    assert contract.minimum_count


def test_rules_and_lists() -> None:
    assert all(name in said("rules") for name in RULES)
    assert "12 AgreementError" in said("errors")
    assert all(key in said("analyses") for key, _ in REGISTRY)
    assert "counterfoil help errors" in said()


def test_what_nobody_knows_is_refused_with_what_is_near() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'total'"):
        explain("totl")


@pytest.mark.parametrize(("word", "analysis"), [("median", "quantiles"), ("kaplan", "survival"), ("linear", "linear")])
def test_a_word_of_the_field_leads_to_the_analysis(word: str, analysis: str) -> None:
    with pytest.raises(NotFoundError, match=f"analyses that are about it: .*{analysis}"):
        explain(word)


def test_an_error_names_its_topic() -> None:
    result = CliRunner().invoke(app, ["help", "nothing-like-it"])
    assert result.exit_code == NotFoundError.exit_code
    assert result.output.splitlines()[-1].endswith(" (counterfoil help 91)")


def test_examples_list_what_they_use() -> None:
    assert all(set(example(each)) >= {"analysis", "version", "columns", "recipients"} for each in REGISTRY.values())
