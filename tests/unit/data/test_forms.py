"""Files as people have them: what a contract's servers declare is read, and what it leaves open is never guessed."""

import datetime
from pathlib import Path

import pytest

from counterfoil.data.drafting.draft import draft, found_out
from counterfoil.data.drafting.profile import profile
from counterfoil.data.reading.table import load
from counterfoil.errors import ContractError, DataError, MissingColumnError
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.governance.contracts.forms.days import day_pattern

HEADERS = {
    "case": "Fall-Nr.",
    "paid": "Bezahlt (EUR)",
    "stay": "Größe d. Abt.",
    "admitted": "Aufn. Datum",
    "seen": "Gesehen",
}
ROWS = [
    ("ä1", "1.234,50", "12", "01.02.2024", "01.02.2024 13:05"),
    ("ö2", "-7,25", "1.175", "29.2.2024", "2024-02-29T00:00"),
]
SERVER = {"encoding": "windows-1252", "decimalMark": ",", "thousandsMark": ".", "dateFormat": "d.M.yyyy"}
COLUMNS = {
    "case": ("string", "identifier", "", ""),
    "paid": ("number", "measure", "minimum: -10000, maximum: 10000", "- {property: resolution, value: 2}"),
    "stay": ("integer", "measure", "minimum: 0, maximum: 5000", ""),
    "admitted": ("date", "time", 'minimum: "2020-01-01", maximum: "2030-12-31"', ""),
    "seen": ("timestamp", "time", 'minimum: "2020-01-01T00:00:00Z", maximum: "2030-12-31T00:00:00Z"', ""),
}


def contract(servers: dict[str, dict[str, object]], headers: dict[str, str] = HEADERS, options: str = "") -> Contract:
    text = "apiVersion: v3.1.0\nkind: DataContract\nid: stays\nversion: 1.0.0\nstatus: active\n"
    text += "description: {purpose: Tests.}\n" + ("servers:\n" if servers else "")
    for name, properties in servers.items():
        text += f"  - server: {name}\n    type: local\n    customProperties:\n"
        text += "".join(f"      - {{property: {key}, value: {value!r}}}\n" for key, value in properties.items())
    text += "schema:\n  - name: stays\n    quality: [{metric: rowCount, mustBeBetween: [1, 100]}]\n    properties:\n"
    for name, (kind, role, bounds, more) in COLUMNS.items():
        text += f"      - name: {name}\n        description: A column.\n        logicalType: {kind}\n"
        text += f"        physicalName: '{headers[name]}'\n" if name in headers else ""
        extra = options if kind == "date" else ""
        text += f"        logicalTypeOptions: {{{', '.join(filter(None, [bounds, extra]))}}}\n" if bounds else ""
        text += f"        customProperties:\n          - {{property: privacyRole, value: {role}}}\n"
        text += f"          - {{property: purpose, value: Tests.}}\n          {more}\n".rstrip(" ")
    text += "customProperties:\n  - {property: lawfulBasis, value: consent}\n  - {property: minimumCount, value: 5}\n"
    text += "  - {property: retention, value: 30}\n  - {property: expires, value: '2030-12-31'}\n"
    text += "  - {property: allowedAnalyses, value: [total]}\n"
    return parse_contract(text.encode(), "stays.odcs.yaml")


def written(path: Path, encoding: str = "windows-1252", delimiter: str = ";") -> Path:
    lines = [list(HEADERS.values()), *map(list, ROWS)]
    path.write_bytes("".join(f"{delimiter.join(line)}\r\n" for line in lines).encode(encoding))
    return path


def cells(path: Path, terms: Contract, party: str = "") -> dict[str, list[object]]:
    found: dict[str, list[object]] = load(path, terms, path.with_suffix(".html"), party=party).data.to_pydict()
    return found


RIGHT = {
    "case": ["ä1", "ö2"],
    "paid": [123450, -725],
    "stay": [12, 1175],
    "admitted": [datetime.date(2024, 2, 1), datetime.date(2024, 2, 29)],
    "seen": [1706792700, 1709164800],
}


def test_a_file_with_marks_days_encoding_and_headers_of_its_own_is_read(tmp_path: Path) -> None:
    assert cells(written(tmp_path / "t.csv"), contract({"all": SERVER})) == RIGHT


def test_a_party_has_its_own_server_and_others_the_common_one(tmp_path: Path) -> None:
    tabs = {**SERVER, "encoding": "utf-16", "delimiter": "tab"}
    terms = contract({"all": SERVER, "hospital-b": tabs})
    assert cells(written(tmp_path / "a.csv"), terms, "hospital-a") == RIGHT
    assert cells(written(tmp_path / "b.tsv", "utf-16", "\t"), terms, "hospital-b") == RIGHT
    ahead = contract({"all": {**SERVER, "timezone": "+01:00"}})
    assert cells(tmp_path / "a.csv", ahead)["seen"] == [each - 3600 for each in (1706792700, 1709164800)]


def test_the_names_of_one_partys_columns_are_its_servers(tmp_path: Path) -> None:
    own = {**SERVER, "physicalNames": {"case": "Fall-Nr.", "paid": "Bezahlt (EUR)"}}
    others = {name: HEADERS[name] for name in ("stay", "admitted", "seen")}
    assert cells(written(tmp_path / "t.csv"), contract({"here": own}, others)) == RIGHT


def test_what_is_declared_is_all_that_is_read(tmp_path: Path) -> None:
    """A point is no decimal mark where a comma is, and a comma none where nothing is declared."""
    path = tmp_path / "t.csv"
    path.write_text(f"{';'.join(HEADERS.values())}\na;1.5;1;2024-01-01;2024-01-01 00:00\n")
    with pytest.raises(DataError, match=r"column paid: type number does not hold in 1 row"):
        cells(path, contract({"all": {**SERVER, "encoding": "utf-8"}}))
    assert cells(path, contract({}))["paid"] == [150]
    with pytest.raises(DataError) as caught:
        cells(written(tmp_path / "u.csv", "utf-8"), contract({}))
    for words in ("declare 'decimalMark'", "declare 'format: dd.MM.yyyy'"):
        assert words in str(caught.value)


def test_all_missing_columns_are_named_at_once_with_their_names_in_files(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(MissingColumnError) as caught:
        cells(path, contract({}, {"paid": "Bezahlt (EUR)"}))
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines[1:6]] == [f"({n}) column {name}" for n, name in enumerate(COLUMNS, 1)]
    assert "(in files 'Bezahlt (EUR)')" in lines[2]


@pytest.mark.parametrize(
    ("servers", "headers", "options", "words"),
    [
        ({"all": {"decimalMark": ",", "thousandsMark": ","}}, HEADERS, "", "is the decimal mark, too"),
        ({"all": {"dateFormat": "dd.MM.yy"}}, HEADERS, "", "must be a form of days"),
        ({"all": {"encoding": "ebcdic"}}, HEADERS, "", "must be one of utf-8, utf-16, windows-1252"),
        ({"all": {"physicalNames": {"pais": "x"}}}, HEADERS, "", "no column 'pais'; did you mean 'paid'"),
        ({}, {"case": "x", "paid": "x"}, "", "is called 'x' in files, too"),
        ({}, HEADERS, "format: MM yyyy", "must be a form of days"),
    ],
)
def test_what_cannot_be_so_is_refused_with_its_line(
    servers: dict[str, dict[str, object]], headers: dict[str, str], options: str, words: str
) -> None:
    with pytest.raises(ContractError, match=words) as caught:
        contract(servers, headers, options)
    assert str(caught.value).startswith("stays.odcs.yaml:")


def test_how_files_are_written_is_found_out_said_and_drafted(tmp_path: Path) -> None:
    seen = profile(written(tmp_path / "t.csv"))
    assert found_out(seen.written) == SERVER
    assert [column.kind for column in seen.columns] == ["string", "number:2", "integer", "date", "timestamp:0"]
    text = draft(seen, "t")
    assert '- {property: encoding, value: "windows-1252"}' in text
    assert 'physicalName: "Größe d. Abt."' in text


def test_what_has_two_meanings_is_not_found_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,234;01/02/2024\n5,678;03/04/2024\n")
    seen = profile(path)
    assert found_out(seen.written) == {}
    assert [column.kind for column in seen.columns] == ["string", "string"]


def test_a_change_of_how_files_are_written_is_one_for_owners() -> None:
    changes = compare(contract({"all": SERVER}), contract({})).changes
    assert [(each.place, each.breaks) for each in changes] == [("server all", ("owners",))]


def test_no_form_of_days_has_two_readings() -> None:
    assert day_pattern("yyyyMMdd")
    for form in ("dMyyyy", "ddMMyy", "dd.MM", "dd.MM.yyyy HH", "dd.dd.yyyy", ""):
        assert day_pattern(form) is None
