"""Drafts of several owners become one that suits all their tables; what cannot be widened is told all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.canonical import load_yaml
from counterfoil.cli import app
from counterfoil.data.drafting.merge import merge
from counterfoil.errors import ContractError, DocumentError

HEAD = """\
apiVersion: v3.1.0
kind: DataContract
id: visits
version: 0.1.0
status: draft
description: {}
schema:
  - name: visits
    quality:
      - {name: a plausible number of rows, metric: rowCount, mustBeBetween: [1, %s]}
    properties:
"""
A = (
    HEAD % 100
    + """\
      # no cell empty; all different
      - name: id
        logicalType: string
        required: true
        unique: true
        logicalTypeOptions: {pattern: "^[A-Z][0-9]{3}$"}
        customProperties: []
      # of the register
      - name: days
        logicalType: integer
        required: true
        logicalTypeOptions: {minimum: 0, maximum: 50}
        customProperties:
          - {property: privacyRole, value: measure}
      - name: seen
        logicalType: timestamp
        logicalTypeOptions: {minimum: "2024-01-01T00:00:00Z", maximum: "2024-12-31T23:59:59Z"}
        customProperties:
          - {property: resolution, value: 0}
      - name: sex
        logicalType: string
        required: true
        customProperties:
          - {property: categories, value: [female, male]}
customProperties: []
"""
)


def _changed(*pairs: tuple[str, str]) -> bytes:
    text = A
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


def _lines(*pairs: tuple[str, str]) -> tuple[str, ...]:
    return merge([(A.encode(), "a.yaml"), (_changed(*pairs), "b.yaml")]).widened


def test_the_same_draft_widens_nothing() -> None:
    made = merge([(A.encode(), "a.yaml"), (A.encode(), "b.yaml")])
    assert not made.widened and not made.to_see
    assert load_yaml(made.text.encode(), "m").value == load_yaml(A.encode(), "a").value
    assert "# of the register" in made.text and "all different" not in made.text


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("minimum: 0,", "minimum: -20,", "column days: minimum 0 becomes -20 (b.yaml)"),
        ("maximum: 50", "maximum: 200", "column days: maximum 50 becomes 200 (b.yaml)"),
        ("[female, male]", "[diverse, female]", "column sex: categories gain diverse (b.yaml)"),
        ("[0-9]{3}", "[0-9]{5}", "column id: pattern ^[A-Z][0-9]{3}$ becomes ^[A-Z][0-9]{3,5}$ (b.yaml)"),
        ("[A-Z][0-9]{3}", "[0-9]{4}", "column id: pattern ^[A-Z][0-9]{3}$ is left out (b.yaml)"),
        ("        unique: true\n", "", "column id: cells may repeat (b.yaml)"),
        ("        required: true\n", "", "column id: cells may be empty (b.yaml)"),
        ("[1, 100]", "[1, 500]", "table: rows from 1 to 100 become 1 to 500"),
        ("value: measure}", "value: measure}\n          - {property: emptySpellings, value: [NA]}",
         "column days: emptySpellings gain NA (b.yaml)"),
        ("value: measure}", "value: measure}\n          - {property: unit, value: days}",
         "column days: unit as in b.yaml"),
    ],
)  # fmt: skip
def test_what_another_owner_has_widens_it(old: str, new: str, told: str) -> None:
    assert _lines((old, new)) == (told,)


def test_whole_numbers_and_decimals_are_decimals_with_the_same_ends() -> None:
    other = _changed(
        ("logicalType: integer", "logicalType: number"),
        ("maximum: 50", "maximum: 70.5"),
        ("value: measure}", "value: measure}\n          - {property: resolution, value: 2}"),
    )
    for drafts in ([A.encode(), other], [other, A.encode()]):
        made = merge([(raw, f"{at}.yaml") for at, raw in enumerate(drafts)])
        days = load_yaml(made.text.encode(), "m").value["schema"][0]["properties"][1]
        assert (days["logicalType"], days["logicalTypeOptions"]) == ("number", {"minimum": 0, "maximum": 70.5})
        assert {"property": "resolution", "value": 2} in days["customProperties"]


def test_times_to_the_second_and_to_the_millisecond_are_to_the_millisecond() -> None:
    other = _changed(("{property: resolution, value: 0}", "{property: resolution, value: 3}"))
    made = merge([(A.encode(), "a.yaml"), (other, "b.yaml")])
    seen = load_yaml(made.text.encode(), "m").value["schema"][0]["properties"][2]
    assert seen["customProperties"] == [{"property": "resolution", "value": 3}]
    assert seen["logicalTypeOptions"]["maximum"].startswith("2024-12-31T23:59:59")


def test_conflicts_are_listed_all_at_once_with_file_line_and_field() -> None:
    other = _changed(
        ("logicalType: integer", "logicalType: date"),
        ("minimum: 0, maximum: 50", 'minimum: "2020-01-01", maximum: "2020-12-31"'),
        ("value: measure", "value: time"),
        ("name: sex", "name: gender"),
    )
    with pytest.raises(ContractError) as refused:
        merge([(A.encode(), "a.yaml"), (other, "b.yaml")])
    told = str(refused.value)
    assert "b.yaml:20: schema[0].properties[1]: column days is date, and integer in a.yaml" in told
    assert "b.yaml:20: schema[0].properties[1]: privacyRole of the column days is not as in a.yaml" in told
    assert "has no column sex, which a.yaml has" in told


def test_categories_that_look_alike_and_what_only_one_has_are_to_be_seen() -> None:
    other = _changed(("[female, male]", "[Female, male]"))
    made = merge([(A.encode(), "a.yaml"), (other, "b.yaml")])
    assert made.to_see == (
        "column sex: 'female' looks like 'Female'; keep one, and the other under 'categorySpellings'",
    )


@pytest.mark.parametrize(
    "raw", [b"[]", b"schema: 3", b"schema: [{properties: [4]}]", A.encode()[:300] + b"\n      - 5"]
)
def test_what_is_no_draft_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError, match=r"b\.yaml"):
        merge([(A.encode(), "a.yaml"), (raw, "b.yaml")])


def test_the_command_writes_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(A)
    (tmp_path / "b.yaml").write_bytes(_changed(("maximum: 50", "maximum: 90")))
    words = ["contract", "merge", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    told = CliRunner().invoke(app, words)
    assert "maximum 50 becomes 90" in told.stdout and "nothing was written" in told.stdout
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "m.yaml")])
    assert done.exit_code == 0 and "maximum: 90" in (tmp_path / "m.yaml").read_text()
    assert CliRunner().invoke(app, words[:3]).exit_code == DocumentError.exit_code


def test_a_spelling_that_another_draft_names_as_a_category_is_none_of_the_merged() -> None:
    spelt = "[female, male]}\n          - {property: categorySpellings, value: {male: [m]}}"
    mine, theirs = _changed(("[female, male]}", spelt)), _changed(("[female, male]", "[female, m]"))
    made = merge([(mine, "a.yaml"), (theirs, "b.yaml")])
    assert not made.widened
    assert "value: [female, male]" in made.text
