"""Files as people have them: read, or refused with a remedy that is followed here to the letter and then accepted."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfoil.data.drafting.draft import draft
from counterfoil.data.drafting.profile import profile
from counterfoil.data.reading.table import load
from counterfoil.errors import ContractError, DataError, MissingColumnError, UnreadableTableError, WrongTypeError
from counterfoil.files import open_ordinary
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.standard.plain_name import plain_name

VISITS = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
TEXT = VISITS.read_text()
CONTRACT = parse_contract(TEXT.encode(), VISITS.name)
HEADER = "code,area,amount,day,active,score"
ROWS = ["0007,north,1.50,2024-02-29,true,5", "0008,south,2.25,2024-03-01,false,"]
WANTED = {
    "code": ["0007", "0008"],
    "area": ["north", "south"],
    "amount": [150, 225],
    "day": [datetime.date(2024, 2, 29), datetime.date(2024, 3, 1)],
    "active": [True, False],
    "score": [5, None],
}
SEEN = """      - name: seen
        description: A time.
        logicalType: timestamp
        logicalTypeOptions: {OPTIONS
          minimum: "2000-01-01T00:00:00Z", maximum: "2030-12-31T23:59:59Z"}
        customProperties:
          - {property: privacyRole, value: time}
          - {property: purpose, value: Tests.}
          - {property: resolution, value: 3}
"""


def with_times(options: str = "") -> Contract:
    at = TEXT.index("      - name: active")
    return parse_contract((TEXT[:at] + SEEN.replace("OPTIONS", options) + TEXT[at:]).encode(), "v")


def read(tmp_path: Path, data: bytes | str, contract: Contract = CONTRACT, name: str = "f.csv") -> dict[str, Any]:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    found: dict[str, Any] = load(path, contract, tmp_path / "page.html").data.to_pydict()
    return found


def csv(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    return end.join([header, *rows]) + end


def parquet(**changed: Any) -> bytes:
    columns = {
        "code": pa.array(WANTED["code"]),
        "area": pa.array(WANTED["area"]),
        "amount": pa.array([Decimal("1.50"), Decimal("2.25")]),
        "day": pa.array(WANTED["day"]),
        "active": pa.array(WANTED["active"]),
        "score": pa.array(WANTED["score"]),
        **changed,
    }
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "sep=,\r\n" + csv(*ROWS, end="\r\n"),
        '"sep=;"\n' + csv(*ROWS).replace(",", ";"),
        "\ufeff\n \n" + csv(*ROWS),
        csv(*ROWS, header="CODE, Area ,Amount,d.a.y".replace("d.a.y", "DAY") + ',"active ",\u00a0SCORE'),
        csv(*ROWS, end="\r"),
        csv(*ROWS).removesuffix("\n"),
        csv(*ROWS).replace(",", ";"),
        csv(*ROWS).replace(",", "\t"),
        csv(*ROWS).replace(",", "|"),
        csv(*ROWS).replace("2024-02-29", "2024-02-29 00:00:00").replace(",5", ",5.0"),
        csv(*(f"{row},more" for row in ROWS), header=HEADER + ',"a\nb"'),
    ],
    ids=[
        "excel-sep",
        "bom-sep",
        "blank-lines",
        "case",
        "cr",
        "no-last-end",
        "semicolon",
        "tab",
        "bar",
        "pandas",
        "line-end-in-name",
    ],
)
def test_csv_as_people_have_it_is_read(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == WANTED


@pytest.mark.parametrize(
    "changed",
    [
        {"area": pa.array(WANTED["area"], pa.string_view())},
        {"area": pa.array(WANTED["area"], pa.large_string()).dictionary_encode()},
        {"score": pa.array([5.0, None])},
        {"score": pa.array([Decimal(5), None], pa.decimal128(10, 0))},
        {"score": pa.array([5, None], pa.int32()).dictionary_encode()},
        {"day": pa.array(WANTED["day"]).cast(pa.timestamp("ns"))},
        {"day": pa.array(WANTED["day"]).cast(pa.timestamp("us", "UTC"))},
        {"day": pa.array(WANTED["day"]).cast(pa.date64())},
        {"amount": pa.array([1.5, 2.25], pa.float32())},
        {"amount": pa.array([Decimal("1.5"), Decimal("2.25")], pa.decimal128(38, 20))},
    ],
    ids=lambda changed: "-".join(f"{name}-{values.type}" for name, values in changed.items()),
)
def test_parquet_of_pandas_and_polars_is_read(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert read(tmp_path, parquet(**changed), name="f.parquet") == WANTED


def test_a_column_without_any_value_is_read_whatever_its_type(tmp_path: Path) -> None:
    assert read(tmp_path, parquet(score=pa.nulls(2)), name="f.parquet")["score"] == [None, None]


def test_times_are_read_to_the_tick_in_the_declared_zone(tmp_path: Path) -> None:
    header = HEADER.replace("active", "seen,active")
    cells = ["2024-02-29T23:30:00.5", "2024-03-01 01:30:00+02:00"]
    rows = [row.replace(",true", f",{cell},true").replace(",false", f",{cell},false")
            for row, cell in zip(ROWS, cells, strict=True)]  # fmt: skip
    known = 1709249400_000
    assert read(tmp_path, csv(*rows, header=header), with_times())["seen"] == [known + 500, known]
    ahead = read(tmp_path, csv(*rows, header=header), with_times('defaultTimezone: "+01:00",'))
    assert ahead["seen"] == [known - 3_600_000 + 500, known]
    with pytest.raises(WrongTypeError, match=r"column seen: type timestamp does not hold in 1 row.*with their zone"):
        read(tmp_path, csv(*rows, header=header), with_times("timezone: true,"))
    mended = csv(*rows, header=header).replace("23:30:00.5", "23:30:00.5Z")
    assert read(tmp_path, mended, with_times("timezone: true,"))["seen"] == [known + 500, known]
    stored = pa.array([(known + 500) * 10**6, known * 10**6], pa.timestamp("ns", "Europe/Berlin"))
    assert read(tmp_path, parquet(seen=stored), with_times(), "f.parquet")["seen"] == [known + 500, known]
    finer = pa.array([known * 10**3 + 1, known * 10**3], pa.timestamp("us"))
    with pytest.raises(WrongTypeError, match="no finer than its resolution"):
        read(tmp_path, parquet(seen=finer), with_times(), "f.parquet")


@pytest.mark.parametrize(
    "cell",
    [
        "2024-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00+25:00",
        "2024-01-01T00:00:00.0001Z",
        "2024-01-01",
        "now",
    ],
)
def test_what_is_no_time_is_named(tmp_path: Path, cell: str) -> None:
    header = HEADER.replace("active", "seen,active")
    with pytest.raises(WrongTypeError, match="column seen: type timestamp does not hold in 1 row"):
        read(tmp_path, csv(f"0007,north,1.50,2024-02-29,{cell},true,5", header=header), with_times())


@pytest.mark.parametrize(
    ("column", "cell", "words", "mended"),
    [
        ("amount", ".", "leave these cells empty", ""),
        ("amount", "+.", "leave these cells empty", ""),
        ("score", "NA", "leave these cells empty", ""),
        ("amount", '"1,50"', "write a decimal point", "1.50"),
        ("amount", '"1.234,50"', "write a decimal point, and nothing between thousands", "1234.50"),
        ("amount", '"1,234.50"', "write the digits alone", "1234.50"),
        ("amount", "1.5e2", "write plain decimal numbers", "150"),
        ("amount", "1.505", "round them", "1.51"),
        ("score", "1.5", "round them", "2"),
        ("day", "29.02.2024", "write them as YYYY-MM-DD", "2024-02-29"),
        ("day", "2/29/2024", "write them as YYYY-MM-DD", "2024-02-29"),
        ("day", "20240229", "write days as YYYY-MM-DD", "2024-02-29"),
        ("day", "45351", "format the column as YYYY-MM-DD", "2024-02-29"),
        ("day", "2024-02-29 13:00:00", "write the day alone, as YYYY-MM-DD", "2024-02-29"),
        ("day", "0000-01-01", "leave cells empty where the day is not known", ""),
    ],
)
def test_the_remedy_of_a_cell_is_followed(tmp_path: Path, column: str, cell: str, words: str, mended: str) -> None:
    at = HEADER.split(",").index(column)

    def text(new: str) -> str:
        cells = ROWS[0].split(",")
        cells[at] = new
        return csv(",".join(cells), ROWS[1])

    with pytest.raises(WrongTypeError, match=f"column {column}: type .* in 1 row") as refused:
        read(tmp_path, text(cell))
    assert words in str(refused.value)
    assert cell.strip('"') not in str(refused.value) or len(cell) < 3
    assert "<td>1</td>" in (tmp_path / "page.html").read_text().replace(' class="row"', "")
    read(tmp_path, text(mended))


def test_spellings_that_are_declared_empty_are_empty(tmp_path: Path) -> None:
    declared = TEXT.replace("          - property: resolution\n            value: 2\n",
                            "          - property: resolution\n            value: 2\n"
                            "          - {property: emptySpellings, value: [\".\", NaN, n/a]}\n")  # fmt: skip
    contract = parse_contract(declared.encode(), "v")
    rows = [ROWS[0].replace("1.50", "."), ROWS[1].replace("2.25", "n/a")]
    assert read(tmp_path, csv(*rows), contract)["amount"] == [None, None]
    stored = parquet(amount=pa.array([float("nan"), 2.25]))
    assert read(tmp_path, stored, contract, "f.parquet")["amount"] == [None, 225]
    with pytest.raises(WrongTypeError, match=r"NaN is no number; write null where a value is missing"):
        read(tmp_path, stored, name="f.parquet")


def test_all_columns_that_are_missing_or_of_another_type_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(MissingColumnError) as missing:
        read(tmp_path, csv("1,2", header="code,area"))
    assert [f"column {name}: a column of the contract" in str(missing.value)
            for name in ("amount", "day", "active", "score")] == [True] * 4  # fmt: skip
    wrong = parquet(day=pa.array(["2024-02-29"] * 2), active=pa.array([1, 0]))
    with pytest.raises(WrongTypeError, match=r"column day: .*in Parquet as date32.*\n\(2\) column active") as types:
        read(tmp_path, wrong, name="f.parquet")
    assert "the file stores string" in str(types.value)
    berlin = parquet(day=pa.array([0, 86400], pa.timestamp("s", "Europe/Berlin")))
    with pytest.raises(WrongTypeError, match=r"tz=Europe/Berlin.*in Parquet as date32"):
        read(tmp_path, berlin, name="f.parquet")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + b"\0" * 40, "no workbook that can be read, .*save the sheet as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 40, "no workbook that can be read, .*save the sheet as CSV UTF-8"),
        (csv(*ROWS).encode("utf-16"), "UTF-16 text; save it as CSV UTF-8, or declare 'encoding"),
        (csv(*ROWS).encode("utf-16-le"), "or it is UTF-16 text; save it as CSV UTF-8"),
        (
            csv(*ROWS, header="größe," + HEADER).encode("latin-1"),
            "column 1 is not UTF-8.*CSV UTF-8, or declare 'encoding",
        ),
        (b"\x1f\x8b" + b"\0" * 40, "compressed; unpack it"),
    ],
    ids=["xlsx", "xls", "utf-16", "utf-16-le", "latin-1", "gzip"],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(UnreadableTableError, match=words):
        read(tmp_path, data)
    path = tmp_path / "f.csv"
    if "declare 'encoding" in words:  # a draft finds it out
        return
    with pytest.raises(UnreadableTableError, match=words):
        profile(path)


@pytest.mark.parametrize(("encoding", "found"), [("utf-16", "utf-16"), ("latin-1", "windows-1252"), ("utf-8-sig", "")])
def test_a_draft_finds_out_the_encoding(tmp_path: Path, encoding: str, found: str) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(csv(ROWS[0].replace("north", "nörd"), ROWS[1]).encode(encoding))
    assert profile(path).written.encoding == found


def test_latin_1_in_a_cell_is_named_with_its_column(tmp_path: Path) -> None:
    data = csv(ROWS[0].replace("north", "nörd")).encode("latin-1")
    with pytest.raises(WrongTypeError, match=r"column area: type string does not hold in 1 row.*Latin-1.*CSV UTF-8"):
        read(tmp_path, data)


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    for text in (HEADER, HEADER + "\r\n"):
        with pytest.raises(DataError, match="at least one row"):
            read(tmp_path, text)


def test_two_columns_that_a_contract_cannot_tell_apart_are_named(tmp_path: Path) -> None:
    text = csv(ROWS[0] + ",9", header=HEADER.replace("score", "Score") + ",SCORE")
    with pytest.raises(UnreadableTableError, match=r"column score: .*twice"):
        read(tmp_path, text)
    assert read(tmp_path, csv(ROWS[0] + ",9", header=HEADER + ",SCORE"))["score"] == [5]


@pytest.mark.parametrize(
    ("header", "name"),
    [("Größe (cm)", "grosse_cm"), ("a\nb", "a_b"), ("2024 Sales", "column_2024_sales"), ("€", "column")],
)
def test_a_draft_names_columns_so_that_its_contract_finds_them(tmp_path: Path, header: str, name: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f'"{header}",b\n1,.\n2,3\n')
    assert plain_name(header) == name
    text = draft(profile(path), "f")
    assert f'- name: "{name}"' in text
    assert 'emptySpellings, value: ["."]' in text


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_draft_knows_times(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"f.{kind}"
    if kind == "csv":
        path.write_text("t\n2024-01-01T10:00:00Z\n2024-06-01 10:00:00.250\n")
    else:
        pq.write_table(pa.table({"t": pa.array([10**12, 10**12 + 250], pa.timestamp("ms"))}), path)
    (column,) = profile(path).columns
    assert column.kind == "timestamp:3"
    assert "T00:00:00Z" in draft(profile(path), "f")


def test_bounds_that_no_cell_can_reach_are_refused(tmp_path: Path) -> None:
    for bound in ("2305843009213693952", "1000000000000000000"):
        wide = TEXT.replace("maximum: 9\n", f"maximum: {bound}\n")
        with pytest.raises(ContractError, match=r"no cell has more than 18 digits.*999999999999999999, or closer"):
            parse_contract(wide.encode(), "v")
    widest = parse_contract(TEXT.replace("maximum: 9\n", "maximum: 999999999999999999\n").encode(), "v")
    assert read(tmp_path, csv(ROWS[0].replace(",5", ",999999999999999999")), widest)["score"] == [10**18 - 1]


def test_a_folder_in_place_of_a_file_is_refused_and_not_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="not an ordinary file"):
        open_ordinary(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
