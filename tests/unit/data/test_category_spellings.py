"""Categories that are spelt in many ways are read as the contract's; of other spellings it is said which is meant."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfoil.data.checking.expectations import load_valid
from counterfoil.errors import ContractError, UnknownCategoryError
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare

CONTRACT = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
CELLS = ["N", " nord", "SOUTH", "no", "north", "Süd"]
READ = ["north", "north", "south", "no", "north", "south"]


def _contract(spellings: str) -> Contract:
    lines = CONTRACT.read_text().splitlines()
    (at,) = [at for at, line in enumerate(lines) if line.strip() == "- property: categories"]
    pad = lines[at][: lines[at].index("-")]
    lines[at:at] = [f"{pad}- property: categorySpellings", f"{pad}  value: {spellings}"]
    return parse_contract("\n".join(lines).encode(), "visits.odcs.yaml")


SPELT = "{north: [N, nord], south: [SOUTH, Süd]}"


def _csv(path: Path, cells: list[str]) -> Path:
    rows = [f"{at:04d},{cell},1.00,2024-01-{at + 1:02d},true,0" for at, cell in enumerate(cells)]
    path.write_text("\n".join(["code,area,amount,day,active,score", *rows, ""]))
    return path


def test_declared_spellings_are_read_as_their_category(tmp_path: Path) -> None:
    file = _csv(tmp_path / "visits.csv", CELLS)
    table, _ = load_valid(file, _contract(SPELT))
    assert table.data["area"].to_pylist() == READ
    with pytest.raises(UnknownCategoryError, match="does not hold in 4 rows"):
        load_valid(file, _contract("{north: [x]}"))


def test_unknown_spellings_are_named_to_the_owner_alone(tmp_path: Path) -> None:
    file = _csv(tmp_path / "visits.csv", ["North", "sotuh", "Timbuktu", "no"])
    with pytest.raises(UnknownCategoryError) as refused:
        load_valid(file, parse_contract(CONTRACT.read_bytes(), CONTRACT.name))
    told = str(refused.value)
    assert "differ from a category in case, blanks or form alone" in told and "categorySpellings" in told
    assert not any(word in told for word in ("North", "north", "sotuh", "south", "Timbuktu"))
    page = file.with_suffix(".faults.html").read_text()
    assert "North (did you mean &#39;north&#39;?)" in page and "sotuh (did you mean &#39;south&#39;?)" in page
    assert "Timbuktu</td>" in page


def test_following_the_remedy_mends_it(tmp_path: Path) -> None:
    file = _csv(tmp_path / "visits.csv", ["North", "NORTH", "no", "south"])
    table, _ = load_valid(file, _contract("{north: [North, NORTH]}"))
    assert table.data["area"].to_pylist() == ["north", "north", "no", "south"]


@pytest.mark.parametrize(
    ("spellings", "told"),
    [
        ("{nort: [N]}", "is no category of the column; did you mean 'north'?"),
        ("{north: [south]}", "'south' is a category itself"),
        ("{north: [N], south: [N]}", "'N' is read as 'north' already"),
        ("{north: [' ']}", "'' counts as empty"),
        ("{north: []}", "categorySpellings"),
        ("[N]", "a mapping"),
    ],
)
def test_a_dictionary_that_cannot_be_right_is_refused(spellings: str, told: str) -> None:
    with pytest.raises(ContractError) as refused:
        _contract(spellings)
    assert told in str(refused.value) or told == "categorySpellings"


def test_a_spelling_more_breaks_nobody_and_one_less_breaks_owners() -> None:
    few, many = _contract("{north: [N]}"), _contract("{north: [N, nord]}")
    assert not compare(few, many).broken
    assert compare(many, few).broken == ("owners",)


def test_dictionaries_hold_for_parquet(tmp_path: Path) -> None:
    file = _csv(tmp_path / "visits.csv", CELLS)
    columns = {name: [] for name in file.read_text().splitlines()[0].split(",")}
    for line in file.read_text().splitlines()[1:]:
        for name, cell in zip(columns, line.split(","), strict=True):
            columns[name].append(cell)
    typed = pa.table(
        {
            **{name: columns[name] for name in ("code", "area")},
            "amount": pa.array([1.0] * len(CELLS)),
            "day": pa.array(columns["day"]).cast(pa.date32()),
            "active": [True] * len(CELLS),
            "score": pa.array([0] * len(CELLS)),
        }
    )
    pq.write_table(typed, tmp_path / "visits.parquet")
    assert load_valid(tmp_path / "visits.parquet", _contract(SPELT))[0].data["area"].to_pylist() == READ
