"""Cells that are spelt alike are one person, and those that look alike one category, wherever either is counted."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.data.checking.expectations import check_file, load_valid
from counterfoil.data.checking.repeats import Repeats
from counterfoil.data.encode import encode
from counterfoil.data.legible import legible
from counterfoil.data.minimising.pseudonym import pseudonyms
from counterfoil.data.minimising.risk import classes
from counterfoil.data.reading.cells import TYPES
from counterfoil.data.reading.table import Table, load
from counterfoil.errors import (
    ContractError,
    DuplicateKeyError,
    MissingValueError,
    QualityRuleError,
    TextError,
    UnknownCategoryError,
)
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.key_spelling import AS_WRITTEN, KeySpelling

VISITS = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
SPELLING = {"drop": " -", "case": "upper", "leadingZeros": "drop"}
FOUR = ["P 77", "p-77", "P77", "0P77"]
KEY = b"k" * 32


def contract(
    spelling: dict[str, str] | None = None,
    most: int | None = None,
    unique: bool = False,
    categories: tuple[str, ...] = (),
) -> Contract:
    """Keys `pid`, a category `area`, and an amount."""
    value = yaml.safe_load(VISITS.read_text())
    (table,) = value["schema"]
    columns = {item["name"]: item for item in table["properties"]}
    own = [{"property": "privacyRole", "value": "key"}, {"property": "pseudonym", "value": "agreement"}]
    if spelling:
        own.append({"property": "keySpelling", "value": spelling})
    pid = {"name": "pid", "description": "Who.", "logicalType": "string", "required": True, "customProperties": own}
    (area,) = [each for each in columns["area"]["customProperties"] if each["property"] == "categories"]
    area["value"] = list(categories) or ["north", "Rhône", "no"]
    table["properties"] = [pid | {"unique": unique}, columns["area"], columns["amount"]]
    table["quality"] = [{"metric": "rowCount", "mustBeBetween": [1, 1000]}]
    if most:
        value["customProperties"].append({"property": "rowsPerPerson", "value": {"columns": ["pid"], "most": most}})
    return parse_contract(yaml.safe_dump(value, allow_unicode=True).encode(), "visits.odcs.yaml")


def write(folder: Path, pids: list[str], areas: list[str] | None = None) -> Path:
    path = folder / "visits.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pid", "area", "amount"])
        writer.writerows([pid, area, "1"] for pid, area in zip(pids, areas or ["north"] * len(pids), strict=True))
    return path


@pytest.mark.parametrize("most", [1, 3])
def test_rows_of_one_person_are_counted_as_its_key_is_spelt(most: int, tmp_path: Path) -> None:
    with pytest.raises(QualityRuleError, match=f"at most {most} rows of one person.* 4 rows"):
        check_file(write(tmp_path, [*FOUR, "P78"]), contract(SPELLING, most=most))
    assert check_file(write(tmp_path, FOUR), contract(SPELLING, most=4)).rows == 4
    assert check_file(write(tmp_path, FOUR), contract(most=1)).rows == 4


def test_a_unique_key_is_unique_as_it_is_spelt(tmp_path: Path) -> None:
    with pytest.raises(DuplicateKeyError, match=r"column pid: unique.* 2 rows"):
        check_file(write(tmp_path, ["P 77", "P77", "P78"]), contract(SPELLING, unique=True))
    with pytest.raises(DuplicateKeyError, match=r"column pid: unique.* 3 rows"):
        check_file(write(tmp_path, ["Jos\u00e9", "Jose\u0301", "Jos\u00e9\u200b", "Jose"]), contract(unique=True))


def test_what_looks_like_a_category_is_read_as_it(tmp_path: Path) -> None:
    areas = ["Rho\u0302ne", " Rh\u00f4ne\n", "Rh\u00f4\u200bne", "north\u00a0", "north"]
    table = load(write(tmp_path, list("abcde"), areas), contract(), tmp_path / "x.html")
    assert table.data["area"].to_pylist() == ["Rh\u00f4ne"] * 3 + ["north"] * 2
    assert encode(table, "area").values.tolist() == [1, 1, 1, 0, 0]
    assert classes(table).tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("area", ["North", "nord", "no\u0440th", "n orth"])
def test_what_looks_otherwise_is_no_category(area: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownCategoryError, match="column area"):
        check_file(write(tmp_path, ["a"], [area]), contract())


@pytest.mark.parametrize("nothing", [" ", "\u200b", "\u00a0", "\n", "\ufeff\u3164"])
def test_a_cell_in_which_nobody_sees_anything_is_empty(nothing: str, tmp_path: Path) -> None:
    with pytest.raises(MissingValueError, match="column pid: required"):
        check_file(write(tmp_path, [nothing, "a"]), contract())


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        (("north", "North"), "'North' looks like 'north'"),
        (("north", "north "), "write 'north'"),
        (("12", "\uff11\uff12"), "looks like '12'"),
        (("Stra\u00dfe", "STRASSE"), "looks like 'Stra\u00dfe'"),
        (("a-b", "a\u2013b"), "looks like 'a-b'"),
        (("A", "\u0410"), "looks like 'A'"),
    ],
)
def test_categories_that_look_alike_are_refused(categories: tuple[str, ...], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        contract(categories=categories)


def test_a_category_with_a_letter_that_nobody_sees_is_no_text_of_a_contract() -> None:
    with pytest.raises(TextError, match="ZERO WIDTH SPACE"):
        contract(categories=("north", "nor\u200bth"))


def test_a_category_may_be_composed_in_either_way() -> None:
    assert contract(categories=("Rho\u0302ne", "north")).column("area").categories == ("Rh\u00f4ne", "north")


def test_categories_that_look_alike_when_they_are_cut_are_refused() -> None:
    value = yaml.safe_load(contract(categories=("Ab", "ac", "b")).raw)
    (area,) = [each for each in value["schema"][0]["properties"] if each["name"] == "area"]
    area["customProperties"].append({"property": "generalise", "value": {"prefix": 1}})
    with pytest.raises(ContractError, match=r"'a' looks like 'A'.* cut them to another length"):
        parse_contract(yaml.safe_dump(value).encode(), "x")


INVISIBLE = st.sampled_from(["", "\u200b", "\ufeff", "\u00ad", "\u2060"])
FORMS = {"NFC": ("NFC", "NFD"), "NFKC": ("NFC", "NFD", "NFKC", "NFKD")}


@st.composite
def written(draw: st.DrawFn, key: str, spelling: KeySpelling) -> str:
    """The key as somebody may write it who means this one."""
    letters = []
    for letter in key:
        full = chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" and spelling.form == "NFKC" else letter
        letters += [draw(st.sampled_from([letter, full])), draw(INVISIBLE)]
        if spelling.drop:
            letters.append(draw(st.sampled_from(["", *spelling.drop])))
    text = unicodedata.normalize(draw(st.sampled_from(FORMS[spelling.form])), "".join(letters))
    text = text.swapcase() if spelling.case and draw(st.booleans()) else text
    zeros = "" if spelling.leading_zeros else "0" * draw(st.integers(0, 2))
    return draw(st.sampled_from(["", " ", "\u00a0"])) + zeros + text + draw(st.sampled_from(["", "\n", "\r\n", " "]))


RULES = {spelt: contract(SPELLING if spelt else None) for spelt in (False, True)}
GROUPS = contract(categories=("\u00c9A", "B 1", "b2"))
KEYS = st.text(st.sampled_from("AB123\u00c9\u00d1\u0416"), min_size=1, max_size=5)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data(), st.lists(KEYS, min_size=1, max_size=4, unique=True), st.booleans())
def test_however_keys_are_written_people_are_as_many_everywhere(
    data: st.DataObject, keys: list[str], spelt: bool
) -> None:
    spelling = RULES[spelt].column("pid").key_spelling
    assert spelling == (KeySpelling(" -", "upper", leading_zeros=False) if spelt else AS_WRITTEN)
    people = {spelling.apply(key) for key in keys}
    cells = [data.draw(written(key, spelling)) for key in keys for _ in range(3)]
    assert {spelling.apply(cell) for cell in cells} == people
    table = pa.table({"pid": pa.array(cells, TYPES["string"])})
    assert len(set(pseudonyms(table["pid"], KEY, spelling).to_pylist())) == len(people)
    most = 3 * len(keys) // len(people) - 1
    repeats = Repeats(("pid",), most, spellings={"pid": spelling})
    for row in range(len(cells)):
        repeats.add(table.slice(row, 1))
    assert repeats.rows(lambda: [table.slice(row, 1) for row in range(len(cells))]).size >= 3


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data())
def test_however_categories_are_written_they_are_as_many_everywhere(data: st.DataObject) -> None:
    which = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=6))
    cells = [data.draw(written(GROUPS.column("area").categories[each], AS_WRITTEN)) for each in which]
    read = legible(pa.table({"area": pa.array(cells, TYPES["string"])}), GROUPS)
    assert encode(Table(GROUPS, "visits.csv", read), "area").values.tolist() == which


def test_what_leaves_is_what_was_counted(tmp_path: Path) -> None:
    table, _ = load_valid(write(tmp_path, ["P 77", "\uff3077", "P78"]), contract(SPELLING, most=2))
    found = pseudonyms(table.data["pid"], KEY, table.contract.column("pid").key_spelling).to_pylist()
    assert found[0] == found[1] != found[2]
    assert np.unique(found).size == 2


@pytest.mark.parametrize("spelling", [KeySpelling("-"), KeySpelling(), KeySpelling(case="upper")])
def test_another_spelling_is_another_key_domain(spelling: KeySpelling) -> None:
    cells = pa.chunked_array([["P77"]])
    assert spelling.apply("P77") == "P77"
    assert pseudonyms(cells, KEY, spelling).to_pylist() != pseudonyms(cells, KEY).to_pylist()
