"""A first contract from a file: what the file shows is there, what a person must decide is asked for, no cell leaks."""

from __future__ import annotations

import datetime
import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import yaml

from counterfoil.data.checking.expectation_rules import compile_rules
from counterfoil.data.checking.expectations import load_valid
from counterfoil.data.drafting.draft import RARE, draft
from counterfoil.data.drafting.profile import profile
from counterfoil.data.reading.database import exported
from counterfoil.data.reading.table import load
from counterfoil.errors import (
    ContractError,
    DocumentError,
    MissingColumnError,
    NotFoundError,
    StoreError,
    UnreadableTableError,
)
from counterfoil.governance.contracts.contract import parse_contract

VISITS = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
ROWS = 40
COLUMNS: dict[str, tuple[list[Any], str]] = {
    "key": ([f"AB-{n:04d}x" for n in range(ROWS)], "string"),
    "group": (["red"] * 25 + ["blue"] * 13 + ["secretly-ill"] * 2, "string"),
    "note": ([f"free text {'x' * n}" for n in range(ROWS)], "string"),
    "count": ([str(n - 7) for n in range(ROWS)], "integer"),
    "price": ([f"{n}.{n % 10}5" for n in range(ROWS)], "number:2"),
    "mixed": (["", "1", "2.125", *["3.5"] * (ROWS - 3)], "number:3"),
    "day": ([f"2024-02-{n % 29 + 1:02d}" for n in range(ROWS)], "date"),
    "truth": (["true", "false"] * (ROWS // 2), "boolean"),
    "flag": (["0", "1"] * (ROWS // 2), "integer"),
    "nothing": ([""] * ROWS, "integer"),
}


def write_csv(path: Path, columns: dict[str, list[Any]]) -> Path:
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cells = {name: column for name, (column, _) in COLUMNS.items()}
    return write_csv(tmp_path_factory.mktemp("profile") / "Some Table.csv", cells)


def test_types_are_the_narrowest_that_every_cell_fits(file: Path) -> None:
    assert {column.name: column.kind for column in profile(file).columns} == {
        name: kind for name, (_, kind) in COLUMNS.items()
    }


def test_stored_types_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "stored.parquet"
    data = {
        "whole": pa.array([1, 2], pa.int16()),
        "real": pa.array([0.5, 1.25]),
        "money": pa.array([Decimal("1.5"), Decimal("1.25")], pa.decimal128(12, 2)),
        "digits": pa.array(["1", "2"]),
        "day": pa.array([datetime.date(2024, 1, 1)] * 2),
        "truth": pa.array([True, None]),
    }
    pq.write_table(pa.table(data), path)
    kinds = {column.name: column.kind for column in profile(path).columns}
    assert kinds == {
        "whole": "integer",
        "real": "number:2",
        "money": "number:2",
        "digits": "string",
        "day": "date",
        "truth": "boolean",
    }


def test_the_draft_says_what_the_file_shows(file: Path) -> None:
    text = draft(profile(file), file.stem)
    value = yaml.safe_load(text)
    assert (value["id"], value["schema"][0]["name"]) == ("some-table", "some_table")
    columns = {item["name"]: item for item in value["schema"][0]["properties"]}
    assert columns["key"]["logicalTypeOptions"] == {"pattern": r"^[A-Z]{2}\-[0-9]{4}[a-z]$"}
    assert columns["key"]["unique"] is True
    assert columns["count"]["logicalTypeOptions"] == {"minimum": -10, "maximum": 50}
    assert columns["price"]["logicalTypeOptions"] == {"minimum": 0, "maximum": 50}
    assert columns["price"]["customProperties"] == [{"property": "resolution", "value": 2}]
    assert columns["day"]["logicalTypeOptions"] == {"minimum": "2024-01-01", "maximum": "2024-12-31"}
    assert columns["group"]["customProperties"] == [{"property": "categories", "value": ["blue", "red"]}]
    assert "required" not in columns["mixed"]
    assert (
        text.count("# - {property: missing, value: leave-out}")
        == sum("required" not in c for c in columns.values())
        > 0
    )
    assert f"1 more stand in fewer than {RARE} rows" in text


def test_no_rare_cell_is_in_the_draft(file: Path) -> None:
    text = draft(profile(file), file.stem)
    for cell in ("secretly-ill", "free text", "AB-", "39", "32", "-7", "2.125"):
        assert cell not in re.sub(r"#.*", "", text)
    assert "secretly-ill" not in text


def test_lint_asks_for_what_a_person_decides_and_then_it_is_a_contract(file: Path, tmp_path: Path) -> None:
    text = draft(profile(file), file.stem)
    with pytest.raises(ContractError) as words:
        parse_contract(text.encode(), "x")
    asked = str(words.value).splitlines()
    assert "what the parties want to learn from the table" in asked[0]
    assert sum("what a cell of the column says" in line for line in asked) == len(COLUMNS)

    text = text.replace("description: {}", "description: {purpose: Tests.}")
    text = re.sub(r"( +)logicalType: (?!object)", r"\1description: A column.\n\1logicalType: ", text)
    with pytest.raises(ContractError) as roles:
        parse_contract(text.encode(), "x")
    assert str(roles.value).count("say which of identifier, quasi, sensitive, measure, key, time it is") == len(COLUMNS)
    assert "'lawfulBasis' is missing" in str(roles.value)

    text = text.replace("customProperties: []\n", "customProperties:\n") + TERMS
    text = re.sub(r"( +)customProperties:\n", rf"\1customProperties:\n\1{OWN}", text)
    before, after = text.split('- name: "count"')
    text = before + '- name: "count"' + after.replace("value: key}", "value: measure}\n" + WHY, 1)
    contract = parse_contract(text.encode(), "x")
    assert compile_rules(contract)
    _, verdict = load_valid(write_csv(tmp_path / "again.csv", {n: c for n, (c, _) in clean().items()}), contract)
    assert verdict.rows == ROWS


TERMS = """\
  - {property: lawfulBasis, value: consent}
  - {property: minimumCount, value: 5}
  - {property: retention, value: 30}
  - {property: expires, value: 2027-01-31}
  - {property: allowedAnalyses, value: [total]}
"""
OWN = "  - {property: privacyRole, value: key}\n"
WHY = "          - {property: purpose, value: Is counted.}"


def clean() -> dict[str, tuple[list[Any], str]]:
    """The columns with the rare category that the owner chose to leave out."""
    return COLUMNS | {"group": (["red"] * 27 + ["blue"] * 13, "string")}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"when": pa.array([0, 1], pa.time32("s"))}, "column when: the file stores neither numbers"),
        ({"list": pa.array([[1], [2]])}, "column list: the file stores neither"),
        ({"a": pa.array([], pa.int64())}, "it has no rows"),
    ],
)
def test_what_no_contract_could_hold_is_refused(cells: dict[str, pa.Array], words: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(cells), tmp_path / "odd.parquet")
    with pytest.raises(UnreadableTableError, match=words):
        profile(tmp_path / "odd.parquet")


LONG = 10**18


@pytest.mark.parametrize(
    ("cells", "words", "mended"),
    [
        (pa.array([LONG, 1]), "more than 18 digits; store them as string", pa.array([str(LONG), "1"])),
        (pa.array([2**63, 1], pa.uint64()), "more than 18 digits; store them", pa.array([str(2**63), "1"])),
        (pa.array([2.0**53 + 2, 1.0]), "what names something as string", pa.array([str(2**53 + 2), "1"])),
        (pa.array([0.1 + 0.2, 1.0]), "round them to 9 decimal places", pa.array([round(0.1 + 0.2, 9), 1.0])),
        (pa.array([float("inf"), 1.0]), "write null", pa.array([None, 1.0])),
        (
            pa.array([Decimal("1.0000000001"), Decimal(1)]),
            "round them to 9 decimal places .* as decimal128",
            pa.array([Decimal("1.000000000"), Decimal(1)]),
        ),
        (
            pa.array([Decimal("1.5")], pa.decimal256(60, 2)),
            "as decimal128",
            pa.array([Decimal("1.5")], pa.decimal128(9, 2)),
        ),
        (
            pa.array([1001], pa.timestamp("ns")),
            "finer than microseconds, .* round",
            pa.array([1000], pa.timestamp("ns")),
        ),
        (pa.array([5], pa.time32("s")), "but time32.*store one of these", pa.array([5])),
    ],
)
def test_stored_cells_that_no_type_holds_are_named_with_a_remedy_that_works(
    cells: pa.Array, words: str, mended: pa.Array, tmp_path: Path
) -> None:
    path = tmp_path / "stored.parquet"
    pq.write_table(pa.table({"x": cells}), path)
    with pytest.raises(UnreadableTableError, match=f"column x: .*{words}"):
        profile(path)
    pq.write_table(pa.table({"x": mended}), path)
    assert profile(path).rows == len(mended)


def test_a_stored_nan_is_drafted_as_a_spelling_of_empty(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": pa.array([float("nan"), 1.5, None])}), tmp_path / "stored.parquet")
    found = profile(tmp_path / "stored.parquet")
    assert [(column.kind, column.empty, column.stand_ins) for column in found.columns] == [("number:1", 2, ("NaN",))]
    assert '{property: emptySpellings, value: ["NaN"]}' in draft(found, "stored")


@pytest.mark.parametrize(
    ("cells", "words", "mended", "kind"),
    [
        (["1,500", "2,225", "7"], "a decimal comma; write a decimal point", ["1.5", "2.225", "7"], "number:3"),
        (["1.5e3", "2e-1", "7"], "an exponent; write plain", ["1500", "0.2", "7"], "number:1"),
        (["11/12/2024", "2024-01-01"], "the year last, .* write them as YYYY", ["2024-12-11", "2024-01-01"], "date"),
        (["2024/12/31", "2024/1/1"], "with two digits a month and hyphens", ["2024-12-31", "2024-01-01"], "date"),
        (["NA", "7", "8.5"], "leave those cells empty", ["", "7", "8.5"], "number:1"),
        ([".A", "2024-01-01"], "leave those cells empty", ["", "2024-01-01"], "date"),
        (["NA", "1,5", "7"], "missing; leave those .* of the others, .* a decimal comma", ["", "1.5", "7"], "number:1"),
        (["n/a", "7"], "leave those cells empty", ["", "7"], "integer"),
    ],
)
def test_text_that_looks_like_numbers_or_days_is_named_with_a_remedy_that_works(
    cells: list[str], words: str, mended: list[str], kind: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["a;x", *(f"b;{cell}" for cell in cells)]) + "\n")
    found = profile(tmp_path / "t.csv")
    assert found.columns[1].kind == "string"
    text = draft(found, "t")
    assert re.search(f"# Read as text. Draft anew when its cells are mended: .*{words}.*", text)
    yaml.safe_load(text)
    (tmp_path / "t.csv").write_text("\n".join(["a;x", *(f"b;{cell}" for cell in mended)]) + "\n")
    assert profile(tmp_path / "t.csv").columns[1].kind == kind


@pytest.mark.parametrize("cells", [["20240101", "45000"], ["A-1", "1,5"], ["north", "NA"], ["NA", "-"], ["0", "x"]])
def test_text_that_is_text_is_taken_as_it_is(cells: list[str], tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": cells}), tmp_path / "t.parquet")
    found = profile(tmp_path / "t.parquet")
    assert (found.columns[0].kind, found.columns[0].advice) == ("string", "")


def test_categories_are_drafted_as_they_are_read(tmp_path: Path) -> None:
    spellings = ["M\u00fcller", "Mu\u0308ller", "M\u00fcller\u00a0", "\u200bM\u00fcller"]
    pq.write_table(pa.table({"x": spellings * 3, "y": [" a  b", "a b"] * 6}), tmp_path / "t.parquet")
    text = draft(profile(tmp_path / "t.parquet"), "t")
    assert '{property: categories, value: ["M\u00fcller"]}' in text
    assert '{property: categories, value: ["a b"]}' in text


@pytest.mark.parametrize("values", [pa.string(), pa.large_string(), pa.string_view()])
def test_categories_are_read_whatever_type_their_texts_have(values: pa.DataType, tmp_path: Path) -> None:
    texts = pa.array(["a", "a text of more than twelve bytes"]).cast(values)
    column = pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 1], pa.uint32()), texts)
    assert profile(write_arrow(tmp_path / "stored.arrow", {"x": column})).columns[0].counts == {
        "a": 1, "a text of more than twelve bytes": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("a,a\n1,2\n", "column a: the header names it twice"),
        ("a,b,A\n1,2,3\n", "columns 1 and 3 differ in nothing but case, .* rename one"),
        ("a,\u8cbb\u7528,\u0434\n1,2,3\n", "columns 2 and 3 differ in .* letters other than a to z; rename one"),
        ("2024,,\na,b,c\n", "columns 2 and 3 have no names; its first line must name each"),
        ("a,b\n1\n", "as many cells"),
        ("a,b\n", "no rows"),
        ("\x00\x01", "neither CSV"),
    ],
)
def test_unreadable_files_are_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(UnreadableTableError, match=words):
        profile(tmp_path / "odd.csv")


ARROW = {"whole": pa.array([1, 2], pa.int16()), "text": pa.array(["a", "b"]), "real": pa.array([0.5, 1.25])}


def write_arrow(path: Path, cells: dict[str, pa.Array], **options: Any) -> Path:
    data = pa.table(cells)
    with pa.ipc.new_file(path, data.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(data)
    return path


@pytest.mark.parametrize(
    ("lines", "places"),
    [
        (["4711,1980-03-02,12.5", "4712,1990-03-02,13.5"], "1, 2, 3"),
        (["Anna,Berlin,x", "Bert,Berlin,y"], "2"),
        (["key,true", "a,true", "b,false"], "2"),
        (["key,7.5", "a,1", "b,2"], "2"),
    ],
    ids=["numbers and days", "a text that comes again", "a truth value", "a number over whole ones"],
)
def test_a_first_row_in_place_of_names_is_refused_and_not_repeated(
    lines: list[str], places: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UnreadableTableError) as refused:
        profile(path)
    assert f"column {places} is a cell" in str(refused.value)
    assert not any(cell in str(refused.value) for cell in ("4711", "1980", "Berlin", "7.5"))
    names = [f"n{at}" for at in range(len(lines[0].split(",")))]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")  # the remedy
    assert [column.name for column in profile(path).columns] == names


def test_years_may_head_columns_of_a_file_that_stores_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"2023": [1, 2], "2024": [3, 4]}), tmp_path / "t.parquet")
    assert len(profile(tmp_path / "t.parquet").columns) == 2


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_arrow_files_are_profiled_and_read_as_others_are(compression: str | None, tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "stored.arrow", ARROW, compression=compression)
    found = profile(path)
    assert (found.rows, [column.kind for column in found.columns]) == (2, ["integer", "string", "number:2"])
    contract = parse_contract(VISITS.read_bytes(), VISITS.name)
    with pytest.raises(MissingColumnError, match="column code: a column of the contract; the file has no such column"):
        load(path, contract, tmp_path / "page.html")


@pytest.mark.slow
def test_a_crafted_arrow_file_is_refused_by_name(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "crafted.arrow", ARROW)
    whole = path.read_bytes()
    for seed in range(12):
        at = int(np.random.default_rng(seed).integers(8, len(whole)))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            assert profile(path).rows == 2, f"seed {seed}"
        except UnreadableTableError as error:
            assert "crafted.arrow: " in str(error)
    for cut in (8, 100, len(whole) - 8):
        path.write_bytes(whole[:cut])
        with pytest.raises(UnreadableTableError, match="damaged or cut off"):
            profile(path)
    bomb = {"text": pa.DictionaryArray.from_arrays(pa.array([0] * 2**20, pa.int8()), ["x" * 2_000])}
    with pytest.raises(UnreadableTableError, match=r"stopped|memory"):
        profile(write_arrow(tmp_path / "bomb.arrow", bomb, compression="zstd"))


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    path = tmp_path / "bank.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            'CREATE TABLE loans (id TEXT, owed NUMERIC, "opened on" DATE, rate REAL, note TEXT, scan BLOB)'
        )
        rows = [
            (f"A{n:03d}", n, f"2024-02-{n % 28 + 1:02d}", n / 8, None if n % 2 else 'a "b",\n', b"0") for n in range(40)
        ]
        database.executemany("INSERT INTO loans VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.execute('CREATE VIEW plain AS SELECT id, owed, "opened on", rate, note FROM loans')
        database.commit()
    return path


def test_a_table_of_a_database_is_profiled_and_left_as_it_was(bank: Path, tmp_path: Path) -> None:
    before, names = bank.read_bytes(), sorted(tmp_path.iterdir())
    with exported(f"sqlite:///{bank}", "plain") as file:
        found = profile(file, "table plain")
    kinds = {column.name: (column.kind, column.empty, column.different) for column in found.columns}
    assert found.rows == 40
    assert kinds == {
        "id": ("string", 0, 40),
        "owed": ("integer", 0, 40),
        "opened_on": ("date", 0, 28),
        "rate": ("number:3", 0, 40),
        "note": ("string", 20, 1),
    }
    assert (bank.read_bytes(), sorted(tmp_path.iterdir())) == (before, names)


DATABASES = {
    "no such table": ("sqlite:///{bank}", "lones", NotFoundError, "no table lones; did you mean 'loans'?"),
    "no such file": ("sqlite:///{bank}.old", "loans", NotFoundError, "is not there"),
    "no file": ("sqlite://", "loans", NotFoundError, "name the file"),
    "no URL": ("bank:loans", "loans", DocumentError, "not the URL of a database"),
    "no driver": ("nosuchdb://host/bank", "loans", DocumentError, "no driver for nosuchdb"),
    "no module for a driver": (
        "mysql+mysqlconnector://me@host/bank", "loans", DocumentError,
        "no driver for mysql is installed; pip install 'mysql-connector-python'",
    ),
    "no driver of PostgreSQL": (
        "postgresql://me@host/bank", "loans", DocumentError,
        "no driver for postgresql is installed; pip install 'psycopg2-binary'",
    ),
    "no dialect": ("snowflake://me@host/bank", "loans", DocumentError, "pip install 'snowflake-sqlalchemy'"),
    "a driver that does not wait": ("postgresql+asyncpg://me@host/bank", "loans", DocumentError, "out of order"),
    "neither": ("postgresql://me:hunter2@host:port/x", "loans", DocumentError, "not the URL of a database"),
    "a port that is none": ("postgresql://me@host:hunter2/bank", "loans", DocumentError, "not the URL of a database"),
    "a password": ("sqlite://me:hunter2@/{bank}", "loans", DocumentError, "take the password out"),
    **{
        f"a password as {each}": (each, "loans", DocumentError, "take the password out")
        for each in (
            "postgresql+psycopg://host/bank?user=me&password=hunter2", "mysql+pymysql://me@host/bank?passwd=hunter2",
            "postgresql://me@host/bank?sslpassword=hunter2", "postgresql://me@host/bank?PGPASSWORD=hunter2",
            "postgresql://me@host/bank?pass%77ord=hunter2", "postgresql://me@host/bank?options=password%3Dhunter2",
            "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dhunter2", "oracle://scott%2Fhunter2@host/bank",
            "postgresql://me%3Ahunter2@host/bank", "snowflake://me@host/bank?token=hunter2",
            "sqlite:///{bank}?Password = hunter2",
        )
    },
    "pictures": ("sqlite:///{bank}", "loans", UnreadableTableError, "column scan: it holds neither"),
    "no database": ("sqlite:///{text}", "loans", StoreError, "cannot be read (DatabaseError)"),
}  # fmt: skip


@pytest.mark.parametrize("name", DATABASES)
def test_what_cannot_be_read_of_a_database_is_said(name: str, bank: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("this is no database" * 100)
    url, table, error, words = DATABASES[name]
    with (
        pytest.raises(error, match=re.escape(words)) as caught,
        exported(url.format(bank=bank, text=tmp_path / "notes.txt"), table),
    ):
        pass
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "bank.db.old").exists()


class Driver:
    """A driver that fails as no driver should: by an error of its own, which quotes what it was given."""

    paramstyle = "qmark"
    version_info = sqlite_version_info = (3, 40, 0)
    Error = sqlite3.Error

    def connect(self, *_: object, **__: object) -> NoReturn:
        raise RuntimeError("cannot connect to me:hunter2@host")


def test_whatever_a_driver_raises_is_one_line_without_its_words(bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlalchemy.dialects.sqlite.pysqlite.SQLiteDialect_pysqlite.import_dbapi", lambda *_: Driver())
    with (
        pytest.raises(StoreError, match=r"table loans: the database cannot be read \(RuntimeError\)") as caught,
        exported(f"sqlite:///{bank}", "loans"),
    ):
        pass
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
