"""Workbooks are read in the confined process as the CSV that they would be saved as."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path

import pytest

from counterfoil.data.drafting.draft import found_out
from counterfoil.data.drafting.profile import profile
from counterfoil.data.reading.table import load
from counterfoil.errors import UnreadableTableError
from tests.unit.data.test_forms import HEADERS, contract

NAMES = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
ROWS: list[list[object]] = [
    ["ä1", 1234.5, 12, datetime.date(2024, 2, 1), "2024-02-01 13:05"],
    ["ö2", -7.25, 1175.0, datetime.date(2024, 2, 29), "2024-02-29 00:00"],
]


def cell(value: object) -> str:
    match value:
        case datetime.date():
            return f'<c s="1"><v>{(value - datetime.date(1899, 12, 30)).days}</v></c>'
        case int() | float():
            return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def xlsx(path: Path, **sheets: list[list[object]]) -> Path:
    names = list(sheets)
    listed = "".join(f'<sheet name="{each}" sheetId="{n}" r:id="r{n}"/>' for n, each in enumerate(names, 1))
    links = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    links += f'<Relationship Id="s" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="w" Type="{RELATIONS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{NAMES}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>',
        )
        book.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>')
        book.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{NAMES}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
            "</styleSheet>",
        )
        for number, rows in enumerate(sheets.values(), 1):
            text = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            book.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'<worksheet xmlns="{NAMES}"><sheetData>{text}</sheetData></worksheet>',
            )
    return path


TABLE = [list(HEADERS.values()), *ROWS]


def test_the_only_sheet_with_cells_is_read(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "t.xlsx", stays=TABLE, empty=[])
    found = load(path, contract({}), tmp_path / "page.html").data.to_pydict()
    assert found == {
        "case": ["ä1", "ö2"],
        "paid": [123450, -725],
        "stay": [12, 1175],
        "admitted": [datetime.date(2024, 2, 1), datetime.date(2024, 2, 29)],
        "seen": [1706792700, 1709164800],
    }
    seen = profile(path)
    assert found_out(seen.written) == {}
    assert [column.kind for column in seen.columns] == ["string", "number:2", "integer", "date", "timestamp:0"]


def test_one_of_several_sheets_is_named(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "t.xlsx", notes=[["a note"]], stays=TABLE)
    with pytest.raises(UnreadableTableError, match=r"2 sheets of the workbook have cells; name the one .*'sheet'"):
        load(path, contract({}), tmp_path / "page.html")
    assert load(path, contract({"all": {"sheet": "stays"}}), tmp_path / "page.html").rows == 2
    with pytest.raises(UnreadableTableError, match="none is called as the contract's servers say"):
        load(path, contract({"all": {"sheet": "gone"}}), tmp_path / "page.html")


def test_a_zip_archive_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as book:
        book.writestr("cells.csv", "secretly-ill")
    with pytest.raises(UnreadableTableError, match="no workbook that can be read") as caught:
        load(tmp_path / "t.xlsx", contract({}), tmp_path / "page.html")
    assert "secretly" not in str(caught.value)
