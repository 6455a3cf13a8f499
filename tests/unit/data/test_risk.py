"""k, l and t as their papers print them; what minimising takes away; and that nothing leaves below a demand."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.data.checking.expectations import load_valid
from counterfoil.data.minimising.minimise import minimise
from counterfoil.data.minimising.protect import protect
from counterfoil.data.minimising.risk import measure
from counterfoil.data.reading.cells import TYPES
from counterfoil.data.reading.table import Table
from counterfoil.data.synthetic.synth import write_table
from counterfoil.errors import AnonymityError, DataError, RefusedError
from counterfoil.governance.contracts.column import Column, ColumnType, PrivacyRole
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.minimisation import Demands, Generalisation

VISITS = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
PATIENTS = [  # Machanavajjhala et al. 2007, figure 1: zip code, age, condition
    ("13053", 28, "heart"), ("13068", 29, "heart"), ("13068", 21, "viral"), ("13053", 23, "viral"),
    ("14853", 50, "cancer"), ("14853", 55, "heart"), ("14850", 47, "viral"), ("14850", 49, "viral"),
    ("13053", 31, "cancer"), ("13053", 37, "cancer"), ("13068", 36, "cancer"), ("13068", 35, "cancer"),
]  # fmt: skip
SWEENEY = [  # Sweeney 2002, figure 2: race, birth, gender, zip code, problem
    *([("black", 1965, "m", "0214", problem) for problem in ("short breath", "chest pain")]),
    *([("black", 1965, "f", "0213", "hypertension")] * 2),
    *([("black", 1964, "f", "0213", problem) for problem in ("obesity", "chest pain")]),
    *([("white", 1964, "m", "0213", problem) for problem in ("chest pain", "obesity", "short breath")]),
    *([("white", 1967, "m", "0213", "chest pain")] * 2),
]
# Li et al. 2007, tables 3 to 5: salary in thousands, by class
SALARIES = {"3-diverse": ([3, 4, 5], [6, 11, 8], [7, 9, 10]), "0.167-close": ([3, 5, 9], [6, 11, 8], [4, 7, 10])}


@pytest.fixture(scope="module")
def visits() -> Contract:
    return parse_contract(VISITS.read_bytes(), VISITS.name)


def made(contract: Contract, columns: dict[str, tuple[ColumnType, PrivacyRole, list[Any]]], **changed: Any) -> Table:
    """A table of (type, role, cells)."""
    own = tuple(
        Column(name, kind, role, "Tests.", minimum=0, maximum=10_000) for name, (kind, role, _) in columns.items()
    )
    data = pa.table({name: pa.array(cells, TYPES[kind]) for name, (kind, _, cells) in columns.items()})
    return Table(replace(contract, columns=own, quality=(), **changed), "patients.csv", data)


def patients(contract: Contract, zip_digits: int = 5, **changed: Any) -> Table:
    zips, ages, conditions = map(list, zip(*PATIENTS, strict=True))
    return made(
        contract,
        {
            "zip": ("string", "quasi", [code[:zip_digits] for code in zips]),
            "age": ("integer", "quasi", ages),
            "condition": ("string", "sensitive", conditions),
        },
        **changed,
    )


def test_sweeneys_table_is_2_anonymous(visits: Contract) -> None:
    race, birth, gender, code, problem = map(list, zip(*SWEENEY, strict=True))
    risk = measure(
        made(
            visits,
            {
                "race": ("string", "quasi", race),
                "birth": ("integer", "quasi", birth),
                "gender": ("string", "quasi", gender),
                "zip": ("string", "quasi", code),
                "problem": ("string", "sensitive", problem),
            },
        )
    )
    assert (risk.k, dict(risk.sizes), risk.diversity["problem"]) == (2, {2: 8, 3: 3}, 1)


def test_machanavajjhalas_tables(visits: Contract) -> None:
    assert measure(patients(visits)).k == 1
    zips, ages, conditions = map(list, zip(*PATIENTS, strict=True))
    for keep, edges, k, diversity in ((3, (30, 40), 4, 1), (4, (41,), 4, 3)):  # figures 2 and 3
        columns = {
            "zip": ("string", "quasi", [code[:keep] for code in zips]),
            "age": ("integer", "quasi", np.digitize(ages, edges).tolist()),
            "condition": ("string", "sensitive", conditions),
        }
        risk = measure(made(visits, columns))
        assert (risk.k, risk.diversity["condition"]) == (k, diversity)
        assert dict(risk.sizes) == {4: 12}


@pytest.mark.parametrize(("name", "t"), [("3-diverse", 0.375), ("0.167-close", 1 / 6)])
def test_lis_tables(visits: Contract, name: str, t: float) -> None:
    salaries = [salary for group in SALARIES[name] for salary in group]
    columns = {
        "group": ("integer", "quasi", [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        "salary": ("integer", "sensitive", salaries),
        "grade": ("string", "sensitive", ["a", "a", "b", "a", "a", "b", "b", "b", "b"]),
    }
    risk = measure(made(visits, columns))
    assert risk.closeness["salary"] == pytest.approx(t)
    assert risk.closeness["grade"] == pytest.approx(4 / 9)  # all b, where 5 of 9 are
    assert risk.diversity == {"salary": 3, "grade": 1}


def test_closeness_in_blocks_is_the_same(visits: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    columns = {
        "group": ("integer", "quasi", rng.integers(0, 40, 500).tolist()),
        "value": ("integer", "sensitive", rng.integers(0, 30, 500).tolist()),
    }
    table = made(visits, columns)
    whole = measure(table)
    monkeypatch.setattr("counterfoil.data.minimising.risk.BLOCK", 64)
    assert measure(table).closeness == pytest.approx(whole.closeness)


def test_without_quasi_identifiers_all_rows_are_one_class(visits: Contract) -> None:
    risk = measure(made(visits, {"salary": ("integer", "sensitive", [1, 1, 2])}))
    assert (risk.k, risk.diversity["salary"], risk.closeness["salary"]) == (3, 2, 0.0)


COARSE = [
    (Generalisation(band=10), [0, 9, 10, 101], [0, 0, 10, 100]),
    (Generalisation(band=10), [-1, -10, -11], [-10, -10, -20]),
    (Generalisation(round=10), [4, 5, 14, 15, -4, -5, -6], [0, 10, 10, 20, 0, 0, -10]),
    (Generalisation(bottom=18, top=90), [0, 18, 50, 90, 110], [18, 18, 50, 90, 90]),
    (Generalisation(top=75, band=25), [0, 24, 76, 110], [0, 0, 75, 75]),
]


@pytest.mark.parametrize(("rule", "cells", "expected"), COARSE)
def test_numbers_become_coarser(rule: Generalisation, cells: list[int], expected: list[int]) -> None:
    assert rule.coarsen(np.array(cells)).tolist() == expected


@pytest.mark.parametrize(
    ("period", "first"),
    [("month", date(2024, 2, 1)), ("quarter", date(2024, 1, 1)), ("year", date(2024, 1, 1))],
)
def test_days_become_the_first_of_their_period(period: str, first: date) -> None:
    days = np.array([(date(2024, 2, 29) - date(1970, 1, 1)).days])
    assert Generalisation(period=period).coarsen(days).tolist() == [(first - date(1970, 1, 1)).days]


RULES = st.builds(
    Generalisation,
    bottom=st.none() | st.integers(-50, 50),
    top=st.none() | st.integers(51, 500),
    band=st.none() | st.integers(1, 40),
    period=st.none() | st.sampled_from(["month", "quarter", "year"]),
)


@settings(deadline=None)
@given(RULES, st.lists(st.integers(-(10**5), 10**5), min_size=2))
def test_coarser_values_keep_their_order_and_stay_within_the_coarser_bounds(
    rule: Generalisation, cells: list[int]
) -> None:
    values = np.sort(np.array(cells))
    coarse = rule.coarsen(values)
    assert (np.diff(coarse) >= 0).all()
    assert coarse[0] == rule.coarsen(values[:1])[0]
    assert coarse[-1] == rule.coarsen(values[-1:])[0]


def test_cells_and_domain_become_coarser_alike(visits: Contract) -> None:
    coarse = {
        "area": Generalisation(prefix=2),
        "amount": Generalisation(bottom=0, round=5000),
        "day": Generalisation(period="year"),
        "score": Generalisation(band=4),
    }
    columns = tuple(replace(column, generalise=coarse.get(column.name)) for column in visits.columns)
    contract = replace(visits, columns=columns)
    schema = pa.schema([(column.name, TYPES[column.type]) for column in columns])
    cells = {
        "code": ["0001", "0002", "0003"],
        "area": ["north", "south", "no"],
        "amount": [-1050, 2499, 99_999],
        "day": [date(2000, 5, 5), date(2030, 12, 31), date(2024, 2, 29)],
        "active": [True, False, True],
        "score": [9, None, 3],
    }
    kept = minimise(Table(contract, "visits.csv", pa.table(cells, schema)), ["area", "amount", "day", "score"])
    assert kept.table.data.to_pydict() == {
        "area": ["no", "so", "no"],
        "amount": [0, 0, 100_000],
        "day": [date(2000, 1, 1), date(2030, 1, 1), date(2024, 1, 1)],
        "score": [8, None, 0],
    }
    assert (kept.generalised, kept.identifiers, kept.unused) == (tuple(coarse), ("code",), ("active",))
    shared = kept.table.contract
    assert shared.column("area").categories == ("no", "so")
    assert shared.column("amount").bounds == (0, 100_000)
    assert shared.column("day").bounds == (10_957, 21_915)
    assert shared.column("score").bounds == (0, 8)
    assert shared.digest == visits.digest
    assert shared.shared() == shared


def test_small_classes_stay_behind_as_far_as_the_contract_tolerates(visits: Contract, tmp_path: Path) -> None:
    columns = {
        "group": ("integer", "quasi", [1] * 5 + [2] * 4 + [3]),
        "value": ("integer", "sensitive", [1, 2, 3, 4, 5, 1, 1, 1, 1, 9]),
    }
    page = tmp_path / "patients.risk.html"
    for left_behind, rows in ((10.0, 9), (0.0, 0), (9.9, 0), (50.0, 9)):
        table = made(visits, columns, demands=Demands(k=3, left_behind=left_behind))
        if rows:
            kept = protect(table, columns, page)
            assert (kept.table.rows, kept.left_behind, measure(kept.table).k) == (rows, 1, 4)
        else:
            with pytest.raises(AnonymityError, match="3 rows alike in group"):
                protect(table, columns, page)


DEMANDS = {
    "k": (Demands(k=6), "6 rows alike in group"),
    "l": (Demands(diversity=2), "2 different values of value in every class"),
    "t": (Demands(closeness=0.2), "every class within 0.2 of the table's distribution of value"),
}


@pytest.mark.parametrize("name", DEMANDS)
def test_nothing_leaves_below_a_demand(name: str, visits: Contract, tmp_path: Path) -> None:
    demands, words = DEMANDS[name]
    columns = {
        "group": ("integer", "quasi", [1] * 5 + [2] * 5),
        "value": ("integer", "sensitive", [7731] * 5 + [2] * 5),
    }
    page = tmp_path / "patients.risk.html"
    with pytest.raises(AnonymityError, match=words) as error:
        protect(made(visits, columns, demands=demands), columns, page)
    assert error.value.exit_code == 49
    assert "7731" not in str(error.value)
    html = page.read_text()
    assert "Nothing left: the contract demands" in html
    assert "7731" not in html
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_the_page_compares_before_and_after_and_needs_no_network(visits: Contract, tmp_path: Path) -> None:
    columns = {"group": ("integer", "quasi", [1, 2, 3, 4]), "value": ("integer", "sensitive", [1, 2, 1, 2])}
    table = made(visits, columns)
    group = replace(table.contract.column("group"), generalise=Generalisation(top=2, band=2))
    own = replace(table.contract, columns=(group, table.contract.column("value")))
    page = tmp_path / "patients.risk.html"
    protect(Table(own, table.source, table.data), columns, page)
    html = page.read_text()
    assert "<td>k: rows in the smallest class</td><td>1</td><td>1</td>" in html
    assert "nothing above 2, in bands of 2" in html
    assert html.count("<rect") == 16
    assert "http" not in html.replace("http-equiv", "")


FLAGGED = """
      - name: objected
        description: Whether the person opted out.
        logicalType: boolean
        required: true
        customProperties:
          - {property: privacyRole, value: identifier}
          - {property: optOut, value: true}
customProperties:
"""
AMOUNT, SCORE = (
    "          - property: resolution\n            value: 2\n",
    "            value: Tests.\ncustomProperties:\n",
)


@pytest.fixture
def objecting() -> Contract:
    """The visits, whose people may opt out, whose empty amounts are 0.07, and which leaves rows without a score out."""
    text = VISITS.read_text()
    assert text.count(AMOUNT) == text.count(SCORE) == 1
    ways = {"missing": "replace", "replacement": "0.07"}
    filled = "".join(f"          - {{property: {name}, value: {value}}}\n" for name, value in ways.items())
    left = SCORE.replace("customProperties:\n", "          - {property: missing, value: leave-out}") + FLAGGED
    text = text.replace("number\n        required: true", "number")
    return parse_contract(text.replace(AMOUNT, AMOUNT + filled).replace(SCORE, left).encode(), "visits.odcs.yaml")


def visited(contract: Contract, **cells: list[Any]) -> Table:
    rows = {
        "code": ["0001", "0002", "0003", "0004"],
        "area": ["no"] * 4,
        "amount": [100, None, 300, 400],
        "day": [date(2024, 2, day) for day in (1, 2, 3, 4)],
        "active": [True] * 4,
        "score": [1, 2, None, 4],
        "objected": [False, False, False, True],
    }
    schema = pa.schema([(column.name, TYPES[column.type]) for column in contract.columns])
    return Table(contract, "visits.csv", pa.table({**rows, **cells}, schema))


def test_who_opted_out_stays_and_empty_cells_follow_the_contract(objecting: Contract, tmp_path: Path) -> None:
    page = tmp_path / "visits.risk.html"
    kept = protect(visited(objecting), ["amount", "score"], page)
    assert kept.table.data.to_pydict() == {"amount": [100, 7], "score": [1, 2]}
    assert kept.account == {"read": 4, "opted-out": 1, "incomplete": 1, "left-behind": 0, "shared": 2}
    assert kept.filled == 1
    assert "objected" in kept.identifiers
    assert "rows that stay: opted out</td><td></td><td>1</td>" in page.read_text()
    only = minimise(visited(objecting), ["amount"])
    assert only.table.data.to_pydict() == {"amount": [100, 7, 300]}  # a score that nobody needs decides nothing


def test_nothing_leaves_when_nobody_can_tell_who_opted_out(objecting: Contract) -> None:
    table = visited(objecting)
    without = Table(objecting, table.source, table.data.drop_columns(["objected"]))
    for unclear in (without, visited(objecting, objected=[False, None, False, True])):
        with pytest.raises(RefusedError, match="without the column objected nobody can tell who opted out"):
            minimise(unclear, ["amount"])
    with pytest.raises(DataError, match="every row is of somebody who opted out"):
        minimise(visited(objecting, objected=[True] * 4), ["amount"])
    with pytest.raises(DataError, match="every row lacks a cell"):
        minimise(visited(objecting, score=[None] * 4), ["amount", "score"])
    with pytest.raises(RefusedError, match="objected"):
        minimise(table, ["objected"])


def test_a_file_keeps_who_opted_out_until_it_is_minimised(objecting: Contract, tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    write_table(visited(objecting), path)
    loaded, _ = load_valid(path, objecting)
    assert "code" not in loaded.names
    assert minimise(loaded, ["amount"]).opted_out == 1


def test_a_sample_is_random_and_of_its_size(visits: Contract) -> None:
    columns = {"value": ("integer", "sensitive", list(range(1000)))}
    table = made(visits, columns, demands=Demands(sample=12.5))
    first, second = (minimise(table, columns) for _ in range(2))
    assert first.table.rows == second.table.rows == 125
    assert first.left_behind == 875
    cells = first.table.data["value"].to_pylist()
    assert cells == sorted(set(cells))
    assert cells != second.table.data["value"].to_pylist()
