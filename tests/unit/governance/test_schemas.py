"""The schemas: one copy in the library, one reference to each for editors, and no rule that Python's `$` would bend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from counterfoil.governance.documents import read_json, schema_text
from counterfoil_prefect.deployments import schemas

REPOSITORY = Path(__file__).parents[3]
SCHEMAS = sorted((REPOSITORY / "counterfoil" / "governance" / "schema").glob("*.schema.json"))
REPORT = REPOSITORY / "counterfoil" / "report" / "report.schema.json"
WRITTEN = ("agreement", "contract", "policy", "roster")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_each_schema_is_one(path: Path) -> None:
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["title"]


def undescribed(schema: Any, restated: frozenset[str] = frozenset(), at: str = "") -> Iterator[str]:
    """Name properties without a description, but for those that a condition says something more of."""
    own = schema.get("properties", {})
    for name, each in own.items():
        if isinstance(each, dict):
            if "description" not in each and name not in restated:
                yield f"{at}.{name}"
            yield from undescribed(each, restated if name in restated else frozenset(), f"{at}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from undescribed(schema[key], at=f"{at}.{key}")
    for name, each in schema.get("$defs", {}).items():
        yield from undescribed(each, at=name)
    for key in ("then", "else", "allOf", "anyOf", "oneOf"):
        for each in schema.get(key, []) if isinstance(schema.get(key), list) else [schema.get(key)]:
            if isinstance(each, dict):
                yield from undescribed(each, restated | frozenset(own), f"{at}.{key}")


@pytest.mark.parametrize("path", [*SCHEMAS, REPORT], ids=lambda path: path.name)
def test_every_property_says_what_it_is(path: Path) -> None:
    assert list(undescribed(json.loads(path.read_text()))) == []


def fields(schema: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every field that people write a value for, with its schema: of objects, their own fields."""
    for name, each in schema.get("properties", {}).items():
        if isinstance(each, dict):
            inner = [*fields(each, f"{at}.{name}")]
            yield from inner or [(f"{at}.{name}", each)]
    for key in ("items", "additionalProperties", "then"):
        if isinstance(schema.get(key), dict):
            yield from fields(schema[key], f"{at}.{key}")
    for number, each in enumerate(schema.get("allOf", [])):
        yield from fields(each, f"{at}.{number}")
    for name, each in schema.get("$defs", {}).items():
        yield from fields(each, f"{at}.{name}")


@pytest.mark.parametrize("name", ["contract", "policy", "roster"])
def test_every_field_has_an_example_that_it_takes(name: str) -> None:
    """A field that lists what it may be needs none, nor one in which nothing may be."""
    schema = json.loads(schema_text(name))
    told = [
        (at, each)
        for at, each in fields(schema)
        if not ({"const", "enum"} & each.keys() or each.get("type") == "boolean")
    ]
    told = [(at, each) for at, each in told if each.get("properties") != {}]
    assert len(told) > 10
    assert [at for at, each in told if not each.get("examples")] == []
    for at, each in told:
        whole = Draft202012Validator({"$defs": schema.get("$defs", {}), **each})
        assert all(whole.is_valid(example) for example in each["examples"]), at


@pytest.mark.parametrize("name", sorted(schemas.stated()))
def test_a_schema_says_what_descriptors_state(name: str) -> None:
    assert schema_text(name) == schemas.derived(name, schemas.stated()[name]), "run `make schemas`"


@pytest.mark.parametrize("name", WRITTEN)
def test_editors_are_referred_to_the_librarys_copy(name: str) -> None:
    reference = REPOSITORY / "contracts" / "schema" / f"{name}.schema.json"
    target = (reference.parent / json.loads(reference.read_text())["$ref"]).resolve()
    assert target in SCHEMAS
    assert resources.files("counterfoil.governance").joinpath("schema", f"{name}.schema.json").is_file()


@pytest.mark.parametrize("path", sorted((REPOSITORY / "contracts").glob("*/*.yaml")), ids=lambda path: path.name)
def test_every_document_tells_editors_its_schema(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=../schema/")
    assert (path.parent / first.split("=")[1]).resolve().is_file()


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_no_object_of_a_schema_lets_unknown_fields_in(path: Path) -> None:
    """Every `properties` is closed, unless it stands in a condition."""

    def walk(node: object, conditional: bool) -> None:
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object" and not conditional:
                assert "additionalProperties" in node, node["properties"].keys()
            for key, value in node.items():
                walk(value, conditional or key in ("if", "then"))
        elif isinstance(node, list):
            for item in node:
                walk(item, conditional)

    walk(json.loads(path.read_text()), conditional=False)


def test_the_machines_documents_name_their_format() -> None:
    for name in ("charge", "decision", "evidence", "manifest", "receipt", "release"):
        with pytest.raises(Exception, match=f"'format' is missing|counterfoil/{name}/1"):
            read_json(b"{}", name, name)
