"""What editors complete and warn of: what the folder and the registry have, as `agreement lint` has it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from counterfoil.analyses.registry import REGISTRY
from counterfoil.canonical import load_yaml
from counterfoil.cli import app
from counterfoil.joint.editor_schema import MODELINE, editor_schema, known_beside
from tests.unit.conftest import CONTRACTS

EXPOSURE = CONTRACTS / "agreements" / "exposure.agreement.yaml"


def schema() -> Any:
    return json.loads(editor_schema(known_beside(EXPOSURE)))


def complaints(text: str) -> list[Any]:
    return list(Draft202012Validator(schema()).iter_errors(load_yaml(text.encode(), "x").value))


@pytest.mark.parametrize("file", sorted(EXPOSURE.parent.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_examples_have_the_shape(file: Path) -> None:
    made = json.loads(editor_schema(known_beside(file)))
    Draft202012Validator.check_schema(made)
    assert not list(Draft202012Validator(made).iter_errors(load_yaml(file.read_bytes(), "x").value))


def test_every_analysis_is_offered_with_what_it_does_and_every_parameter_with_what_it_is_for() -> None:
    plan = schema()["properties"]["analyses"]["items"]
    offered = {each["const"]: each["description"] for each in plan["properties"]["analysis"]["oneOf"]}
    assert set(offered) == {key for key, _ in REGISTRY}
    assert all(offered.values())
    text = json.dumps(plan["allOf"])
    for analysis in REGISTRY.values():
        assert all(json.dumps(each.means)[1:-1] in text for each in analysis.params.values())


WRONG = {
    "analysis": ("analysis: total\n", "analysis: totl\n"),
    "version": ("    version: 2\n", "    version: 1\n"),
    "parameter": ("      value: balance\n", "      valu: balance\n"),
    "no column": ("columns: [balance, region, product]", "columns: [balance, regio, product]"),
    "column of another type": ("      column: balance\n", "      column: region\n"),
    "an identifier": ("    columns: [balance]\n", "    columns: [balance, customer_id]\n"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_lint_would_refuse_is_underlined(case: str) -> None:
    old, new = WRONG[case]
    text = EXPOSURE.read_text()
    assert old in text
    assert not complaints(text)
    assert complaints(text.replace(old, new, 1))


def test_parties_are_offered_by_their_roles_and_audiences_stand_beside_them() -> None:
    fields = schema()["properties"]
    offered = {each.get("const") for each in fields["nodes"]["items"]["anyOf"]}
    assert offered == {"node-0", "node-1", "node-2", None}
    assert set(fields["owners"]["properties"]) == {"bank-a", "bank-b", "bank-c", "bank-d"}
    assert not complaints(EXPOSURE.read_text().replace("recipients: [regulator, bank-a]", "recipients: [supervisors]"))


def test_the_command_writes_it_beside_an_agreement_that_is_not_finished(tmp_path: Path) -> None:
    for room in ("data", "policies", "rosters"):
        shutil.copytree(CONTRACTS / room, tmp_path / room)
    (tmp_path / "data" / "broken.odcs.yaml").write_text("kind: DataContract\n")
    file = tmp_path / "agreements" / "mine.agreement.yaml"
    file.parent.mkdir()
    file.write_text("kind: Agreement\nanalyses:\n  - analysis: tot")
    for _ in range(2):
        result = CliRunner().invoke(app, ["agreement", "schema", str(file)])
        assert result.exit_code == 0, result.output
        assert "warning: broken.odcs.yaml" in result.output
    assert file.read_text() == f"{MODELINE}\nkind: Agreement\nanalyses:\n  - analysis: tot"
    assert (file.parent / MODELINE.partition("=")[2]).resolve() == tmp_path / "schema" / "agreement.schema.json"
    assert "loans" in (tmp_path / "schema" / "agreement.schema.json").read_text()
